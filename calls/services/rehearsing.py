"""How a call by a script would go with somebody made up: for whoever writes the script. Nothing of it is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync
from django.conf import settings

from agents.dialogue import start
from agents.domain.script import Script
from agents.domain.types import Brief, Heard

_SLOTS = (timedelta(days=2, hours=1), timedelta(days=3, hours=4))
_SAID = {
    "sell": ("Yes, we are.", "I got a new job.", "We are just looking.", "In about three months."),
    "buy": ("Yes, I am.", "We need more space.", "Actually, I'm not ready yet.", "I'd say next spring."),
}
"""Somebody willing, with one objection."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn. ``ours``: said by the agent."""

    ours: bool
    text: str


def rehearse(script: Script, side: str, *, now: datetime) -> list[Line]:
    """The first turns of a call with a seller ("sell") or a buyer ("buy"), to the end where it comes sooner."""
    return async_to_sync(_held)(_brief(script, side, now=now), _SAID[side], now)


def _brief(script: Script, side: str, *, now: datetime) -> Brief:
    return Brief(
        call_id="rehearsal",
        company=settings.COMPANY_NAME or "Summit Realty",
        agent_name=settings.AGENT_NAME,
        callback_number="",
        lead_name="Maria Lopez",
        lead_zone="America/Denver",
        interest=side,
        property_address="12 Maple Street, Denver" if side == "sell" else "",
        slots=tuple(_full_hour(now + after) for after in _SLOTS),
        script=script,
    )


def _full_hour(at: datetime) -> datetime:
    """The full hour before."""
    return at.replace(minute=0, second=0, microsecond=0)


async def _held(brief: Brief, said: tuple[str, ...], now: datetime) -> list[Line]:
    dialogue = start(brief)
    lines = [Line(True, dialogue.opening(now=now).text)]
    for text in said:
        reply = await dialogue.reply(Heard(text, now), now=now)
        lines += [Line(False, text), Line(True, reply.text)]
        if reply.ends:
            break
    return lines
