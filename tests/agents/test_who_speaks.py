"""Somebody says their name: whether it is the lead, who comes to the phone, and what is said after a hold."""

import pytest

from agents.domain.types import Disposition, EndCall, MarkWrongNumber
from tests.agents.people import SELLER, Line, talk

REACH = "I would like to reach Maria. When is a good time to call you back?"
NAMED = "This is Ava, an AI assistant from Summit Realty."
SELLING = "Are you still thinking about selling?"
INTRODUCED = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. You can say stop or press "
    "nine at any time. I am calling about your home on Maple Street. Is selling your home something you are "
    "considering?"
)


@pytest.mark.parametrize(
    "said",
    [
        "No, this is Dave.",
        "This is Dave.",
        "Hello, this is Dave speaking.",
        "Uh, no. My name is Dave Miller.",
        "Dave speaking.",
        "You've got Dave here.",
        "Sorry, this is Marco.",
        "Hi. No, this is Priya, hello?",
    ],
)
async def test_another_name_is_no_refusal(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.texts[1] == f"Thank you. {REACH}"
    assert held.outcome.stood_in
    assert held.outcome.facts["speaker"] == "other"


@pytest.mark.parametrize(
    "said",
    ["This is Maria.", "Hello, this is Maria Lopez.", "This is Mary.", "Hi, this is Maria Lopez speaking.", "hello?"],
)
async def test_their_own_name_is_theirs(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.texts[1] == f"Hello. {NAMED} {SELLING}"
    assert not held.outcome.stood_in


@pytest.mark.parametrize(
    "said",
    ["Yes, this is great.", "No, this is Tuesday.", "This is crazy.", "It's Denver.", "Still here.", "Yes, Hi."],
)
async def test_not_every_word_is_a_name(said: str) -> None:
    assert not (await talk(SELLER, [said])).outcome.stood_in


async def test_a_stranger_who_asks_is_told_who_calls_and_nothing_of_the_home() -> None:
    held = await talk(SELLER, ["No, this is Dave, who's this?"])
    assert held.texts[1] == f"{NAMED} {REACH}"


@pytest.mark.parametrize("said", ["I'm not Maria, my name is Dave.", "No, this is Dave. You have the wrong number."])
async def test_who_says_that_it_is_the_wrong_number_is_believed(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.acts == (MarkWrongNumber(said), EndCall("wrong_number"))


@pytest.mark.parametrize(
    "lines",
    [
        ["No, this is Dave.", "Yes, this is Maria."],
        ["This is Dave.", "Hold on, I'll get her.", "Hello?"],
        ["No, this is Dave. Let me get her.", "Hi, this is Maria, who is this?"],
        ["This is her husband.", "One moment, let me get her.", "Speaking."],
        ["She is in the kitchen, let me get her.", None, "Hello, who is this?"],
    ],
)
async def test_the_lead_who_comes_to_the_phone_hears_who_calls(lines: list[Line]) -> None:
    held = await talk(SELLER, lines)
    assert held.texts[-1] == INTRODUCED
    assert not held.outcome.stood_in
    assert held.outcome.disposition is Disposition.HUNG_UP


@pytest.mark.parametrize(
    "said",
    [
        "Okay, I'm back.",
        "okay go ahead",
        "Okay.",
        "Sorry, I'm here now.",
        "All right, I'm listening.",
        "Thanks, go on please.",
        "Sorry about that.",
        "What were you saying?",
    ],
)
async def test_who_is_back_is_asked_the_question_that_was_open(said: str) -> None:
    held = await talk(SELLER, ["Hold on a second.", said])
    assert held.texts[2].endswith(SELLING)
    assert "did not get that" not in held.texts[2]
    assert "interested" not in held.outcome.facts


async def test_an_answer_after_a_hold_is_an_answer() -> None:
    held = await talk(SELLER, ["Hold on a second.", "Okay, yes, we are."])
    assert held.outcome.facts["interested"] == "yes"


@pytest.mark.parametrize("said", ["I'm having trouble hearing you.", "It's really hard to understand you."])
async def test_who_cannot_hear_us_hears_it_again(said: str) -> None:
    assert (await talk(SELLER, ["Yes.", said])).texts[2] == "Of course. What has you thinking about a move?"
