"""A conversation on trial: somebody types, and each turn shows what the agent made of it. Nothing is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.dialogue import start
from agents.domain.types import Brief, EndedBy, Heard, HeardKind, Outcome, Reply

_KEY = "/key "
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::00(?:\.0+)?)?(?:Z|\+00:00)")
_SHOWN = ("stage", "question", "objection", "offered", "chosen_at", "callback_at", "settled", "language", "tone")
"""Parts of the state that are shown where they change; those that a version does not have are left out."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One turn: what the agent says and does, and how its state has changed, as lines for people."""

    reply: Reply
    changes: tuple[str, ...]


class Trial:
    """Not for calls: time stands where it is, and acts are only shown."""

    def __init__(self, brief: Brief, *, now: datetime) -> None:
        self._dialogue, self._now = start(brief), now
        self._before = self._state()

    def opening(self) -> Shown:
        return self._shown(self._dialogue.opening(now=self._now))

    async def answer(self, line: str) -> Shown:
        """The agent's turn after ``line``: words, "/key 9" for a key, nothing for a silence."""
        text = line.strip()
        if text.startswith(_KEY):
            heard = Heard(text.removeprefix(_KEY).strip(), self._now, HeardKind.KEY)
        elif text:
            heard = Heard(text, self._now)
        else:
            heard = Heard("", self._now, HeardKind.SILENCE)
        return self._shown(await self._dialogue.reply(heard, now=self._now))

    def outcome(self, *, ended_by: EndedBy) -> Outcome:
        return self._dialogue.wrap_up(ended_by=ended_by, now=self._now)

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._dialogue.snapshot()["state"]
        return state

    def _shown(self, reply: Reply) -> Shown:
        before, self._before = self._before, self._state()
        return Shown(reply, changes(before, self._before))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """How a conversation's state differs from an earlier one: facts first, then objections, then the rest."""
    told = []
    for name, fact in after["facts"].items():
        if fact != before["facts"].get(name):
            told.append(f"{name}: {fact['value']} ({fact['confidence']:.0%} sure)")
    for kind, tries in after["objections"].items():
        if tries != before["objections"].get(kind):
            told.append(f"objection {kind}: try {tries}")
    moved = [name for name in _SHOWN if after.get(name) != before.get(name)]
    told += [f"{name}: {_plain(before.get(name))} → {_plain(after.get(name))}" for name in moved]
    return tuple(told)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value) or "none"
    if value in (None, ""):
        return "none"
    instant = _INSTANT.fullmatch(str(value))
    return f"{instant[1]} {instant[2]} UTC" if instant else str(value)


def example(*, now: datetime) -> Brief:
    """A seller in Denver, for whoever has no campaign yet: visits tomorrow and the day after, at ten and at two."""
    day = now.astimezone(UTC).replace(hour=17, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Brief(
        call_id="trial",
        company="Summit Realty",
        agent_name="Ava",
        callback_number="+13035550100",
        lead_name="Maria Lopez",
        lead_zone="America/Denver",
        interest="sell",
        property_address="12 Maple St, Denver, CO 80205",
        consent_source="web form",
        consent_at=now - timedelta(days=9),
        slots=(day, day + timedelta(days=1, hours=4), day + timedelta(days=2)),
    )
