"""Whole conversations in text, each to its exact end."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.dialogue import OPT_OUT_TEXT, start
from agents.domain.types import (
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    HeardKind,
    MarkWrongNumber,
    OptOut,
    ScheduleCallback,
)
from tests.agents.people import BUYER, BYE, FRIDAY_9, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, talk

OPENING = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. "
    "You can say stop or press nine at any time. I am calling about your home on Maple Street. "
    "Are you still thinking about selling?"
)
NEXT_TUESDAY_1330 = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "slot"),
    [
        (
            [
                "Yes, I am.",
                "I got a new job in Austin.",
                "About three months.",
                "Four fifty.",
                "No.",
                "It's paid off.",
                "Wednesday works.",
            ],
            WEDNESDAY_14,
        ),
        (
            [
                "uh yeah we are",
                "my job is moving me",
                "in a couple a months, two months",
                "I'd say 450 thousand",
                "nope",
                "no mortgage",
                "the first one's fine",
            ],
            TUESDAY_10,
        ),
        (
            [
                "Yep.",
                "New job.",
                "As soon as possible.",
                "$450,000.",
                "Not with anyone.",
                "Paid in full.",
                "Ten is fine.",
            ],
            TUESDAY_10,
        ),
        (
            [
                "Yeah.",
                "a job transfer",
                "by January",
                "around 450",
                "no we're not",
                "free and clear",
                "neither of those",
                "Friday at nine works",
            ],
            FRIDAY_9,
        ),
    ],
)
async def test_motivated_seller_books(lines: list[str], slot: datetime) -> None:
    held = await talk(SELLER, [*lines, "yes"])

    assert held.replies[0].text == OPENING
    assert held.acts == (BookAppointment(slot), EndCall("appointment"))
    assert held.outcome.disposition is Disposition.APPOINTMENT
    assert held.outcome.acts == held.acts
    assert held.outcome.score == 100
    facts = dict(held.outcome.facts)
    assert int(facts.pop("timeline")) <= 3
    assert facts == {
        "interested": "yes",
        "motivation": "job",
        "price": "450000",
        "agent": "none",
        "financing": "paid_off",
        "side": "sell",
        "area": "Maple Street",
    }


async def test_the_questions_of_a_seller_come_in_order_and_the_choice_is_read_back() -> None:
    held = await talk(
        SELLER, ["Yes.", "downsizing", "six months", "600k", "no", "yes there is", "Tuesday please", "yes"]
    )

    assert held.texts[1:] == [
        "Great. What has you thinking about a move?",
        "Got it. How soon would you like to move?",
        "Thank you. What price do you have in mind?",
        "Understood. Are you already working with another agent?",
        "Got it. Is there a mortgage on the home, or is it paid off?",
        "Thank you. I have Tuesday at ten A M or Wednesday at two P M. Which works better?",
        "That is Tuesday, November twenty fourth, at ten A M, your time. Is that right?",
        f"Great. You are booked for Tuesday at ten A M. Thank you, Maria. {BYE}",
    ]


@pytest.mark.parametrize(
    "last", [["No thanks, I don't want to meet yet."], ["no"], ["neither works", "no, those don't work either"]]
)
async def test_qualified_buyer_declines_a_slot(last: list[str]) -> None:
    lines = [
        "Yeah.",
        "We want more room.",
        "As soon as we can",
        "Oakland, up to six hundred thousand.",
        "No.",
        "We're pre-approved.",
    ]
    held = await talk(BUYER, lines + last)

    assert held.texts[4] == ("Understood. Are you already working with another agent?"), (
        "area and budget came in one answer"
    )
    assert held.acts == (EndCall("declined"),)
    assert held.outcome.disposition is Disposition.QUALIFIED
    assert held.outcome.facts["area"] == "Oakland"
    assert held.outcome.facts["budget"] == "600000"
    assert held.outcome.score == 25 + 12 + 20 + 15 + 10


@pytest.mark.parametrize(
    "lines",
    [
        ["I'm not interested.", "No, I just don't want to sell."],
        ["No.", "No."],
        ["no thanks", "my plans have changed"],
        ["Yes.", "Actually I'm not interested", "I'm just not interested okay"],
    ],
)
async def test_not_interested_gets_one_clarifier_and_a_goodbye(lines: list[str]) -> None:
    held = await talk(SELLER, lines)

    assert held.texts[-2:] == [
        "I understand. Is it only the timing, or have your plans changed?",
        f"I understand. Thank you for your time. {BYE}",
    ]
    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED


@pytest.mark.parametrize(
    "said",
    [
        "No, I said yes. We are still thinking about it.",
        "No, no, we are still thinking about selling.",
        "I meant yes, we are interested.",
    ],
)
async def test_a_yes_that_was_heard_as_a_no_is_set_right(said: str) -> None:
    held = await talk(SELLER, ["We aren't yet.", said])

    assert held.texts[-1] == "Sorry, I misheard you. What has you thinking about a move?"
    assert held.acts == ()
    assert held.outcome.facts["interested"] == "yes"
    assert held.outcome.disposition is Disposition.HUNG_UP


@pytest.mark.parametrize("said", ["I am.", "I am actually.", "Yes, I am."])
async def test_a_short_yes_is_one(said: str) -> None:
    held = await talk(SELLER, [said])

    assert held.texts[-1].endswith("What has you thinking about a move?")


async def test_who_did_not_catch_the_clarifier_hears_it_once_more() -> None:
    clarifier = "I understand. Is it only the timing, or have your plans changed?"
    held = await talk(SELLER, ["We aren't yet.", "Sorry?", "Sorry?"])

    assert held.texts[1:] == [clarifier, clarifier, f"I understand. Thank you for your time. {BYE}"]


@pytest.mark.parametrize("lines", [["We already sold it."], ["no, we decided to stay"]])
async def test_plans_that_are_over_are_not_questioned(lines: list[str]) -> None:
    held = await talk(SELLER, lines)

    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.disposition is Disposition.NOT_INTERESTED


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (["Yes.", "More room."], "Please take me off your list."),
        (["Yes.", "More room."], "stop coloring me"),
        ([], "Stop."),
        ([], "Stop calling me!"),
        (["How did you get my number?"], "Yes, remove it."),
        (["How did you get my number?"], "yes please"),
    ],
)
async def test_opting_out_ends_at_once_without_a_question(before: list[str], said: str) -> None:
    held = await talk(SELLER, [*before, said])

    assert held.texts[-1] == OPT_OUT_TEXT
    assert "?" not in OPT_OUT_TEXT
    assert held.acts == (OptOut(said), EndCall("opt_out"))
    assert not held.replies[-1].interruptible
    assert held.outcome.disposition is Disposition.DO_NOT_CALL


async def test_key_nine_opts_out_and_other_keys_do_not() -> None:
    held = await talk(SELLER, [Heard("1", NOW, HeardKind.KEY), Heard("9", NOW, HeardKind.KEY)])

    assert held.texts[1] == "Sorry, I did not get that. Is selling your home something you are considering?"
    assert held.acts == (OptOut("9"), EndCall("opt_out"))


@pytest.mark.parametrize(
    "said",
    ["You have the wrong number.", "There's no Maria here.", "nobody by that name", "I'm not Maria, wrong person"],
)
async def test_wrong_number(said: str) -> None:
    held = await talk(SELLER, [said])

    assert held.texts[1].startswith("I am sorry")
    assert held.acts == (MarkWrongNumber(said), EndCall("wrong_number"))
    assert held.outcome.disposition is Disposition.WRONG_NUMBER


@pytest.mark.parametrize(
    "lines",
    [
        ["We already have an agent.", "Yes we signed."],
        ["Yes.", "Smaller place.", "three months", "500 thousand", "yes I do", "Yes."],
        ["we're signed with Keller Williams"],
        ["It's already listed with somebody."],
    ],
)
async def test_signed_with_another_agent(lines: list[str]) -> None:
    held = await talk(SELLER, lines)

    assert held.texts[-1] == f"Thank you for telling me. You are in good hands, so I will let you go. {BYE}"
    assert held.acts == (EndCall("has_agent"),)
    assert held.outcome.disposition is Disposition.HAS_AGENT


async def test_an_agent_without_a_signature_does_not_end_the_call() -> None:
    held = await talk(SELLER, ["Yes but I have an agent", "No, nothing signed."])

    assert held.texts[1:] == [
        "Great. Have you signed an agreement with them?",
        "Got it. What has you thinking about a move?",
    ]
    assert held.acts == ()


@pytest.mark.parametrize("said", ["Call me Tuesday after lunch.", "I'm busy, can you call me Tuesday, after lunch?"])
async def test_call_me_tuesday_after_lunch(said: str) -> None:
    held = await talk(SELLER, [said])

    assert held.texts[1] == f"Very well. We will call you Tuesday at one thirty P M. Thank you. {BYE}"
    assert held.acts == (ScheduleCallback(NEXT_TUESDAY_1330, said), EndCall("callback"))
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED


async def test_robot_question_is_answered_truthfully_and_the_call_goes_on_to_a_booking() -> None:
    lines = [
        "Wait, are you a robot?",
        "Okay, yes.",
        "Am I talking to a machine?",
        "new job",
        "two months",
        "400k",
        "no",
        "a mortgage",
        "the second one",
        "that is right",
    ]
    held = await talk(SELLER, lines)

    assert held.texts[1] == (
        "Yes, I am an AI assistant. A person can call you instead. Are you still thinking about selling?"
    )
    assert held.texts[3] == (
        "Yes, I am an AI assistant. A person can call you instead. What has you thinking about a move?"
    )
    assert held.acts == (BookAppointment(WEDNESDAY_14), EndCall("appointment"))
    assert held.outcome.disposition is Disposition.APPOINTMENT


@pytest.mark.parametrize(
    "line",
    [
        "Hi, you've reached Maria. Please leave a message after the tone.",
        "The person you are calling is not available. Please record your message.",
        "Your call has been forwarded to an automated voice messaging system.",
        Heard("machine_end_beep", NOW, HeardKind.MACHINE),
    ],
)
async def test_voicemail_is_left_without_a_word(line: str | Heard) -> None:
    held = await talk(SELLER, [line])

    assert held.texts[1] == ""
    assert held.acts == (EndCall("voicemail"),)
    assert held.outcome.disposition is Disposition.VOICEMAIL


async def test_silence_throughout() -> None:
    held = await talk(SELLER, [None, None, None])

    assert held.texts[1:] == [
        "Are you still there?",
        "I cannot hear you. If you can hear me, please say yes.",
        f"I cannot hear you, so I will let you go. {BYE}",
    ]
    assert held.acts == (EndCall("silence"),)
    assert held.outcome.disposition is Disposition.NO_ANSWER


async def test_hang_up_before_anything_was_settled() -> None:
    held = await talk(SELLER, ["Yes.", "New job."])

    assert held.acts == ()
    assert held.outcome.disposition is Disposition.HUNG_UP
    assert held.outcome.score == 25


async def test_hang_up_after_the_facts_were_told_is_qualified() -> None:
    held = await talk(BUYER, ["Yes.", "New job.", "two months", "Oakland for 500k", "no"])

    assert held.acts == ()
    assert held.outcome.disposition is Disposition.QUALIFIED
    assert held.outcome.score == 20 + 25 + 10 + 15


async def test_hanging_up_on_the_clarifier_is_not_interested() -> None:
    assert (await talk(SELLER, ["not interested"])).outcome.disposition is Disposition.NOT_INTERESTED


@pytest.mark.parametrize(
    ("ended_by", "disposition"),
    [
        (EndedBy.LEAD, Disposition.NO_ANSWER),
        (EndedBy.CARRIER, Disposition.NO_ANSWER),
        (EndedBy.FAULT, Disposition.FAILED),
    ],
)
def test_wrap_up_before_a_word_was_said(ended_by: EndedBy, disposition: Disposition) -> None:
    outcome = start(SELLER).wrap_up(ended_by=ended_by, now=NOW)

    assert (outcome.disposition, outcome.acts, outcome.score) == (disposition, (), 5)


async def test_somebody_who_hangs_up_on_the_opening_has_hung_up() -> None:
    assert (await talk(SELLER, [])).outcome.disposition is Disposition.HUNG_UP


def test_the_opening_of_a_buyer_and_of_somebody_unknown() -> None:
    assert start(BUYER).opening(now=NOW).text == (
        "Hi Tom, this is Ava, an AI assistant calling for Summit Realty on a recorded line. "
        "You can say stop or press nine at any time. I am calling about the home search you asked us about. "
        "Are you still looking to buy?"
    )
    bare = replace(SELLER, lead_name="", agent_name="", interest="", property_address="")
    opening = start(bare).opening(now=NOW)
    assert opening.text == (
        "Hi, this is an AI assistant calling for Summit Realty on a recorded line. "
        "You can say stop or press nine at any time. I am calling about your real estate plans. "
        "Are you thinking of buying or selling?"
    )
    assert not opening.interruptible
    assert opening.acts == ()


@pytest.mark.parametrize("line", ["Thursday after work.", "Yes, Thursday after work."])
async def test_a_time_says_yes_to_a_call_when_both_can_talk(line: str) -> None:
    held = await talk(SELLER, ["Yes", "I have to ask my wife.", line])
    thursday = datetime(2026, 11, 27, 0, 30, tzinfo=UTC)
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED
    assert held.acts == (ScheduleCallback(thursday, line), EndCall("callback"))
