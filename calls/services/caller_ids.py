"""The numbers that leads see: which one for whom, how often, and when one rests."""

import sys
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from calls.domain.phone import state_of
from calls.domain.status import CallStatus
from calls.models import Call, CallerId, Campaign, Suppression
from calls.models.call import Direction

DAY = timedelta(hours=24)


class Pool:
    """The caller IDs that a campaign may use now, each with what is left of its daily cap."""

    def __init__(self, left: dict[str, int], used: dict[str, int], why: str) -> None:
        self._left, self._used, self.why = left, used, why

    @classmethod
    def of(cls, campaign: Campaign, *, now: datetime) -> "Pool":
        """The pool with its rows locked until the end of the transaction, so that caps shared with others hold.

        Take it before leads, calls, hold rows, budgets and balances are locked. The rows are locked by number, so
        two pools that share some wait for each other and never deadlock. Raises TransactionManagementError outside
        a transaction.
        """
        ids = _of(campaign).order_by("number").select_for_update(of=("self",), no_key=True)
        return cls._counted(list(ids), now=now)

    @classmethod
    def seen(cls, campaign: Campaign, *, now: datetime) -> "Pool":
        """The same for a look: without locks, and a moment later untrue."""
        return cls._counted(list(_of(campaign).order_by("number")), now=now)

    @classmethod
    def _counted(cls, ids: list[CallerId], *, now: datetime) -> "Pool":
        if not ids and not CallerId.objects.exists():
            number = settings.TWILIO_FROM_NUMBER
            return (
                cls({number: sys.maxsize}, {number: 0}, "its caller IDs") if number else cls({}, {}, "no caller ID")
            )
        usable = [one for one in ids if one.active and not (one.rests_until and one.rests_until > now)]
        numbers = [one.number for one in usable]
        listed = set(Suppression.objects.filter(phone__in=numbers).values_list("phone", flat=True))
        used = used_today(numbers, now=now)
        left = {one.number: one.daily_cap - used.get(one.number, 0) for one in usable if one.number not in listed}
        return cls(left, {number: used.get(number, 0) for number in left}, "its caller IDs")

    @property
    def left(self) -> int:
        """Calls that may still be made from these numbers now."""
        return sum(left for left in self._left.values() if left > 0)

    def take(self, lead_phone: str) -> str | None:
        """The best number for this lead: of its area code, else of its state, else any; the least used of those."""
        open_ = [number for number, left in self._left.items() if left > 0 and number != lead_phone]
        if not open_:
            return None
        number = min(open_, key=lambda one: (_distance(one, lead_phone), self._used[one], one))
        self._left[number] -= 1
        self._used[number] += 1
        return number


def used_today(numbers: list[str], *, now: datetime) -> dict[str, int]:
    """Calls of the last 24 hours from each number, in all campaigns; those that never reached the carrier aside."""
    rows = (
        Call.objects.filter(from_number__in=numbers, queued_at__gt=now - DAY, direction=Direction.OUTBOUND)
        .exclude(NEVER_RANG)
        .order_by()
        .values_list("from_number")
        .annotate(n=Count("pk"))
    )
    return dict(rows)


NEVER_RANG = Q(status=CallStatus.CANCELED) | Q(status=CallStatus.FAILED, carrier_call_id="")
"""Calls that ended before a phone could ring. Both states are final, so a count without them only falls."""


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
