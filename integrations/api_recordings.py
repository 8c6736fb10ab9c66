"""Recordings over the REST API: a span that must not stay, a recording that must not, a person who wants neither."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calls.domain import phone
from calls.domain.status import CallStatus
from calls.models import Call, Recording
from calls.services import recordings
from integrations.api import STORABLE, Mistake, Scope, body_of, endpoint, first_mistake
from integrations.models import ApiToken

_SPAN = '{"from_ms": 75000, "to_ms": 82500}'
_REASON = '{"reason": "asked by e-mail"}'
_PERSON = '{"phone": "+13035550100", "reason": "asked by e-mail"}'
_LONGEST_MS = 24 * 3600 * 1000
Ms = Annotated[int, Field(ge=0, le=_LONGEST_MS)]
Reason = Annotated[str, Field(min_length=1, max_length=100, pattern=STORABLE)]


class _Edge(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Span(_Edge):
    from_ms: Ms
    to_ms: Ms


class _Erasure(_Edge):
    reason: Reason


class _Person(_Erasure):
    phone: Annotated[str, Field(max_length=40)]


@endpoint("POST", Scope.RECORDINGS)
def redact(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """Silence a span of the call, counted from its answer, and mask its words; 503 where the store is away."""
    try:
        span = _Span.model_validate_json(body_of(request, _SPAN))
    except ValidationError as error:
        raise first_mistake(error, _SPAN) from None
    if span.to_ms <= span.from_ms:
        raise Mistake(422, "The span ends before it begins: to_ms must be greater than from_ms.", field="to_ms")
    call = _call(call_id)
    if call.ended_at is None:
        raise Mistake(409, "The call is under way: pause its recording, and redact it when the call has ended.")
    try:
        changed = recordings.redact(call_id, span.from_ms, span.to_ms, by=_by(token), now=timezone.now())
    except recordings.UNREADABLE as error:
        raise Mistake(503, f"Nothing was redacted. {error}", **{"Retry-After": "60"}) from None
    return JsonResponse({"recordings": changed})


@endpoint("POST", Scope.RECORDINGS)
def erase(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """Erase the recordings of a call; again changes nothing."""
    try:
        asked = _Erasure.model_validate_json(body_of(request, _REASON))
    except ValidationError as error:
        raise first_mistake(error, _REASON) from None
    rows = Recording.objects.filter(call=_call(call_id))
    return JsonResponse({"recordings": recordings.erase(rows, why=asked.reason, by=_by(token), now=timezone.now())})


@endpoint("POST", Scope.RECORDINGS)
def erase_person(request: HttpRequest, token: ApiToken) -> HttpResponse:
    """Erase the recordings and the words of every call with a number; that there were calls stays on record."""
    try:
        asked = _Person.model_validate_json(body_of(request, _PERSON))
    except ValidationError as error:
        raise first_mistake(error, _PERSON) from None
    try:
        number = phone.parse(asked.phone)
    except phone.BadNumber as error:
        raise Mistake(422, str(error), field="phone") from None
    calls = Call.objects.filter(to_number=number).exclude(ended_at=None)
    count = calls.count()
    erased = recordings.erase_talk(calls, why=asked.reason, by=_by(token), now=timezone.now())
    return JsonResponse({"phone": number, "calls": count, "recordings": erased})


@endpoint("POST", Scope.RECORDINGS)
def pause(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """Keep nothing of what follows on a call under way: 202, since its line is asked."""
    return _ask(token, call_id, pause=True)


@endpoint("POST", Scope.RECORDINGS)
def resume(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    return _ask(token, call_id, pause=False)


def _ask(token: ApiToken, call_id: UUID, *, pause: bool) -> HttpResponse:
    call = _call(call_id)
    if call.status != CallStatus.LIVE:
        raise Mistake(409, "The call is not live: there is nothing to pause or to resume.")
    recordings.pause_or_resume(call.pk, pause=pause, by=_by(token))
    return JsonResponse({"asked": "pause" if pause else "resume"}, status=202)


def _call(call_id: UUID) -> Call:
    call = Call.objects.filter(pk=call_id).first()
    if call is None:
        raise Mistake(404, "There is no such call.")
    return call


def _by(token: ApiToken) -> str:
    return f"API token {token.name}"
