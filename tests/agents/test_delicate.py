"""Calls in which a wrong word hurts: a death, a child, somebody in despair, advice that is not ours to give."""

from datetime import UTC, datetime

import pytest

from agents.domain.types import Disposition, EndCall, MarkWrongNumber, ScheduleCallback
from tests.agents.people import BUYER, BYE, SELLER, talk

LOSS = "I am very sorry for your loss."
NOT_OURS = "I cannot give legal, tax or lending advice. An agent can tell you whom to ask."
NO_JUDGE = "I cannot judge neighborhoods or schools. An agent can tell you where to find public figures."
NO_QUESTION_OF_OURS = "That is a question for an agent, who can tell you more."
INTEREST = "Are you still thinking about selling?"
REMOVAL = "Shall I take your number off our list?"


@pytest.mark.parametrize(
    "said", ["Maria passed away in September.", "She died last year.", "Maria is no longer with us.", "Maria's dead."]
)
async def test_nobody_asks_for_the_dead_again(said: str) -> None:
    talked = await talk(SELLER, [said])

    assert talked.texts[-1] == f"{LOSS} We will not call here about this again. {BYE}"
    assert talked.acts == (MarkWrongNumber(said), EndCall("deceased"))
    assert talked.outcome.disposition is Disposition.WRONG_NUMBER
    assert talked.outcome.told == ()


@pytest.mark.parametrize(
    "said", ["Maria passed away and we need to sell the house.", "She died in May, and I want to sell it."]
)
async def test_an_heir_with_plans_is_talked_with(said: str) -> None:
    talked = await talk(SELLER, [said])

    assert talked.texts[-1].startswith(LOSS)
    assert talked.acts == ()


async def test_a_death_is_met_with_sympathy_and_taken_for_no_wish_to_sell() -> None:
    talked = await talk(SELLER, ["My wife died last month."])

    assert talked.texts[-1] == f"{LOSS} Is selling your home something you are considering?"
    assert talked.outcome.told == ()


async def test_a_death_as_the_reason_is_acknowledged_as_what_it_is() -> None:
    talked = await talk(SELLER, ["Yes.", "My husband died and it's too big for me."])

    assert talked.texts[-1] == f"{LOSS} How soon would you like to move?"
    assert talked.outcome.facts["motivation"] == "space"


async def test_a_mourner_who_cannot_talk_is_left_alone_for_two_weeks() -> None:
    talked = await talk(SELLER, ["My mother died yesterday, I can't talk about this."])

    at = datetime(2026, 12, 7, 17, 0, tzinfo=UTC)
    assert talked.texts[-1] == f"{LOSS} I will let you go, and we will call another time. Take care. {BYE}"
    assert talked.acts == (
        ScheduleCallback(at, "My mother died yesterday, I can't talk about this."),
        EndCall("bereaved"),
    )


async def test_nobody_is_congratulated_on_a_sale_after_a_death() -> None:
    talked = await talk(SELLER, ["We sold it after my mother died."])

    assert talked.texts[-1] == f"{LOSS} Thank you for telling me. {BYE}"
    assert talked.outcome.disposition is Disposition.NOT_INTERESTED


@pytest.mark.parametrize(
    "said", ["My phone died.", "The deal died.", "I lost my job.", "The battery is dead.", "We passed on it."]
)
async def test_other_ends_are_no_death(said: str) -> None:
    talked = await talk(SELLER, ["Yes.", said])

    assert LOSS not in talked.texts[-1]


@pytest.mark.parametrize("said", ["I'm seven years old.", "I'm nine.", "My mommy is asleep.", "I'm just a kid."])
async def test_a_child_is_asked_nothing(said: str) -> None:
    talked = await talk(SELLER, ["Hello?", said])

    assert talked.texts[-1] == f"Thank you. I will call again when a grown-up can talk. {BYE}"
    assert talked.acts == (EndCall("child"),)
    assert (talked.outcome.disposition, talked.outcome.told) == (Disposition.CALLBACK_REQUESTED, ())


@pytest.mark.parametrize("said", ["I have a seven year old.", "The house is nine years old.", "My daughter is ten."])
async def test_whoever_has_children_is_no_child(said: str) -> None:
    assert EndCall("child") not in (await talk(SELLER, ["Yes.", said])).acts


@pytest.mark.parametrize(
    "said", ["I just want to die.", "I'm going to kill myself.", "I don't want to live anymore."]
)
async def test_despair_is_told_where_help_is(said: str) -> None:
    talked = await talk(SELLER, ["Yes.", said])

    assert "nine eight eight" in talked.texts[-1]
    assert talked.acts == (EndCall("crisis"),)
    assert talked.outcome.disposition is Disposition.NOT_INTERESTED
    assert talked.outcome.facts["wants_person"] == "yes"


@pytest.mark.parametrize(
    "said", ["This commute is killing me.", "I want to die in this house.", "My wife would kill me."]
)
async def test_a_figure_of_speech_is_no_despair(said: str) -> None:
    assert EndCall("crisis") not in (await talk(SELLER, ["Yes.", said])).acts


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Do I have to disclose the mold?", NOT_OURS),
        ("Can I sell if I'm in the middle of a divorce?", NOT_OURS),
        ("Should I do FHA or conventional?", NOT_OURS),
        ("How much tax would I pay?", NOT_OURS),
        ("Is Aurora a safe neighborhood?", NO_JUDGE),
        ("Are there good schools for my kids?", NO_JUDGE),
        ("What's the crime like?", NO_JUDGE),
        ("Why do you need to know that?", "It helps an agent prepare, and you need not say."),
        ("What's the weather in Denver?", NO_QUESTION_OF_OURS),
        ("Are you the lady from the church?", NO_QUESTION_OF_OURS),
    ],
)
async def test_a_question_is_answered_and_taken_for_no_answer(said: str, answer: str) -> None:
    talked = await talk(SELLER, ["Yes.", said])

    assert talked.texts[-1] == f"{answer} What has you thinking about a move?"
    assert "motivation" not in talked.outcome.facts


async def test_a_question_names_no_place_to_live() -> None:
    talked = await talk(BUYER, ["Yes.", "A new job.", "Three months.", "Can I qualify with a 620 credit score?"])

    assert talked.texts[-1] == f"{NOT_OURS} Which area are you looking in?"
    assert not {"area", "budget"} & talked.outcome.facts.keys()


@pytest.mark.parametrize("said", ["This is the third call this week.", "You people keep calling me."])
async def test_who_is_called_too_often_is_offered_removal(said: str) -> None:
    talked = await talk(SELLER, [said])

    assert talked.texts[-1] == f"I am sorry that we have called so often. {REMOVAL}"
    assert talked.acts == ()


async def test_who_denies_the_consent_is_asked_again_and_not_thanked() -> None:
    talked = await talk(SELLER, ["Who gave you this number?", "I never filled out any form."])

    assert talked.texts[-1] == f"I am sorry about that. {REMOVAL}"


async def test_none_of_your_business_is_no_answer_about_a_mortgage() -> None:
    talked = await talk(SELLER, ["Yes.", "Job.", "Two months.", "450.", "No.", "None of your business."])

    assert talked.outcome.facts["financing"] == "unknown"


async def test_whoever_has_an_agent_is_asked_first_whether_it_is_signed() -> None:
    talked = await talk(SELLER, ["We already have a realtor."])

    assert talked.texts[-1] == "Understood. Have you signed an agreement with them?"


async def test_a_no_that_is_taken_back_does_not_close_the_lead() -> None:
    talked = await talk(SELLER, ["Not interested.", "Who is this?", "Oh, yes, I am thinking about it.", "A new job."])

    assert talked.outcome.disposition is not Disposition.NOT_INTERESTED


@pytest.mark.parametrize("said", ["我不会说英语", "Je ne parle pas anglais."])
async def test_another_language_gets_a_colleague_and_a_time_when_it_is_no_use(said: str) -> None:
    talked = await talk(SELLER, [said, said])

    assert talked.texts[1].startswith("I am sorry, I only speak English. A colleague can call you.")
    assert talked.outcome.disposition is Disposition.CALLBACK_REQUESTED


async def test_a_call_a_year_ahead_names_its_year() -> None:
    talked = await talk(SELLER, ["Not interested.", "It's the timing.", "Maybe next year."])

    assert ", twenty twenty seven at" in talked.texts[-1]


async def test_an_hour_is_no_price() -> None:
    said = "Yes, but call me tonight around seven thirty."
    talked = await talk(SELLER, [said])

    assert "price" not in talked.outcome.facts
    assert talked.acts[0] == ScheduleCallback(datetime(2026, 11, 22, 2, 30, tzinfo=UTC), said)


async def test_rather_six_corrects_three_months() -> None:
    talked = await talk(SELLER, ["Yes.", "Job.", "Three months, no wait, more like six."])

    assert talked.outcome.facts["timeline"] == "6"


async def test_the_number_to_call_back_is_told_on_request() -> None:
    talked = await talk(SELLER, ["What number can I call you back at?"])

    assert talked.texts[-1] == f"You can call us at 303-555-0100. {INTEREST}"
    assert talked.acts == ()


async def test_a_number_that_is_asked_for_as_a_price_is_no_number_to_call() -> None:
    talked = await talk(SELLER, ["Yes.", "Just give me a number."])

    assert talked.texts[-1].startswith("I cannot give a figure.")


@pytest.mark.parametrize("said", ["I'm hard of hearing, can you text me?", "Please email me instead."])
async def test_who_would_rather_read_is_noted(said: str) -> None:
    talked = await talk(SELLER, [said])

    assert talked.outcome.facts["wants_information"] == "yes"


async def test_another_price_in_mind_is_no_change_of_plans() -> None:
    talked = await talk(
        SELLER, ["Yes.", "Job.", "Two months.", "I changed my mind about the price.", "Five hundred."]
    )

    assert talked.acts == ()
    assert talked.outcome.facts["price"] == "500000"


async def test_a_timeline_is_corrected_while_an_agent_is_asked_about() -> None:
    talked = await talk(SELLER, ["Yes.", "Job.", "Three months.", "450.", "Actually, it's more like a year."])

    assert talked.outcome.facts["timeline"] == "12"


async def test_each_home_of_an_investor_has_a_price() -> None:
    talked = await talk(BUYER, ["Yes.", "An investment.", "Soon.", "Anywhere up to 300k each."])

    assert talked.outcome.facts["budget"] == "300000"
