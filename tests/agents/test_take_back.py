"""A reply that is taken back leaves no trace, but for what the law wants to stand."""

from typing import Any

import pytest

from agents.dialogue import start
from agents.domain.types import Heard, OptOut
from tests.agents.people import NOW, SELLER


async def opened() -> Any:
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    return dialogue


@pytest.mark.parametrize("line", ["Yes, I am.", "I'm not interested.", "This is the wrong number.", "Hmm.", ""])
async def test_the_state_of_before_is_back(line: str) -> None:
    dialogue = await opened()
    before = dialogue.snapshot()
    await dialogue.reply(Heard(line, NOW), now=NOW)
    assert dialogue.snapshot() != before
    assert dialogue.take_back()
    assert dialogue.snapshot() == before


async def test_what_was_heard_of_the_reply_does_not_matter() -> None:
    dialogue = await opened()
    before = dialogue.snapshot()
    await dialogue.reply(Heard("Yes, I am.", NOW), now=NOW)
    dialogue.interrupted(played="Great")
    assert dialogue.take_back()
    assert dialogue.snapshot() == before


async def test_the_whole_sentence_is_answered_as_if_it_had_come_at_once() -> None:
    dialogue, plain = await opened(), await opened()
    await dialogue.reply(Heard("I'm not interested", NOW), now=NOW)
    assert dialogue.take_back()
    whole = Heard("I'm not interested in waiting, I want to sell now.", NOW)
    assert await dialogue.reply(whole, now=NOW) == await plain.reply(whole, now=NOW)
    assert dialogue.snapshot() == plain.snapshot()


async def test_an_opt_out_stands() -> None:
    dialogue = await opened()
    reply = await dialogue.reply(Heard("Stop calling me.", NOW), now=NOW)
    assert isinstance(reply.acts[0], OptOut)
    after = dialogue.snapshot()
    assert not dialogue.take_back()
    assert dialogue.snapshot() == after


async def test_only_the_last_reply_and_only_once() -> None:
    dialogue = await opened()
    assert not dialogue.take_back()
    await dialogue.reply(Heard("Yes, I am.", NOW), now=NOW)
    between = dialogue.snapshot()
    await dialogue.reply(Heard("In three months.", NOW), now=NOW)
    assert dialogue.take_back()
    assert dialogue.snapshot() == between
    assert not dialogue.take_back()


@pytest.mark.parametrize("first", [False, True])
async def test_a_hurry_stays_one(first: bool) -> None:
    dialogue = await opened()
    if first:
        dialogue.hurry()
    before = dialogue.snapshot()["state"]
    await dialogue.reply(Heard("Yes, I am.", NOW), now=NOW)
    dialogue.hurry()
    assert dialogue.take_back()
    after = dialogue.snapshot()["state"]
    assert after["hurried"] is True
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"hurried", "hurry_asked"}
    assert bool(changed) is not first
