"""What is wrong with a script is refused when it is saved, with its place and the fix."""

from typing import Any

import pytest
import yaml

from agents.domain.forbidden import wrong_with
from agents.domain.script import DEFAULT_SCRIPT
from agents.domain.script_checks import problems
from agents.script_document import MAX_BYTES, ScriptError, document_of, read, spoken_script, written

Document = dict[str, Any]
DEFAULT = written(DEFAULT_SCRIPT)
SELL = "questions__sell"


def changed(**changes: Any) -> str:
    """The built-in document as text, with parts replaced (``a__0__b``); None takes a part out."""
    document = document_of(DEFAULT_SCRIPT)
    for path, value in changes.items():
        *way, last = [int(name) if name.isdecimal() else name for name in path.split("__")]
        part: Any = document
        for name in way:
            part = part[name]
        if value is None:
            del part[last]
        else:
            part[last] = value
    return yaml.safe_dump(document, sort_keys=False)


def said_of(text: str) -> list[str]:
    with pytest.raises(ScriptError) as refused:
        read(text)
    assert str(refused.value).splitlines() == [str(one) for one in refused.value.problems]
    return [str(one) for one in refused.value.problems]


def tried(*tries: Document, exit_: str = "Goodbye.") -> Document:
    return {"tries": list(tries), "exit": exit_}


LONG = " ".join(["word"] * 31)
INTEREST, AGENT, SLOT = {"ask": "interest"}, {"ask": "agent"}, {"ask": "slot"}
MOTIVATION = {"ask": "motivation"}
OWN = {"ask": "solar_panels", "kind": "yes_no", "wordings": ["Solar panels?"]}
NINE = [{"ask": f"own_{n}", "kind": "text", "wordings": ["So?"]} for n in range(9)]
ASKED = ("motivation", "timeline", "price", "agent", "financing")
POINTS = document_of(DEFAULT_SCRIPT)["score"]["weights"]


def test_the_built_in_script_has_no_problem() -> None:
    assert problems(DEFAULT_SCRIPT) == []
    assert spoken_script(DEFAULT) is spoken_script(DEFAULT)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lines": None}, "lines: It is missing: add it, as the built-in script has it."),
        ({"questions__sell__1__ask": None},
         "questions.sell[1].ask: It is missing: add it, as the built-in script has it."),
        ({"objections__rates__exit": None},
         "objections.rates.exit: It is missing: add it, as the built-in script has it."),
        ({"objections__rates": None}, "objections.rates: It is missing: every objection needs an answer."),
        ({"greeting": "Hi"}, "greeting: It is not known: take it out, or correct its name."),
        ({"questions__sell__1__wordings": []},
         "questions.sell[1].wordings: List should have at least 1 item after validation, not 0."),
        ({"questions__sell__1__most": 9}, "questions.sell[1].most: Input should be less than or equal to 3."),
        ({"score__hot_from": "70"}, "score.hot_from: Input should be a valid integer."),
        ({"questions__sell__1__ask": "motivatoin"},
         "questions.sell[1].ask: 'motivatoin' is not known: did you mean 'motivation'? One of your own needs a "
         "kind."),
        ({"questions__sell__3__ask": "budget"},
         "questions.sell[3].ask: 'budget' is not known: use one of interest, motivation, timeline, price, agent, "
         "financing, slot, callback, property, condition, decision_makers, payoff. One of your own needs a kind."),
        ({"objections__worht": tried()}, "objections.worht: It is no objection that is known: did you mean 'worth'?"),
        ({"objections__worth": tried({"say": "Shall we?", "on_yes": "slott"})},
         "objections.worth.tries[0].on_yes: 'slott' is no next step: did you mean 'slot'?"),
        ({"objections__worth": tried({"say": "Well.", "then": "xyz"})},
         "objections.worth.tries[0].then: 'xyz' is no next step: use one of motivation, timeline, price, agent, "
         "financing, search, area, budget, interest, slot, callback."),
        ({"objections__worth": tried({"say": "Well.", "then": "price", "on_yes": "slot"})},
         "objections.worth.tries[0]: then asks a question, so there is no yes to this text: take one of them out."),
        ({"objections__worth": tried({"say": "Yes?", "on_yes": "slot", "callback_days": 3})},
         "objections.worth.tries[0]: A yes leads to one thing: take on_yes or callback_days out."),
        ({"objections__not_interested": tried({"say": "I see.", "then": "interest"})},
         "objections.not_interested: A no leads round in a circle: not_interested > question interest > "
         "not_interested. Let a try lead to slot or callback."),
        ({SELL: [INTEREST, MOTIVATION, AGENT, {"ask": "financing"}, {"ask": "timeline"}]},
         "questions.sell: Nothing leads to an appointment or a call back: end it with slot, or with callback."),
        ({"questions__sell__0": MOTIVATION, "questions__sell__1": INTEREST},
         "questions.sell: It has to begin with interest: nothing else is asked before a lead is interested."),
        ({"questions__sell__1": SLOT, "questions__sell__6": MOTIVATION},
         "questions.sell[1].ask: slot ends the plan: nothing after it is asked. Move it to the end."),
        ({"questions__sell__2": MOTIVATION},
         "questions.sell[2].ask: 'motivation' is asked already: keep one of the two, with more wordings."),
        ({"questions__sell__6__most": 2}, "questions.sell[6].most: slot has none of its own to set: take it out."),
        ({"questions__sell__1__kind": "text"},
         "questions.sell[1].kind: motivation has none of its own to set: take it out."),
        ({"questions__sell__3": {"ask": "solar_panels", "kind": "yes_no"}},
         "questions.sell[3].wordings: It is missing: write how the question is put."),
        ({"questions__sell__3": {**OWN, "words": 3}},
         "questions.sell[3].words: It is for the kind text alone: take it out."),
        ({"questions__sell__3": {**OWN, "kind": "colour"}},
         "questions.sell[3].kind: Input should be 'yes_no', 'number', 'money', 'timeline' or 'text'."),
        ({"questions__sell__3": {**OWN, "ask": "2 Cars"}},
         "questions.sell[3].ask: '2 Cars' is no name. A name has 3 to 30 small letters, digits and underscores, and "
         "begins with a letter."),
        ({"questions__sell__3": {**OWN, "ask": "wants_person"}},
         "questions.sell[3].ask: 'wants_person' is a fact of every call: choose another name."),
        ({"questions__sell__3": OWN, "questions__buy__3": {**OWN, "kind": "text", "wordings": ["Solar?"]}},
         "questions.buy[3].kind: 'solar_panels' is of another kind for sellers: give both the same."),
        ({"lines__bad_time": "Sorry, {lead_firstname}."},
         "lines.bad_time: {lead_firstname} is not known: did you mean '{lead_first_name}'?"),
        ({"lines__bad_time": "Sorry, {xyz}."},
         "lines.bad_time: {xyz} is not known: use one of {lead_first_name}, {street}, {company}, {agent_name}."),
        ({"lines__bad_time": "Sorry, {company!r}."},
         "lines.bad_time: {company} is not known: did you mean '{company}'?"),
        ({"lines__bad_time": "Sorry, {."},
         "lines.bad_time: A brace stands alone: write {lead_first_name}, {street}, {company}, {agent_name}, or no "
         "brace."),
        ({"lines__bad_time": LONG}, "lines.bad_time: It has 31 words: shorten it to 30 at most."),
        ({"lines__bad_time": " "}, "lines.bad_time: It is empty: write what is to be said."),
        ({"lines__bad_time": "Busy?"},
         "lines.bad_time: Nothing is asked here, since something else follows: take the question out."),
        ({"beside__callback": ["Tell me when."]},
         "beside.callback[0]: It has to end in its one question, with a question mark."),
        ({"questions__sell__1__wordings": ["Why? Why now?"]},
         "questions.sell[1].wordings[0]: It has to end in its one question, with a question mark."),
        ({"objections__worth": tried({"say": "It is worth 450 thousand. Shall we meet?", "on_yes": "slot"})},
         "objections.worth.tries[0].say: It names a price or a rate: leave the figure to an agent."),
        ({"objections__worth": tried(exit_="We guarantee a sale. Goodbye.")},
         "objections.worth.exit: It promises something ('guarantee'): say what an agent can look at or talk about "
         "instead."),
        ({"score__weights": {**POINTS, "appointment": 20}},
         "score.weights: They add up to 110, and a score ends at 100: take 10 away."),
        ({"questions__sell__3": {**OWN, "points": {"maybe": 3}}},
         "questions.sell[3].points.maybe: 'maybe' is no answer of yes_no: use one of yes, no."),
        ({"questions__sell__3": {**OWN, "points": {"up_to_6": 3}}},
         "questions.sell[3].points.up_to_6: 'up_to_6' is no answer of yes_no: use one of yes, no."),
        ({"questions__sell__3": {**OWN, "kind": "number", "points": {"upto_6": 3}}},
         "questions.sell[3].points.upto_6: 'upto_6' is no answer of number: did you mean 'up_to_6'?"),
        ({"questions__sell__3": {**OWN, "points": {"yes": -1}}},
         "questions.sell[3].points.yes: Input should be greater than or equal to 0."),
        ({"questions__sell__3": {**OWN, "points": 5}},
         "questions.sell[3].points: Input should be a valid dictionary."),
        ({"questions__sell__3": {**OWN, "points": {"yes": 5, "no": 8}}},
         "questions.sell: Its own questions bring 8 points and the weights 100, and a score ends at 100: take 8 "
         "away."),
        ({"questions__sell__1__points": {"told": 5}},
         "questions.sell[1].points: motivation has none of its own to set: take it out."),
        ({"score__warm_from": 70}, "score.warm_from: Warm has to begin below hot, which begins at 70."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_the_fix(changes: Document, says: str) -> None:
    assert says in said_of(changed(**changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {SELL: [INTEREST, MOTIVATION, AGENT, SLOT]},
            [
                "score.hot_from: The questions of sell bring 50 points at most, and it begins at 70: lower it, raise "
                "weights, or ask for more.",
            ],
        ),
        (
            {SELL: [INTEREST, {"ask": "price"}, {"ask": "callback"}]},
            [
                "questions.sell: It does not ask for another agent: who has signed with one may not be solicited. "
                "Add agent.",
                "questions.sell: Nobody is qualified without a reason or a timeline: add motivation or timeline.",
                "score.hot_from: The questions of sell bring 10 points at most, and it begins at 70: lower it, raise "
                "weights, or ask for more.",
                "score.qualified_from: The questions of sell bring 10 points at most before the appointment, and it "
                "begins at 40: lower it, raise weights, or ask for more.",
            ],
        ),
        (
            {"score__hot_from": 100, "score__weights__area_and_price": 9},
            [
                f"score.hot_from: The questions of {side} bring 99 points at most, and it begins at 100: lower it, "
                "raise weights, or ask for more."
                for side in ("sell", "buy")
            ],
        ),
        (
            {SELL: [INTEREST, *NINE, *[{"ask": one} for one in ASKED], SLOT]},
            ["questions.sell: It has 9 questions of its own: 8 at most, or the call becomes an interrogation."],
        ),
    ],
)  # fmt: skip
def test_what_a_plan_cannot_reach_is_refused(changes: Document, says: list[str]) -> None:
    assert said_of(changed(**changes)) == says


def test_all_mistakes_are_told_at_once() -> None:
    text = changed(lines__bad_time="{x}", beside__keep=["No"], objections__rates=None)
    assert [one.split(":")[0] for one in said_of(text)] == ["beside.keep[0]", "lines.bad_time", "objections.rates"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "document: It has no fields: begin with a copy of the built-in script."),
        ("- a", "document: It has no fields: begin with a copy of the built-in script."),
        ("a: [1", "line 1: It is not YAML: expected ',' or ']', but got '<stream end>'."),
        ("a: 1\na: 2", "line 2: It is not YAML: a is there twice."),
        ("a: &x 1\nb: *x", "document: It refers to itself with *: write the part out."),
        ("a: !!python/object:os.system 1",
         "line 1: It is not YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/object:os.system'."),
        ("[" * 5000 + "]" * 5000, "document: Its parts lie too deep in one another: see the built-in script."),
        ("a: " + "x" * MAX_BYTES, "document: It is longer than 64 KiB: shorten it."),
        ("\x00", "document: It is not YAML: unacceptable character #x0000"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(text: str, says: str) -> None:
    found = said_of(text)
    assert len(found) == 1
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("We can surely get you top dollar.", "promises"),
        ("You will save a lot.", "promises"),
        ("We sold homes near you within 20 days.", "promises"),
        ("Our commission is six percent.", "price"),
        ("Homes like yours go for $450,000.", "price"),
        ("I am a real person.", "person"),
        ("I am not a robot.", "person"),
        ("Do you have kids?", "Fair Housing"),
        ("What is your social security number?", "recorded"),
    ],
)
def test_what_may_not_be_said(text: str, word: str) -> None:
    assert [word in wrong for wrong in wrong_with(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "Would it be within three months, six months, or a year?",
        "An agent can look at the home and value it.",
        "Press nine at any time.",
        "I cannot give a figure.",
        "Does it have two bathrooms, or three?",
    ],
)
def test_what_may_be_said(text: str) -> None:
    assert wrong_with(text) == []
