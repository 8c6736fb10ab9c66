"""What is known of a call once it is over: of a dozen calls, exactly."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from agents.after.analysis import analyse
from agents.after.sentiment import mood_of
from agents.after.types import (
    VERSION,
    Mood,
    ObjectionEnd,
    ObjectionMet,
    Sentiment,
    StepKind,
    UnknownAnalysis,
    dump,
    load,
)
from agents.domain.types import Brief, Disposition, Outcome
from agents.state import CallState, Fact
from tests.agents.after import analysed, held, script
from tests.agents.people import BUYER, NOW, SELLER, TUESDAY_10

ANSWERS = ("yes", "got a new job", "about two months", "four fifty", "no I don't", "paid off", "Tuesday")
OBJECTION = ObjectionEnd


async def test_a_booking() -> None:
    _, analysis = await held(
        SELLER, *ANSWERS, "yes that is right, Tuesday at ten in the morning works well for both of us"
    )
    assert (analysis.version, analysis.disposition) == (VERSION, Disposition.APPOINTMENT)
    assert analysis.summary == (
        "Booked an appointment for Tuesday 24 November 2026, 10:00 (America/Denver). "
        "Maria wants to sell the home on Maple Street within 2 months for about $450,000. "
        "The reason is work, no other agent is involved and the home is paid off."
    )
    assert [(fact.name, fact.value, fact.turn, fact.quote) for fact in analysis.facts] == [
        ("agent", "none", 10, "no I don't"),
        ("area", "Maple Street", None, ""),
        ("financing", "paid_off", 12, "paid off"),
        ("interested", "yes", 2, "yes"),
        ("motivation", "job", 4, "got a new job"),
        ("price", "450000", 8, "four fifty"),
        ("side", "sell", None, ""),
        ("timeline", "2", 6, "about two months"),
    ]
    assert (analysis.score, analysis.rating, sum(one.points for one in analysis.reasons)) == (100, "hot", 100)
    assert [(step.kind, step.who, step.at) for step in analysis.steps] == [(StepKind.VISIT, "colleague", TUESDAY_10)]
    assert analysis.steps[0].told == "A colleague meets them on Tuesday 24 November 2026 at 10:00 (America/Denver)."
    assert (analysis.failed, analysis.unanswered, analysis.objections) == ((), (), ())
    assert analysis.sentiment == Sentiment(Mood.NEUTRAL)
    assert analysis.measures.median_words == 14
    assert (analysis.measures.lead_words, analysis.measures.interrupted, analysis.measures.cut_in) == (32, 0, 0)


CALLS = [
    (SELLER, ("stop calling me",), Disposition.DO_NOT_CALL, "Asked not to be called again.", ["nothing"], "negative"),
    (
        SELLER,
        ("yes", *["just looking"] * 3),
        Disposition.NOT_INTERESTED,
        "Not interested. The objection was only looking (3 times).",
        ["nothing"],
        "neutral",
    ),
    (
        SELLER,
        ("I'm busy, call me tomorrow at five",),
        Disposition.CALLBACK_REQUESTED,
        "Asked for a call back for Sunday 22 November 2026, 17:00 (America/Denver).",
        ["call"],
        "neutral",
    ),
    (
        BUYER,
        ("yes, that sounds great", "we want more space", "three months", "Boulder, six hundred thousand", "no",
         "pre-approved", "no thanks"),
        Disposition.QUALIFIED,
        "Qualified, no appointment yet. Tom wants to buy a home in Boulder within 3 months for about $600,000. "
        "The reason is the size of the home, no other agent is involved and a loan is approved.",
        ["person_calls"],
        "positive",
    ),
    (SELLER, ("wrong number",), Disposition.WRONG_NUMBER, "Wrong number.", ["nothing"], "neutral"),
    (
        SELLER,
        ("yes", "send me an email", "in three months"),
        Disposition.HUNG_UP,
        "The call ended before anything was settled. Maria wants to sell the home on Maple Street within 3 months. "
        "The objection was wanting information first.",
        ["call_again", "send_information"],
        "neutral",
    ),
    (
        SELLER,
        ("no", "my plans changed"),
        Disposition.NOT_INTERESTED,
        "Not interested. The objection was not being interested (2 times).",
        ["nothing"],
        "neutral",
    ),
    (
        SELLER,
        ("can I talk to a real person", "tomorrow at ten"),
        Disposition.CALLBACK_REQUESTED,
        "Asked for a call back for Sunday 22 November 2026, 10:00 (America/Denver).",
        ["person_calls"],
        "neutral",
    ),
    (SELLER, ("I have an agent", "yes we signed"), Disposition.HAS_AGENT, "Has signed with another agent.",
     ["nothing"], "neutral"),
    (
        SELLER,
        ("This is ridiculous, what a waste of time",),
        Disposition.HUNG_UP,
        "The call ended before anything was settled.",
        ["call_again"],
        "negative",
    ),
    (
        SELLER,
        ("yes", "there's no rush", "I have to ask my wife", "yes", "Monday at three"),
        Disposition.CALLBACK_REQUESTED,
        "Asked for a call back for Monday 23 November 2026, 15:00 (America/Denver). "
        "Maria wants to sell the home on Maple Street. The objection was having to ask somebody at home.",
        ["call"],
        "neutral",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("brief", "lines", "expected"), [(one[0], one[1], one[2:]) for one in CALLS])
async def test_what_came_of_it(brief: Brief, lines: tuple[str, ...], expected: tuple[object, ...]) -> None:
    _, analysis = await held(brief, *lines)
    steps = [step.kind.value for step in analysis.steps]
    assert (analysis.disposition, analysis.summary, steps, analysis.sentiment.mood.value) == expected
    assert analysis.failed == ()


@pytest.mark.parametrize(
    ("lines", "met"),
    [
        (("yes", *["just looking"] * 3), ObjectionMet("just_looking", 2, OBJECTION.ENDED_CALL, (4, 6, 8))),
        (("yes", "send me an email", "soon"), ObjectionMet("send_information", 1, OBJECTION.OPEN, (4,))),
        (("yes", "rates are too high"), ObjectionMet("rates", 1, OBJECTION.OPEN, (4,))),
        (("yes", "I have to ask my wife", "yes", "Monday at three"),
         ObjectionMet("spouse", 1, OBJECTION.WENT_ON, (4,))),
        (("no", "my plans changed"), ObjectionMet("not_interested", 1, OBJECTION.ENDED_CALL, ())),
    ],
)  # fmt: skip
async def test_objections_are_told_with_their_end(lines: tuple[str, ...], met: ObjectionMet) -> None:
    _, analysis = await held(SELLER, *lines)
    assert analysis.objections == (met,)


async def test_an_objection_that_was_got_over_went_on() -> None:
    _, analysis = await held(SELLER, "yes", "rates are too high", "yes it does", *["just looking"] * 3)
    assert [(met.kind, met.ended) for met in analysis.objections] == [
        ("rates", ObjectionEnd.WENT_ON),
        ("just_looking", ObjectionEnd.ENDED_CALL),
    ]


@pytest.mark.parametrize(
    ("said", "mood"),
    [
        ("That sounds great", Mood.POSITIVE),
        ("No problem, that sounds great", Mood.POSITIVE),
        ("I'd love to", Mood.POSITIVE),
        ("I'm not happy about this", Mood.NEGATIVE),
        ("no bother", Mood.NEUTRAL),
        ("Great, another scam", Mood.NEGATIVE),
        ("stop calling me", Mood.NEGATIVE),
        ("I'm not interested, thank you", Mood.NEUTRAL),
        ("no", Mood.NEUTRAL),
        ("he'll call you back", Mood.NEUTRAL),
        ("how many times do I have to tell you", Mood.NEGATIVE),
    ],
)
def test_moods(said: str, mood: Mood) -> None:
    assert mood_of(said) is mood


def test_as_many_good_turns_as_bad_ones_are_negative() -> None:
    both = script("L: that sounds great", "A: Good.", "L: this is ridiculous")
    assert analysed(both).sentiment == Sentiment(Mood.NEGATIVE, (1,), (3,))


async def test_the_quotes_are_not_kept() -> None:
    transcript, analysis = await held(SELLER, *ANSWERS)
    kept = json.loads(json.dumps(dump(analysis)))
    assert "got a new job" not in json.dumps(kept)
    assert load(kept, transcript) == analysis
    masked = [replace(said, text="[redacted]") if said.seq == 8 else said for said in transcript]
    quotes = {fact.name: fact.quote for fact in load(kept, masked).facts}
    assert (quotes["price"], quotes["timeline"]) == ("[redacted]", "about two months")
    assert {fact.quote for fact in load(kept, []).facts} == {""}


def test_what_is_no_analysis_is_refused() -> None:
    with pytest.raises(UnknownAnalysis, match=r"The analysis cannot be read: \d+ fields do not fit\."):
        load({"version": 1, "score": "high"}, [])


@pytest.mark.parametrize(
    ("fact", "turn"),
    [
        (Fact("3", 0.9, 2), 4),
        (Fact("3", 0.9, 9), None),
        (Fact("3", 0.9, 0), None),
        (Fact("3", 0.9, 7, NOW), None),
        (Fact("4", 0.9, 2), None),
    ],
)
@pytest.mark.parametrize("answered_at", [NOW, None])
def test_a_fact_without_a_clock_is_found_by_counting(
    fact: Fact, turn: int | None, answered_at: datetime | None
) -> None:
    """One of an old snapshot; keys and asides are no turns. One of another value was overruled."""
    transcript = script("L: yes", "L: [key 5]", "L: [aside: the door]", "L: three months", "A: Thank you.")
    if fact.at is not None and answered_at is not None:
        answered_at = answered_at.replace(year=2027)  # nothing had been said by then
    state = CallState(facts={"timeline": fact})
    analysis = analyse(
        transcript, SELLER, state, Outcome(Disposition.HUNG_UP, "", facts={"timeline": "3"}), answered_at=answered_at
    )
    assert [one.turn for one in analysis.facts] == [turn]


def test_a_call_without_a_word() -> None:
    analysis = analysed([], Disposition.NO_ANSWER)
    assert (analysis.facts, analysis.failed, analysis.unanswered) == ((), (), ())
    assert analysis.measures.agent_share is analysis.measures.silence_share is analysis.measures.median_words is None
    assert [step.told for step in analysis.steps] == ["The campaign calls again by its own plan."]


def test_what_is_to_be_done() -> None:
    def steps(disposition: Disposition, **facts: str) -> list[str]:
        outcome = Outcome(disposition, "", facts=facts)
        return [step.told for step in analyse([], SELLER, None, outcome).steps]

    assert steps(Disposition.QUALIFIED, appointment="cancel") == [
        "A colleague confirms that the appointment is called off."
    ]
    assert steps(Disposition.CALLBACK_REQUESTED, wants_person="yes") == ["A colleague calls them."]
    assert steps(Disposition.NOT_INTERESTED, wants_information="yes") == [
        "A colleague sends the information that was asked for."
    ]
    assert steps(Disposition.DO_NOT_CALL, wants_information="yes") == ["Nothing: the person is never called again."]
    assert steps(Disposition.TRANSFERRED) == ["Nothing of ours: a colleague took the call over."]
