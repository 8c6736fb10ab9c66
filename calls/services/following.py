"""Leads that come, or turn out to be somebody, after their person has opted out."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower

from calls.models import Lead, LeadImport, LeadRow, Suppression, SuppressionEntry
from calls.models.lead import LeadQuerySet
from calls.services.opting_out import WRONG_NUMBER, OptOut, hold_off, one_at_a_time, suppress_all
from calls.services.persons import MOST_NUMBERS, other_numbers

_LEFT_AFTER = timedelta(minutes=1)


@transaction.atomic
def follow(lead_ids: Iterable[int], *, now: datetime) -> set[str]:
    """Where another number of the same person is on the do-not-call list, theirs follow; the numbers added.

    A number that somebody took off the list by hand does not follow, and nobody follows a wrong number.
    """
    one_at_a_time()
    others = other_numbers(Lead.objects.filter(pk__in=list(lead_ids)).values_list("phone", flat=True))
    origins = {number for found in others.values() for number in found}
    personal = Suppression.objects.filter(phone__in=origins).exclude(source=WRONG_NUMBER)
    listed = {entry.phone: entry for entry in personal}
    lifted = _lifted(others)
    requests = []
    for phone, found in others.items():
        origin = next((listed[one] for one in sorted(found) if one in listed), None)
        if origin and phone not in lifted:
            requests.append(
                OptOut(
                    phone,
                    origin.source,
                    origin.said,
                    by=origin.by,
                    reference=origin.reference,
                    origin=origin.phone,
                    call_id=origin.call_id,
                )
            )
    return suppress_all(requests, now=now) if requests else set()


def follow_import(import_id: int, *, now: datetime) -> set[str]:
    """The same for the leads that a committed import has made.

    An opt-out that is under way is waited for, and one that comes later sees the leads itself.
    """
    came = LeadRow.objects.filter(source=import_id, fate=LeadRow.Fate.IMPORTED, lead=OuterRef("pk"))
    followed = _follow_new(Lead.objects.filter(Exists(came)), now=now)
    LeadImport.objects.filter(pk=import_id).update(followed_at=now)
    return followed


def follow_left(*, now: datetime) -> int:
    """The same for imports whose process died between the leads and this; how many imports."""
    left = LeadImport.objects.filter(followed_at__isnull=True, created_at__lt=now - _LEFT_AFTER)
    ids = list(left.values_list("pk", flat=True))
    for import_id in ids:
        follow_import(import_id, now=now)
    return len(ids)


def follow_lead(lead_id: int, *, now: datetime) -> set[str]:
    """The same for a lead that has come alone and is committed."""
    return _follow_new(Lead.objects.filter(pk=lead_id), now=now)


def opted_out_before(email: str, phone: str) -> bool:
    """Whether ``phone`` would follow an opt-out of somebody with this e-mail address."""
    same = Lead.objects.exclude(email="").alias(folded=Lower("email")).filter(folded=email.lower())
    numbers = {phone, *same.order_by().values_list("phone", flat=True).distinct()[: MOST_NUMBERS + 1]}
    if len(numbers) > MOST_NUMBERS or _lifted([phone]):
        return False
    return Suppression.objects.filter(phone__in=numbers).exclude(source=WRONG_NUMBER).exists()


def _follow_new(came: LeadQuerySet, *, now: datetime) -> set[str]:
    same_email = Lead.objects.exclude(email="").alias(folded=Lower("email")).filter(folded=OuterRef("folded"))
    opted_out = same_email.filter(Exists(Suppression.objects.filter(phone=OuterRef("phone"))))
    leads = came.exclude(email="").annotate(folded=Lower("email")).filter(Exists(opted_out))
    with transaction.atomic():
        hold_off()
        ids = list(leads.values_list("pk", flat=True))
    return follow(ids, now=now) if ids else set()


def _lifted(phones: Iterable[str]) -> set[str]:
    newest = SuppressionEntry.objects.filter(phone__in=list(phones)).order_by("phone", "-pk").distinct("phone")
    return {entry.phone for entry in newest if entry.kind == SuppressionEntry.Kind.LIFTED}
