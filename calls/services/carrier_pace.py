"""Calls per second of the carrier account, over all workers: each ring has its place in one row of requests."""

from dataclasses import dataclass
from threading import Event

from django.conf import settings
from django.db import connection

from calls.domain import pacing
from calls.models import CarrierPace
from calls.services.database import released

HORIZON_S = 5.0
"""A place further ahead is not waited for: the call waits in its queue."""


@dataclass(frozen=True, slots=True)
class Turn:
    """``wait_s`` seconds from now it is this call's turn; ``slowed`` says that the carrier was impatient lately."""

    wait_s: float
    slowed: bool


def wait_for_turn(stop: Event) -> Turn | None:
    """Take the next place and wait for it; None when it is too far ahead, or ``stop`` was set meanwhile."""
    turn = take_turn()
    if turn is None:
        return None
    released()
    return None if stop.wait(turn.wait_s) else turn


def take_turn() -> Turn | None:
    """The next place, by the database's clock; None, and nothing taken, when it is more than ``HORIZON_S`` ahead."""
    usual_ms = pacing.interval_ms(settings.CARRIER_CPS)
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(_TAKE, {"account": _account(), "usual": usual_ms, "horizon": HORIZON_S})
            row = cursor.fetchone()
            if row:
                return Turn(max(0.0, float(row[0])), bool(row[1]))
            cursor.execute(_FIRST, {"account": _account(), "usual": usual_ms})
            if not cursor.rowcount:
                return None  # the row is there, and its next place is too far ahead
    return None


def too_much(code: str) -> None:
    """The carrier has no room: everybody becomes slower."""


def went_well() -> None:
    """The carrier took a call: a step back to the usual speed."""


def interval_ms() -> int:
    """Milliseconds between two calls as things are."""
    usual_ms = pacing.interval_ms(settings.CARRIER_CPS)
    row = CarrierPace.objects.filter(pk=_account(), slowed_at__isnull=False).first()
    return max(usual_ms, row.interval_ms) if row else usual_ms


def _account() -> str:
    return settings.TWILIO_ACCOUNT_SID or "none"


_PLACE = "greatest(next_at, clock_timestamp())"
_INTERVAL = "CASE WHEN slowed_at IS NULL THEN %(usual)s ELSE greatest(interval_ms, %(usual)s) END"
_TAKE = f"""
    UPDATE calls_carrierpace
    SET next_at = {_PLACE} + ({_INTERVAL}) * interval '1 millisecond'
    WHERE account = %(account)s AND next_at <= clock_timestamp() + %(horizon)s * interval '1 second'
    RETURNING
        extract(epoch FROM next_at - ({_INTERVAL}) * interval '1 millisecond' - clock_timestamp()),
        slowed_at IS NOT NULL
"""  # noqa: S608 - of constants
_FIRST = """
    INSERT INTO calls_carrierpace (account, interval_ms, next_at, slowed_why)
    VALUES (%(account)s, %(usual)s, clock_timestamp(), '')
    ON CONFLICT DO NOTHING
"""
