"""What becomes of a lead after each disposition."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.domain.types import Disposition
from calls.domain.cadence import DEFAULTS, RetryTerms
from calls.domain.outcomes import Again, Close, Terms, Tried, after

ENDED = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""Noon in Denver."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def always(instant: datetime) -> datetime:
    return instant


def outcome(
    disposition: Disposition,
    *,
    ends: int = 1,
    attempts: int = 1,
    callback_at: datetime | None = None,
    retry: Mapping[Disposition, RetryTerms] = DEFAULTS,
    **tried: Any,
) -> Close | Again:
    return after(
        disposition,
        Tried({disposition: ends}, attempts, **tried),
        Terms(retry, max_attempts=6, opening=always),
        ended_at=ENDED,
        callback_at=callback_at,
    )


@pytest.mark.parametrize("attempts", [1, 6])
@pytest.mark.parametrize(
    ("disposition", "reason"),
    [
        (Disposition.APPOINTMENT, "An appointment is booked."),
        (Disposition.QUALIFIED, "The lead is qualified."),
        (Disposition.NOT_INTERESTED, "The person is not interested."),
        (Disposition.DO_NOT_CALL, "The person asked not to be called again."),
        (Disposition.WRONG_NUMBER, "The number belongs to somebody else."),
        (Disposition.HAS_AGENT, "The person has signed with another agent."),
        (Disposition.BAD_NUMBER, "The number cannot be reached."),
    ],
)
def test_some_ends_close_the_lead(disposition: Disposition, reason: str, attempts: int) -> None:
    assert outcome(disposition, attempts=attempts, promised_at=ENDED + DAY) == Close(reason)


@pytest.mark.parametrize(
    ("disposition", "spacing", "why"),
    [
        (Disposition.NO_ANSWER, timedelta(minutes=45), "1st no answer of 6: in 45 min"),
        (Disposition.BUSY, timedelta(minutes=10), "1st busy line of 6: in 10 min"),
        (Disposition.VOICEMAIL, 4 * HOUR, "1st voicemail of 2: in 4 h"),
        (Disposition.HUNG_UP, DAY, "1st hang-up of 2: in 1 day"),
        (Disposition.FAILED, timedelta(minutes=5), "1st failed call of 10: in 5 min"),
    ],
)
def test_others_try_again_while_attempts_are_left(disposition: Disposition, spacing: timedelta, why: str) -> None:
    assert outcome(disposition, attempts=5) == Again(ENDED + spacing, why)


@pytest.mark.parametrize("disposition", DEFAULTS)
def test_and_close_the_lead_after_the_last(disposition: Disposition) -> None:
    said = disposition.replace("_", " ")
    assert outcome(disposition, attempts=6) == Close(f"All 6 attempts are used; the last one ended with: {said}.")


@pytest.mark.parametrize(
    ("disposition", "reason"),
    [
        (Disposition.VOICEMAIL, "2 calls ended with voicemail; the campaign allows no more."),
        (Disposition.HUNG_UP, "2 calls ended with hang-up; the campaign allows no more."),
        (Disposition.FAILED, "10 calls failed: find out why, then reopen the lead."),
    ],
)
def test_so_many_calls_may_end_so(disposition: Disposition, reason: str) -> None:
    most = DEFAULTS[disposition].attempts
    assert isinstance(outcome(disposition, ends=most - 1), Again)
    assert outcome(disposition, ends=most) == Close(reason)
    assert outcome(disposition, ends=most + 1) == Close(reason)


def test_a_campaigns_own_terms() -> None:
    own = {**DEFAULTS, Disposition.NO_ANSWER: RetryTerms(1, (HOUR,))}
    assert outcome(Disposition.NO_ANSWER, retry=own) == Close(
        "1 call ended with no answer; the campaign allows no more."
    )
    own[Disposition.NO_ANSWER] = RetryTerms(4, (HOUR, 90 * HOUR / 60, 3 * DAY))
    whys = {1: "1st no answer of 4: in 1 h", 2: "2nd no answer of 4: in 90 min", 3: "3rd no answer of 4: in 3 days"}
    for ends, why in whys.items():
        again = outcome(Disposition.NO_ANSWER, ends=ends, retry=own)
        assert isinstance(again, Again)
        assert again.why == why


def test_the_next_attempt_is_moved_to_another_part_of_the_day() -> None:
    noon, morning = ENDED, ENDED - 3 * HOUR
    known: dict[str, Any] = {"called_at": (morning, noon), "zone": "America/Denver"}
    assert outcome(Disposition.NO_ANSWER, ends=2, **known) == Again(ENDED + 4 * HOUR, "2nd no answer of 6: in 4 h")
    assert outcome(Disposition.NO_ANSWER, ends=1, **known) == Again(
        ENDED + 2 * HOUR, "1st no answer of 6: in 45 min, moved to the afternoon"
    )
    still = {**DEFAULTS, Disposition.NO_ANSWER: RetryTerms(4, (timedelta(minutes=45),), rotate=False)}
    assert outcome(Disposition.NO_ANSWER, retry=still, **known) == Again(
        ENDED + timedelta(minutes=45), "1st no answer of 4: in 45 min"
    )


def test_every_disposition_is_decided_on() -> None:
    closing = {one for one in Disposition if isinstance(outcome(one), Close)}
    assert closing | set(DEFAULTS) | {Disposition.CALLBACK_REQUESTED} == set(Disposition)


@pytest.mark.parametrize("attempts", [1, 6, 9])
def test_a_promise_is_kept_even_when_all_attempts_are_used(attempts: int) -> None:
    at = ENDED + 2 * DAY
    assert outcome(Disposition.CALLBACK_REQUESTED, attempts=attempts, callback_at=at) == Again(
        at, "the person asked for this time", at
    )


@pytest.mark.parametrize("callback_at", [None, ENDED, ENDED - HOUR])
def test_a_callback_without_a_time_to_come_is_made_a_day_later(callback_at: datetime | None) -> None:
    assert outcome(Disposition.CALLBACK_REQUESTED, attempts=6, callback_at=callback_at) == Again(
        ENDED + DAY, "the person asked to be called again and named no time: in a day", ENDED + DAY
    )


PROMISED = ENDED - timedelta(minutes=1)
UNTAKEN = {Disposition.NO_ANSWER: "no answer", Disposition.BUSY: "busy line", Disposition.VOICEMAIL: "voicemail"}


@pytest.mark.parametrize("disposition", UNTAKEN)
@pytest.mark.parametrize("attempts", [1, 6])
def test_a_promise_that_nobody_took_is_tried_once_more_soon(disposition: Disposition, attempts: int) -> None:
    again = outcome(disposition, ends=9, attempts=attempts, promised_at=PROMISED, missed=1)
    why = f"nobody took the promised call ({UNTAKEN[disposition]}): once more in 15 min"
    assert again == Again(ENDED + timedelta(minutes=15), why, PROMISED)


def test_then_the_promise_ends_and_the_cadence_goes_on() -> None:
    again = outcome(Disposition.NO_ANSWER, ends=2, promised_at=PROMISED, missed=2)
    assert again == Again(ENDED + 4 * HOUR, "2nd no answer of 6: in 4 h")
    closed = outcome(Disposition.NO_ANSWER, ends=2, attempts=6, promised_at=PROMISED, missed=2)
    assert closed == Close("All 6 attempts are used; the last one ended with: no answer.")


def test_a_promise_is_kept_by_a_talk_that_was_hung_up() -> None:
    assert outcome(Disposition.HUNG_UP, promised_at=PROMISED, missed=1) == Again(
        ENDED + DAY, "1st hang-up of 2: in 1 day"
    )


def test_a_call_before_the_promised_time_leaves_the_promise() -> None:
    at = ENDED + DAY
    assert outcome(Disposition.NO_ANSWER, attempts=6, promised_at=at) == Again(
        at, "no answer before the promised time: the promise stands", at
    )


def test_a_failed_call_keeps_no_promise_and_ends_none() -> None:
    assert outcome(Disposition.FAILED, attempts=6, promised_at=PROMISED) == Again(
        ENDED + timedelta(minutes=5), "1st failed call of 10: in 5 min, still as promised", PROMISED
    )
    assert outcome(Disposition.FAILED, ends=10, promised_at=PROMISED) == Close(
        "10 calls failed: find out why, then reopen the lead."
    )
