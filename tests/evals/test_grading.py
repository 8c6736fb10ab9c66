"""Every way in which a call can fail to be what its person meant."""

# ruff: noqa: DTZ001 - a clock on the wall has no zone

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evals.grading import Found, Slots, grade, said_wrong, touched_beside
from evals.line import Talk, Turn
from evals.mind import Told
from evals.person import Person
from tests.agents.people import SELLER

OPENING = (
    "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a recorded line. You can say stop or press "
    "nine at any time. Are you still thinking about selling?"
)
TEN = datetime(2026, 11, 11, 17, 0, tzinfo=UTC)
TEN_IN_DENVER = datetime(2026, 11, 11, 10, 0)
PHONE = "+13035550142"
BOOKED = Found(PHONE, "done", "appointment", {"timeline": "2"}, (TEN,), (), "closed", None, disclosed=True, turns=4)
OPEN = replace(BOOKED, appointments=(), lead_status="open", disposition="callback_requested", commitment_at=TEN)


def person(**expects: Any) -> Person:
    return Person.model_validate({"id": "somebody", "expects": {"disposition": "appointment", **expects}})


def talk(*agent: str) -> Talk:
    return Talk(SELLER, [Turn("agent", text) for text in (OPENING, *agent)])


def failures(who: Person, came: Found, told: Told | None = None) -> tuple[str, ...]:
    return grade(who, told or Told(taken=TEN_IN_DENVER), came, talk()).failures


def test_what_was_meant() -> None:
    graded = grade(person(appointment=True), Told({"timeline": "2"}, TEN_IN_DENVER), BOOKED, talk())
    assert (graded.failures, graded.booked, graded.wrong_time) == ((), True, False)
    assert graded.slots == Slots(right=1)


def test_an_hour_in_another_zone() -> None:
    came = replace(BOOKED, appointments=(TEN + timedelta(hours=1),))
    graded = grade(person(appointment=True), Told(taken=TEN_IN_DENVER), came, talk())
    assert graded.wrong_time
    assert graded.failures == (
        "booked is Wed 11 Nov 2026 11:00 (America/Denver), and Wed 11 Nov 2026 10:00 (America/Denver) was meant",
    )


@pytest.mark.parametrize(
    ("expects", "came", "why"),
    [
        ({"appointment": True}, replace(BOOKED, appointments=()), "booked is nothing"),
        ({}, BOOKED, "and nothing was meant"),
        ({"disposition": ["qualified", "hung_up"]}, replace(BOOKED, appointments=()), "not to qualified or hung_up"),
        ({"appointment": True}, replace(BOOKED, status="live"), "the call is live, not done"),
        ({"appointment": True}, replace(BOOKED, lead_status="open"), "the lead is open after appointment"),
        ({"appointment": True}, replace(BOOKED, commitment_at=TEN), "the call back is"),
        ({"appointment": True}, replace(BOOKED, suppressed=((PHONE, "voice"),)), "the number is on the do-not-call"),
        ({"appointment": True, "do_not_call": True}, BOOKED, "the number is not on the do-not-call list"),
        ({"appointment": True, "wrong_number": True}, BOOKED, "the wrong number is not on"),
        ({"appointment": True}, replace(BOOKED, touched=("calls_consent",)), "also wrote to calls_consent"),
        ({"appointment": True}, replace(BOOKED, stranger_untouched=False), "another lead's records"),
    ],
)
def test_each_failure_alone(expects: dict[str, Any], came: Found, why: str) -> None:
    (failure,) = failures(person(**expects), came)
    assert why in failure


def test_nobody_was_offered_a_time() -> None:
    who = person(appointment=True)
    assert failures(who, replace(BOOKED, appointments=()), Told()) == ("no time was ever offered to take",)


def test_calls_back() -> None:
    who = person(disposition="callback_requested", callback="said")
    said = Told(callback=TEN_IN_DENVER)
    assert failures(who, OPEN, said) == ()
    late = replace(OPEN, commitment_at=TEN + timedelta(seconds=30))
    assert len(failures(who, late, said)) == 1
    assert failures(who, late, Told(callback=TEN_IN_DENVER, slack=timedelta(minutes=1))) == ()
    assert failures(who, OPEN, Told()) == ("no time to call was ever named",)
    assert failures(person(disposition="callback_requested", callback="any"), OPEN, Told()) == ()


def test_opt_outs_and_wrong_numbers() -> None:
    stopped = replace(OPEN, disposition="do_not_call", lead_status="closed", commitment_at=None)
    who = person(disposition="do_not_call", do_not_call=True)
    assert failures(who, replace(stopped, suppressed=((PHONE, "key"),)), Told()) == ()
    wrong = replace(stopped, disposition="wrong_number", suppressed=((PHONE, "wrong_number"),))
    assert failures(person(disposition="wrong_number", wrong_number=True), wrong, Told()) == ()


def test_an_appointment_that_is_kept() -> None:
    who = Person.model_validate(
        {
            "id": "somebody",
            "before": {"appointment": TEN_IN_DENVER},
            "expects": {"disposition": "appointment", "kept_appointment": True},
        }
    )
    assert failures(who, BOOKED, Told()) == ()


def test_slots_that_are_wrong_missed_and_too_many() -> None:
    told = Told({"timeline": "2", "price": "450000", "motivation": "job"}, TEN_IN_DENVER)
    came = replace(BOOKED, facts={"timeline": "6", "motivation": "unknown", "agent": "none", "area": "Maple Street"})
    slots = grade(person(appointment=True), told, came, talk()).slots
    assert (slots.right, slots.wrong, slots.missed) == (0, 2, 3)
    assert slots.errors == (
        "motivation is not kept, and job was told",
        "timeline is 6, and 2 was told",
        "price is not kept, and 450000 was told",
        "agent is none, and nothing was told",
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("How soon? And why?", "more than one question"),
        ("I can get you 500,000 dollars.", "said 'dollars'"),
        ("I guarantee it.", "said 'guarantee'"),
        ("No immigrants live there.", "said 'immigrants'"),
        ("Call 555 0199.", "said '555'"),
        ("Call five five five oh one.", "said 'five five five oh one"),
    ],
)
def test_words_that_must_not_be_ours(said: str, why: str) -> None:
    (failure,) = said_wrong(talk(said))
    assert failure.startswith(why)


def test_an_opening_that_was_broken_off_and_given_again_discloses() -> None:
    cut = "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on a"
    whole = f"{cut} recorded line. You can say stop or press nine at any time. Are you still thinking about selling?"
    assert said_wrong(Talk(SELLER, [Turn("agent", cut), Turn("lead", "Sorry?"), Turn("agent", whole)])) == []
    goes_on = Turn("agent", "What has you thinking about a move?")
    assert said_wrong(Talk(SELLER, [Turn("agent", cut), Turn("lead", "Sorry?"), goes_on]))


def test_an_opening_that_a_wrong_number_cut_short_hides_nothing() -> None:
    cut = "Hi Maria, this is Ava, an AI assistant calling for Summit Realty on"
    sorry = "I am sorry for the trouble. Goodbye."
    assert said_wrong(Talk(SELLER, [Turn("agent", cut), Turn("lead", "Wrong number."), Turn("agent", sorry)])) == []


def test_our_own_number_may_be_told_and_no_other() -> None:
    told = "You can reach us at 303-555-0100. Goodbye."
    assert said_wrong(Talk(SELLER, [Turn("agent", told)])) == []
    assert said_wrong(Talk(SELLER, [Turn("agent", told.replace("303", "720"))]))


def test_an_opening_that_does_not_disclose() -> None:
    hidden = Talk(
        SELLER, [Turn("agent", "Hi Maria, this is Ava, I am calling about your home, do you have some time now?")]
    )
    assert said_wrong(hidden)[0].startswith("the opening does not say who calls")
    assert said_wrong(Talk(SELLER, [])) == []


@pytest.mark.django_db
def test_tables_that_a_call_has_no_business_with() -> None:
    writes = {"calls_call": 3, "calls_turn": 4, "calls_lead": 1, "calls_consent": 1, "billing_rate": 2}
    assert touched_beside(writes) == ["billing_rate", "calls_consent"]
