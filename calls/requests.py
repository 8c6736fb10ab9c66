"""What the carrier's requests have in common: they are signed, and come again when they could not be kept."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from voice.adapters import twilio

log = structlog.get_logger(__name__)
Form = dict[str, str]
P = ParamSpec("P")
_AGAIN_AFTER_S = 5
TWIML = "text/xml; charset=utf-8"


class NotOurs(Exception):
    """The request is not the carrier's, or is about another account. The text says what to check."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def response(self) -> HttpResponse:
        return HttpResponse(str(self), status=403)


def carrier_form(request: HttpRequest) -> Form:
    """The fields of a request that the carrier signed, about our account. Raises NotOurs."""
    form = {key: str(value) for key, value in request.POST.items()}
    url = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    signature = request.headers.get("X-Twilio-Signature", "")
    if not twilio.valid_signature(url, form, signature, settings.TWILIO_AUTH_TOKEN):
        raise NotOurs(
            "The signature does not match: check TWILIO_AUTH_TOKEN and PUBLIC_URL.",
            reason="signature",
        )
    if form.get("AccountSid", settings.TWILIO_ACCOUNT_SID) != settings.TWILIO_ACCOUNT_SID:
        raise NotOurs(
            "AccountSid is of another account: check TWILIO_ACCOUNT_SID, and the webhooks set at the carrier.",
            reason="account",
        )
    return form


def asked(request: HttpRequest, name: str = "asked", default: int = 0) -> int:
    """A count out of our own address, which is signed."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else default


def kept_or_asked_again(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """503 while the database is away, so that the request comes again; nothing of it was kept."""

    @wraps(view)
    def keep(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            log.error("request.not_kept", view=view.__name__, error=type(error).__name__)
            sentence = "The database is away and nothing was kept: send the request again."
            return HttpResponse(sentence, status=503, headers={"Retry-After": str(_AGAIN_AFTER_S)})

    return keep
