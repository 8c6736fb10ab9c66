"""What is understood of people's own sentences, from many mouths: our own ones, and those that others wrote."""

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from time import thread_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.corrections import said
from agents.domain.opt_out import opts_out
from agents.domain.questions import Question
from agents.domain.text import normalise
from agents.domain.understanding import Context, understand
from bench.hearing.homes import HOMES, measured
from bench.hearing.measuring import NOW, Saying, measure, read_sayings, total, with_noise

SAYINGS = read_sayings()
GROUPS = defaultdict(list)
for one in SAYINGS:
    GROUPS[one.group].append(one)


@pytest.mark.parametrize("group", GROUPS)
def test_everything_that_is_said_is_understood_and_nothing_else(group: str) -> None:
    tallies = measure(GROUPS[group])

    assert [wrong for by_group in tallies.values() for tally in by_group.values() for wrong in tally.wrong] == []


def test_an_opt_out_is_never_missed_and_seldom_heard_in_vain() -> None:
    asked = [one.said for one in SAYINGS if "!opt_out" in one.wanted]
    hard = [one.said for one in SAYINGS if one.group == "not opt out"]

    assert (len(asked), len(hard)) == (150, 109)
    assert [text for text in asked if not opts_out(text)] == []
    assert [text for text in hard if opts_out(text)] == []


@pytest.mark.parametrize(
    ("kind", "floor"), [("slots", 0.97), ("labels", 0.97), ("objections", 0.97), ("answers", 0.9)]
)
def test_with_fillers_and_without_punctuation_most_of_it_is_understood_still(kind: str, floor: float) -> None:
    tally = total(measure(with_noise(SAYINGS, seeds=1))[kind].values())

    assert tally.f1 >= floor, tally.wrong


@pytest.mark.parametrize(
    ("name", "sentences", "floor"),
    [
        ("area", 2691, 0.97),
        ("bedrooms", 2691, 0.95),
        ("bathrooms", 2691, 0.97),
        ("date", 460, 0.98),
        ("answer", 526, 0.95),
    ],
)
def test_sentences_that_others_wrote_are_understood(name: str, sentences: int, floor: float) -> None:
    if not HOMES.exists():
        pytest.skip(f"{HOMES.name} is not here: it is measured on, and not part of the project")
    tally = measured()[name]

    assert tally.sentences == sentences
    assert tally.f1 >= floor


@pytest.mark.parametrize(
    "text",
    ["four fifty => price:450000", "[price | what | sell]\nfour fifty => price:450000", "[a | price | sell]\nfour"],
)
def test_a_file_of_sentences_that_is_not_in_form_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "sayings.txt"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"sayings\.txt, line \d|what"):
        read_sayings(file)


def test_figures_of_a_measurement() -> None:
    sayings = [
        Saying("one", Question.PRICE, "sell", "right", frozenset({"price:1", "yes"})),
        Saying("one", Question.PRICE, "sell", "wrong", frozenset({"price:2"})),
        Saying("two", Question.PRICE, "sell", "vain", frozenset()),
    ]
    found = {"right": {"price:1", "yes", "!goodbye"}, "wrong": {"price:3", "no"}, "vain": {"!opt_out", "~rates"}}

    tallies = measure(sayings, lambda saying: frozenset(found[saying.said]))

    slots = tallies["slots"]["one"]
    assert (slots.sentences, slots.found, slots.vain, slots.missed) == (2, 1, 1, 1)
    assert (slots.precision, slots.recall, slots.f1) == (0.5, 0.5, 0.5)
    assert slots.wrong == ["'wrong': wanted ['price:2'], got ['price:3']"]
    assert tallies["answers"]["one"].f1 == 1.0  # a yes or no counts where one was wanted
    assert (tallies["labels"]["two"].precision, tallies["labels"]["two"].f1) == (0.0, 0.0)
    assert total(tallies["objections"].values()).vain == 1


def context(question: Question | None, side: str = "sell") -> Context:
    offered = (NOW + timedelta(days=1), NOW + timedelta(days=2))
    return Context(question, question, side, True, offered, offered, ZoneInfo("America/Denver"), "Maria")


@given(st.text(max_size=120), st.sampled_from(Question), st.sampled_from(("sell", "buy", "")))
def test_understanding_never_raises(text: str, question: Question, side: str) -> None:
    reading = understand(text, context(question, side), now=NOW)

    assert reading.text == text
    assert reading.words == normalise(reading.words)


SAID_OFTEN = (
    "no wait four fifty million hundred and a half point not but Tuesday three months sorry i meant oh to for"
    " the like so in twenty five k low fives quarter of make that before after between rather buy sell both rent"
)
WORDS = st.sampled_from(SAID_OFTEN.split())


@given(st.lists(WORDS, max_size=14).map(" ".join), st.sampled_from(Question))
def test_any_order_of_words_is_read(text: str, question: Question) -> None:
    reading = understand(text, context(question), now=NOW)

    assert reading.money is None or 10_000 <= reading.money < 1_000_000_000
    assert reading.months is None or 1 <= reading.months <= 240
    assert reading.owed is None or 10_000 <= reading.owed < 1_000_000_000
    assert reading.at is None or reading.at > NOW


@given(st.lists(WORDS, min_size=1, max_size=14).map(" ".join))
def test_what_was_cut_at_its_corrections_is_not_cut_again(text: str) -> None:
    pieces = said(text).pieces

    assert pieces
    assert all(normalise(normalise(piece)) == normalise(piece) for piece in pieces)


def test_a_turn_is_read_in_a_fraction_of_a_millisecond_or_so() -> None:
    turns = [one.said for one in SAYINGS][:400]
    begun = thread_time()
    for text in turns:
        understand(text, context(Question.MOTIVATION), now=NOW)

    assert (thread_time() - begun) / len(turns) < 0.005
