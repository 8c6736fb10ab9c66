"""A reply prepared in a pause: without effect until it is taken over, and the same as one that was not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from agents.dialogue import OPT_OUT_TEXT, start
from agents.domain.types import EndCall, Expect, Heard, HeardKind, OptOut
from tests.agents.people import BUYER, NOW, SELLER

LATER = NOW + timedelta(milliseconds=150)
LINES = ("Yes, I am.", "Three months.", "Stop calling me.", "Who is this?", "This is the wrong number.", "Hmm.", "")


@pytest.mark.parametrize("line", LINES)
async def test_a_prepared_reply_is_the_one_that_would_have_come(line: str) -> None:
    plain, ahead = start(SELLER), start(SELLER)
    for dialogue in (plain, ahead):
        dialogue.opening(now=NOW)
    before = dict(ahead.snapshot())
    prepared = await ahead.prepare(Heard(line, NOW), now=NOW)
    assert ahead.snapshot() == before
    with capture_logs() as logs:
        taken = await ahead.reply(Heard(line, LATER), now=LATER)
    assert taken is prepared
    assert taken == await plain.reply(Heard(line, NOW), now=NOW)
    assert ahead.snapshot() == plain.snapshot()
    assert [(entry["event"], entry["prepared"]) for entry in logs] == [("dialogue.replied", True)]


async def test_who_goes_on_is_answered_by_what_they_said_in_the_end() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.prepare(Heard("Stop", NOW), now=NOW)
    reply = await dialogue.reply(Heard("Stop by on Thursday", LATER), now=LATER)
    assert OptOut("Stop") not in reply.acts
    assert await dialogue.prepare(Heard("Stop calling me.", NOW), now=NOW) == await start(SELLER).reply(
        Heard("Stop calling me.", NOW), now=NOW
    )


async def test_acts_come_with_the_reply_alone() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    prepared = await dialogue.prepare(Heard("Stop calling me.", NOW), now=NOW)
    assert (prepared.text, prepared.acts) == (OPT_OUT_TEXT, (OptOut("Stop calling me."), EndCall("opt_out")))
    assert dialogue.snapshot()["state"]["acts"] == []
    await dialogue.reply(Heard("Stop calling me.", LATER), now=LATER)
    assert [act["kind"] for act in dialogue.snapshot()["state"]["acts"]] == ["opt_out", "end"]


async def test_a_change_meanwhile_makes_it_worthless() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    prepared = await dialogue.prepare(Heard("Yes, I am.", NOW), now=NOW)
    dialogue.hurry()
    reply = await dialogue.reply(Heard("Yes, I am.", LATER), now=LATER)
    assert reply != prepared


async def test_the_same_words_before_our_question_or_as_a_key_are_something_else() -> None:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    heard = Heard("9", NOW)
    prepared = await dialogue.prepare(heard, now=NOW)
    reply = await dialogue.reply(replace(heard, kind=HeardKind.KEY), now=LATER)
    assert OptOut("9") in reply.acts
    assert OptOut("9") not in prepared.acts


async def test_a_question_says_what_it_expects() -> None:
    dialogue = start(replace(BUYER, interest="buy"))
    assert dialogue.opening(now=NOW).expects is None
    asked = {}
    for line in ("Yes, I am.", "For work.", "In three months.", "Downtown, about four hundred thousand.", "No."):
        reply = await dialogue.reply(Heard(line, NOW), now=NOW)
        asked[dialogue.snapshot()["state"]["question"]] = reply.expects
    assert asked["timeline"] is Expect.DATE
    assert asked["search"] is Expect.NUMBER
    assert asked["motivation"] is None
    assert asked["financing"] is None
