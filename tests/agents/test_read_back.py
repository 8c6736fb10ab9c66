"""A chosen time is read back, and stands once the person agreed to it."""

import json
from dataclasses import replace

import pytest

from agents.after.steps import next_steps
from agents.after.types import StepKind
from agents.dialogue import start
from agents.domain.types import BookAppointment, Disposition, EndCall, Reply
from agents.state import ActRecord
from tests.agents.people import BYE, FRIDAY_9, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, Line, heard, talk

CHOSEN = ("yes", "new job", "two months", "450", "no", "paid off", "Tuesday")
TUESDAY = "That is Tuesday, November twenty fourth, at ten A M, your time."
WEDNESDAY = "That is Wednesday, November twenty fifth, at two P M, your time. Is that right?"
FRIDAY = "That is Friday, November twenty seventh, at nine A M, your time. Is that right?"
OFFER = "I have Tuesday at ten A M or Wednesday at two P M."
AGAIN = "Would Tuesday at ten A M suit you better, or Wednesday at two P M?"
BOOKED = f"Great. You are booked for Tuesday at ten A M. Thank you, Maria. {BYE}"
NOTED = f"Very good. I have noted Tuesday at ten A M, and a colleague will confirm the time. Thank you, Maria. {BYE}"


async def after_the_choice(*lines: Line) -> tuple[list[str], tuple[object, ...]]:
    held = await talk(SELLER, [*CHOSEN, *lines])
    assert held.texts[7] == f"{TUESDAY} Is that right?"
    assert held.replies[7].acts == ()
    return held.texts[8:], held.acts


@pytest.mark.parametrize(
    "said", ["Yes.", "that's right", "Correct, thank you.", "Yep, Tuesday at ten.", "Perfect, bye.", "Tuesday works"]
)
async def test_a_yes_books_it(said: str) -> None:
    assert await after_the_choice(said) == ([BOOKED], (BookAppointment(TUESDAY_10), EndCall("appointment")))


@pytest.mark.parametrize(
    ("said", "read", "slot"),
    [
        ("No, Wednesday.", WEDNESDAY, WEDNESDAY_14),
        ("no, the second one", WEDNESDAY, WEDNESDAY_14),
        ("No, I meant the other one", WEDNESDAY, WEDNESDAY_14),
        ("no, Friday at nine please", FRIDAY, FRIDAY_9),
    ],
)
async def test_a_correction_is_read_back_in_its_place(said: str, read: str, slot: object) -> None:
    texts, acts = await after_the_choice(said, "yes")
    assert (texts[0], acts) == (read, (BookAppointment(slot), EndCall("appointment")))  # type: ignore[arg-type]


async def test_a_bare_no_offers_the_times_again() -> None:
    texts, acts = await after_the_choice("No.", "the first one", "yes")
    assert texts == [f"Sorry about that. {AGAIN}", f"{TUESDAY} Is that right?", BOOKED]
    assert acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


@pytest.mark.parametrize("said", ["Not right.", "That is not correct."])
async def test_a_time_that_is_not_right_is_no_refusal_to_meet(said: str) -> None:
    texts, acts = await after_the_choice(said)
    assert texts == [f"Sorry about that. {AGAIN}"]
    assert acts == ()


async def test_a_time_that_is_not_free_is_not_booked() -> None:
    texts, acts = await after_the_choice("no, Saturday at six")
    assert texts == ["That time is not free. I have Friday at nine A M. Does that work for you?"]
    assert acts == ()


async def test_who_wants_none_after_all_gets_none() -> None:
    held = await talk(SELLER, [*CHOSEN, "no, I don't want an appointment"])
    assert held.acts == (EndCall("declined"),)
    assert held.outcome.disposition is Disposition.QUALIFIED


async def test_two_noes_end_kindly() -> None:
    texts, acts = await after_the_choice("No.", "Tuesday", "no")
    assert texts[-1] == f"That is all right. Thank you for your time. {BYE}"
    assert acts == (EndCall("declined"),)


async def test_what_is_not_understood_is_asked_again_and_then_left_to_a_colleague() -> None:
    texts, acts = await after_the_choice("purple", "either way")
    assert texts[0] == f"Sorry, I did not get that. {TUESDAY} Is that the right time, yes or no?"
    assert acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))
    texts, acts = await after_the_choice("bye")
    assert (texts, acts) == ([NOTED], (BookAppointment(TUESDAY_10, confirmed=False), EndCall("appointment")))


async def test_a_question_in_between_is_answered_and_the_time_read_back_again() -> None:
    texts, acts = await after_the_choice("are you a robot?", "yes")
    assert texts == [
        f"Yes, I am an AI assistant. A person can call you instead. {TUESDAY} Is that right?",
        BOOKED,
    ]
    assert acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


async def test_silence_then_a_yes() -> None:
    texts, acts = await after_the_choice(None, "yes I am here", "yes")
    assert texts[1].endswith(f"{TUESDAY} Is that the right time, yes or no?")
    assert acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


async def test_a_call_instead_is_promised_and_nothing_is_booked() -> None:
    held = await talk(SELLER, [*CHOSEN, "actually call me back tomorrow at noon"])
    assert [type(act).__name__ for act in held.acts] == ["ScheduleCallback", "EndCall"]


async def test_a_calendar_that_cannot_be_asked_leads_to_no_promise() -> None:
    held = await talk(replace(SELLER, calendar_asked=False), [*CHOSEN, "yes"])
    assert held.texts[-1] == NOTED
    assert held.acts == (BookAppointment(TUESDAY_10, confirmed=False), EndCall("appointment"))
    assert held.outcome.disposition is Disposition.APPOINTMENT
    noted = "Noted an appointment, which a colleague has to confirm, for Tuesday 24 November 2026, 10:00 (America"
    assert held.outcome.summary.startswith(noted)
    assert [(step.kind, step.who, step.told) for step in next_steps(held.outcome, SELLER)] == [
        (
            StepKind.PERSON_CALLS,
            "colleague",
            "A colleague confirms the appointment on Tuesday 24 November 2026 at 10:00 (America/Denver).",
        )
    ]


async def test_a_calendar_that_told_is_taken_at_its_word() -> None:
    held = await talk(SELLER, [*CHOSEN, "yes"])
    assert held.outcome.summary.startswith("Booked an appointment for Tuesday 24 November 2026, 10:00 (America/")
    assert [step.kind for step in next_steps(held.outcome, SELLER)] == [StepKind.VISIT]


async def in_a_hurry(*lines: Line) -> Reply:
    """The last reply, after a hurry that came while the time was read back."""
    dialogue = start(SELLER)
    dialogue.opening(now=NOW)
    for line in CHOSEN:
        await dialogue.reply(heard(line), now=NOW)
    dialogue.hurry()
    for said in lines:
        dialogue = start(SELLER, snapshot=json.loads(json.dumps(dialogue.snapshot())))
        reply = await dialogue.reply(heard(said), now=NOW)
    return reply


@pytest.mark.parametrize(
    ("lines", "at", "sure"),
    [
        (["yes"], TUESDAY_10, True),
        (["purple"], TUESDAY_10, False),
        ([None], TUESDAY_10, False),
        (["no, Wednesday"], WEDNESDAY_14, True),
        (["no", "the second one"], WEDNESDAY_14, True),
    ],
)
async def test_in_a_hurry_the_booking_is_brought_home(lines: list[Line], at: object, sure: bool) -> None:
    reply = await in_a_hurry(*lines)
    assert reply.acts == (BookAppointment(at, sure), EndCall("appointment"))  # type: ignore[arg-type]


@pytest.mark.parametrize("sure", [True, False])
def test_an_act_keeps_whether_it_is_confirmed(sure: bool) -> None:
    act = BookAppointment(FRIDAY_9, sure)
    assert ActRecord.model_validate_json(ActRecord.of(act).model_dump_json()).act() == act


def test_a_record_of_before_is_confirmed() -> None:
    record = ActRecord.model_validate({"kind": "book", "at": FRIDAY_9.isoformat()})
    assert record.act() == BookAppointment(FRIDAY_9, confirmed=True)
