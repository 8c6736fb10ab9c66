"""What a rule may be, and what is told or ended of a reading."""

from decimal import Decimal

import pytest

from billing.domain.alerting import Kind, Level, Reading, Rule, disorder_of, fault_of, judge


def rule(level: Level, threshold: str, kind: Kind = Kind.SHARE) -> Rule:
    return Rule(kind, level, Decimal(threshold))


def reading(value: str, *, kind: Kind = Kind.SHARE, sure: str | None = None, times: int = 1) -> Reading:
    return Reading(kind, "x", Decimal(value), lambda _: "", sure=None if sure is None else Decimal(sure), times=times)


WARNING, CRITICAL = rule(Level.WARNING, "0.75"), rule(Level.CRITICAL, "0.9")


@pytest.mark.parametrize(
    ("value", "told", "tell", "end"),
    [
        ("0.7499", [], None, []),
        ("0.75", [], Level.WARNING, []),
        ("0.75", [Level.WARNING], None, []),
        ("0.95", [], Level.CRITICAL, []),
        ("0.95", [Level.WARNING], Level.CRITICAL, []),
        ("0.95", [Level.CRITICAL], None, []),
        ("0.895", [Level.CRITICAL], None, []),
        ("0.89", [Level.CRITICAL], None, []),
        ("0.8899", [Level.CRITICAL], Level.WARNING, [Level.CRITICAL]),
        ("0.8899", [Level.CRITICAL, Level.WARNING], None, [Level.CRITICAL]),
        ("0.7399", [Level.CRITICAL, Level.WARNING], None, [Level.CRITICAL, Level.WARNING]),
        ("0.95", [Level.INFO], Level.CRITICAL, [Level.INFO]),
    ],
)
def test_what_is_told_and_what_is_over(value: str, told: list[Level], tell: Level | None, end: list[Level]) -> None:
    verdict = judge([WARNING, CRITICAL], reading(value), told)
    assert (verdict.tell.level if verdict.tell else None, verdict.end) == (tell, frozenset(end))


def test_an_estimate_is_told_when_it_is_sure_and_over_when_it_is_not_likely() -> None:
    burn = rule(Level.WARNING, "1", Kind.BURN_RATE)
    assert judge([burn], reading("1.5", kind=Kind.BURN_RATE, sure="0.9"), []).tell is None
    assert judge([burn], reading("1.5", kind=Kind.BURN_RATE, sure="1"), []).tell == burn
    assert judge([burn], reading("1", kind=Kind.BURN_RATE, sure="0.2"), [Level.WARNING]).end == frozenset()
    assert judge([burn], reading("0.99", kind=Kind.BURN_RATE, sure="0"), [Level.WARNING]).end == {Level.WARNING}


def test_a_burn_rate_of_nothing_is_any_exhaustion_and_never_none() -> None:
    burn = rule(Level.WARNING, "0", Kind.BURN_RATE)
    assert judge([burn], reading("0", kind=Kind.BURN_RATE, sure="0"), []).tell is None
    assert judge([burn], reading("0.1", kind=Kind.BURN_RATE, sure="0.01"), []).tell == burn
    assert judge([burn], reading("0", kind=Kind.BURN_RATE, sure="0"), [Level.WARNING]).end == {Level.WARNING}


@pytest.mark.parametrize(
    ("level", "threshold", "kind", "says"),
    [
        (Level.WARNING, "75", Kind.SHARE, "A share is a number up to 1: enter 0.75 for 75 %."),
        (Level.WARNING, "10", Kind.PRICE_DIFFERENCE, "A share is a number up to 1: enter 0.1 for 10 %."),
        (Level.WARNING, "101", Kind.SHARE, "Enter a number from 0 to 1, such as 0.75 for 75 %."),
        (Level.WARNING, "-0.1", Kind.SHARE, "Enter a number from 0 to 1, such as 0.75 for 75 %."),
        (Level.WARNING, "-1", Kind.CALL_COST, "Enter 0 or more."),
        (Level.WARNING, "0", Kind.SHARE, "Enter more than 0: at 0 it would always tell."),
        (Level.WARNING, "0", Kind.BURN_RATE, ""),
        (Level.WARNING, "1", Kind.SHARE, ""),
        (Level.EMERGENCY, "0.98", Kind.SHARE, ""),
        (Level.EMERGENCY, "1", Kind.CALL_COST, ""),
        (Level.WARNING, "75", Kind.APPOINTMENT_COST, ""),
        *(
            (
                Level.EMERGENCY,
                "0.5",
                kind,
                "EMERGENCY stops dialing, and this kind does not say that too much was spent: choose CRITICAL, or a "
                "share of the limit.",
            )
            for kind in (Kind.BURN_RATE, Kind.PRICE_DIFFERENCE)
        ),
    ],
)
def test_what_a_rule_may_be(level: Level, threshold: str, kind: Kind, says: str) -> None:
    assert fault_of(rule(level, threshold, kind)) == says


def test_levels_rise() -> None:
    assert disorder_of([CRITICAL, WARNING]) == ""
    assert disorder_of([rule(Level.CRITICAL, "0.7"), WARNING]) == (
        "CRITICAL at 0.7 would be told before or with WARNING at 0.75: enter a threshold above that."
    )
    assert disorder_of([rule(Level.INFO, "0.75"), WARNING]) != ""
