"""Calls under way over the REST API: put through, held, spoken on, listened to, taken over."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calls.domain import phone
from calls.models import Call
from calls.services import supervising
from calls.services.transferring import NotPossible
from integrations.api import STORABLE, Mistake, Scope, body_of, endpoint, first_mistake
from integrations.models import ApiToken

_TRANSFER = '{"target": "Maria Lopez", "mode": "warm"}'
_SUPERVISE = '{"mode": "listen"}'
_WHISPER = '{"text": "Ask whether the roof is new."}'
T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


class _Edge(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Transfer(_Edge):
    target: Annotated[str, Field(max_length=80)] = ""
    number: Annotated[str, Field(max_length=40)] = ""
    mode: Literal["", "warm", "cold"] = ""


class _Supervise(_Edge):
    mode: Literal["listen", "takeover"] = "listen"


class _Whisper(_Edge):
    text: Annotated[str, Field(min_length=1, max_length=600, pattern=STORABLE)]


@endpoint("POST", Scope.CONTROL)
def transfer(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """Put the person through to a colleague: 202, since it is announced first. The call's events tell the rest."""
    asked = _read(_Transfer, request, _TRANSFER)
    if asked.target and asked.number:
        raise Mistake(422, "Name a target or a number, not both.", field="number")
    number = ""
    if asked.number:
        try:
            number = phone.parse(asked.number)
        except phone.BadNumber as error:
            raise Mistake(422, str(error), field="number") from None
    warm = asked.mode == "warm" if asked.mode else None

    def order() -> str:
        return supervising.transfer(
            call_id, by=_by(token), now=timezone.now(), target=asked.target, number=number, warm=warm
        )

    return JsonResponse({"asked": "transfer", "to": _carried_out(order)}, status=202)


@endpoint("POST", Scope.CONTROL)
def hold(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    del request
    _carried_out(lambda: supervising.hold(call_id, by=_by(token)))
    return JsonResponse({"held": True})


@endpoint("POST", Scope.CONTROL)
def unhold(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    del request
    _carried_out(lambda: supervising.unhold(call_id, by=_by(token)))
    return JsonResponse({"held": False})


@endpoint("POST", Scope.SUPERVISE)
def whisper(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """The agent says the text as its next words."""
    asked = _read(_Whisper, request, _WHISPER)
    _carried_out(lambda: supervising.whisper(call_id, asked.text, by=_by(token)))
    return JsonResponse({"asked": "whisper"}, status=202)


@endpoint("POST", Scope.SUPERVISE)
def supervise(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """A websocket's URL, and the token that it begins with, good once within a minute."""
    asked = _read(_Supervise, request, _SUPERVISE)
    takes_over = asked.mode == "takeover"

    def admit() -> supervising.Admission:
        return supervising.admit(call_id, takes_over=takes_over, by=_by(token), now=timezone.now())

    admission = _carried_out(admit)
    body = {"url": admission.url, "token": admission.token, "mode": asked.mode, "expires_in_s": 60}
    return JsonResponse(body, status=201, headers={"Cache-Control": "no-store"})


def _read(model: type[Model], request: HttpRequest, example: str) -> Model:
    try:
        return model.model_validate_json(body_of(request, example))
    except ValidationError as error:
        raise first_mistake(error, example) from None


def _carried_out(order: Callable[[], T]) -> T:
    try:
        return order()
    except Call.DoesNotExist:
        raise Mistake(404, "There is no such call.") from None
    except NotPossible as reason:
        raise Mistake(409, str(reason)) from None
    except supervising.NoAnswer as silent:
        raise Mistake(503, str(silent), **{"Retry-After": "2"}) from None


def _by(token: ApiToken) -> str:
    return f"API token {token.name}"
