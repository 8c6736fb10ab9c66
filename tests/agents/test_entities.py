"""Facts in a turn, and which slot was meant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agents.domain import entities
from agents.domain.entities import Financing, Motivation
from agents.domain.numbers import digits, in_words, ordinal_in_words
from agents.domain.slots import Choice, choose
from agents.domain.text import clauses, fluent, normalise

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
TUESDAY_10 = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
WEDNESDAY_14 = datetime(2026, 11, 25, 21, 0, tzinfo=UTC)
FRIDAY_9 = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
WEDNESDAY_LATER = datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
THURSDAY_LATER = datetime(2026, 12, 3, 17, 0, tzinfo=UTC)
FREE = (TUESDAY_10, WEDNESDAY_14, FRIDAY_9)


@pytest.mark.parametrize(
    ("said", "asked", "volunteered"),
    [
        ("four fifty", 450_000, None),
        ("450 thousand", 450_000, 450_000),
        ("four hundred and fifty thousand", 450_000, 450_000),
        ("450k", 450_000, 450_000),
        ("$450,000 or so", 450_000, 450_000),
        ("$4.50", 450_000, 450_000),
        ("1.2 million", 1_200_000, 1_200_000),
        ("one point two million", 1_200_000, 1_200_000),
        ("one million two hundred thousand", 1_200_000, 1_200_000),
        ("half a million", 500_000, 500_000),
        ("a million", 1_000_000, 1_000_000),
        ("six to seven hundred thousand", 700_000, 700_000),
        ("between 400 and 450", 450_000, None),
        ("a budget of around 300", 300_000, 300_000),
        ("eight hundred", 800_000, None),
        ("three bedrooms", None, None),
        ("two", None, None),
        ("9000000000000", None, None),
        ("I don't know", None, None),
    ],
)
def test_money(said: str, asked: int | None, volunteered: int | None) -> None:
    assert entities.money(said, asked=True) == asked
    assert entities.money(said) == volunteered


@pytest.mark.parametrize(
    ("said", "months"),
    [
        ("three months", 3), ("in a couple of months", 2), ("a few months", 3), ("six weeks", 2), ("two weeks", 1),
        ("half a year", 6), ("as soon as possible", 1), ("next month", 1), ("next year", 12), ("in the spring", 5),
        ("by March", 4), ("March", 4), ("November", 12), ("two to three months", 3), ("a year or so", 12),
        ("end of the year", 1), ("this fall", 11), ("two years", 24), ("900 years", None), ("no rush", None),
    ],
)  # fmt: skip
def test_timeline(said: str, months: int | None) -> None:
    assert entities.timeline_months(said, now=NOW, asked=True) == months


def test_a_timeline_without_a_date() -> None:
    assert entities.no_timeline("Oh, no rush at all.")
    assert not entities.no_timeline("in a rush")


@pytest.mark.parametrize(
    ("said", "motivation"),
    [
        ("I got a new job", Motivation.JOB), ("can't afford the payments", Motivation.FINANCES),
        ("we inherited it", Motivation.INHERITED), ("too big for us now", Motivation.SPACE),
        ("I'm retiring", Motivation.RETIREMENT), ("tired of renting", Motivation.OWN_HOME),
        ("an investment", Motivation.INVESTMENT), ("just curious", Motivation.CURIOSITY),
        ("closer to the city", Motivation.PLACE), ("we're having a baby", Motivation.PERSONAL),
        ("getting divorced", Motivation.PERSONAL), ("blue", None),
    ],
)  # fmt: skip
def test_motivation(said: str, motivation: Motivation | None) -> None:
    assert entities.motivation(said) == motivation


@pytest.mark.parametrize(
    ("said", "financing"),
    [
        ("we are pre-approved", Financing.PRE_APPROVED), ("I'm not pre-approved yet", Financing.LENDER_NEEDED),
        ("cash", Financing.CASH), ("it's paid off", Financing.PAID_OFF), ("no mortgage", Financing.PAID_OFF),
        ("we still owe 200 thousand", Financing.MORTGAGE), ("I have to sell my condo first", Financing.SELL_FIRST),
        ("I need a loan", Financing.LENDER_NEEDED), ("blue", None),
    ],
)  # fmt: skip
def test_financing(said: str, financing: Financing | None) -> None:
    assert entities.financing(said) == financing


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("In Oakland, up to 600k", "Oakland"), ("near San Jose", "San Jose"), ("oakland", "Oakland"),
        ("the north side of town", "the north side of town"), ("four hundred thousand", None),
        ("I don't know", None), ("in March on Tuesday", None),
    ],
)  # fmt: skip
def test_location(said: str, place: str | None) -> None:
    if said == "in March on Tuesday":
        assert entities.location(said) is None
    else:
        assert entities.location(said, asked=True) == place


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("the first one", Choice(taken=TUESDAY_10)),
        ("the second", Choice(taken=WEDNESDAY_14)),
        ("Wednesday works", Choice(taken=WEDNESDAY_14)),
        ("ten is fine", Choice(taken=TUESDAY_10)),
        ("two p.m.", Choice(taken=WEDNESDAY_14)),
        ("tomorrow", Choice(taken=TUESDAY_10)),
        ("the afternoon", Choice(taken=WEDNESDAY_14)),
        ("either one", Choice(taken=TUESDAY_10)),
        ("I can't do Tuesday, Wednesday is good", Choice(taken=WEDNESDAY_14)),
        ("yes", Choice(unclear=True)),
        ("neither works", Choice(refused=True)),
        ("I can't make either", Choice(refused=True)),
        ("how about Friday", Choice(refused=True, asked_for=(FRIDAY_9,))),
        ("Saturday at six", Choice(refused=True)),
        ("no thanks", Choice(refused=True, outright=True)),
        ("no", Choice(refused=True, outright=True)),
        ("the Tuesday one", Choice(taken=TUESDAY_10)),
        ("Tuesday, no, that is my class, Wednesday", Choice(taken=WEDNESDAY_14)),
        ("Tuesday I am at work all day, let us do the other", Choice(taken=WEDNESDAY_14)),
        ("the other one", Choice()),
        ("no, neither of them", Choice(refused=True)),
        ("the week after", Choice(refused=True)),
        ("later this week", Choice(refused=True, asked_for=(FRIDAY_9,))),
        ("what a lovely day it is", Choice()),
        ("", Choice()),
    ],
)
def test_choice(said: str, choice: Choice) -> None:
    zone = ZoneInfo("America/Denver")

    assert choose(said, FREE[:2], free=FREE, zone=zone, now=NOW) == choice


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("Wednesday works", Choice(taken=WEDNESDAY_LATER)),
        ("next Wednesday", Choice(taken=WEDNESDAY_LATER)),
        ("Wednesday, December second", Choice(taken=WEDNESDAY_LATER)),
        ("Thursday the third", Choice(taken=THURSDAY_LATER)),
        ("the second", Choice(taken=THURSDAY_LATER)),
        ("this Wednesday", Choice(refused=True, asked_for=(WEDNESDAY_14,))),
        ("next week is better", Choice(unclear=True, asked_for=(WEDNESDAY_LATER, THURSDAY_LATER))),
        ("Friday", Choice(refused=True, asked_for=(FRIDAY_9,))),
    ],
)
def test_a_weekday_is_the_offered_one_however_far_ahead(said: str, choice: Choice) -> None:
    offered = (WEDNESDAY_LATER, THURSDAY_LATER)

    assert choose(said, offered, free=(*FREE, *offered), zone=ZoneInfo("America/Denver"), now=NOW) == choice


def test_of_two_mondays_the_person_is_asked_which() -> None:
    offered, zone = (WEDNESDAY_14, WEDNESDAY_LATER), ZoneInfo("America/Denver")

    assert choose("Wednesday", offered, free=offered, zone=zone, now=NOW) == Choice(unclear=True, asked_for=offered)
    assert choose("Wednesday at three", offered, free=offered, zone=zone, now=NOW) == Choice(taken=WEDNESDAY_LATER)


def test_a_single_offer_is_taken_by_a_yes() -> None:
    zone = ZoneInfo("America/Denver")

    assert choose("sounds good", FREE[:1], free=FREE, zone=zone, now=NOW) == Choice(taken=TUESDAY_10)
    assert choose("either", (), free=FREE, zone=zone, now=NOW) == Choice()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Um, I don't know. You know?", ("i dont know",)),
        ("Uh-huh. [BLANK_AUDIO]", ("yes",)),
        ("Thanks for watching!", ()),
        ("I cannot; I am not — okay?", ("i cant", "im not", "ok")),
        ("10:30 a.m., $1,200.50", ("10:30 am", "$1200.50")),
        ("¿Qué?", ("que",)),
    ],
)
def test_normalisation(text: str, pieces: tuple[str, ...]) -> None:
    assert clauses(text) == pieces
    assert normalise(text) == " ".join(pieces)


@pytest.mark.parametrize(
    ("text", "flowing"),
    [
        ("Cherry er, Creek, uh, four hundred", "Cherry Creek, four hundred"),
        ("I meant, um, six you know, months", "I meant, six months"),
        ("Mm-hmm, yes. Uh uh.", "Mm-hmm, yes. Uh uh."),
        ("do you know, she is out", "do you know, she is out"),
    ],
)
def test_fillers_cut_no_sentence(text: str, flowing: str) -> None:
    assert fluent(text) == flowing


@pytest.mark.parametrize(
    ("words", "figures"),
    [
        ("twenty third of may", "23rd of may"), ("twenty twenty six", "20 26"), ("a hundred", "100"),
        ("two hundred and five", "205"), ("two hundred and", "200 and"), ("one point", "1"), ("thirtieth", "30th"),
        ("three thousand and one", "3001"), ("fourty two", "42"), ("450 k", "450000"), ("$2 million", "$2000000"),
        ("twelfth", "12th"), ("nine" * 3, "nine" * 3),
    ],
)  # fmt: skip
def test_number_words(words: str, figures: str) -> None:
    assert digits(words) == figures


def test_numbers_for_the_ear() -> None:
    assert [in_words(value) for value in (0, 19, 40, 45, 300, 1905)] == [
        "zero", "nineteen", "forty", "forty five", "three hundred", "nineteen oh five",
    ]  # fmt: skip
    assert [ordinal_in_words(value) for value in (1, 20, 21, 30, 31)] == [
        "first", "twentieth", "twenty first", "thirtieth", "thirty first",
    ]  # fmt: skip
