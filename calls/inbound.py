"""People write to and call our numbers. Both are ways to opt out; only what the carrier signed is read."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.domain import phone
from calls.domain.messages import asks_to_stop
from calls.requests import Form, kept_or_asked_again, not_signed, signed_form
from calls.services import opt_out_line, opting_out
from voice.adapters import twilio_inbound as twilio
from voice.domain.types import InboundCall, InboundMessage

log = structlog.get_logger(__name__)
T = TypeVar("T")
_CONTENT_TYPE = "text/xml; charset=utf-8"
_RETRIES = "#rc=5&rp=all"
"""Has Twilio repeat a request that fails: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides."""


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
            form = signed_form(request)
            if form is None:
                log.warning("webhook.refused", reason="signature")
                return not_signed()
            try:
                parsed = parse(form)
            except ValueError as error:
                log.warning("webhook.refused", reason=str(error))
                return HttpResponse(str(error), status=400)
            return HttpResponse(answer(request, parsed), content_type=_CONTENT_TYPE)

        return view

    return decorate


@_from_carrier(twilio.parse_message)
def message(_request: HttpRequest, received: InboundMessage) -> str:
    """A text message. Whatever else it asks, START among it, takes no number off the list."""
    if not (received.opts_out or asks_to_stop(received.text)):
        log.info("message.ignored", message_id=received.carrier_message_id)
        return twilio.message_twiml()
    sender = _number(received.from_)
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
    """A call: who we are, and how to opt out."""
    log.info("inbound_call.answered", carrier_call_id=received.carrier_call_id)
    company = opt_out_line.company_for(received.from_)
    return twilio.ask_twiml(opt_out_line.greeting(company), answer_url=_answer_url(1))


@_from_carrier(twilio.parse_inbound_call)
def call_answer(request: HttpRequest, received: InboundCall) -> str:
    """The caller pressed a key, said something, or did neither."""
    if not (received.pressed == "9" or asks_to_stop(received.said)):
        if request.GET.get("asked") == "1":
            return twilio.ask_twiml(opt_out_line.ASK_AGAIN, answer_url=_answer_url(2))
        return twilio.goodbye_twiml(opt_out_line.NOTHING_CHANGED)
    caller = _number(received.from_)
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


def _number(text: str) -> str:
    """E.164; '' for a short code, and for a withheld one: words, or a number that does not exist."""
    try:
        return phone.parse(text)
    except phone.BadNumber:
        return ""


def _answer_url(asked: int) -> str:
    return f"{settings.PUBLIC_URL}/webhooks/twilio/voice/answer?asked={asked}{_RETRIES}"
