"""Calls on which the real conversation is held, with somebody who says what a test has written."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from agents.dialogue import start
from agents.domain.types import Brief, EndedBy, Heard
from calls.models import Call, Lead
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.fakes import FakeDialer, FakeLine, FakePlane
from voice.domain.types import (
    PLAIN_TALK,
    Acted,
    Ended,
    LineEvent,
    Live,
    Report,
    Speaker,
    TalkPlan,
    TurnRecord,
    TurnTaken,
)
from voice.ports import Spending

WORD_MS, PAUSE_MS = 350, 600


class TalkingPlane(FakePlane):
    """Its one line holds the conversation of the call's brief. ``texts`` are the agent's, as they were said."""

    def __init__(self, lines: Sequence[str], *, at: datetime) -> None:
        super().__init__()
        self._said, self._at = lines, at
        self.texts: list[str] = []

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> FakeLine:
        line = super().open_line(
            brief, ring_timeout_s=ring_timeout_s, max_length_s=max_length_s, spending=spending, plan=plan
        )
        with ThreadPoolExecutor(1) as pool:  # a test in a browser has a loop of its own in this thread
            line.script = tuple(pool.submit(asyncio.run, self._held(brief)).result())
        return line

    async def _held(self, brief: Brief) -> list[LineEvent]:
        answered_at, dialogue = self._at + timedelta(seconds=8), start(brief)
        reply, now = dialogue.opening(now=answered_at), answered_at
        told: list[LineEvent] = [Live(answered_at)]
        turns = [_turn([], Speaker.AGENT, reply.text)]
        told.append(TurnTaken(turns[0], dialogue.snapshot()))
        for said in self._said:
            turns.append(_turn(turns, Speaker.LEAD, said))
            now = answered_at + timedelta(milliseconds=turns[-1].end_ms + PAUSE_MS)
            reply = await dialogue.reply(Heard(said, now), now=now)
            told += [TurnTaken(turns[-1], dialogue.snapshot())]
            told += [Acted(act, dialogue.snapshot()) for act in reply.acts]
            if reply.text:
                turns.append(_turn(turns, Speaker.AGENT, reply.text))
                told.append(TurnTaken(turns[-1], dialogue.snapshot()))
        self.texts = [turn.text for turn in turns if turn.speaker is Speaker.AGENT]
        by = EndedBy.AGENT if reply.ends else EndedBy.LEAD
        outcome = dialogue.wrap_up(ended_by=by, now=now)
        disclosed_at = answered_at + timedelta(seconds=7)
        report = Report(outcome, by, ended_at=now, answered_at=answered_at, disclosed_at=disclosed_at)
        return [*told, Ended(report)]


def held(lead: Lead, *lines: str, at: datetime, **fields: object) -> tuple[Call, list[str]]:
    """A call of ours to ``lead`` at ``at``, and what our agent said on it."""
    call = make.call(lead, at=at, **fields)  # type: ignore[arg-type]
    plane = TalkingPlane(lines, at=at)
    dialer = FakeDialer(answer=f"CA{call.pk.hex}")
    assert place(call.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: at)
    call.refresh_from_db()
    assert call.status == "done", call.summary
    lead.refresh_from_db()
    return call, plane.texts


def _turn(before: Sequence[TurnRecord], speaker: Speaker, text: str) -> TurnRecord:
    start_ms = before[-1].end_ms + PAUSE_MS if before else 0
    record = TurnRecord(len(before) + 1, speaker, text, start_ms, start_ms)
    return replace(record, end_ms=start_ms + WORD_MS * len(text.split()))
