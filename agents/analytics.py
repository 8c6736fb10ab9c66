"""What a call came to: disposition, summary, facts and score, by rules."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from agents.after.summary import HEADLINES, headline, summary
from agents.agenda import side_of, topic
from agents.base import AgentName, BaseAgent, Ending
from agents.domain import answer_points, spoken
from agents.domain.questions import TIMES
from agents.domain.scoring import Reason, qualified, score_reasons, total
from agents.domain.types import Brief, Disposition, EndedBy, Outcome, Progress, Prospect
from agents.state import CallState, Stage, last_act_at

_BY_ACT = (
    ("opt_out", Disposition.DO_NOT_CALL),
    ("wrong_number", Disposition.WRONG_NUMBER),
    ("book", Disposition.APPOINTMENT),
    ("callback", Disposition.CALLBACK_REQUESTED),
)
_WITH_A_MACHINE: Mapping[Stage, Disposition] = {
    Stage.MACHINE: Disposition.VOICEMAIL,
    Stage.MESSAGE: Disposition.VOICEMAIL,
    Stage.SCREENED: Disposition.NO_ANSWER,
    Stage.MENU: Disposition.NO_ANSWER,
    Stage.HELD: Disposition.NO_ANSWER,
}
"""What a call came to that ended while a machine was on the line: nobody was reached."""
_OF_NOBODY = frozenset(
    {Disposition.WRONG_NUMBER, Disposition.NO_ANSWER, Disposition.VOICEMAIL, Disposition.BAD_NUMBER}
)
"""The lead did not speak, so what is known of them is no part of what happened."""
_PROMISED = "We promised to follow up"
_SCREENED = "A screening service answered, and the person did not take the call"
_MENU = "A menu answered, and nobody was reached"
_LEFT = "Left a message on a voicemail"
_ANY_TIME = datetime.min.replace(tzinfo=UTC)


class AnalyticsAgent(BaseAgent[Ending, Outcome]):
    """Looks back at a whole call. The same ending always gives the same outcome."""

    name: ClassVar[AgentName] = AgentName.ANALYTICS

    def act(self, scene: Ending) -> Outcome:
        brief, state = scene.brief, scene.state
        facts = known_facts(state, brief)
        points = score_of(state, brief)
        disposition = disposition_of(scene)
        return Outcome(
            disposition=disposition,
            summary=_summary(disposition, facts, state, brief),
            acts=state.carried_out(),
            facts={**facts, "voicemail_message": "left"} if state.message_left else facts,
            score=points,
            reasons=reasons_of(state, brief),
            told=tuple(sorted(state.told)),
            objections={kind.value: count for kind, count in state.met.items()},
            stood_in=state.stood_in,
        )


def known_facts(state: CallState, brief: Brief) -> dict[str, str]:
    """Fact names to values, with what the brief knew: the side, and a seller's street as the area."""
    facts = {name: fact.value for name, fact in state.facts.items()}
    side = side_of(state, brief)
    if side:
        facts.setdefault("side", side)
    if side == "sell" and brief.property_address:
        facts.setdefault("area", spoken.street(brief.property_address))
    return facts


def score_of(state: CallState, brief: Brief) -> int:
    """The lead's score by what is known until now, 0 to 100."""
    return total(reasons_of(state, brief))


def reasons_of(state: CallState, brief: Brief) -> tuple[Reason, ...]:
    """Why the score is what it is."""
    script, facts = brief.script, known_facts(state, brief)
    common = score_reasons(facts, booked=state.has_act("book"), weights=script.scoring.weights)
    return (*common, *answer_points.reasons(script.plan(side_of(state, brief)), facts))


def is_qualified(state: CallState, brief: Brief) -> bool:
    required = brief.script.required(side_of(state, brief))
    points = score_of(state, brief)
    return qualified(known_facts(state, brief), points, scoring=brief.script.scoring, required=required)


def prospect_of(state: CallState, brief: Brief) -> Prospect:
    """What the conversation promises in ``state``. Pure, some microseconds."""
    return Prospect(_progress(state, brief), score_of(state, brief))


def _progress(state: CallState, brief: Brief) -> Progress:
    if state.stage is Stage.ENDED or state.closed_by is not None:
        return Progress.CLOSING
    if state.objection is not None:
        return Progress.OBJECTION
    # Which slots lie ahead decides between two questions that both are about a time, so any instant serves.
    if state.question in TIMES or topic(state, brief, now=_ANY_TIME) in TIMES:
        return Progress.BOOKING
    if state.settled is not None:
        return Progress.CLOSING
    return Progress.QUALIFYING if state.facts or state.objections else Progress.OPENING


def disposition_of(ending: Ending) -> Disposition:
    """Acts first, since they bind; then what was settled in words; then what the facts justify.

    A conversation that was hurried to its end is judged the same way: an appointment or a time to call that was
    brought home is an act, a qualified lead goes to the team, a refusal stays one, and whoever was promised a
    follow-up counts as a call back without a time (agents/closing.py). Who hung up before the promise has hung up.
    """
    state = ending.state
    for kind, disposition in _BY_ACT:
        if state.has_act(kind):
            return disposition
    if ending.ended_by is EndedBy.TRANSFER:
        return Disposition.TRANSFERRED
    if state.settled is not None:
        return state.settled
    if ending.ended_by is not EndedBy.FAULT and state.stage in _WITH_A_MACHINE:
        return _WITH_A_MACHINE[state.stage]
    # What earlier calls told qualifies nobody who tells nothing in this one.
    if is_qualified(state, ending.brief) and state.told:
        return Disposition.QUALIFIED
    if ending.ended_by is EndedBy.FAULT:
        return Disposition.FAILED
    unspoken = state.stage is Stage.NEW or (state.turn == state.silences and ending.ended_by is not EndedBy.LEAD)
    return Disposition.NO_ANSWER if unspoken else Disposition.HUNG_UP


def _summary(disposition: Disposition, facts: Mapping[str, str], state: CallState, brief: Brief) -> str:
    ours = disposition is Disposition.CALLBACK_REQUESTED and not state.has_act("callback")
    words = _PROMISED if ours else HEADLINES[disposition]
    if state.message_left:
        words = _LEFT
    elif disposition is Disposition.NO_ANSWER and (state.purposes or state.keys):
        words = _SCREENED if state.purposes else _MENU
    at = last_act_at(state, {"appointment": "book", "callback_requested": "callback"}.get(disposition, ""))
    if disposition is Disposition.APPOINTMENT:
        booked = [record for record in state.acts if record.kind == "book"]
        sure = booked[-1].confirmed if booked else brief.history.appointment_sure
        if not booked:
            words, at = "Keeps the appointment", brief.history.appointment_at
        words = words if sure else f"{words.replace('Booked', 'Noted')}, which a colleague has to confirm,"
    met = {kind.value: count for kind, count in state.met.items()}
    if disposition in _OF_NOBODY:
        facts = {}
    elif disposition in (Disposition.NOT_INTERESTED, Disposition.HAS_AGENT, Disposition.DO_NOT_CALL):
        facts = {name: value for name, value in facts.items() if name != "interested"}
    return summary(headline(words, at, brief), facts, met, brief)
