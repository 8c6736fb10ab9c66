"""Calls per second of the carrier account, over all workers: each ring has its place in one row of requests.

The generic cell rate algorithm (ITU-T I.371, annex A) without a burst, by the database's clock: a place is the later
of now and the one after the last.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from calls.domain import pacing
from calls.models import CarrierPace
from calls.services.database import released

log = structlog.get_logger(__name__)
HORIZON_S = 5.0
"""A place further ahead is not waited for: the call waits in its queue."""
HOLD = timedelta(seconds=10)
"""So long after it became slower the pace stays so, whatever goes well."""
_SHORT_S = 0.05
"""A wait that is not worth the connection."""
_AT_ONCE = timedelta(seconds=1)
"""Refusals so near to one another are one: they were asked for at the same pace."""


@dataclass(frozen=True, slots=True)
class Turn:
    """``wait_s`` seconds from now it is this call's turn; ``slowed`` says that the carrier was impatient lately."""

    wait_s: float
    slowed: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are: milliseconds between two calls, and why that is more than usual, '' when it is not."""

    interval_ms: int
    slowed_why: str


def wait_for_turn(stop: Event) -> Turn | None:
    """Take the next place and wait for it, without a database connection where that is long.

    None when the place would be too far ahead, or ``stop`` was set meanwhile: then nothing may be rung.
    """
    turn = take_turn()
    if turn is None:
        return None
    if turn.wait_s > _SHORT_S:
        released()
    return None if stop.wait(turn.wait_s) else turn


def take_turn() -> Turn | None:
    """The next place; None, and nothing taken, when it is more than ``HORIZON_S`` ahead."""
    names: dict[str, str | int | float] = {"account": _account(), "usual": _usual_ms(), "horizon": HORIZON_S}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, names)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_FIRST, names)
            cursor.execute(_TAKE, names)
            row = cursor.fetchone()
    return Turn(max(0.0, float(row[0])), bool(row[1])) if row else None


@transaction.atomic
def too_much(reason: str) -> None:
    """The carrier has no room: everybody becomes slower. Of many refusals at once the first one counts."""
    pace = CarrierPace.objects.select_for_update(no_key=True).filter(pk=_account()).first()
    if pace is None:
        return  # nobody took a turn yet
    now = _clock()
    interval_ms = _interval_of(pace)
    if pace.slowed_at and now - pace.slowed_at < max(_AT_ONCE, timedelta(milliseconds=interval_ms)):
        return
    slower_ms = pacing.slower(interval_ms)
    after = now + timedelta(milliseconds=slower_ms)
    CarrierPace.objects.filter(pk=pace.pk).update(
        interval_ms=slower_ms, next_at=Greatest(F("next_at"), after), slowed_at=now, slowed_why=reason[:200]
    )
    log.warning("carrier.slower", interval_ms=slower_ms, reason=reason)


@transaction.atomic
def went_well() -> None:
    """The carrier took a call: a step back to the usual pace. For turns that were ``slowed``."""
    pace = CarrierPace.objects.select_for_update(no_key=True).filter(pk=_account(), slowed_at__isnull=False).first()
    if pace is None or pace.slowed_at is None or _clock() - pace.slowed_at < HOLD:
        return
    interval_ms = pacing.quicker(_interval_of(pace), _usual_ms())
    changes: dict[str, object] = {"interval_ms": interval_ms}
    if interval_ms == _usual_ms():
        changes |= {"slowed_at": None, "slowed_why": ""}
        log.info("carrier.usual_pace", interval_ms=interval_ms)
    CarrierPace.objects.filter(pk=pace.pk).update(**changes)


def standing() -> Standing:
    """The pace as it is now."""
    pace = CarrierPace.objects.filter(pk=_account()).first()
    return Standing(_interval_of(pace), pace.slowed_why) if pace else Standing(_usual_ms(), "")


def _interval_of(pace: CarrierPace) -> int:
    """The setting may have changed since the row was written: it holds, unless the carrier asked for less."""
    return max(_usual_ms(), pace.interval_ms) if pace.slowed_at else _usual_ms()


def _usual_ms() -> int:
    return pacing.interval_ms(settings.CARRIER_CPS)


def _account() -> str:
    return settings.TWILIO_ACCOUNT_SID or "none"


def _clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


_INTERVAL = """
    (CASE WHEN slowed_at IS NULL THEN %(usual)s ELSE greatest(interval_ms, %(usual)s) END) * interval '1 millisecond'
"""
_TAKE = f"""
    UPDATE calls_carrierpace
    SET next_at = greatest(next_at, clock_timestamp()) + {_INTERVAL}
    WHERE account = %(account)s AND next_at <= clock_timestamp() + %(horizon)s * interval '1 second'
    RETURNING extract(epoch FROM next_at - {_INTERVAL} - clock_timestamp()), slowed_at IS NOT NULL
"""  # noqa: S608 - made of constants
_FIRST = """
    INSERT INTO calls_carrierpace (account, interval_ms, next_at, slowed_why)
    VALUES (%(account)s, %(usual)s, clock_timestamp(), '')
    ON CONFLICT DO NOTHING
"""
