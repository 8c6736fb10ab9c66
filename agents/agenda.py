"""What to ask next, and how a question is put."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agents.confirming import confirmation
from agents.domain import spoken
from agents.domain.questions import ASIDES, Question
from agents.domain.script import MAX_ASKED, Kind, Step
from agents.domain.slots import ahead
from agents.domain.times import LATEST, zone_of
from agents.domain.types import Brief, Disposition, Expect
from agents.domain.understanding import days_ahead
from agents.state import CallState

MAX_REFUSALS = 2
_OFFERED_AT_ONCE = 2
_CALLBACK_IN_H = 3
_EXPECTED = {Kind.NUMBER: Expect.NUMBER, Kind.MONEY: Expect.NUMBER, Kind.TIMELINE: Expect.DATE}
"""Kinds of answers that people give in pieces."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is put: its text, the state after asking it, and whether the text is this lead's alone."""

    text: str
    state: CallState
    personal: bool = False


def side_of(state: CallState, brief: Brief) -> str:
    """ "sell", "buy", or "" as long as it is not known."""
    return state.value("side") or (brief.interest if brief.interest in ("sell", "buy") else "")


def next_question(state: CallState, brief: Brief, *, now: datetime) -> Question:
    """A time that is being read back, a booked appointment, then the first thing not known yet; at the end the
    appointment, or a call back.
    """
    if state.chosen_at is not None:
        return Question.CONFIRM
    if state.settled is Disposition.CALLBACK_REQUESTED:
        return Question.CALLBACK
    if is_booked(state, brief, now=now) and not state.value("appointment") and _may_ask(state, Question.KEEP):
        return Question.KEEP
    side = side_of(state, brief)
    if not side:
        return Question.SIDE
    told_of_agent = state.value("agent") == "some" and "agent" in state.told
    if not state.value("interested") and not told_of_agent:
        return Question.INTEREST
    if state.value("agent") == "some":
        return Question.AGENT_SIGNED
    step = due(state, brief)
    if step is not None:
        return step.question
    wants_slot = brief.script.plan(side)[-1].question is Question.SLOT
    return Question.SLOT if wants_slot and free_slots(state, brief, now=now) else Question.CALLBACK


def due(state: CallState, brief: Brief) -> Step | None:
    """The first question of the plan that is neither answered nor asked as often as it may be; None at its end."""
    _, *steps, _ = brief.script.plan(side_of(state, brief))
    open_ = (step for step in steps if not any(state.value(fact) for fact in step.facts))
    return next((step for step in open_ if _asked(state, step) < step.most), None)


def _asked(state: CallState, step: Step) -> int:
    return state.own_asked.get(step.name, 0) if step.question is Question.OWN else state.asked.get(step.question, 0)


def own_step(state: CallState, brief: Brief) -> Step | None:
    """The script's own question that is open, None where none is."""
    return brief.script.step(state.own, side_of(state, brief)) if state.question is Question.OWN else None


def _may_ask(state: CallState, question: Question) -> bool:
    return state.asked.get(question, 0) < MAX_ASKED


def is_booked(state: CallState, brief: Brief, *, now: datetime) -> bool:
    """Whether an earlier call booked an appointment that still stands."""
    at = brief.history.appointment_at
    return at is not None and at > now and state.value("appointment") != "cancel"


def topic(state: CallState, brief: Brief, *, now: datetime) -> Question:
    """What the call is on to: the open question, or behind an aside the next one on the agenda."""
    if state.question and state.question not in ASIDES:
        return state.question
    return next_question(state, brief, now=now)


def free_slots(state: CallState, brief: Brief, *, now: datetime) -> tuple[datetime, ...]:
    """The brief's slots that lie ahead and were not refused."""
    return tuple(slot for slot in ahead(brief.slots, now=now) if slot not in state.refused)


def put(
    question: Question,
    state: CallState,
    brief: Brief,
    *,
    now: datetime,
    again: bool = False,
    offer: Sequence[datetime] = (),
) -> Asked:
    """Ask ``question``; ``again`` repeats it in the words used last. ``offer`` names the times to choose from."""
    if question is Question.OWN:
        step = own_step(state, brief) if again else due(state, brief)
        if step is None or step.question is not Question.OWN:  # of the other side's plan, or of another script
            return put(next_question(state, brief, now=now), state, brief, now=now)
        return _put_own(step, state, brief, again=again)
    before = state.asked.get(question, 0)
    asked = before if again else before + 1
    fact, confirms = confirmation(question, brief) if asked == 1 else ("", "")
    asked_before = {**state.asked, question: asked}
    state = replace(state, question=question, heard_whole=True, asked=asked_before, confirming=fact)
    if confirms:
        return Asked(confirms, replace(state, offered=()), personal=True)
    if question is Question.KEEP and brief.history.appointment_at and asked == 1:
        when = spoken.moment(brief.history.appointment_at, zone=zone_of(brief.lead_zone), now=now)
        booked = f"You are booked for {when}."
        if not brief.history.appointment_sure:
            booked = f"I have noted {when}, and a colleague will confirm the time."
        asks = brief.script.wording(question, side=side_of(state, brief), asked=0)
        return Asked(f"{booked} {asks}", state, personal=True)
    if question is Question.CONFIRM and state.chosen_at is not None:
        when = spoken.in_full(state.chosen_at, zone=zone_of(brief.lead_zone))
        asks = brief.script.wording(question, side=side_of(state, brief), asked=max(asked - 1, 0))
        return Asked(f"That is {when}, your time. {asks}", state, personal=True)
    if question is Question.SLOT:
        slots = tuple(offer or free_slots(state, brief, now=now))[:_OFFERED_AT_ONCE]
        return Asked(_offer(slots, brief, now, asked), replace(state, offered=slots), personal=True)
    if question is Question.CALLBACK and offer:
        slots = tuple(offer)[:_OFFERED_AT_ONCE]
        return Asked(_calls(slots, brief, now, asked), replace(state, offered=slots), personal=True)
    text = brief.script.wording(question, side=side_of(state, brief), asked=max(asked - 1, 0))
    return Asked(text, replace(state, offered=()), personal=text in brief.script.personal)


def _put_own(step: Step, state: CallState, brief: Brief, *, again: bool) -> Asked:
    asked = _asked(state, step) + (not again)
    state = replace(
        state,
        question=Question.OWN,
        heard_whole=True,
        own=step.name,
        own_asked={**state.own_asked, step.name: asked},
        own_expects=_EXPECTED.get(step.kind) if step.kind else None,
        confirming="",
        offered=(),
    )
    text = step.wordings[min(max(asked - 1, 0), len(step.wordings) - 1)]
    return Asked(text, state, personal=text in brief.script.personal)


def _offer(slots: Sequence[datetime], brief: Brief, now: datetime, asked: int) -> str:
    zone = zone_of(brief.lead_zone)
    names = [spoken.moment(slot, zone=zone, now=now) for slot in slots]
    if len(names) == 1:
        return f"I have {names[0]}. Does that work for you?"
    if asked > 1:
        return f"Would {names[0]} suit you better, or {names[1]}?"
    return f"I have {names[0]} or {names[1]}. Which works better?"


def _calls(slots: Sequence[datetime], brief: Brief, now: datetime, asked: int) -> str:
    """Two times to choose from, or the one that we understood."""
    names = [spoken.moment(slot, zone=zone_of(brief.lead_zone), now=now) for slot in slots]
    if len(names) == 1:
        return f"We would call you {names[0]}. Is that right?"
    if asked > 1:
        return f"Would {names[0]} suit you better, or {names[1]}?"
    return f"I can call back {names[0]}, or {names[1]}. Which is better?"


def callback_offers(brief: Brief, *, now: datetime) -> tuple[datetime, datetime]:
    """Two times to call back: later today while the day allows it, and the next working day, else that day twice."""
    zone = zone_of(brief.lead_zone)
    tomorrow = days_ahead(1, now=now, zone=zone)
    local = now.astimezone(zone)
    later = (local + timedelta(hours=_CALLBACK_IN_H)).replace(minute=0, second=0, microsecond=0)
    if later.date() == local.date() and later.time() < LATEST and later.hour >= 9:
        return later.astimezone(now.tzinfo), tomorrow
    return tomorrow, (tomorrow.astimezone(zone) + timedelta(hours=7)).astimezone(now.tzinfo)
