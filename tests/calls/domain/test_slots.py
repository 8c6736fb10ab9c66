"""Which appointments may be offered."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from calls.domain.slots import free_slots

TUESDAY_EVENING = datetime(2026, 11, 11, 2, 0, tzinfo=UTC)
"""19:00 on Tuesday 10 November in Denver, Wednesday already in London."""


def denver(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Denver"))


def test_slots_begin_on_the_leads_next_day_and_differ_in_day_and_hour() -> None:
    assert free_slots("America/Denver", now=TUESDAY_EVENING, taken=()) == (
        denver("2026-11-11T10:00"),
        denver("2026-11-12T14:00"),
        denver("2026-11-13T11:00"),
        denver("2026-11-16T15:00"),
    )


def test_a_taken_slot_is_left_out_in_whatever_zone_it_is_written() -> None:
    taken = {datetime(2026, 11, 11, 17, 0, tzinfo=UTC), denver("2026-11-13T11:00")}
    assert free_slots("America/Denver", now=TUESDAY_EVENING, taken=taken, count=2) == (
        denver("2026-11-12T14:00"),
        denver("2026-11-16T15:00"),
    )


def test_slots_run_out() -> None:
    every = free_slots("America/Denver", now=TUESDAY_EVENING, taken=(), count=1000)
    assert len(every) == len(set(every)) == 50  # ten working days of five hours
    assert {slot.weekday() for slot in every} == {0, 1, 2, 3, 4}
    assert {slot.hour for slot in every} == {10, 11, 14, 15, 16}
    assert free_slots("America/Denver", now=TUESDAY_EVENING, taken=every) == ()
