"""The smallest limit, the pace of a carrier account, and whether an answer rate fell."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.domain.pacing import (
    LONGEST_MS,
    RANG_AT_LEAST,
    Answers,
    Limit,
    allowance,
    fell,
    interval_ms,
    quicker,
    slower,
    smallest,
    together,
)


def test_the_smallest_limit_counts_and_the_first_of_equal_ones_is_told() -> None:
    assert smallest([Limit(3, "a"), Limit(1, "b"), Limit(1, "c")]) == Limit(1, "b")
    assert smallest([Limit(2, "a"), Limit(-4, "b")]) == Limit(0, "b")


@pytest.mark.parametrize(("cps", "ms"), [(1, 1000), (3, 334), (0.5, 2000), (1000, 1), (7, 143)])
def test_the_interval_never_gives_more_than_the_rate(cps: float, ms: int) -> None:
    assert interval_ms(cps) == ms


def test_slower_doubles_up_to_a_call_a_minute() -> None:
    assert [slower(1000), slower(2000), slower(40_000), slower(60_000)] == [2000, 4000, 60_000, 60_000]
    assert LONGEST_MS == 60_000


def test_a_pace_that_is_slower_by_the_settings_stays() -> None:
    assert slower(90_000) == 90_000


def test_quicker_adds_a_fiftieth_of_the_usual_rate() -> None:
    # 0.5 and 0.02 a second are 0.52 a second: 1923.08 ms, rounded up.
    assert quicker(2000, 1000) == 1924
    assert quicker(1010, 1000) == 1000


@given(st.integers(1, 50_000), st.integers(1, 60_000))
def test_going_well_always_ends_at_the_usual_pace(usual: int, more: int) -> None:
    now, steps = usual + more, 0
    while now > usual:
        before, now, steps = now, quicker(now, usual), steps + 1
        assert usual <= now < before
    assert steps <= 60


@pytest.mark.parametrize(
    ("interval", "waiting", "calls"), [(1000, 0, 2), (1000, 2, 0), (1000, 5, -3), (60_000, 0, 1), (10, 0, 200)]
)
def test_as_many_calls_are_queued_as_the_next_seconds_take(interval: int, waiting: int, calls: int) -> None:
    assert allowance(interval, ahead_s=2.0, waiting=waiting) == calls


USUAL = Answers(300, 90)


@pytest.mark.parametrize(
    ("last", "worse"),
    [
        (Answers(30, 0), True),
        (Answers(30, 2), False),  # 0.0046 by the exact test: not enough for a judgement that is made every minute
        (Answers(60, 5), True),
        (Answers(60, 8), False),
        (Answers(60, 30), False),
        (Answers(29, 0), False),
    ],
)
def test_a_rate_fell_when_chance_does_not_explain_it(last: Answers, worse: bool) -> None:
    assert fell(last, USUAL) is worse


def test_nothing_fell_where_there_is_too_little_to_compare_with() -> None:
    assert not fell(Answers(60, 0))
    assert not fell(Answers(60, 0), Answers(29, 29))
    assert fell(Answers(60, 0), Answers(29, 0), USUAL)


def test_a_rate_that_fell_for_all_numbers_is_no_number_s_fault() -> None:
    assert not fell(Answers(60, 3), USUAL, Answers(600, 30))


@given(st.integers(RANG_AT_LEAST, 80), st.integers(RANG_AT_LEAST, 80), st.data())
def test_the_test_is_fisher_s(n: int, m: int, data: st.DataObject) -> None:
    """Against the hypergeometric sum in another form, over all tables with the same margins."""
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    tables = [k for k in range(n + 1) if 0 <= a + b - k <= m]
    weights = {k: comb(n, k) * comb(m, a + b - k) for k in tables}
    chance = sum(weight for k, weight in weights.items() if k <= a) / sum(weights.values())
    assert fell(Answers(n, a), Answers(m, b)) is (chance < 0.001)


def test_answers_add_up() -> None:
    assert together([Answers(10, 2), Answers(5, 1)]) == Answers(15, 3)
    assert (Answers(0, 0).rate, Answers(10, 4).rate) == (0.0, 0.4)
