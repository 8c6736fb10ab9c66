"""Intents, objections, yes and no; the last measured on sentences that others wrote."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agents.domain import entities
from agents.domain.intents import Answer, Intent, Objection, answer, read
from agents.domain.scoring import Reason, ScoreWeights, qualified, rating, score_reasons, total
from agents.domain.text import normalise
from agents.domain.times import instant

SGD = Path(__file__).resolve().parents[3] / "shared" / "dialogue" / "sgd_homes.jsonl"


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("You got the wrong number", Intent.WRONG_NUMBER), ("he doesn't live here", Intent.WRONG_NUMBER),
        ("Am I speaking with a robot?", Intent.ROBOT_QUESTION), ("is this AI", Intent.ROBOT_QUESTION),
        ("who is calling please", Intent.WHO_IS_THIS), ("what's this about", Intent.WHO_IS_THIS),
        ("where'd you get my information", Intent.HOW_GOT_NUMBER), ("who gave you my number", Intent.HOW_GOT_NUMBER),
        ("can I speak to a human", Intent.PERSON_REQUEST), ("have someone call me", Intent.PERSON_REQUEST),
        ("I'm working with a realtor", Intent.HAS_AGENT), ("my sister is an agent", Intent.HAS_AGENT),
        ("we're under contract", Intent.SIGNED), ("I'm a realtor myself", Intent.SIGNED),
        ("we don't have an agent", Intent.NO_AGENT), ("we haven't signed anything", Intent.NO_AGENT),
        ("I can't talk right now", Intent.BAD_TIME), ("this isn't a good time", Intent.BAD_TIME),
        ("give me a call back", Intent.CALLBACK), ("try me on Friday", Intent.CALLBACK),
        ("this is her husband", Intent.NOT_HERE), ("she's not home", Intent.NOT_HERE),
        ("alright, take care", Intent.GOODBYE), ("I gotta go", Intent.GOODBYE),
        ("Yes, this is she.", Intent.GREETING), ("hi there", Intent.GREETING),
        ("sorry what", Intent.REPEAT), ("you're breaking up", Intent.REPEAT),
        ("do you speak Spanish", Intent.OTHER_LANGUAGE),
        ("leave your message after the beep", Intent.VOICEMAIL), ("please record your message", Intent.VOICEMAIL),
        ("the mailbox is full", Intent.VOICEMAIL),
        ("please state your name and why you're calling", Intent.SCREENING),
        ("I'm using a call screening service", Intent.SCREENING),
        ("one moment please", Intent.HOLD), ("which areas have no immigrants", Intent.FAIR_HOUSING),
        ("I'd prefer a white neighborhood", Intent.FAIR_HOUSING), ("I'm not really sure", Intent.DO_NOT_KNOW),
        ("can we set up a meeting", Intent.APPOINTMENT),
    ],
)  # fmt: skip
def test_intents(said: str, intent: Intent) -> None:
    assert intent in read(normalise(said)).intents


@pytest.mark.parametrize(
    "said",
    ["three months", "four hundred thousand", "Tuesday works", "we want a bigger yard", "near the white house"],
)
def test_plain_answers_have_no_intent(said: str) -> None:
    assert read(normalise(said)) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("said", "kept"),
    [("I'm not working with an agent", {Intent.NO_AGENT}), ("we have an agent", {Intent.HAS_AGENT})],
)
def test_an_agent_denied_is_no_agent(said: str, kept: set[Intent]) -> None:
    assert read(normalise(said)).intents == kept


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Yes I am", Answer.YES), ("uh-huh", Answer.YES), ("sure, why not", Answer.YES), ("no problem", Answer.YES),
        ("that would be great", Answer.YES), ("maybe", Answer.YES), ("Yeah, no.", Answer.NO), ("nope", Answer.NO),
        ("not really", Answer.NO), ("uh-uh", Answer.NO), ("no, that's fine", Answer.NO), ("I haven't", Answer.NO),
        ("purple", None), ("", None), ("right now I live in Boston", None),
    ],
)  # fmt: skip
def test_yes_and_no(said: str, expected: Answer | None) -> None:
    assert answer(normalise(said)) == expected


def test_every_objection_has_words_of_its_own() -> None:
    said = {
        "I'm not interested": Objection.NOT_INTERESTED, "we already bought one": Objection.ALREADY_DONE,
        "I'm just browsing": Objection.JUST_LOOKING, "not yet": Objection.NOT_READY,
        "can you text me the details": Objection.SEND_INFORMATION, "how much is it worth": Objection.WORTH,
        "what's your commission": Objection.COMMISSION, "interest rates are crazy": Objection.RATES,
        "I need to talk to my husband": Objection.SPOUSE, "for sale by owner": Objection.SELF_SELLING,
        "waiting for prices to come down": Objection.WAIT_MARKET, "we must sell ours first": Objection.SELL_FIRST,
        "we wouldn't know where to go": Objection.NOWHERE_TO_GO,
    }  # fmt: skip

    assert {text: set(read(normalise(text)).objections) for text in said} == {
        text: {kind} for text, kind in said.items()
    }
    assert set(said.values()) == set(Objection)


FULL = {
    "interested": "yes",
    "timeline": "3",
    "motivation": "job",
    "financing": "cash",
    "agent": "none",
    "area": "Oakland",
    "budget": "500000",
}


@pytest.mark.parametrize(
    ("change", "points"),
    [
        ({}, 90), ({"timeline": "6"}, 83), ({"timeline": "12"}, 73), ({"timeline": "13"}, 65),
        ({"timeline": "open"}, 65),
        ({"motivation": "personal"}, 82), ({"motivation": "space"}, 82), ({"motivation": "curiosity"}, 74),
        ({"motivation": "unknown"}, 70), ({"financing": "mortgage"}, 80), ({"financing": "unknown"}, 70),
        ({"agent": "informal"}, 75), ({"budget": "unknown"}, 85), ({"area": "unknown", "budget": "unknown"}, 80),
    ],
)  # fmt: skip
def test_score(change: dict[str, str], points: int) -> None:
    assert total(score_reasons({**FULL, **change}, booked=False)) == points
    assert total(score_reasons({**FULL, **change}, booked=True)) == points + 10


@pytest.mark.parametrize(
    ("facts", "booked", "reasons"),
    [
        (
            FULL,
            True,
            [
                ("timeline", "Wants to move within 3 months", 25, 25),
                ("motivation", "Has a reason that presses: job", 20, 20),
                ("financing", "Pays cash", 20, 20),
                ("agent", "Has no other agent", 15, 15),
                ("area_and_price", "Told the area and the budget", 10, 10),
                ("appointment", "Booked an appointment", 10, 10),
            ],
        ),
        (
            {"timeline": "18", "motivation": "own_home", "financing": "sell_first", "agent": "some", "price": "1"},
            False,
            [
                ("timeline", "Wants to move in more than 12 months", 0, 25),
                ("motivation", "Has a reason: own home", 12, 20),
                ("financing", "Has to sell first", 10, 20),
                ("agent", "Has another agent", 0, 15),
                ("area_and_price", "Told the price", 5, 10),
                ("appointment", "No appointment booked", 0, 10),
            ],
        ),
        (
            {"timeline": "open", "motivation": "curiosity", "financing": "unknown", "area": "unknown"},
            False,
            [
                ("timeline", "In no hurry", 0, 25),
                ("motivation", "Is curious", 4, 20),
                ("financing", "Nothing told of the finances", 0, 20),
                ("agent", "Not told whether there is another agent", 0, 15),
                ("area_and_price", "Neither area nor price told", 0, 10),
                ("appointment", "No appointment booked", 0, 10),
            ],
        ),
    ],
)
def test_a_score_says_why(facts: dict[str, str], booked: bool, reasons: list[tuple[str, str, int, int]]) -> None:
    found = score_reasons(facts, booked=booked)

    assert found == tuple(Reason(*one) for one in reasons)
    assert sum(one.points for one in found) == total(found)


def test_weights_can_be_changed_and_the_score_is_capped() -> None:
    assert total(score_reasons(FULL, booked=True, weights=ScoreWeights(appointment=90))) == 100
    assert [rating(points) for points in (70, 69, 40, 39)] == ["hot", "warm", "warm", "cold"]


@pytest.mark.parametrize(
    ("change", "points", "expected"),
    [
        ({}, 40, True), ({}, 39, False), ({"interested": ""}, 90, False), ({"agent": "signed"}, 90, False),
        ({"timeline": "open", "motivation": "unknown"}, 90, False), ({"timeline": "open"}, 90, True),
    ],
)  # fmt: skip
def test_qualified(change: dict[str, str], points: int, expected: bool) -> None:
    assert qualified({**FULL, **change}, points) is expected


@pytest.fixture(scope="module")
def turns() -> list[dict[str, Any]]:
    if not SGD.exists():
        pytest.skip(f"{SGD.name} is not here: it is measured on, and not part of the project")
    lines = SGD.read_text(encoding="utf-8").splitlines()
    return [turn for line in lines for turn in json.loads(line)["turns"] if turn["speaker"] == "user"]


def test_real_sentences_of_assent_are_understood(turns: list[dict[str, Any]]) -> None:
    said = [turn["text"] for turn in turns if turn.get("acts") == ["AFFIRM"]]

    understood = sum(answer(normalise(text)) is Answer.YES for text in said)
    assert len(said) > 200
    assert understood / len(said) >= 0.95


def test_dates_in_real_sentences_are_understood(turns: list[dict[str, Any]]) -> None:
    said = [
        turn["text"]
        for turn in turns
        if any(date.lower() in turn["text"].lower() for date in (turn.get("slots") or {}).get("visit_date", ()))
    ]
    now, zone = datetime(2019, 2, 27, 18, 0, tzinfo=UTC), ZoneInfo("America/Los_Angeles")

    assert len(said) > 400
    assert [text for text in said if instant(text, now=now, zone=zone, bare_hour=True) is None] == []


def test_places_in_real_sentences_are_understood(turns: list[dict[str, Any]]) -> None:
    said = [
        (turn["text"], areas)
        for turn in turns
        if turn.get("acts") == ["INFORM"]
        and (areas := (turn.get("slots") or {}).get("area"))
        and any(area.lower() in turn["text"].lower() for area in areas)
    ]

    found = sum(
        (entities.location(text, asked=True) or "").lower() in {area.lower() for area in areas}
        for text, areas in said
    )
    assert len(said) > 100
    assert found / len(said) >= 0.8


def test_real_sentences_are_seldom_taken_for_another_turn_of_the_call(turns: list[dict[str, Any]]) -> None:
    ending = {Intent.WRONG_NUMBER, Intent.SIGNED, Intent.VOICEMAIL, Intent.FAIR_HOUSING, Intent.HOW_GOT_NUMBER}
    taken = [turn["text"] for turn in turns if ending & read(normalise(turn["text"])).intents]

    assert taken == []
