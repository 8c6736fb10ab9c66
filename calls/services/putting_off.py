"""Leads that only wait for the hour, put off together: by place, not one by one."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.db import connection, transaction

from calls.domain.compliance import DialRules, hours_verdict, is_known
from calls.domain.hours import Place
from calls.domain.rules import RuleBook
from calls.models import Campaign, Decision, Lead
from calls.services import facts, gates
from calls.services.rules import book_at

log = structlog.get_logger(__name__)
_CHUNK = 25_000
# Of a North American number the place is told by its first seven digits; of another by all of it.
_HEAD = "CASE WHEN left(phone, 2) = '+1' THEN left(phone, 8) ELSE phone END"
_GROUPS = f"""
SELECT {_HEAD}, min(phone), state, zone FROM calls_lead
WHERE campaign_id = %s AND status = 'open' AND next_attempt_at <= %s GROUP BY 1, 3, 4
"""  # noqa: S608 - a constant
_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
_MOVE = f"""
WITH closed AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[])
        AS closed(head, state, zone, decision_id, until)
), chosen AS (
    SELECT lead.id, closed.decision_id, closed.until FROM calls_lead AS lead
    JOIN closed ON closed.head = {_HEAD} AND closed.state = lead.state AND closed.zone = lead.zone
    WHERE lead.campaign_id = %s AND lead.status = 'open' AND lead.next_attempt_at <= %s
    LIMIT %s FOR NO KEY UPDATE OF lead SKIP LOCKED
), moved AS (
    UPDATE calls_lead AS lead SET next_attempt_at = chosen.until, put_off_until = chosen.until
    FROM chosen WHERE lead.id = chosen.id
    RETURNING lead.id, chosen.decision_id
)
INSERT INTO calls_shareddecision (lead_id, decision_id) SELECT id, decision_id FROM moved
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class _Group:
    """Leads of one beginning of a number, one address's state and one zone of their own."""

    head: str
    state: str
    zone: str


def put_off(campaign_id: int, *, now: datetime) -> int:
    """Move the campaign's due leads whose place is closed now to when it opens; how many were moved.

    Each place has one decision, which its leads share. A lead whose place is not known, or opens never, is left to be
    looked at alone. In chunks, each a transaction with the campaign's row locked, as a dispatcher has it. When the
    campaign's hours are changed meanwhile, the rest stays due for the next look.
    """
    campaign = Campaign.objects.running().filter(pk=campaign_id).first()
    if campaign is None:
        return 0
    book, rules = book_at(now), gates.rules_of(campaign)
    closed = _closed(campaign, rules, book, now=now)
    if not closed:
        return 0
    rows = [(one.head, one.state, one.zone, pk, until) for (pk, until), groups in closed.items() for one in groups]
    moved = 0
    while True:
        count = _move(campaign_id, rules, list(zip(*rows, strict=True)), now=now)
        moved += count
        if count < _CHUNK:
            break
    Decision.objects.filter(pk__in=[pk for pk, _ in closed], shared__isnull=True).delete()
    log.info("leads.put_off", campaign_id=campaign_id, leads=moved, places=len(closed))
    return moved


def places_of(campaign: Campaign, book: RuleBook) -> set[Place]:
    """Where the campaign's open leads live, as far as that is known well enough to call them."""
    return {place for place in _by_place(campaign.pk, _FAR_FUTURE) if is_known(place, book)}


def _by_place(campaign_id: int, due_at: datetime) -> dict[Place, list[_Group]]:
    """The groups of the leads that are due at ``due_at``, by where they live."""
    by_place: dict[Place, list[_Group]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [campaign_id, due_at])
        for head, number, state, zone in cursor.fetchall():
            by_place[facts.place_of(Lead(phone=number, state=state, zone=zone))].append(_Group(head, state, zone))
    return by_place


def _closed(
    campaign: Campaign, rules: DialRules, book: RuleBook, *, now: datetime
) -> dict[tuple[int, datetime], list[_Group]]:
    """The groups of due leads that are closed now, by the decision that was written for their place."""
    found = {}
    for place, groups in _by_place(campaign.pk, now).items():
        if not is_known(place, book):
            continue
        verdict = hours_verdict(place, now=now, rules=rules, book=book)
        if verdict.until is None:
            continue
        decision = Decision.objects.create(
            at=now,
            result="wait",
            reason=verdict.reason,
            verdicts=[gates.as_kept(verdict)],
            rules_version=book.version,
        )
        found[decision.pk, verdict.until] = groups
    return found


@transaction.atomic
def _move(campaign_id: int, rules: DialRules, columns: list[tuple[object, ...]], *, now: datetime) -> int:
    mine = Campaign.objects.running().filter(pk=campaign_id).select_for_update(skip_locked=True, no_key=True)
    campaign = mine.first()
    if campaign is None or gates.rules_of(campaign) != rules:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [*map(list, columns), campaign_id, now, _CHUNK])
        return int(cursor.rowcount)
