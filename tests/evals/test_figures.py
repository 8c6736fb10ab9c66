"""Figures from graded calls."""

from decimal import Decimal

from evals.figures import Score, figures, pass_hat, score, spread
from evals.grading import Slots
from evals.line import Turn
from evals.noise import Noise
from evals.running import Run

GOOD = Run("ann", "talk", 1, Noise.CLEAN, "qualified", slots=Slots(right=3), turns=(Turn("agent", "one two three"),))
BAD = Run("ann", "talk", 2, Noise.LINE, "hung_up", ("the call came to hung_up",), Slots(right=1, wrong=1, missed=2))
OUT = Run("bob", "opt_out", 1, Noise.TALK, "do_not_call", opted_out=True, wanted_out=True)
MISTAKEN = Run("dog", "hard_negative", 1, Noise.TALK, "do_not_call", ("oh",), opted_out=True)


def test_pass_hat_counts_calls_that_all_pass() -> None:
    assert pass_hat([[True] * 8], 8) == 1.0
    assert pass_hat([[True, True, True, False]], 2) == 0.5
    assert pass_hat([[True, False], [True, True]], 1) == 0.75


def test_score_and_spread() -> None:
    assert score([Slots(3, 1, 0), Slots(1, 0, 4)]) == Score(0.8, 0.5)
    assert score([]) == Score(1.0, 1.0)
    assert Score(0.0, 0.0).f1 == 0.0
    assert spread([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) == (6, 10.0)
    assert spread([7]) == (7.0, 7.0)


def test_all_that_is_told_and_what_is_missed() -> None:
    told = figures([GOOD, BAD, OUT, MISTAKEN])
    assert (told.calls, told.people, told.pass_k) == (4, 3, None)
    assert told.pass_1 == 0.5
    assert told.opt_outs == (1, 2, 1)
    assert (told.recall, told.precision) == (1.0, 0.5)
    assert told.hard_negatives == (1, 1)
    assert told.by_kind == {"hard_negative": (0, 1), "opt_out": (1, 1), "talk": (1, 2)}
    assert told.missed == [
        "pass^1 is 50.0%, and 98% is aimed at",
        "slot F1 is 72.7%, and 97% is aimed at",
        "opt-out precision is 50.0%, and 95% is aimed at",
    ]


def test_means_of_a_call_and_words_without_the_opening() -> None:
    talk = (Turn("agent", "one two three"), Turn("lead", "yes"), Turn("agent", "four five"))
    dear = Run("eve", "talk", 1, Noise.CLEAN, turns=talk, cost=Decimal("0.03"), tokens=Decimal(10))
    told = figures([GOOD, dear])

    assert (told.words, told.later_words) == ((3, 3.0), (2.0, 2.0))
    assert (told.usd, told.tokens, told.chars) == (0.015, 5, 17.5)


def test_nothing_is_missed_where_all_is_well() -> None:
    told = figures([GOOD] * 8)
    assert (told.pass_k, told.missed, told.words) == (1.0, [], (3, 3.0))
    assert (told.recall, told.precision) == (1.0, 1.0)
