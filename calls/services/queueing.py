"""Calls that may be made and are paid for, queued together: calls, events, reasons and money, or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import Max

from billing.services import ledger
from billing.services.ledger import Refusal, Wanted
from calls.domain.queues import queue_for
from calls.models import Call, CallEvent, Campaign, Decision, Lead
from calls.services import doorbell, gates
from calls.services.caller_ids import Pool
from calls.services.gates import Decided
from calls.services.terms import Terms

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """A call that may be made, on its terms."""

    lead: Lead
    decision: Decided
    terms: Terms
    call_id: UUID = field(default_factory=uuid4)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.call_id, self.terms.budget_ids, self.terms.hold, self.terms.currency)


@dataclass(frozen=True, slots=True)
class Queued:
    """How many calls were queued, and the plans that the budgets refused."""

    calls: int
    refused: list[tuple[Plan, Refusal]]


def queue(plans: Sequence[Plan], campaign: Campaign, *, now: datetime) -> Queued:
    """Queue the calls in their order, as far as money and caller IDs go, and ring the doorbell after the commit.

    Within the caller's transaction, that has the leads locked. A number that another campaign has just queued a call
    to is left out, and its lead stays due. Locks: leads, caller IDs, calls by their numbers, budgets, balances.
    """
    refused = ledger.would_refuse([plan.wanted for plan in plans], at=now)
    calls = 0
    if paid := [plan for plan in plans if plan.call_id not in refused]:
        called_from = _caller_ids(paid, campaign, now=now)
        attempts = _attempts(paid)
        fitting = [plan for plan in paid if plan.call_id in called_from]
        rows = [_call(plan, campaign, attempts, called_from, now=now) for plan in fitting]
        calls, refused_now = _write(fitting, rows, now=now)
        refused |= refused_now
    return Queued(calls, [(plan, refused[plan.call_id]) for plan in plans if plan.call_id in refused])


def _caller_ids(plans: Iterable[Plan], campaign: Campaign, *, now: datetime) -> dict[UUID, str]:
    """The number that each call comes from. Calls after the last number was used up have none, and so has one to the
    only number that is left.
    """
    pool, taken = Pool.of(campaign, now=now), {}
    for plan in plans:
        number = pool.take(plan.lead.phone)
        if number is not None:
            taken[plan.call_id] = number
    return taken


def _attempts(plans: Iterable[Plan]) -> dict[int, int]:
    """The last attempt of each lead that has one."""
    calls = Call.objects.filter(lead__in=[plan.lead.pk for plan in plans]).order_by()
    return dict(calls.values_list("lead").annotate(last=Max("attempt")))


def _call(
    plan: Plan, campaign: Campaign, attempts: dict[int, int], called_from: dict[UUID, str], *, now: datetime
) -> Call:
    terms = plan.terms
    return Call(
        pk=plan.call_id,
        lead=plan.lead,
        campaign=campaign,
        attempt=attempts.get(plan.lead.pk, 0) + 1,
        queue=queue_for(campaign.needs, terms.tier),
        to_number=plan.lead.phone,
        from_number=called_from[plan.call_id],
        status_at=now,
        queued_at=now,
        rung_at=now,
        **terms.columns,
    )


def _write(plans: Sequence[Plan], rows: Sequence[Call], *, now: datetime) -> tuple[int, dict[UUID, Refusal]]:
    """How many calls were queued, and those for which another took the money since the look."""
    # In the order of the numbers: two dispatchers that meet at some of them wait for each other one way only.
    Call.objects.bulk_create(sorted(rows, key=lambda row: row.to_number), ignore_conflicts=True)
    there = set(Call.objects.filter(pk__in=[row.pk for row in rows]).order_by().values_list("pk", flat=True))
    for plan in plans:
        if plan.call_id not in there:
            log.info("dispatch.lost_race", lead_id=plan.lead.pk)
    made = [plan for plan in plans if plan.call_id in there]
    CallEvent.objects.bulk_create(_events(made, now=now))
    gates.keep_all(((plan.decision, plan.lead, plan.call_id) for plan in made), now=now)
    # Last, since every other call of the company waits for these rows until the commit; and once, since to roll back
    # and lock them again can deadlock with who waits for them.
    refused = ledger.hold_all([plan.wanted for plan in made], at=now)
    if refused:
        Decision.objects.filter(call_id__in=refused).delete()
        Call.objects.filter(pk__in=refused).delete()
    bells = [(row.pk, row.queue) for row in rows if row.pk in there and row.pk not in refused]
    transaction.on_commit(partial(_ring, bells), robust=True)
    return len(bells), refused


def _events(plans: Iterable[Plan], *, now: datetime) -> Iterable[CallEvent]:
    for plan in plans:
        fields = {"held": str(plan.terms.hold), "currency": plan.terms.currency}
        yield CallEvent(call_id=plan.call_id, at=now, kind="call.queued", fields=fields)


def _ring(bells: Iterable[tuple[UUID, str]]) -> None:
    """Tell the workers. A broker that is away is asked once: the sweep rings for the rest."""
    for call_id, name in bells:
        if not doorbell.ring(call_id, name):
            break
