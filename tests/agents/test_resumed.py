"""A conversation that another line goes on with: from a state of an earlier release, or where none can be read from
its words; never from the start, and never with a second opening."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agents.after.types import Said
from agents.dialogue import start
from agents.domain.standing import CUT_OFF
from agents.domain.types import (
    Act,
    BookAppointment,
    Brief,
    Disposition,
    EndCall,
    EndedBy,
    OptOut,
    ScheduleCallback,
    StopRecording,
    Transfer,
)
from agents.recalled import Past, recalled
from agents.resumed import outcome_of, to_go_on
from agents.state import HandOn, Stage, load
from tests.agents.people import BUYER, NOW, SELLER, TUESDAY_10, heard

OLD = [json.loads(line) for line in (Path(__file__).parent / "old_snapshots.jsonl").read_text().splitlines()]
"""What releases wrote, the oldest first, after "yes", "a new job", "two months", and of a call that booked."""
UNREADABLE: list[Any] = [
    {"version": 99, "state": {}},
    {"version": 1},
    {"version": 1, "state": {"stage": "nowhere"}},
    {"version": 1, "state": {"acts": [{"kind": "callback"}]}},
    {},
    [1, 2],
    "garbage",
]


def never() -> Past:
    raise AssertionError("The snapshot can be read.")


async def held(brief: Brief, *lines: str, cut_off: bool = False) -> tuple[Mapping[str, Any], Past]:
    """The real state after ``lines``, and what would be kept of them beside it. ``cut_off``: our last words were."""
    dialogue = start(brief)
    reply = dialogue.opening(now=NOW)
    turns, acts, at_ms = [Said(1, "agent", reply.text, 0, 900)], [*reply.acts], 1000
    for line in lines:
        turns.append(Said(len(turns) + 1, "lead", line, at_ms, at_ms + 500))
        reply = await dialogue.reply(heard(line), now=NOW)
        if reply.text:
            turns.append(Said(len(turns) + 1, "agent", reply.text, at_ms + 600, at_ms + 900))
        acts += reply.acts
        at_ms += 1000
    if cut_off:
        turns[-1] = replace(turns[-1], text="I am", interrupted=True)
        dialogue.interrupted(played="I am")
    return dialogue.snapshot(), Past(turns, acts, NOW)


def opening_of(brief: Brief, snapshot: object, past: Callable[[], Past], **more: Any) -> str:
    told = to_go_on(brief, snapshot, past=past, **{"disclosed": True, **more})  # type: ignore[arg-type]
    return start(brief, snapshot=told).opening(now=NOW).text


class TestEarlierReleases:
    BRIEF = replace(SELLER, slots=(datetime(2026, 11, 24, 17, 0, tzinfo=UTC),))

    @pytest.mark.parametrize("old", OLD, ids=lambda old: f"{len(old['talking']['state'])}-fields")
    def test_their_talks_go_on_with_what_was_told(self, old: dict[str, Any]) -> None:
        snapshot = to_go_on(self.BRIEF, old["talking"], past=never, disclosed=True)
        state = load(snapshot)
        assert {name: state.value(name) for name in state.facts} == {
            "interested": "yes",
            "motivation": "job",
            "timeline": "2",
        }
        assert start(self.BRIEF, snapshot=snapshot).opening(now=NOW).text == (
            f"{CUT_OFF} What price do you have in mind?"
        )

    @pytest.mark.parametrize("old", OLD, ids=lambda old: f"{len(old['booked']['state'])}-fields")
    def test_what_they_agreed_on_counts(self, old: dict[str, Any]) -> None:
        outcome = outcome_of(self.BRIEF, old["booked"], past=never, ended_by=EndedBy.FAULT)
        assert outcome is not None
        assert outcome.disposition is Disposition.APPOINTMENT
        assert outcome.acts == (
            BookAppointment(datetime(2026, 11, 12, 17, 0, tzinfo=UTC)),
            EndCall("appointment"),
        )


class TestWithoutAReadableState:
    @pytest.mark.parametrize("snapshot", UNREADABLE, ids=str)
    async def test_the_talk_goes_on_from_its_words(self, snapshot: object) -> None:
        _, past = await held(SELLER, "yes", "a new job", "two months")
        with capture_logs() as logs:
            text = await run(opening_of, SELLER, snapshot, lambda: past)
        assert text == f"{CUT_OFF} What price do you have in mind?"
        assert [(log["event"], log["log_level"]) for log in logs] == [("dialogue.snapshot_unreadable", "warning")]

    @pytest.mark.parametrize(
        ("brief", "lines"),
        [
            (SELLER, ()),
            (SELLER, ("yes",)),
            (SELLER, ("not interested",)),
            (SELLER, ("yes", "a new job", "rates are too high", "maybe", "two months")),
            (SELLER, ("yes", "a new job", "two months", "four fifty", "no", "it is paid off")),
            (SELLER, ("yes", "a new job", "two months", "four fifty", "no", "it is paid off", "none of these")),
            (SELLER, ("hm", "how did you get my number", "no", "who is this")),
            (SELLER, ("yes", "a new job", "two months", "four fifty", "sorry I meant five fifty")),
            (BUYER, ("yes", "more space", "Centennial, up to six hundred thousand")),
        ],
    )
    async def test_its_words_lead_to_the_state_that_was_lost(self, brief: Brief, lines: Sequence[str]) -> None:
        snapshot, past = await held(brief, *lines)
        state, lost = await run(recalled, brief, past), load(snapshot)
        assert {name: (fact.value, fact.turn) for name, fact in state.facts.items()} == {
            name: (fact.value, fact.turn) for name, fact in lost.facts.items()
        }
        plain = {name: replace(fact, at=None) for name, fact in lost.facts.items()}
        assert replace(state, facts=plain, heard_at=None) == replace(lost, facts=plain, heard_at=None)

    async def test_words_that_were_cut_off_are_no_question(self) -> None:
        snapshot, past = await held(SELLER, "yes", "a new job", cut_off=True)
        state = await run(recalled, SELLER, past)
        assert (state.heard_whole, state.question) == (False, load(snapshot).question)

    async def test_times_are_read_as_of_when_they_were_said(self) -> None:
        _, past = await held(SELLER, "yes", "a new job")
        later = Said(9, "lead", "in two months", 3_600_000, 3_601_000)
        state = await run(recalled, SELLER, replace(past, turns=[*past.turns, later]))
        assert state.facts["timeline"].at == NOW + timedelta(hours=1)

    @pytest.mark.parametrize(
        "acts",
        [
            (BookAppointment(TUESDAY_10), EndCall("appointment")),
            (ScheduleCallback(TUESDAY_10, "Tuesday"),),
            (OptOut("stop calling me"), EndCall("opt_out")),
        ],
    )
    async def test_what_was_agreed_on_is_not_asked_again(self, acts: tuple[Act, ...]) -> None:
        _, past = await held(SELLER, "yes", "a new job")
        past = replace(past, acts=acts)
        reply = await run(opening_of, SELLER, UNREADABLE[0], lambda: past)
        assert reply == f"{CUT_OFF} {past.turns[-1].text}"
        outcome = await run(outcome_of, SELLER, UNREADABLE[0], past=lambda: past, ended_by=EndedBy.FAULT)
        assert outcome.acts == acts

    async def test_a_farewell_that_was_not_kept_is_not_said(self) -> None:
        """The reply is lost with its acts, and its question is put again."""
        _, past = await held(SELLER, "yes", "a new job", "we listed with another agent last week")
        assert past.acts == [EndCall("has_agent")]
        cut = replace(past, turns=past.turns[:-1], acts=())
        state = await run(recalled, SELLER, cut)
        assert (state.stage, state.value("agent"), state.acts) == (Stage.TALKING, "signed", ())

    @pytest.mark.parametrize("lines", [("yes", "stop calling me"), ("how did you get my number", "yes")])
    async def test_an_opt_out_that_was_said_counts_without_its_act(self, lines: Sequence[str]) -> None:
        _, past = await held(SELLER, *lines)
        state = await run(recalled, SELLER, replace(past, acts=()))
        assert (state.stage, state.carried_out()) == (Stage.ENDED, (OptOut(lines[-1]),))

    async def test_who_was_to_be_put_through_is_told_that_nobody_is_free(self) -> None:
        _, past = await held(SELLER, "yes")
        past = replace(past, acts=(Transfer("a person please"), StopRecording("do not record")))
        assert (await run(recalled, SELLER, past)).handing_on is HandOn.ASKED
        text = await run(opening_of, SELLER, UNREADABLE[0], lambda: past, nobody_free=True)
        assert text.startswith("I'm sorry, nobody is free right now. I can call back today at two P M")

    @pytest.mark.parametrize("snapshot", [None, UNREADABLE[0]])
    async def test_whom_the_opening_reached_never_hears_it_again(self, snapshot: object) -> None:
        """Also where not a word was kept."""
        text = await run(opening_of, SELLER, snapshot, lambda: Past((), (), NOW))
        assert text == f"{CUT_OFF} Are you still thinking about selling?"

    async def test_whom_the_opening_did_not_reach_hears_it_and_is_asked_nothing_twice(self) -> None:
        _, past = await held(SELLER, "yes", "a new job")
        text = await run(opening_of, SELLER, UNREADABLE[0], lambda: past, disclosed=False)
        assert text.startswith(f"{CUT_OFF} Hi Maria, this is Ava, an AI assistant calling for Summit Realty")
        assert text.endswith("Roughly how many months from now would that be?")

    async def test_masked_words_and_keys_are_no_words(self) -> None:
        _, past = await held(SELLER, "yes")
        masked = Said(9, "lead", "[masked]", 5000, 6000)
        with_masked = replace(past, turns=[*past.turns, masked])
        assert await run(recalled, SELLER, with_masked) == await run(recalled, SELLER, past)


async def run(function: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """In a thread, as a worker's task is: no event loop runs there."""
    return await asyncio.to_thread(function, *given, **more)
