"""The numbers that leads see: which one for whom, and how often."""

import sys
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from calls.domain.phone import state_of
from calls.domain.status import CallStatus
from calls.models import Call, CallerId, Campaign, Suppression
from calls.models.call import Direction
from voice.ports import Dialer

log = structlog.get_logger(__name__)
DAY = timedelta(hours=24)
CONFIRMED_FOR = timedelta(hours=24)
_NAMED = 3
_NONE_AT_ALL = "there is no caller ID: add one, or set TWILIO_FROM_NUMBER"
NEVER_RANG = Q(status=CallStatus.CANCELED) | Q(status=CallStatus.FAILED, carrier_call_id="")
"""Calls that ended before a phone could ring. Both states are final, so a count without them is never too small."""


class Pool:
    """The caller IDs that a campaign may use now, each with what is left of its daily cap."""

    def __init__(self, left: dict[str, int], used: dict[str, int], closed: list[str]) -> None:
        self._left, self._used, self._closed = left, used, closed

    @classmethod
    def of(cls, campaign: Campaign, *, now: datetime) -> "Pool":
        """The pool with its rows locked until the end of the transaction, so that caps shared with others hold.

        In the order of locks it stands after the campaign and its leads, and before calls, hold rows, budgets and
        balances: whoever holds a caller ID never asks for a lead. The rows are locked by number, so two pools that
        share some wait for each other and never deadlock. Raises TransactionManagementError outside a transaction.
        """
        ids = _of(campaign).order_by("number").select_for_update(of=("self",), no_key=True)
        return cls._counted(list(ids), now=now)

    @classmethod
    def seen(cls, campaign: Campaign, *, now: datetime) -> "Pool":
        """The same for a look: without locks, and perhaps untrue a moment later."""
        return cls._counted(list(_of(campaign).order_by("number")), now=now)

    @classmethod
    def _counted(cls, ids: list[CallerId], *, now: datetime) -> "Pool":
        if not ids and not CallerId.objects.exists():
            number = settings.TWILIO_FROM_NUMBER
            return cls({number: sys.maxsize}, {number: 0}, []) if number else cls({}, {}, [_NONE_AT_ALL])
        numbers = [one.number for one in ids]
        suppressed = set(Suppression.objects.filter(phone__in=numbers).values_list("phone", flat=True))
        # After the locks, in a statement of its own: it sees what the pool before this one has committed.
        used = used_today(numbers, now=now)
        closed = {one.number: _why_closed(one, suppressed, now=now) for one in ids}
        left = {one.number: max(0, one.daily_cap - used[one.number]) for one in ids if not closed[one.number]}
        spent = {one.number: f"{one.number} made its {one.daily_cap} calls of 24 hours" for one in ids}
        why = [closed[number] or spent[number] for number in numbers if not left.get(number)]
        return cls(left, {number: used[number] for number in left}, why or [_NONE_AT_ALL])

    @property
    def left(self) -> int:
        """Calls that may still be made from these numbers now."""
        return sum(self._left.values())

    @property
    def why(self) -> str:
        """What keeps the pool from more calls, to go on after a colon."""
        if self.left:
            return f"its caller IDs may make {self.left} more calls in these 24 hours"
        more = len(self._closed) - _NAMED
        return "; ".join(self._closed[:_NAMED]) + (f"; and {more} more" if more > 0 else "")

    def take(self, lead_phone: str) -> str | None:
        """The best number for this lead: of its area code, else of its state, else any; the least used of those."""
        free = [number for number, left in self._left.items() if left and number != lead_phone]
        if not free:
            return None
        number = min(free, key=lambda one: (_distance(one, lead_phone), self._used[one], one))
        self._left[number] -= 1
        self._used[number] += 1
        return number


def used_today(numbers: Collection[str], *, now: datetime) -> dict[str, int]:
    """Calls of the last 24 hours from each number, in all campaigns, but for those that never rang a phone."""
    recent = Call.objects.filter(from_number__in=numbers, queued_at__gt=now - DAY, direction=Direction.OUTBOUND)
    counted = recent.exclude(NEVER_RANG).order_by().values_list("from_number").annotate(n=Count("pk"))
    return dict.fromkeys(numbers, 0) | dict(counted)


def may_show(number: str, *, now: datetime) -> bool:
    """Whether a call that waits may still show ``number``: nobody has deactivated it, and it does not rest."""
    stopped = Q(active=False) | Q(rests_until__gt=now)
    return not CallerId.objects.filter(stopped, number=number).exists()


def refused(number: str, reason: str) -> None:
    """The carrier does not let us show ``number``: it is not used until a person activates it.

    The number of the settings becomes a row as well, so that no further call is tried with it.
    """
    CallerId.objects.update_or_create(number=number, defaults={"active": False, "inactive_why": reason[:300]})
    log.error("caller_id.refused", reason=reason, pii={"number": number})


def why_unusable(campaign: Campaign, dialer: Dialer, *, now: datetime) -> list[str]:
    """What a person has to change before the campaign's caller IDs can be used; numbers that rest come back alone."""
    if CallerId.objects.exists() and not _of(campaign).filter(active=True).exists():
        return [Pool.seen(campaign, now=now).why]
    return not_ours(campaign, dialer, now=now)


def not_ours(campaign: Campaign, dialer: Dialer, *, now: datetime) -> list[str]:
    """A sentence for each number of the campaign that is not the carrier account's.

    Only numbers are asked about that the carrier has not confirmed within a day, and ``keeping_caller_ids``
    asks about all of them before. A silent carrier is told in the log alone.
    """
    rows = {one.number: one for one in _of(campaign).filter(active=True).order_by("number")}
    numbers = list(rows) or ([] if CallerId.objects.exists() else [settings.TWILIO_FROM_NUMBER])
    wrong = []
    for number in filter(None, numbers):
        confirmed_at = rows[number].owned_at if number in rows else None
        if confirmed_at and confirmed_at > now - CONFIRMED_FOR:
            continue
        owned = confirm(number, dialer)
        if owned is None:
            break  # each further question costs a timeout
        if not owned:
            wrong.append(strange(number))
    return wrong


def confirm(number: str, dialer: Dialer) -> bool | None:
    """Ask the carrier whether ``number`` is the account's, and remember a yes; None without an answer."""
    owned = dialer.owns(number)
    if owned is None:
        log.warning("caller_id.not_confirmed", pii={"number": number})
    else:
        CallerId.objects.filter(number=number).update(owned_at=Now() if owned else None)
    return owned


def strange(number: str) -> str:
    """A sentence without its period, since others may follow."""
    return f"{number} is not a number of this carrier account: buy or verify it there first, or remove it here"


def _why_closed(one: CallerId, suppressed: Collection[str], *, now: datetime) -> str:
    """Why the number may not be used at all now; '' when it may."""
    if not one.active:
        return f"{one.number} is not active{f' ({one.inactive_why})' if one.inactive_why else ''}"
    if one.rests_until and one.rests_until > now:
        return f"{one.number} rests until {one.rests_until:%Y-%m-%d %H:%M} UTC ({one.rests_why})"
    return f"{one.number} is on the do-not-call list itself" if one.number in suppressed else ""


def _of(campaign: Campaign) -> QuerySet[CallerId]:
    """The campaign's own numbers; none chosen: all that there are."""
    if campaign.caller_ids.exists():
        return CallerId.objects.filter(campaigns=campaign)
    return CallerId.objects.all()


def _distance(number: str, lead_phone: str) -> int:
    if _area(number) and _area(number) == _area(lead_phone):
        return 0
    state = _state(number)
    return 1 if state and state == _state(lead_phone) else 2


def _area(number: str) -> str:
    """The three digits after +1; '' abroad."""
    return number[2:5] if number.startswith("+1") and len(number) == 12 else ""


@lru_cache(maxsize=4096)
def _state(number: str) -> str:
    return state_of(number)
