"""A conversation on trial shows what each turn changes."""

from agents.domain.types import EndCall, EndedBy, OptOut
from agents.trial import Trial, changes, example
from tests.agents.people import NOW, SELLER


async def test_each_turn_shows_what_it_changed() -> None:
    trial = Trial(SELLER, now=NOW)
    assert trial.opening().changes == ("stage: new → talking", "question: none → interest")
    said = await trial.answer("Yes, still thinking about it")
    assert "interested: yes (90% sure)" in said.changes
    assert "question: interest → motivation" in said.changes
    assert (await trial.answer("")).changes == ("question: motivation → still_there",)
    stopped = await trial.answer("/key 9")
    assert stopped.reply.acts == (OptOut("9"), EndCall("opt_out"))
    assert "settled: none → do_not_call" in stopped.changes
    assert trial.outcome(ended_by=EndedBy.AGENT).disposition == "do_not_call"


async def test_objections_and_offers_show() -> None:
    trial = Trial(SELLER, now=NOW)
    trial.opening()
    said = await trial.answer("This is a bad time.")
    assert any(change.startswith("offered: none → ") for change in said.changes)
    trial = Trial(SELLER, now=NOW)
    trial.opening()
    said = await trial.answer("I am just looking")
    assert "objection just_looking: try 1" in said.changes


def test_what_a_version_does_not_have_is_left_out() -> None:
    state: dict[str, object] = {"facts": {}, "objections": {}}
    assert changes(state, {**state, "stage": "talking", "unheard_of": 1}) == ("stage: none → talking",)
    assert changes(state, state) == ()


def test_the_example_has_times_ahead() -> None:
    brief = example(now=NOW)
    assert len(brief.slots) == 3
    assert all(slot > NOW for slot in brief.slots)
