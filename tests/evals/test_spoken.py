"""Times as a person's ear takes them."""

# ruff: noqa: DTZ001 - a clock on the wall has no zone

from datetime import datetime

import pytest

from evals.spoken import Misspoken, local_time, moments

TUESDAY = datetime(2026, 11, 10, 12, 5)


@pytest.mark.parametrize(
    ("moment", "meant"),
    [
        ("today at five P M", datetime(2026, 11, 10, 17, 0)),
        ("tomorrow at ten A M", datetime(2026, 11, 11, 10, 0)),
        ("Thursday at one thirty P M", datetime(2026, 11, 12, 13, 30)),
        ("Tuesday at noon", datetime(2026, 11, 17, 12, 0)),
        ("Tuesday, December first at nine oh five A M", datetime(2026, 12, 1, 9, 5)),
        ("Monday, January fourth at twelve P M", datetime(2027, 1, 4, 12, 0)),
        ("Monday, December twenty-first at two forty-five P M", datetime(2026, 12, 21, 14, 45)),
        ("Monday, December twenty first at two P M", datetime(2026, 12, 21, 14, 0)),
    ],
)
def test_a_time_on_the_wall(moment: str, meant: datetime) -> None:
    assert local_time(moment, now=TUESDAY) == meant


def test_the_times_of_an_offer() -> None:
    said = "Got it. I have tomorrow at ten A M or Thursday, November twelfth at two P M. Which works better?"
    assert moments(said) == ["tomorrow at ten A M", "Thursday, November twelfth at two P M"]
    assert moments("How soon would you like to move?") == []


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("Monday, December first at ten A M", "is a Tuesday"),
        ("Monday, February thirtieth at ten A M", "is no day"),
        ("sometime", "is no time"),
    ],
)
def test_what_nobody_can_come_to(moment: str, why: str) -> None:
    with pytest.raises(Misspoken, match=why):
        local_time(moment, now=TUESDAY)
