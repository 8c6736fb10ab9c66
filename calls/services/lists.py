"""Lists of a campaign's leads: how they stand, and moving leads between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from calls.models import Consent, Lead, LeadList, Suppression
from calls.models.lead import LeadQuerySet, LeadStatus

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many leads a list has, how many are open, and how many of those are due. ``nobody`` is a sentence that says
    why none can be called; empty where one may be.
    """

    leads: int
    open: int
    due: int
    nobody: str = ""


def standings(campaign_id: int, *, now: datetime) -> dict[int, Standing]:
    """How each of the campaign's lists stands."""
    is_open = Q(status=LeadStatus.OPEN)
    counts = {
        pk: (total, open_leads, due)
        for pk, total, open_leads, due in Lead.objects.filter(campaign=campaign_id, list__isnull=False)
        .order_by()
        .values_list("list")
        .annotate(
            total=Count("pk"),
            open_leads=Count("pk", filter=is_open),
            due=Count("pk", filter=is_open & Q(next_attempt_at__lte=now)),
        )
    }
    found = {}
    for pk in LeadList.objects.filter(campaign=campaign_id).values_list("pk", flat=True):
        total, open_leads, due = counts.get(pk, (0, 0, 0))
        found[pk] = Standing(total, open_leads, due, _why_nobody(pk, total, now=now))
    return found


def move(lead_ids: Sequence[int], to: LeadList | None) -> int:
    """Put the leads into the list, or into none; how many. Those of another campaign stay where they are."""
    leads = Lead.objects.filter(pk__in=lead_ids)
    if to is not None:
        leads = leads.filter(campaign=to.campaign_id)
    count = leads.update(list=to)
    log.info("leads.moved", leads=count, list_id=to.pk if to else None)
    return count


def _why_nobody(list_id: int, total: int, *, now: datetime) -> str:
    if not total:
        return "The list is empty: import leads into it, or move some."
    leads = Lead.objects.filter(list=list_id)
    listed = Exists(Suppression.objects.filter(phone=OuterRef("phone")))
    waiting = leads.filter(~listed, status=LeadStatus.OPEN)
    if _with_consent(waiting, now).exists():
        return ""
    counts = [
        (leads.filter(listed).count(), "on the do-not-call list"),
        (leads.filter(~listed, status=LeadStatus.CLOSED).count(), "closed"),
        (waiting.count(), "without a consent that is in force"),
    ]
    said = ", ".join(f"{count:,} {why}" for count, why in counts if count)
    return f"None of its leads can be called: {said}."


def _with_consent(leads: LeadQuerySet, now: datetime) -> QuerySet[Lead]:
    """Those of whom any consent is in force; whether it is of the kind that the rules ask for, the gates say."""
    in_force = Consent.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), given_at__lte=now)
    in_force = in_force.filter(Q(revoked_at__isnull=True) | Q(revoked_at__gt=now))
    own = in_force.filter(lead=OuterRef("pk"))
    elsewhere = in_force.filter(lead__phone=OuterRef("phone")).exclude(scope=Consent.Scope.CAMPAIGN)
    return leads.filter(Exists(own) | Exists(elsewhere))
