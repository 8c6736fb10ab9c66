"""Who comes late to an appointment is put through to a colleague, or called by one; nothing is asked or moved."""

from dataclasses import replace

import pytest

from agents.after.steps import next_steps
from agents.after.types import StepKind
from agents.domain.types import Brief, Disposition, EndCall, History, Transfer
from tests.agents.people import SELLER, TUESDAY_10, talk

BOOKED = replace(SELLER, history=History(appointment_at=TUESDAY_10))
LATE = [
    "I'm running late for my appointment.",
    "Hi, I'm running about ten minutes late for the meeting",
    "I'm stuck in traffic, I will be late for the showing.",
    "We'll be a little late to our visit",
]


@pytest.mark.parametrize("brief", [BOOKED, replace(BOOKED, inbound=True)])
@pytest.mark.parametrize(
    "said", [*LATE, "I'm stuck in traffic, I'll be twenty minutes late.", "I can't make it on time."]
)
async def test_a_booked_time_stands_and_a_colleague_calls(brief: Brief, said: str) -> None:
    held = await talk(brief, [said])
    assert held.texts[1].startswith("Thank you for telling me. I have noted that you are late, and a colleague will")
    assert held.acts == (EndCall("late"),)
    assert held.outcome.disposition is Disposition.APPOINTMENT
    assert held.outcome.facts["appointment"] == "late"
    step, *others = next_steps(held.outcome, brief)
    assert (step.kind, others) == (StepKind.PERSON_CALLS, [])
    assert step.told == "A colleague calls them now: they come late to the appointment."


@pytest.mark.parametrize("said", LATE)
async def test_who_names_an_appointment_that_we_do_not_know_is_called_all_the_same(said: str) -> None:
    held = await talk(SELLER, [said])
    assert held.acts == (EndCall("late"),)
    assert held.outcome.disposition is Disposition.QUALIFIED


@pytest.mark.parametrize("said", LATE)
async def test_a_colleague_who_may_take_the_call_is_asked_at_once(said: str) -> None:
    held = await talk(replace(BOOKED, colleagues=("Ben",)), [said])
    assert held.texts[1] == "One moment, I'll put you through to Ben."
    assert held.acts == (Transfer(said),)


@pytest.mark.parametrize(
    "said", ["I'm running late, can we move it to Wednesday?", "I'm late, I need to reschedule."]
)
async def test_who_would_rather_come_another_day_is_offered_one(said: str) -> None:
    held = await talk(BOOKED, [said])
    assert held.acts == ()
    assert held.outcome.facts["appointment"] == "move"


@pytest.mark.parametrize(
    "said", ["I'm running late for work.", "I'm running late, call me later.", "stuck in traffic"]
)
async def test_without_an_appointment_it_is_a_bad_time(said: str) -> None:
    held = await talk(SELLER, [said])
    assert "appointment" not in held.outcome.facts
    assert held.acts == ()


@pytest.mark.parametrize("said", ["Late afternoon.", "It is too late for that.", "we sell late next year"])
async def test_other_kinds_of_late_are_none(said: str) -> None:
    assert (await talk(BOOKED, [said])).outcome.facts.get("appointment") != "late"
