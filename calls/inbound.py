"""People write to and call our numbers: the agent, or ways to opt out. Only what the carrier signed is read."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.domain.messages import asks_to_stop
from calls.putting_through import dial_document
from calls.requests import TWIML, Form, NotOurs, asked, carrier_form, kept_or_asked_again
from calls.services import carrier, inbound, opt_out_line, opting_out
from calls.taking_over import when_away
from calls.webhooks import tell_line
from voice.adapters import twilio_inbound as twilio
from voice.adapters.twilio import RETRIES, parse_status, stream_twiml
from voice.domain.types import CarrierUpdate, InboundCall, InboundMessage

log = structlog.get_logger(__name__)
T = TypeVar("T")
HOLD = "One moment, please."
_HOLD_EVERY = 3
"""Looks, a second apart, between two sentences to a caller who waits."""


def _from_carrier(
    parse: Callable[[Form], T],
) -> Callable[[Callable[[HttpRequest, T], str]], Callable[[HttpRequest], HttpResponse]]:
    """A view that is given the carrier's signed form as ``parse`` reads it, and answers with TwiML."""

    def decorate(answer: Callable[[HttpRequest, T], str]) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @require_POST
        @kept_or_asked_again
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            try:
                form = carrier_form(request)
            except NotOurs as stranger:
                log.warning("webhook.refused", reason=stranger.reason)
                return stranger.response()
            try:
                parsed = parse(form)
            except ValueError as error:
                log.warning("webhook.refused", reason=str(error))
                return HttpResponse(str(error), status=400)
            return HttpResponse(answer(request, parsed), content_type=TWIML)

        return view

    return decorate


@_from_carrier(twilio.parse_message)
def message(_request: HttpRequest, received: InboundMessage) -> str:
    """A text message. Whatever else it asks, START among it, takes no number off the list."""
    if not (received.opts_out or asks_to_stop(received.text)):
        log.info("message.ignored", message_id=received.carrier_message_id)
        return twilio.message_twiml()
    sender = inbound.number_of(received.from_)
    if not sender:
        log.warning("opt_out.no_number", message_id=received.carrier_message_id)
        return twilio.message_twiml()
    fresh = opting_out.suppress(
        sender,
        source="sms",
        said=received.text,
        now=timezone.now(),
        reference=received.carrier_message_id,
    )
    return twilio.message_twiml(settings.OPT_OUT_SMS_CONFIRMATION if fresh else "")


@_from_carrier(twilio.parse_inbound_call)
def call(_request: HttpRequest, received: InboundCall) -> str:
    """Somebody calls: the agent, or the opt-out line."""
    log.info("inbound_call.received", carrier_call_id=received.carrier_call_id)
    return _twiml(inbound.receive(received, now=timezone.now()), waiting_at=_url("wait", asked=1))


@_from_carrier(twilio.parse_inbound_call)
def call_wait(request: HttpRequest, received: InboundCall) -> str:
    """The caller waits for a line."""
    looks = asked(request)
    reached = inbound.wait(received.carrier_call_id, now=timezone.now())
    words = HOLD if looks % _HOLD_EVERY == 0 else ""
    return _twiml(reached, waiting_at=_url("wait", asked=looks + 1), words=words)


@_from_carrier(twilio.parse_inbound_call)
def call_talked(request: HttpRequest, received: InboundCall) -> str:
    """The media of the call has ended and the caller is still there."""
    part, looks = asked(request, "part", 1), asked(request)
    waiting_at = _url("talked", part=part, asked=looks + 1)
    try:
        reached = inbound.after_talk(received.carrier_call_id, part=part, now=timezone.now())
    except (OperationalError, InterfaceError) as error:
        log.error("request.not_kept", view="call_talked", error=type(error).__name__)
        return when_away(looks, waiting_at)
    return _twiml(reached, waiting_at=waiting_at)


@_from_carrier(twilio.parse_inbound_call)
def call_answer(request: HttpRequest, received: InboundCall) -> str:
    """The caller pressed a key, said something, or did neither."""
    if not (received.pressed == "9" or asks_to_stop(received.said)):
        if request.GET.get("promised"):
            return twilio.goodbye_twiml(opt_out_line.CALLING_BACK)
        if request.GET.get("asked") == "1":
            return twilio.ask_twiml(opt_out_line.ASK_AGAIN, answer_url=_url("answer", asked=2))
        return twilio.goodbye_twiml(opt_out_line.NOTHING_CHANGED)
    caller = inbound.number_of(received.from_)
    if not caller:
        log.warning("opt_out.no_number", carrier_call_id=received.carrier_call_id)
        return twilio.goodbye_twiml(opt_out_line.NUMBER_HIDDEN)
    opting_out.suppress(
        caller,
        source="inbound_call",
        said=received.said or received.pressed,
        now=timezone.now(),
        reference=received.carrier_call_id,
    )
    return twilio.goodbye_twiml(opt_out_line.OPTED_OUT)


@_from_carrier(parse_status)
def call_status(_request: HttpRequest, update: CarrierUpdate) -> str:
    """Where a call to us is: of use once the caller has hung up. Calls of the opt-out line are nobody's."""
    call_id = inbound.known_id(update.carrier_call_id)
    if call_id is not None and update.status is not None and update.status.final:
        now = timezone.now()
        if not inbound.hung_up(call_id, now=now) and carrier.apply(call_id, update, now=now):
            tell_line(call_id, update)
    return twilio.message_twiml()


def _twiml(reached: inbound.Reached, *, waiting_at: str, words: str = "") -> str:
    match reached:
        case inbound.Wait():
            return twilio.wait_twiml(waiting_at, words)
        case inbound.Talk(stream=stream, part=part):
            return stream_twiml(stream, next_url=_url("talked", part=part, asked=0))
        case inbound.Over():
            return twilio.goodbye_twiml("")
        case inbound.PutThrough(call_id=call_id, ring=ring):
            return dial_document(call_id, ring)
        case inbound.OptOutLine(company=company, listed=True):
            return twilio.goodbye_twiml(opt_out_line.listed(company))
        case inbound.OptOutLine(company=company, promised=True, cut_off=cut_off):
            answer_url = _url("answer", asked=1, promised=1)
            return twilio.ask_twiml(opt_out_line.promise(company, cut_off=cut_off), answer_url=answer_url)
        case inbound.OptOutLine(company=company, cut_off=cut_off):
            sentence = opt_out_line.apology(company) if cut_off else opt_out_line.greeting(company)
            return twilio.ask_twiml(sentence, answer_url=_url("answer", asked=1))


def _url(page: str, **query: int) -> str:
    return f"{settings.PUBLIC_URL}/webhooks/twilio/voice/{page}?{urlencode(query)}{RETRIES}"
