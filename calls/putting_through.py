"""What the carrier asks while a call is put through to a colleague. Only what it signed is read."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.models import Call
from calls.models.call import Direction
from calls.requests import TWIML, Form, NotOurs, asked, carrier_form
from calls.services import resuming, transferring
from voice.adapters import twilio_transfer
from voice.adapters.twilio import RETRIES, stream_twiml
from voice.adapters.twilio_inbound import goodbye_twiml, wait_twiml

log = structlog.get_logger(__name__)
T = TypeVar("T")
TAKE = "1"
LOST = "I am sorry, we were cut off. Goodbye."
LOST_AND_PROMISED = "I am sorry, we were cut off. We will call you back very soon. Goodbye."
TOO_LATE = "The caller has hung up. Goodbye."


def _from_carrier(
    parse: Callable[[Form], T],
) -> Callable[[Callable[[UUID, int, T], str]], Callable[[HttpRequest, UUID], HttpResponse]]:
    """A view of one attempt at one call, that is given the signed form as ``parse`` reads it.

    While the database is away the carrier is told to come again: an error would end the person's call.
    """

    def decorate(answer: Callable[[UUID, int, T], str]) -> Callable[[HttpRequest, UUID], HttpResponse]:
        @csrf_exempt
        @require_POST
        @wraps(answer)
        def view(request: HttpRequest, call_id: UUID) -> HttpResponse:
            try:
                parsed = parse(carrier_form(request))
            except NotOurs as stranger:
                log.warning("webhook.refused", call_id=str(call_id), reason=stranger.reason)
                return stranger.response()
            except ValueError as error:
                log.warning("webhook.refused", call_id=str(call_id), reason=str(error))
                return HttpResponse(str(error), status=400)
            try:
                document = answer(call_id, asked(request, "try", 1), parsed)
            except Call.DoesNotExist:
                log.warning("webhook.refused", call_id=str(call_id), reason="unknown call")
                document = goodbye_twiml("")
            except (OperationalError, InterfaceError) as error:
                log.error("request.not_kept", view=answer.__name__, call_id=str(call_id), error=type(error).__name__)
                # 503, so that the carrier repeats the very same question, with what it told: RETRIES asks for that.
                return HttpResponse("Try again soon.", status=503)
            return HttpResponse(document, content_type=TWIML)

        return view

    return decorate


@_from_carrier(twilio_transfer.parse_dial_ended)
def transferred(call_id: UUID, attempt: int, told: twilio_transfer.DialEnded) -> str:
    """The way to a colleague is over: they have talked, or did not take the call."""
    now = timezone.now()
    leg = transferring.Leg(told.status, told.duration_s, told.caller_gone)
    match transferring.ended(call_id, attempt, leg, now=now):
        case transferring.Ring() as ring:
            return dial_document(call_id, ring)
        case transferring.Back(part=part):
            return _back(call_id, part)
        case transferring.Over():
            return goodbye_twiml("")


@_from_carrier(twilio_transfer.parse_key)
def whisper(call_id: UUID, attempt: int, _pressed: str) -> str:
    """A colleague has answered, and nobody hears them yet."""
    told = transferring.whisper(call_id, attempt, now=timezone.now())
    if told is None:
        return goodbye_twiml(TOO_LATE)
    if not told.text:
        return twilio_transfer.through_twiml()
    return twilio_transfer.whisper_twiml(told.text, key_url=_url(call_id, "whisper/key", attempt))


@_from_carrier(twilio_transfer.parse_key)
def whisper_key(call_id: UUID, attempt: int, pressed: str) -> str:
    """They pressed a key."""
    if pressed != TAKE:
        return goodbye_twiml("")
    taken = transferring.accept(call_id, attempt, now=timezone.now())
    return twilio_transfer.through_twiml() if taken else goodbye_twiml(TOO_LATE)


def dial_document(call_id: UUID, ring: transferring.Ring) -> str:
    """What the carrier is to do for ``ring``."""
    return twilio_transfer.dial_twiml(
        ring.number,
        caller_id=ring.caller_id,
        ring_s=ring.ring_s,
        limit_s=ring.limit_s,
        action_url=_url(call_id, "transferred", ring.attempt),
        whisper_url=_url(call_id, "whisper", ring.attempt),
    )


def _back(call_id: UUID, part: int) -> str:
    """To the agent: as behind any media that has ended."""
    reached = resuming.ask_and_wait(call_id, part=part, now=timezone.now())
    inbound = Call.objects.filter(pk=call_id, direction=Direction.INBOUND).exists()
    match reached:
        case resuming.Talk(stream=stream, part=next_part):
            return stream_twiml(stream, next_url=_resume_url(call_id, next_part, inbound=inbound))
        case resuming.Over():
            return goodbye_twiml("")
        case resuming.Lost(promised=promised) if not inbound:  # a caller is told on the way out
            return goodbye_twiml(LOST_AND_PROMISED if promised else LOST)
        case _:
            return wait_twiml(_resume_url(call_id, part, inbound=inbound))


def _resume_url(call_id: UUID, part: int, *, inbound: bool) -> str:
    page = "voice/talked" if inbound else f"calls/{call_id}/resume"
    return f"{settings.PUBLIC_URL}/webhooks/twilio/{page}?{urlencode({'part': part})}{RETRIES}"


def _url(call_id: UUID, page: str, attempt: int) -> str:
    return f"{settings.PUBLIC_URL}/webhooks/twilio/calls/{call_id}/{page}?{urlencode({'try': attempt})}{RETRIES}"
