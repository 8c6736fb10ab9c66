"""What the carrier's requests have in common: they are signed, and come again when they could not be kept."""

from collections.abc import Callable
from functools import wraps

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from voice.adapters import twilio

log = structlog.get_logger(__name__)
Form = dict[str, str]
_AGAIN_AFTER_S = 5


def signed_form(request: HttpRequest) -> Form | None:
    """The fields of a request that the carrier signed; None for one that it did not."""
    form = {key: str(value) for key, value in request.POST.items()}
    url = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    signature = request.headers.get("X-Twilio-Signature", "")
    return form if twilio.valid_signature(url, form, signature, settings.TWILIO_AUTH_TOKEN) else None


def not_signed() -> HttpResponse:
    return HttpResponse("The signature does not match: check TWILIO_AUTH_TOKEN and PUBLIC_URL.", status=403)


def kept_or_asked_again(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """503 while the database is away, so that the request comes again; nothing of it was kept."""

    @wraps(view)
    def keep(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except (OperationalError, InterfaceError) as error:
            log.error("request.not_kept", view=view.__name__, error=type(error).__name__)
            sentence = "The database is away and nothing was kept: send the request again."
            return HttpResponse(sentence, status=503, headers={"Retry-After": str(_AGAIN_AFTER_S)})

    return keep
