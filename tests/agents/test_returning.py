"""A lead calls us: who we are, what is known already, and what was booked."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.after.steps import next_steps
from agents.after.types import StepKind
from agents.dialogue import OPT_OUT_TEXT, start
from agents.domain.types import (
    BookAppointment,
    Disposition,
    EndCall,
    EndedBy,
    History,
    OptOut,
    PastCall,
    Progress,
    ScheduleCallback,
)
from tests.agents.people import BUYER, FRIDAY_9, NOW, SELLER, TUESDAY_10, WEDNESDAY_14, heard, talk

BACK = replace(SELLER, inbound=True)
WHO = (
    "Hi Maria, thanks for calling back, this is Ava, an AI assistant of Summit Realty on a recorded line. "
    "You can say stop or press nine at any time."
)
WHY = "We called about your home on Maple Street."
ASKS_INTEREST = "Are you still thinking about selling?"
TALKED = PastCall(NOW - timedelta(days=11), Disposition.CALLBACK_REQUESTED, "Asked for a call back.", talked=True)
UNHEARD = PastCall(NOW - timedelta(hours=1), Disposition.NO_ANSWER, "Nobody answered.", talked=False)
KNOWN = {"side": "sell", "interested": "yes", "motivation": "job", "timeline": "3", "wants_person": "yes"}
BOOKED = replace(BACK, history=History((TALKED,), KNOWN, appointment_at=TUESDAY_10))
KEEP = "You are booked for Tuesday at ten A M. Would you like to keep that time?"


def opening(brief: object) -> str:
    reply = start(brief).opening(now=NOW)  # type: ignore[arg-type]
    assert (reply.interruptible, reply.acts) == (False, ())
    return reply.text


def test_the_first_sentence_says_who_we_are_that_it_is_recorded_and_how_to_opt_out() -> None:
    assert opening(BACK) == f"{WHO} {WHY} {ASKS_INTEREST}"
    assert opening(replace(BACK, history=History((UNHEARD,)))) == f"{WHO} {WHY} {ASKS_INTEREST}"
    nobody = replace(BUYER, inbound=True, lead_name="", agent_name="")
    assert opening(nobody).startswith(
        "Hi, thanks for calling back, this is an AI assistant of Summit Realty on a recorded line. You can say stop"
    )


def test_what_is_known_is_not_asked_again() -> None:
    brief = replace(BACK, history=History((UNHEARD, TALKED), KNOWN))
    spoke = "We last spoke on Tuesday, November tenth."
    assert opening(brief) == f"{WHO} {WHY} {spoke} What price do you have in mind?"
    today = replace(BACK, history=History((replace(TALKED, at=NOW - timedelta(hours=1)),)))
    assert "We last spoke today. Are you still" in opening(today)


async def test_an_appointment_that_is_to_be_confirmed_is_promised_by_no_word() -> None:
    unsure = replace(BOOKED, history=replace(BOOKED.history, appointment_sure=False))
    noted = "I have noted Tuesday at ten A M, and a colleague will confirm the time."
    held = await talk(unsure, ["yes"])
    assert held.texts[0].endswith(f"{noted} Would you like to keep that time?")
    assert held.texts[1] == f"Very good. {noted} Thank you. Goodbye."
    assert held.outcome.summary.startswith("Keeps the appointment, which a colleague has to confirm, for Tuesday 24 ")
    assert [step.kind for step in next_steps(held.outcome, unsure)] == [StepKind.PERSON_CALLS]


@pytest.mark.parametrize("facts", [{"agent": "signed"}, {"timeline": "unknown"}, {"wants_person": "yes"}, {}])
def test_what_may_have_changed_is_asked_anew(facts: dict[str, str]) -> None:
    brief = replace(BACK, history=History((UNHEARD,), facts))
    assert opening(brief) == f"{WHO} {WHY} {ASKS_INTEREST}"


def test_a_promised_call_is_named() -> None:
    brief = replace(BACK, history=History((UNHEARD,), callback_at=NOW + timedelta(days=1)))
    assert "You asked us to call you tomorrow at eleven A M. Are you still" in opening(brief)
    past = replace(BACK, history=History((UNHEARD,), callback_at=NOW))
    assert opening(past) == f"{WHO} {WHY} {ASKS_INTEREST}"


def test_a_call_of_ours_does_not_go_by_what_only_a_caller_is_told() -> None:
    assert opening(SELLER).startswith(
        "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded"
    )


@pytest.mark.parametrize(
    "said",
    [
        "Why did you call me?",
        "I'm returning your call.",
        "I have a missed call from you.",
        "I got a call from this number.",
        "Did you just call me?",
        "Hi, you called me earlier.",
        "What is this about?",
    ],
)
async def test_why_did_you_call(said: str) -> None:
    held = await talk(BACK, [said])
    assert held.texts[1] == f"This is Ava, an AI assistant from Summit Realty. {WHY} {ASKS_INTEREST}"


async def test_a_caller_is_no_machine() -> None:
    held = await talk(BACK, ["I got your voicemail, you have reached my mailbox", "yes"])
    assert held.acts == ()
    assert held.texts[2].startswith("Great. What has you thinking")


async def test_a_caller_books_after_the_questions_that_are_open() -> None:
    brief = replace(BACK, history=History((TALKED,), {**KNOWN, "price": "450000", "agent": "none"}))
    held = await talk(brief, ["paid off", "Tuesday", "yes"])
    assert held.texts[0].endswith("Is there a mortgage on the home, or is it paid off?")
    assert held.acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))
    assert held.outcome.disposition is Disposition.APPOINTMENT
    assert {name: held.outcome.facts[name] for name in ("timeline", "price", "financing")} == {
        "timeline": "3",
        "price": "450000",
        "financing": "paid_off",
    }


async def test_all_is_known_so_a_meeting_is_offered_at_once() -> None:
    facts = {**KNOWN, "price": "450000", "agent": "none", "financing": "cash"}
    held = await talk(replace(BACK, history=History((UNHEARD,), facts)), ["the first", "yes"])
    assert held.texts[0].endswith("I have Tuesday at ten A M or Wednesday at two P M. Which works better?")
    assert held.acts == (BookAppointment(TUESDAY_10), EndCall("appointment"))


@pytest.mark.parametrize("said", ["stop calling me", "take me off your list"])
async def test_an_opt_out(said: str) -> None:
    held = await talk(BOOKED, [said])
    assert (held.texts[1], held.acts) == (OPT_OUT_TEXT, (OptOut(said), EndCall("opt_out")))


def test_who_says_nothing_is_not_qualified_by_what_was_known() -> None:
    facts = {**KNOWN, "price": "450000", "agent": "none", "financing": "cash"}
    dialogue = start(replace(BACK, history=History((UNHEARD,), facts)))
    dialogue.opening(now=NOW)
    assert dialogue.wrap_up(ended_by=EndedBy.LEAD, now=NOW).disposition is Disposition.HUNG_UP


@pytest.mark.parametrize("said", ["Yes.", "yes please, that still works", "Sure, I will be there"])
async def test_a_booked_time_is_kept(said: str) -> None:
    held = await talk(BOOKED, [said])
    assert held.texts[0] == f"{WHO} {WHY} We last spoke on Tuesday, November tenth. {KEEP}"
    assert held.texts[1] == "Very good. We will see you Tuesday at ten A M. Thank you. Goodbye."
    assert held.acts == (EndCall("appointment_kept"),)
    assert held.outcome.disposition is Disposition.APPOINTMENT
    assert held.outcome.summary.startswith(
        "Keeps the appointment for Tuesday 24 November 2026, 10:00 (America/Denver). Maria wants to sell "
    )


@pytest.mark.parametrize("said", ["No.", "I need to move it", "Can we do another day?"])
async def test_a_booked_time_is_moved(said: str) -> None:
    held = await talk(replace(BOOKED, slots=(WEDNESDAY_14, FRIDAY_9)), [said, "Friday at nine", "yes"])
    assert held.texts[1] == "No problem. I have Wednesday at two P M or Friday at nine A M. Which works better?"
    assert held.acts == (BookAppointment(FRIDAY_9), EndCall("appointment"))
    assert held.outcome.disposition is Disposition.APPOINTMENT


async def test_a_booked_time_stays_where_no_other_fits() -> None:
    held = await talk(BOOKED, ["no", "no thanks"])
    assert held.texts[2] == "That is all right. We will see you Tuesday at ten A M. Thank you. Goodbye."
    assert (held.acts, held.outcome.disposition) == ((EndCall("appointment_kept"),), Disposition.APPOINTMENT)


async def test_without_a_free_slot_a_time_to_call_is_asked_for() -> None:
    held = await talk(replace(BOOKED, slots=()), ["I need to reschedule", "tomorrow at noon"])
    assert held.texts[1] == "No problem. When is a good time to call you back?"
    assert [type(act) for act in held.acts] == [ScheduleCallback, EndCall]


async def test_a_booked_time_is_called_off_by_a_person() -> None:
    held = await talk(BOOKED, ["I have to cancel my appointment"])
    said = "I have noted that you want to cancel. A colleague will confirm it. Thank you. Goodbye."
    assert (held.texts[1], held.acts) == (said, (EndCall("appointment_canceled"),))
    assert (held.outcome.disposition, held.outcome.facts["appointment"]) == (Disposition.QUALIFIED, "cancel")


async def test_the_question_about_the_booked_time_is_put_again() -> None:
    held = await talk(BOOKED, ["I am calling about my appointment", "Who is this?", "purple monkey", "yes"])
    assert held.texts[1] == KEEP
    assert held.texts[2] == f"This is Ava, an AI assistant from Summit Realty. {WHY} {KEEP}"
    assert held.texts[3] == "Sorry, I did not get that. Shall we keep your appointment, yes or no?"
    assert held.acts == (EndCall("appointment_kept"),)


async def test_in_a_hurry_a_booked_time_stands() -> None:
    dialogue = start(BOOKED)
    dialogue.opening(now=NOW)
    dialogue.hurry()
    reply = await dialogue.reply(heard("purple monkey"), now=NOW)
    assert reply.ends
    assert dialogue.wrap_up(ended_by=EndedBy.AGENT, now=NOW).disposition is Disposition.APPOINTMENT


def test_an_appointment_that_has_passed_is_none() -> None:
    past = replace(BACK, history=History((UNHEARD,), appointment_at=NOW))
    assert opening(past) == f"{WHO} {WHY} {ASKS_INTEREST}"


def test_a_snapshot_keeps_what_was_known() -> None:
    brief = replace(BACK, history=History((TALKED,), KNOWN, appointment_at=WEDNESDAY_14))
    dialogue = start(brief)
    dialogue.opening(now=NOW)
    again = start(brief, snapshot=json.loads(json.dumps(dialogue.snapshot())))
    assert again.snapshot() == dialogue.snapshot()
    assert again.prospect().progress is Progress.QUALIFYING


@pytest.mark.parametrize(
    "said", ["could we change it to Friday", "Hey, I can't make Tuesday. Friday would work.", "No, Friday is better."]
)
async def test_the_day_that_is_wished_for_is_the_one_that_is_offered(said: str) -> None:
    talked = await talk(BOOKED, [said])

    assert talked.texts[-1] == "No problem. I have Friday at nine A M. Does that work for you?"


async def test_the_time_that_does_not_suit_is_not_offered_again() -> None:
    talked = await talk(BOOKED, ["I can't make it."])

    assert talked.texts[-1] == "No problem. I have Wednesday at two P M or Friday at nine A M. Which works better?"


async def test_a_question_with_the_yes_is_not_passed_over() -> None:
    talked = await talk(BOOKED, ["Yes, but who is coming?"])

    assert talked.texts[-1].startswith("Very good. An agent can tell you more then. We will see you Tuesday")
