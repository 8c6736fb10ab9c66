"""What becomes of a lead after each disposition."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.domain.types import Disposition
from calls.domain.outcomes import Again, Close, after

ENDED = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
RETRY = timedelta(minutes=45)


def outcome(disposition: Disposition, *, attempts: int = 1, callback_at: datetime | None = None) -> Close | Again:
    return after(
        disposition, attempts=attempts, max_attempts=3, retry_after=RETRY, ended_at=ENDED, callback_at=callback_at
    )


@pytest.mark.parametrize("attempts", [1, 3])
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
    assert outcome(disposition, attempts=attempts) == Close(reason)


AGAIN = [Disposition.VOICEMAIL, Disposition.HUNG_UP, Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED]


@pytest.mark.parametrize("disposition", AGAIN)
def test_others_try_again_while_attempts_are_left(disposition: Disposition) -> None:
    assert outcome(disposition, attempts=2) == Again(ENDED + RETRY)


@pytest.mark.parametrize("disposition", AGAIN)
def test_and_close_the_lead_after_the_last(disposition: Disposition) -> None:
    said = disposition.replace("_", " ")
    assert outcome(disposition, attempts=3) == Close(f"All 3 attempts are used; the last one ended with: {said}.")


def test_every_disposition_is_decided_on() -> None:
    closing = {one for one in Disposition if isinstance(outcome(one), Close)}
    assert closing | set(AGAIN) | {Disposition.CALLBACK_REQUESTED} == set(Disposition)


@pytest.mark.parametrize("attempts", [1, 3, 9])
def test_a_promise_is_kept_even_when_all_attempts_are_used(attempts: int) -> None:
    at = ENDED + timedelta(days=2)
    assert outcome(Disposition.CALLBACK_REQUESTED, attempts=attempts, callback_at=at) == Again(at, promised=True)


def test_a_callback_without_a_time_is_made_a_day_later() -> None:
    assert outcome(Disposition.CALLBACK_REQUESTED) == Again(ENDED + timedelta(days=1), promised=False)
