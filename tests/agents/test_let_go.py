"""Whom there is nothing to ask: who wants to rent, who threatens or insults, who cannot decide. And who decides for
them."""

from dataclasses import replace

import pytest

from agents.domain.types import Brief, Disposition, EndCall
from tests.agents.people import BUYER, SELLER, Talk, talk

UNSURE = replace(SELLER, interest="", property_address="")
SELLING = "Are you still thinking about selling?"
SPOKEN_FOR = f"Thank you for telling me. Then I can talk about it with you. {SELLING}"


async def left(brief: Brief, *lines: str) -> Talk:
    held = await talk(brief, lines)
    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED
    assert "?" not in held.texts[-1]
    return held


@pytest.mark.parametrize(
    "said",
    [
        "I'm looking for a rental.",
        "Actually we're just renting.",
        "Do you have apartments for rent?",
        "I'm looking for a place to rent",
        "do you guys do rentals",
        "we need a two bedroom to rent",
        "Not buying, just looking to rent.",
        "I'm just trying to find a house for rent",
        "have you got any units available to lease?",
    ],
)
@pytest.mark.parametrize("brief", [BUYER, SELLER, UNSURE])
async def test_who_wants_to_rent_is_told_who_knows_and_not_asked_on(brief: Brief, said: str) -> None:
    held = await left(brief, said)
    assert held.texts[1].startswith(
        "I can only help with buying and selling. A colleague can tell you whether we have homes to rent."
    )
    assert held.outcome.facts["intent"] == "rent"


@pytest.mark.parametrize(
    ("brief", "lines"),
    [
        (BUYER, ["We are renting now and our lease ends in March, so yes."]),
        (BUYER, ["We're just renting right now, but we want to buy."]),
        (BUYER, ["Yes.", "We're just renting."]),
        (BUYER, ["Yes.", "I want a rental property."]),
        (SELLER, ["We want to sell and then rent for a while."]),
        (SELLER, ["Yes.", "Job.", "Two months.", "Do you have apartments for rent?"]),
        (SELLER, ["Yes, my tenants just moved out."]),
    ],
)
async def test_who_rents_and_buys_or_sells_all_the_same_is_asked_on(brief: Brief, lines: list[str]) -> None:
    held = await talk(brief, lines)
    assert held.acts == ()
    assert held.texts[-1].endswith("?")
    assert held.outcome.facts["interested"] == "yes"
    assert "intent" not in held.outcome.facts


@pytest.mark.parametrize(
    "said",
    [
        "We would have to find something to rent first.",
        "we need a place to rent before that",
        "Maybe, then we are looking for a rental",
    ],
)
async def test_a_seller_who_needs_a_home_to_rent_in_between_is_not_let_go(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.acts == ()
    assert "intent" not in held.outcome.facts


@pytest.mark.parametrize(
    "said",
    [
        "I know where you live and I'm going to kill you.",
        "Listen, I'll hurt you.",
        "I will track you down.",
        "you're going to regret this",
        "I'm gonna burn down your office",
        "What are you wearing, sexy?",
        "Your voice is hot. Wanna have sex?",
        "hey sexy",
        "talk dirty to me",
        "You are such a stupid bitch.",
        "you people are idiots",
        "asshole",
        "Shut the hell up.",
        "yes, you lying piece of garbage, you scumbag",
    ],
)
async def test_threats_and_abuse_get_one_calm_sentence_and_a_goodbye(said: str) -> None:
    held = await left(SELLER, "Yes.", said)
    assert held.texts[2].startswith("I will end the call here.")
    assert set(held.outcome.facts) == {"interested", "side", "area"}


@pytest.mark.parametrize(
    "said",
    [
        "The mortgage is killing us.",
        "We would kill for a bigger yard.",
        "You're killing me with those questions.",
        "Do you think I'm an idiot?",
        "My ex is a bastard, so we sell.",
        "My wife would kill me.",
        "Are you single family only?",
        "You're dead right.",
        "Shut up, Rex!",
    ],
)
async def test_hard_words_about_others_end_nothing(said: str) -> None:
    assert (await talk(SELLER, [said])).acts == ()


@pytest.mark.parametrize(
    "said",
    [
        "My mother has dementia, I have power of attorney.",
        "I have power of attorney for my mother.",
        "I'm her daughter, mom has Alzheimer's.",
        "This is her son. She has dementia.",
        "I take care of my dad's affairs.",
        "I handle everything for my mother now",
        "Mom can't make decisions anymore, I'm her guardian.",
        "I am the power of attorney for Maria.",
    ],
)
async def test_who_decides_for_somebody_is_talked_with_gently(said: str) -> None:
    held = await talk(SELLER, [said, "Yes."])
    assert held.texts[1:] == [SPOKEN_FOR, "Great. What has you thinking about a move?"]
    assert not held.outcome.stood_in
    assert "motivation" not in held.outcome.facts


async def test_nobody_is_congratulated_on_an_illness() -> None:
    held = await talk(SELLER, ["I'm her son, I handle her affairs since she got dementia. Yes, we want to sell."])
    assert held.texts[1].startswith("Thank you for telling me. ")
    assert held.outcome.facts["interested"] == "yes"


async def test_who_decides_for_somebody_may_not_want_to() -> None:
    held = await talk(SELLER, ["I have power of attorney, and we are not interested."])
    assert held.texts[1] == "I understand. Is it only the timing, or have your plans changed?"


@pytest.mark.parametrize(
    "said", ["I have dementia, I don't know.", "I've got Alzheimer's, dear.", "My memory is gone, I can't say."]
)
async def test_who_is_ill_is_let_go_and_not_pressed(said: str) -> None:
    held = await left(SELLER, said)
    assert held.texts[1].startswith("Thank you for telling me. I will let you go. Take care.")
