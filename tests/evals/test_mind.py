"""What a person of YAML says, tells and takes."""

# ruff: noqa: DTZ001 - a clock on the wall has no zone

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from evals.mind import PersonsMind, wished
from evals.noise import Noise
from evals.person import Person

NOW = datetime(2026, 11, 10, 12, 0)
OFFER = "I have tomorrow at ten A M or Thursday at two P M. Which works better?"
BUYERS = {"area": {"Lakewood": ["Lakewood."]}, "budget": {"350000": ["Three fifty."]}}


def mind(**fields: Any) -> PersonsMind:
    person = Person.model_validate({"id": "somebody", "expects": {"disposition": "hung_up"}, **fields})
    return PersonsMind(person, random.Random(3), Noise.CLEAN)


def says(one: PersonsMind, agent: str) -> str | None:
    return one.answer(agent, local=NOW, waited_s=6.0).text


def test_an_answer_tells_its_fact() -> None:
    one = mind(answers={"timeline": {"2": ["In two months."]}})
    assert says(one, "Got it. How soon would you like to move?") == "In two months."
    assert one.told.facts == {"timeline": "2"}


def test_what_nobody_knows_tells_nothing() -> None:
    one = mind(answers={"price": {"unknown": ["No idea."]}})
    assert says(one, "What price do you have in mind?") == "No idea."
    assert one.told.facts == {}


def test_two_things_asked_at_once() -> None:
    one = mind(answers=BUYERS)
    assert (
        says(one, "Which area are you looking in, and what budget do you have in mind?") == "Lakewood, Three fifty."
    )
    assert one.told.facts == {"area": "Lakewood", "budget": "350000"}


def test_a_topic_that_is_half_known_is_not_answered_as_both() -> None:
    one = mind(answers={"area": BUYERS["area"]})
    assert says(one, "Which area are you looking in, and what budget do you have in mind?") == "Lakewood."


@pytest.mark.parametrize(
    ("value", "text", "taken"),
    [
        ("first", "{first}, please.", datetime(2026, 11, 11, 10, 0)),
        ("second", "{second_day} is better.", datetime(2026, 11, 12, 14, 0)),
        ("either", "You choose.", datetime(2026, 11, 11, 10, 0)),
    ],
)
def test_a_time_that_is_taken(value: str, text: str, taken: datetime) -> None:
    one = mind(answers={"slot": {value: [text]}})
    said = text.format(first="tomorrow at ten", second_day="Thursday")
    assert says(one, OFFER) == said
    assert one.told.taken == taken


def test_a_time_that_is_not_taken() -> None:
    one = mind(answers={"slot": {"neither": ["Neither."]}})
    assert says(one, OFFER) == "Neither."
    assert (one.told.taken, one.told.callback) == (None, None)


def test_a_line_of_their_own_and_then_the_answer() -> None:
    line = {"turn": 2, "says": ["Sorry, the bus."], "answers_too": True, "means": {"agent": "none"}}
    one = mind(answers={"timeline": {"2": ["In two months."]}}, lines=[line])
    assert says(one, "How soon would you like to move?") == "In two months."
    assert says(one, "How soon would you like to move?") == "Sorry, the bus. In two months."
    assert one.told.facts == {"timeline": "2", "agent": "none"}


def test_without_room_for_a_time() -> None:
    one = mind(answers={"callback_pick": {"first": ["{first}."]}})
    assert says(one, "Which is better?") == "that time."
    assert one.told.taken is None


def test_keys_silence_and_leaving() -> None:
    one = mind(lines=[{"turn": 1, "presses": "9"}], silent_from=2, leaves_at=2)
    assert one.answer("Are you there?", local=NOW, waited_s=6.0).key == "9"
    assert one.over("A word.", local=NOW) is None
    left = one.over("And another one.", local=NOW)
    assert left is not None
    assert (left.hangs_up, left.over_after_s) == (True, 1.0)
    assert [one.answer("Hm?", local=NOW, waited_s=9.0).hangs_up for _ in range(3)] == [False, False, True]


def test_talking_over_the_agent() -> None:
    one = mind(lines=[{"barge_in": True, "after_s": 2, "says": ["Stop calling."]}])
    over = one.over("word " * 20, local=NOW)
    assert over is not None
    assert (over.text, over.over_after_s) == ("Stop calling.", 2)
    assert one.over("word " * 20, local=NOW) is None


def test_a_silence_rule() -> None:
    one = mind(lines=[{"silence_s": 5, "says": ["Hello?"]}])
    assert says(one, "") == "Hello?"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("+20m", NOW + timedelta(minutes=20)),
        ("+1d 10:00", datetime(2026, 11, 11, 10, 0)),
        ("tue 13:30", datetime(2026, 11, 17, 13, 30)),
        ("fri 10:00", datetime(2026, 11, 13, 10, 0)),
        ("2026-11-20 10:00", datetime(2026, 11, 20, 10, 0)),
    ],
)
def test_a_time_to_call(value: str, meant: datetime) -> None:
    assert wished(value, NOW) == meant
    one = mind(answers={"callback": {value: ["Then."]}})
    assert says(one, "When is a good time to call you back?") == "Then."
    assert one.told.callback == meant
    assert one.told.slack == (timedelta(minutes=1) if value == "+20m" else timedelta(0))


def test_who_was_not_understood_says_it_again_once() -> None:
    one = mind(lines=[{"turn": 1, "says": ["Call me on Friday."]}])
    assert says(one, "Are you still thinking about selling?") == "Call me on Friday."
    assert says(one, "Sorry, I did not get that. Are you selling?") == "Call me on Friday."
    assert says(one, "Sorry, I did not get that. Are you selling?") == "Sorry?"


@pytest.mark.parametrize(
    ("read_back", "answer"),
    [
        ("We would call you Friday at ten A M. Is that right?", "Yes."),
        ("We would call you today at ten P M. Is that right?", "No. Friday at ten, please."),
        ("That is Friday, November thirteenth, at two P M, your time. Is that right?", "No. Friday at ten, please."),
    ],
)
def test_who_hears_another_time_read_back_says_theirs_again(read_back: str, answer: str) -> None:
    one = mind(answers={"callback": {"fri 10:00": ["Friday at ten, please."]}, "confirm": {"yes": ["Yes."]}})
    assert says(one, "When is a good time to call you back?") == "Friday at ten, please."
    assert says(one, read_back) == answer
