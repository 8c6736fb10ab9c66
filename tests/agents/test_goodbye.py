"""Every call that we end tells the number to reach us at, once, and where the law or the moment allows it."""

from dataclasses import replace

import pytest

from agents.dialogue import OPT_OUT_TEXT
from agents.domain.questions import Question
from agents.domain.types import EndCall
from agents.goodbye import with_number
from agents.state import CallState
from tests.agents.people import BYE, FACTORY, NOW, SELLER, Line, heard, talk

NUMBER = "303-555-0100"


@pytest.mark.parametrize(
    "lines",
    [
        ["bye"],
        ["wrong number"],
        ["not interested", "no"],
        ["yes", "call me tomorrow at ten"],
        ["yes", "I signed with another agent"],
        [None, None, None],
        ["I'm only nine."],
    ],
)
async def test_the_last_words_tell_the_number_before_their_goodbye(lines: list[Line]) -> None:
    held = await talk(SELLER, lines)

    assert held.texts[-1].endswith(BYE)
    assert " ".join(held.texts).count(NUMBER) == 1


async def test_who_was_told_the_number_is_not_told_again() -> None:
    held = await talk(SELLER, ["What's a number where I can call you back?", "bye"])

    assert NUMBER in held.texts[1]
    assert held.texts[2] == "Thank you for your time. Goodbye."


async def test_who_opts_out_is_let_go_at_once() -> None:
    assert (await talk(SELLER, ["stop calling me"])).texts[-1] == OPT_OUT_TEXT


async def test_in_a_crisis_the_helplines_number_is_the_only_one() -> None:
    assert NUMBER not in (await talk(SELLER, ["I want to kill myself"])).texts[-1]


async def test_who_calls_us_knows_the_number() -> None:
    assert NUMBER not in (await talk(replace(SELLER, inbound=True), ["bye"])).texts[-1]


async def test_a_rehearsal_has_no_number_to_tell() -> None:
    held = await talk(replace(SELLER, callback_number=""), ["bye"])

    assert held.texts[-1] == "Thank you for your time. Goodbye."


async def test_a_goodbye_that_was_taken_back_is_said_whole_the_next_time() -> None:
    dialogue = FACTORY(SELLER)
    dialogue.opening(now=NOW)
    first = await dialogue.reply(heard("bye"), now=NOW)
    assert dialogue.take_back()

    assert (await dialogue.reply(heard("goodbye then"), now=NOW)).text == first.text


async def test_whom_the_line_was_lost_with_hears_the_number_in_the_repeated_words() -> None:
    dialogue = FACTORY(SELLER)
    dialogue.opening(now=NOW)
    await dialogue.reply(heard("bye"), now=NOW)

    assert FACTORY(SELLER, snapshot=dialogue.snapshot()).opening(now=NOW).text.endswith(BYE)


def test_a_goodbye_of_other_words_is_followed_by_the_number() -> None:
    text, state = with_number("Have a good day.", [EndCall("goodbye")], CallState(), SELLER)

    assert (text, state.number_told) == ("Have a good day. You can reach us at 303-555-0100.", True)
    assert with_number("Is that right?", [], CallState(question=Question.CONFIRM), SELLER)[0] == "Is that right?"
