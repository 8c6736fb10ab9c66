"""A call of ours to somebody whom we have talked with goes on where the last talk ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.confirming import confirmation
from agents.dialogue import start
from agents.domain.intents import Objection
from agents.domain.objections import HANDLINGS
from agents.domain.questions import Question
from agents.domain.types import Brief, Disposition, EndCall, EndedBy, History, PastCall
from agents.handing_on import whispered
from agents.state import load
from tests.agents.after import OPENING
from tests.agents.people import BUYER, BYE, NOW, SELLER, heard, talk

WHO = OPENING.partition(" I am calling")[0]
TALKED = PastCall(NOW - timedelta(days=11), Disposition.HUNG_UP, "The call ended. Maria wants to sell.", talked=True)
ASKED = replace(TALKED, disposition=Disposition.CALLBACK_REQUESTED)
UNHEARD = PastCall(NOW - timedelta(hours=1), Disposition.NO_ANSWER, "Nobody spoke.", talked=False)
KNOWN = {"interested": "yes", "motivation": "job"}
ABOUT = "about your home on Maple Street."


def knowing(*calls: PastCall, brief: Brief = SELLER, **known: object) -> Brief:
    return replace(brief, history=History(calls, **known))  # type: ignore[arg-type]


def opening(brief: Brief) -> str:
    return start(brief).opening(now=NOW).text


@pytest.mark.parametrize("brief", [SELLER, knowing(UNHEARD), knowing(UNHEARD, callback_at=NOW)])
def test_somebody_new_hears_what_everybody_new_hears(brief: Brief) -> None:
    assert opening(brief) == OPENING


def test_what_is_known_is_not_asked_again() -> None:
    text = opening(knowing(UNHEARD, TALKED, facts=KNOWN))
    assert text == f"{WHO} We last spoke on Tuesday, November tenth {ABOUT} How soon would you like to move?"


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0, "You asked me to call you back today"),
        (0.5, "You asked me to call you back today"),
        (-24, "You asked me to call you back on Friday, November twentieth"),
        (30, "We last spoke on Tuesday, November tenth"),
    ],
)
def test_the_reason_is_the_promise(hours: float, said: str) -> None:
    brief = knowing(UNHEARD, ASKED, facts=KNOWN, callback_at=NOW + timedelta(hours=hours))
    assert opening(brief) == f"{WHO} {said} {ABOUT} How soon would you like to move?"


def test_what_we_promised_ourselves_was_not_asked_for() -> None:
    assert f"We last spoke on Tuesday, November tenth {ABOUT}" in opening(knowing(TALKED, callback_at=NOW))


STALE = {"timeline": "3", "price": "450000"}


async def test_what_was_told_long_ago_is_confirmed() -> None:
    held = await talk(knowing(TALKED, facts=KNOWN, stale=STALE), ["Yes, that's right", "yes", "no"])
    assert held.texts[0].endswith(f"{ABOUT} Last time you said about three months. Is that still right?")
    assert held.texts[1] == "Understood. Last time you had about 450,000 dollars in mind. Is that still right?"
    assert held.texts[2] == "Got it. Are you already working with another agent?"
    assert held.outcome.facts["timeline"] == "3"
    assert held.outcome.facts["price"] == "450000"
    assert held.outcome.told == ("agent", "price", "timeline")
    assert not any(reply.fixed for reply in held.replies[:2])


async def test_what_has_changed_takes_the_place_of_what_was_told() -> None:
    held = await talk(knowing(TALKED, facts=KNOWN, stale=STALE), ["No, more like six months now", "yes"])
    assert held.outcome.facts["timeline"] == "6"


async def test_a_bare_no_is_followed_by_the_open_question() -> None:
    held = await talk(knowing(TALKED, facts=KNOWN, stale=STALE), ["no", "six months"])
    assert held.texts[1] == "Understood. Roughly how many months from now would that be?"
    assert held.outcome.facts["timeline"] == "6"
    silent = await talk(knowing(TALKED, facts=KNOWN, stale=STALE), ["purple monkey", "no", None])
    assert "timeline" not in silent.outcome.facts


async def test_a_yes_confirms_and_does_not_answer_the_question_behind() -> None:
    """ "Yes" to "you had no other agent" is no yes to "are you working with another agent"."""
    facts = {**KNOWN, "timeline": "3", "price": "450000"}
    brief = knowing(TALKED, facts=facts, stale={"agent": "none", "financing": "paid_off"})
    held = await talk(brief, ["yes", "yes"])
    assert held.texts[0].endswith("Last time you had no other agent. Is that still right?")
    assert held.texts[1] == "Understood. Last time the home was paid off. Is that still right?"
    assert (held.outcome.facts["agent"], held.outcome.facts["financing"]) == ("none", "paid_off")


@pytest.mark.parametrize(
    ("question", "stale", "said"),
    [
        (Question.TIMELINE, {"timeline": "1"}, "Last time you said about one month. Is that still right?"),
        (Question.TIMELINE, {"timeline": "open"}, "Last time you were in no hurry. Is that still right?"),
        (Question.SEARCH, {"budget": "600000"},
         "Last time you had about 600,000 dollars in mind. Is that still right?"),
        (Question.SEARCH, {"area": "Boulder"}, "Last time you were looking in Boulder. Is that still right?"),
        (Question.MOTIVATION, {"motivation": "personal"},
         "Last time you told us your reason for a move. Is that still right?"),
        (Question.AGENT, {"agent": "signed"}, ""),
        (Question.TIMELINE, {"timeline": "unknown"}, ""),
        (Question.PRICE, {"price": "unknown"}, ""),
        (Question.AREA, {"area": "unknown"}, ""),
        (Question.MOTIVATION, {"motivation": "unknown"}, ""),
        (Question.SLOT, {"timeline": "3"}, ""),
    ],
)  # fmt: skip
def test_how_it_is_confirmed(question: Question, stale: dict[str, str], said: str) -> None:
    assert confirmation(question, knowing(TALKED, brief=BUYER, stale=stale))[1] == said


async def test_an_objection_is_not_answered_from_the_start() -> None:
    brief = knowing(TALKED, facts=KNOWN, objections={"just_looking": 1, "of_another_playbook": 2})
    held = await talk(brief, ["just looking", "just looking"])
    handling = HANDLINGS[Objection.JUST_LOOKING]
    assert held.texts[1:] == [handling.tries[1].text, handling.exit.replace("Goodbye.", BYE)]
    assert held.acts == (EndCall("not_interested"),)
    assert held.outcome.objections == {"just_looking": 2}
    unmet = start(brief).wrap_up(ended_by=EndedBy.LEAD, now=NOW)
    assert unmet.objections == {}


def test_a_machine_is_told_from_a_person_whoever_is_known() -> None:
    facts = {**KNOWN, "price": "450000", "agent": "none", "financing": "cash", "timeline": "2"}
    dialogue = start(knowing(TALKED, facts=facts))
    dialogue.opening(now=NOW)
    assert dialogue.cannot_wait(heard("Please leave a message after the tone."))


async def test_who_only_says_hello_is_not_qualified_by_what_was_known() -> None:
    facts = {**KNOWN, "price": "450000", "agent": "none", "financing": "cash", "timeline": "2"}
    held = await talk(knowing(TALKED, facts=facts), ["hello?"], ended_by=EndedBy.LEAD)
    assert (held.outcome.disposition, held.outcome.told) == (Disposition.HUNG_UP, ())


async def test_somebody_else_stands_in() -> None:
    held = await talk(SELLER, ["She's not here, this is her husband", "tomorrow at five"])
    assert held.outcome.stood_in
    assert held.outcome.disposition is Disposition.CALLBACK_REQUESTED
    assert not (await talk(SELLER, ["yes"])).outcome.stood_in


def test_a_colleague_hears_what_came_of_the_last_talk() -> None:
    assert whispered(SELLER, None) == "A call from Maria Lopez about selling Maple Street."
    said = whispered(knowing(UNHEARD, TALKED), None)
    assert said == (
        "A call from Maria Lopez about selling Maple Street. "
        "We last spoke on November tenth, twenty twenty six: The call ended."
    )


def test_a_snapshot_keeps_what_came_from_before() -> None:
    brief = knowing(TALKED, facts=KNOWN, stale=STALE, objections={"spouse": 1})
    dialogue = start(brief)
    dialogue.opening(now=NOW)
    state = load(dialogue.snapshot())
    assert (state.confirming, state.carried, state.met, state.told) == (
        "timeline", {Objection.SPOUSE: 1}, {}, frozenset()
    )  # fmt: skip
