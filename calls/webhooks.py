"""The carrier's callbacks. Only what it signed is read; a call we do not know is told so."""

from collections.abc import Callable
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.models import Call
from calls.requests import Form, NotOurs, carrier_form, kept_or_asked_again
from calls.services import carrier
from voice import bell
from voice.adapters import twilio
from voice.domain.types import CarrierUpdate, Signal, SignalKind
from voice.line import carrier_value

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
@kept_or_asked_again
def status(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Where the call is: initiated, ringing, answered, completed, busy, no-answer, failed, canceled."""
    return _take(request, call_id, twilio.parse_status)


@csrf_exempt
@require_POST
@kept_or_asked_again
def machine(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """What the answering machine detection heard."""
    return _take(request, call_id, twilio.parse_machine)


def _take(request: HttpRequest, call_id: UUID, parse: Callable[[Form], CarrierUpdate]) -> HttpResponse:
    try:
        form = carrier_form(request)
    except NotOurs as stranger:
        log.warning("webhook.refused", call_id=str(call_id), reason=stranger.reason)
        return stranger.response()
    try:
        update = parse(form)
        news = carrier.apply(call_id, update, now=timezone.now())
    except ValueError as error:
        log.warning("webhook.refused", call_id=str(call_id), reason=str(error))
        return HttpResponse(str(error), status=400)
    except Call.DoesNotExist:
        log.warning("webhook.refused", call_id=str(call_id), reason="unknown call")
        return HttpResponse("There is no such call.", status=404)
    if news:
        tell_line(call_id, update)
    return HttpResponse(status=204)


def tell_line(call_id: UUID, update: CarrierUpdate) -> None:
    """Pass the carrier's word on to the line that holds the call."""
    if update.answered_by:
        bell.publish(settings.REDIS_URL, Signal(str(call_id), SignalKind.MACHINE, update.answered_by))
    if update.status is not None and update.status.final:
        bell.publish(
            settings.REDIS_URL,
            Signal(str(call_id), SignalKind.CARRIER, carrier_value(update.status, update.error_code)),
        )
