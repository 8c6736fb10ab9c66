"""A lead that was called and calls back, the carrier's requests about it, and what the caller reaches."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

from django.conf import settings
from django.test import Client
from twilio.request_validator import RequestValidator

from calls.domain.status import CallStatus
from calls.models import Call, Decision, Lead
from calls.services import workers
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

NOW = NOON_IN_DENVER
PHONE, OURS, SID = "+13035550142", "+12125550199", "CA" + "1" * 32
VOICE = "/webhooks/twilio/voice"
FORM: dict[str, str] = {"CallSid": SID, "From": PHONE, "To": OURS, "CallStatus": "ringing", "Direction": "inbound"}


def post(path: str, form: Mapping[str, str] = FORM) -> Any:
    """A request as the carrier signs it."""
    url = f"{settings.PUBLIC_URL}{path}"
    headers = {"X-Twilio-Signature": str(RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(url, form))}
    return Client(enforce_csrf_checks=True).post(path, dict(form), headers=headers)


def verbs(response: Any) -> list[tuple[str, str]]:
    """The TwiML's verbs in order, with what is said, where they lead, or the token of a stream."""
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    shown = []
    for element in ET.fromstring(response.content.decode()).iter():
        text = element.text or element.get("action") or element.get("url") or element.get("value") or ""
        shown.append((element.tag, text.strip().removeprefix(settings.PUBLIC_URL).removesuffix("#rc=5&rp=all")))
    return shown[1:]


def waits(asked: int, words: str = "") -> list[tuple[str, str]]:
    said = [("Say", words)] if words else []
    return [*said, ("Pause", ""), ("Redirect", f"{VOICE}/wait?asked={asked}")]


def talks(part: int = 1) -> list[tuple[str, str]]:
    return [
        ("Connect", ""),
        ("Stream", "ws://127.0.0.1:1/media"),
        ("Parameter", "token-1"),
        ("Redirect", f"{VOICE}/talked?part={part}&asked=0"),
    ]


def waits_for_another_line(asked: int) -> list[tuple[str, str]]:
    return [("Pause", ""), ("Redirect", f"{VOICE}/talked?part=1&asked={asked}")]


def asks(sentence: str, *, promised: bool = False) -> list[tuple[str, str]]:
    where = f"{VOICE}/answer?asked=1{'&promised=1' if promised else ''}"
    return [("Gather", where), ("Say", sentence), ("Redirect", where)]


def says(sentence: str) -> list[tuple[str, str]]:
    return [("Say", sentence), ("Hangup", "")]


def called_lead(**fields: Any) -> Lead:
    """A lead that we called an hour ago and that did not answer; its next attempt is tomorrow."""
    fields = {"phone": PHONE, "attempts": 1, "disposition": "no_answer", **fields}
    fields.setdefault("next_attempt_at", NOW + timedelta(days=1))
    lead = make.lead(fields.pop("of", None), **fields)
    rang(lead)
    return lead


def rang(lead: Lead, **fields: Any) -> Call:
    at = NOW - timedelta(hours=1)
    return make.call(
        lead,
        CallStatus.DONE,
        held=None,
        **{"at": at, "dialed_at": at, "disposition": "no_answer", "carrier_call_id": "CA" + "0" * 32, **fields},
    )


def worker(lines: int = 2, *queues: str) -> None:
    workers.announce("worker-1", queues=queues or ["calls.local"], lines=lines, draining=False)


def inbound() -> Call:
    return Call.objects.get(direction="inbound")


def decisions(lead: Lead) -> list[tuple[str, str]]:
    return list(Decision.objects.filter(lead=lead).order_by("pk").values_list("result", "reason"))


def kinds(call: Call) -> list[str]:
    return list(call.events.order_by("pk").values_list("kind", flat=True))
