"""The carrier asks who talks on, since the media of a call has closed. Only what it signed is read."""

from functools import partial
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
from calls.putting_through import LOST, LOST_AND_PROMISED, dial_document
from calls.requests import TWIML, NotOurs, asked, carrier_form
from calls.services import resuming, transferring
from voice.adapters import twilio_inbound as twilio
from voice.adapters.twilio import RETRIES, stream_twiml
from voice.domain.types import InboundCall

log = structlog.get_logger(__name__)
MOST_AWAY = 8
"""So often, a second apart, the carrier is asked to come again while the database is away."""


@csrf_exempt
@require_POST
def resume(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Behind the media of every call that we made. Never an error: that would end the call."""
    try:
        received = twilio.parse_inbound_call(carrier_form(request))
    except NotOurs as stranger:
        log.warning("webhook.refused", call_id=str(call_id), reason=stranger.reason)
        return stranger.response()
    except ValueError as error:
        log.warning("webhook.refused", call_id=str(call_id), reason=str(error))
        return HttpResponse(str(error), status=400)
    part, looks = asked(request, "part", 1), asked(request, "asked")
    url = partial(_url, call_id)
    try:
        document = _answer(call_id, received, part, url(part=part, asked=looks + 1))
    except (OperationalError, InterfaceError) as error:
        log.error("request.not_kept", view="resume", call_id=str(call_id), error=type(error).__name__)
        document = when_away(looks, url(part=part, asked=looks + 1))
    return HttpResponse(document, content_type=TWIML)


def when_away(looks: int, again_at: str) -> str:
    """What to do while the database is away: ask again, but not for ever."""
    return twilio.wait_twiml(again_at) if looks < MOST_AWAY else twilio.goodbye_twiml(LOST)


def _answer(call_id: UUID, received: InboundCall, part: int, again_at: str) -> str:
    try:
        reached = resuming.ask_and_wait(
            call_id, part=part, now=timezone.now(), carrier_call_id=received.carrier_call_id
        )
    except Call.DoesNotExist:
        log.warning("webhook.refused", call_id=str(call_id), reason="unknown call")
        return twilio.goodbye_twiml("")
    match reached:
        case resuming.Wait():
            return twilio.wait_twiml(again_at)
        case resuming.Talk(stream=stream, part=part):
            return stream_twiml(stream, next_url=_url(call_id, part=part))
        case resuming.Over():
            return twilio.goodbye_twiml("")
        case resuming.Lost(promised=promised):
            return twilio.goodbye_twiml(LOST_AND_PROMISED if promised else LOST)
        case transferring.Ring() as ring:
            return dial_document(call_id, ring)


def _url(call_id: UUID, **query: int) -> str:
    return f"{settings.PUBLIC_URL}/webhooks/twilio/calls/{call_id}/resume?{urlencode(query)}{RETRIES}"
