"""There is a place where the demo's people may lawfully be called, at any hour of any day."""

import csv
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from calls.domain.compliance import DialRules, allowed
from calls.domain.rules import EVERY_DAY, RuleBook, Window
from calls.services.rule_file import read_rules
from calls.services.rules import DEFAULT_RULES
from reautomation.demo.place import PLACES, facts_of, move_people, place_for

BOOK = RuleBook.of(read_rules(DEFAULT_RULES), version="shipped", at=datetime(2026, 11, 10, tzinfo=UTC))
RULES = DialRules((Window(EVERY_DAY, time(8), time(21)),), max_attempts=6)


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 7, 1, tzinfo=UTC),  # summer time, Independence Day
        datetime(2026, 11, 22, tzinfo=UTC),  # winter time, Thanksgiving
        datetime(2026, 12, 22, tzinfo=UTC),  # Christmas
        datetime(2027, 3, 10, tzinfo=UTC),  # the change of the clocks
    ],
)
def test_somewhere_every_gate_is_open_at_every_quarter_of_a_week(start: datetime) -> None:
    for quarter in range(7 * 24 * 4):
        now = start + timedelta(minutes=15 * quarter)
        facts = facts_of(place_for(now, RULES, BOOK))
        assert allowed(facts, now, RULES, BOOK)
        assert allowed(facts, now + timedelta(minutes=19), RULES, BOOK)


def test_no_place_where_the_campaign_itself_allows_no_hour() -> None:
    never = DialRules((Window((0,), time(3), time(4)),), max_attempts=6)
    with pytest.raises(LookupError, match=r"Nobody may be called at 12:00 UTC"):
        place_for(datetime(2026, 11, 22, 12, tzinfo=UTC), never, BOOK)


def test_moving_keeps_the_people_and_the_ends_of_their_numbers(tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.write_text("phone,name\n+12125550101,Maria Lopez\n+12125550102,James Carter\n")
    numbers = move_people(source, tmp_path / "moved.csv", PLACES[-1])
    assert numbers == ["+442079460101", "+442079460102"]
    with (tmp_path / "moved.csv").open() as moved:
        assert [(row["phone"], row["name"]) for row in csv.DictReader(moved)] == [
            ("+442079460101", "Maria Lopez"),
            ("+442079460102", "James Carter"),
        ]
