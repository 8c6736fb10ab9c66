"""The REST API. JSON in and out, a bearer token, and a sentence for every mistake."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calls.domain import phone
from calls.models import Suppression
from calls.requests import kept_or_asked_again
from calls.services import opting_out
from integrations import tokens
from integrations.models import ApiToken

log = structlog.get_logger(__name__)
Scope = ApiToken.Scope
_OPT_OUT = '{"phone": "+13035550100"}'
STORABLE = r"^[^\x00]*$"
"""What PostgreSQL takes as text: anything but the character NUL."""
_BRANCHES = frozenset({"int", "constrained-str"})
"""What pydantic calls the two kinds of a field that may be a number or a text."""


class Mistake(Exception):
    """The request cannot be done; the text is a sentence that says what to change."""

    def __init__(self, status: int, sentence: str, *, field: str = "", **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.field, self.headers = status, field, headers


class _OptOut(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str = Field(max_length=40)
    reason: str = Field("", max_length=300)


def endpoint(
    method: str, scope: ApiToken.Scope
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for one HTTP method, that is given the caller's token and what its address names; what it raises as
    Mistake is the answer."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @kept_or_asked_again
        @wraps(view)
        def answer(request: HttpRequest, /, **named: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise Mistake(405, f"Only {method} is possible here.", Allow=method)
                return view(request, _caller(request, scope), **named)
            except Mistake as mistake:
                log.info("api.refused", view=view.__name__, status=mistake.status)
                body = {"error": str(mistake)} | ({"field": mistake.field} if mistake.field else {})
                return JsonResponse(body, status=mistake.status, headers=mistake.headers)

        return answer

    return decorate


@endpoint("POST", Scope.DO_NOT_CALL)
def do_not_call(request: HttpRequest, token: ApiToken) -> HttpResponse:
    """Put a number on the do-not-call list: 201, or 200 where it is there already, which changes nothing."""
    sent = body_of(request, _OPT_OUT)
    try:
        asked = _OptOut.model_validate_json(sent)
    except ValidationError as error:
        raise first_mistake(error, _OPT_OUT) from None
    try:
        number = phone.parse(asked.phone)
    except phone.BadNumber as error:
        raise Mistake(422, str(error), field="phone") from None
    created = opting_out.suppress(
        number, source="api", said=asked.reason, by=f"API token {token.name}", now=timezone.now()
    )
    entry = Suppression.objects.get(phone=number)
    body = {"phone": number, "created": created, "since": entry.created_at.isoformat(), "source": entry.source}
    return JsonResponse(body, status=201 if created else 200)


def _caller(request: HttpRequest, scope: ApiToken.Scope) -> ApiToken:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    token = tokens.owner_of(text.strip(), now=timezone.now()) if scheme.lower() == "bearer" else None
    if token is None:
        raise Mistake(
            401,
            "A valid API token is needed: send the header Authorization: Bearer TOKEN with one from the admin, "
            "under Integrations, API tokens.",
            **{"WWW-Authenticate": "Bearer"},
        )
    if token.scope != scope:
        raise Mistake(403, f"This token may not do that: make one in the admin whose scope is {scope.label!r}.")
    return token


def body_of(request: HttpRequest, example: str, *, most_bytes: int | None = None) -> bytes:
    """The JSON that was sent, of at most ``most_bytes`` or what the settings allow. Raises Mistake."""
    if request.content_type != "application/json":
        raise Mistake(415, f"Send JSON, with the header Content-Type: application/json: {example}.")
    try:
        body = request.body
    except RequestDataTooBig:
        raise Mistake(413, "The request is too large: send less in one request.") from None
    if most_bytes is not None and len(body) > most_bytes:
        raise Mistake(413, f"The request is larger than {most_bytes // 1024} KiB: send less in one request.")
    return body


def first_mistake(error: ValidationError, example: str) -> Mistake:
    """The first thing that is wrong, as a sentence that names the field."""
    problem = error.errors()[0]
    if problem["type"] == "json_invalid":
        return Mistake(400, f"The body is not JSON: send {example}.")
    field = ".".join(str(part) for part in problem["loc"] if part not in _BRANCHES)
    if not field:
        return Mistake(422, f"The body is not a JSON object: send {example}.")
    return Mistake(422, f"The field {field} is wrong: {_lower(problem['msg'])}.", field=field)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
