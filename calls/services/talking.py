"""A test call: somebody talks with a campaign's agent from a browser. Nothing of it is kept, and nobody is called.

The web invites the conversation and hands the browser's offer to a voice worker that has a line; the audio goes
between those two.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from django.conf import settings
from django.core import signing
from redis import RedisError

from agents.domain.types import Brief
from calls.models import Campaign
from calls.services import reserving, scripts, workers
from voice.browser.invitations import MOST_S, Invitation, invite

log = structlog.get_logger(__name__)

NO_WORKER = "No voice worker is running: start one with make run, or docker compose up -d voice."
_NO_LINE = "Every voice worker is busy: try again when a call has ended."
_UNREACHABLE = (
    "No voice worker answers the web: see that it runs, and that VOICE_INTERNAL_HOST is an address at which the web "
    "reaches it."
)
_NO_REDIS = "Redis does not answer, so no voice worker can be invited: see that it runs."
_CONSENT_AGE = timedelta(days=3)
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
_MOST_CANDIDATES = 50
_SALT = "calls.talk"


class TalkRefused(Exception):
    """There is no test call; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the agent is to take the caller for. ``zone`` is IANA, ``interest`` "sell", "buy" or ""."""

    name: str
    address: str
    interest: str
    zone: str


def invitation_of(campaign: Campaign, person: Person, *, now: datetime) -> Invitation:
    """What the agent is told: the campaign's own settings and free slots, which are not reserved."""
    words = list(campaign.words.all())
    caller_id = campaign.caller_ids.values_list("number", flat=True).first()
    slots = reserving.free(campaign, person.zone, now=now)
    return Invitation(
        brief=Brief(
            call_id="",  # the worker names it
            company=campaign.company_name or settings.COMPANY_NAME,
            agent_name=campaign.agent_name or settings.AGENT_NAME,
            callback_number=caller_id or settings.TWILIO_FROM_NUMBER,
            lead_name=person.name,
            lead_zone=person.zone,
            interest=person.interest,
            property_address=person.address,
            consent_source="Home value form",
            consent_at=now - _CONSENT_AGE,
            slots=slots,
            recorded=False,
            script=scripts.spoken(campaign.script),
            calendar_asked=reserving.is_known(campaign.calendar, now=now),
        ),
        max_length_s=min(campaign.max_call_s, MOST_S),
        lexicon={word.written: word.spoken for word in words if word.spoken},
        hints=(*(word.written for word in words), *(part for part in (person.name, person.address) if part)),
    )


def begin(campaign: Campaign, person: Person, sdp: str, *, now: datetime) -> dict[str, str]:
    """Hand the browser's offer to a worker; its answer as ``sdp`` and ``type``, and a ``talk`` for ``find_way``.

    Raises TalkRefused.
    """
    found = workers.reachable()
    if not found:
        raise TalkRefused(_NO_LINE if workers.live().exists() else NO_WORKER)
    invitation, refusal = invitation_of(campaign, person, now=now), _UNREACHABLE
    for worker in found:
        # A token for each: one that has taken it may still have no line.
        response = _ask("POST", worker.address, {"token": _token(invitation), "sdp": sdp})
        if response is None:
            continue
        if response.is_success and (answer := _answer(response)):
            log.info("talk.begun", campaign_id=campaign.pk, owner=worker.owner)
            way = signing.dumps({"address": worker.address, "pc_id": answer["pc_id"]}, salt=_SALT)
            return {"sdp": answer["sdp"], "type": answer["type"], "talk": way}
        refusal = _sentence(response)
        if response.status_code == httpx.codes.BAD_REQUEST:
            break  # another worker would say the same
    raise TalkRefused(refusal)


def _token(invitation: Invitation) -> str:
    try:
        return invite(settings.REDIS_URL, invitation)
    except (RedisError, OSError) as error:
        log.warning("talk.not_invited", error=str(error))
        raise TalkRefused(_NO_REDIS) from None


def find_way(talk: str, candidates: list[dict[str, Any]]) -> None:
    """Tell the worker of ``talk`` further addresses at which the browser may be found. Raises TalkRefused."""
    try:
        way = signing.loads(talk, salt=_SALT, max_age=MOST_S)
    except signing.BadSignature:
        raise TalkRefused("This test call is over.") from None
    response = _ask("PATCH", way["address"], {"pc_id": way["pc_id"], "candidates": candidates[:_MOST_CANDIDATES]})
    if response is None or not response.is_success:
        raise TalkRefused(_UNREACHABLE if response is None else _sentence(response))


def _ask(method: str, address: str, content: dict[str, Any]) -> httpx.Response | None:
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT) as client:
            return client.request(method, f"{address}/browser/offer", json=content)
    except httpx.HTTPError as error:
        log.warning("talk.unreachable", address=address, error=str(error))
        return None


def _answer(response: httpx.Response) -> dict[str, str]:
    """What a worker answers to an offer; {} where something else listens there."""
    try:
        told = response.json()
        return {name: str(told[name]) for name in ("sdp", "type", "pc_id")}
    except (ValueError, KeyError, TypeError):
        return {}


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):  # something else listens there
        return _UNREACHABLE
