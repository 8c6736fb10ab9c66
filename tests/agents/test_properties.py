"""What must hold whatever is said."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dialogue import MAX_TURNS, OPT_OUT_TEXT, start
from agents.domain.questions import Question
from agents.domain.script import DEFAULT_SCRIPT
from agents.domain.types import (
    BookAppointment,
    Brief,
    EndedBy,
    Heard,
    HeardKind,
    OptOut,
    Progress,
    ScheduleCallback,
)
from tests.agents.people import BUYER, NOW, SELLER

PHRASES = (
    "yes",
    "no",
    "maybe",
    "I don't know",
    "Tuesday at ten",
    "the first one",
    "tomorrow after lunch",
    "next week",
    "four fifty",
    "we want more room",
    "three months",
    "no agent",
    "I have an agent",
    "cash",
    "paid off",
    "hello?",
    "are you a robot",
    "how did you get my number",
    "not interested",
    "just looking",
    "call me later",
    "I'm busy",
    "neither",
    "what's it worth",
    "send me an email",
    "hold on",
    "not ready",
    "who is this",
    "either one",
    "Oakland",
    "let me talk to a person",
    "the 31st",
    "in 90 minutes",
    "yes please",
    "no thanks",
    "what neighborhoods have no gays",
)
TOLD = ("yes", "new job", "two months", "450", "no", "paid off")
NOT_TO_BE_ASKED = {
    DEFAULT_SCRIPT.wording(question, side=side, asked=asked)
    for question in Question
    if question not in (Question.SLOT, Question.CALLBACK, Question.OBJECTION, Question.OWN)
    for side in ("sell", "buy")
    for asked in range(3)
}
SAID = st.one_of(st.sampled_from(PHRASES), st.lists(st.sampled_from(PHRASES), min_size=2, max_size=3).map(" ".join))
ANYTHING = st.one_of(SAID, st.text(max_size=80))
TURNS = st.lists(
    st.one_of(
        ANYTHING.map(lambda text: Heard(text, NOW)),
        st.just(Heard("", NOW, HeardKind.SILENCE)),
        st.sampled_from("0123456#*").map(lambda key: Heard(key, NOW, HeardKind.KEY)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(TURNS, st.sampled_from((SELLER, BUYER)), st.booleans())
def test_a_conversation_never_breaks_and_always_ends(turns: list[Heard], brief: object, opened: bool) -> None:
    assert brief in (SELLER, BUYER)
    lead = SELLER if brief == SELLER else BUYER

    async def hold() -> None:
        dialogue = start(lead)
        if opened:
            dialogue.opening(now=NOW)
        for count, heard in enumerate(turns):
            reply = await dialogue.reply(heard, now=NOW)
            data = dialogue.snapshot()
            assert json.loads(json.dumps(data)) == data
            dialogue = start(lead, snapshot=data)
            assert dialogue.snapshot() == data
            for act in reply.acts:
                assert not isinstance(act, BookAppointment) or act.start_at in lead.slots
                assert not isinstance(act, ScheduleCallback) or act.at > NOW
            assert reply.ends or count <= MAX_TURNS + 5
            if reply.ends:
                break
        outcome = dialogue.wrap_up(ended_by=EndedBy.LEAD, now=NOW)
        assert outcome == dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW)
        assert 0 <= outcome.score <= 100

    asyncio.run(hold())


FOR_TIMES = frozenset({Question.SLOT, Question.CALLBACK})
HURRIED_TURNS = st.one_of(ANYTHING.map(lambda text: Heard(text, NOW)), st.just(Heard("", NOW, HeardKind.SILENCE)))
STARTS = st.one_of(
    st.lists(HURRIED_TURNS, max_size=6),
    st.integers(0, 6).map(lambda count: [Heard(text, NOW) for text in TOLD[:count]]),
)
"""Random ones, and ones on the way to an appointment."""


@settings(max_examples=150, deadline=None)
@given(STARTS, st.lists(HURRIED_TURNS, min_size=4, max_size=4), st.sampled_from((SELLER, BUYER)), st.booleans())
def test_a_hurried_conversation_ends_within_4_turns_and_asks_for_times_alone(
    before: list[Heard], after: list[Heard], lead: Brief, opened: bool
) -> None:
    async def hold() -> None:
        dialogue = start(lead)
        if opened:
            dialogue.opening(now=NOW)
        for heard in before:
            if (await dialogue.reply(heard, now=NOW)).ends:
                return
        dialogue.hurry()
        for heard in after:
            dialogue = start(lead, snapshot=json.loads(json.dumps(dialogue.snapshot())))
            reply = await dialogue.reply(heard, now=NOW)
            if reply.ends:
                break
            question = dialogue.snapshot()["state"]["question"]
            assert heard.kind is HeardKind.SPEECH
            assert question in FOR_TIMES
            assert not any(text in reply.text for text in NOT_TO_BE_ASKED), reply.text
        assert reply.ends
        assert "?" not in reply.text
        assert dialogue.prospect().progress is Progress.CLOSING

    asyncio.run(hold())


@settings(max_examples=40, deadline=None)
@given(st.lists(SAID, max_size=6), st.sampled_from(("Stop calling me.", "take me off your list", "no, stop")))
def test_an_opt_out_is_heard_at_any_point(before: list[str], said: str) -> None:
    async def hold() -> None:
        dialogue = start(SELLER)
        dialogue.opening(now=NOW)
        for text in before:
            await dialogue.reply(Heard(text, NOW), now=NOW)

        reply = await dialogue.reply(Heard(said, NOW), now=NOW)

        assert reply.text == OPT_OUT_TEXT
        assert reply.acts[0] == OptOut(said)
        assert reply.ends

    asyncio.run(hold())
