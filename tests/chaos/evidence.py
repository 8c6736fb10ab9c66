"""What a run leaves behind for the judge: the carrier's log, and the database with the instants of its commits."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection

from billing.models import Balance
from calls.domain.status import TERMINAL
from calls.models import Call, CallEvent, Lead


@dataclass(frozen=True, slots=True)
class Ring:
    """One call that the carrier took: from then until it was over, None where it never was. ``rang_at`` None: it was
    over before the phone rang, or the number does not exist.
    """

    call_id: str
    number: str
    taken_at: datetime
    rang_at: datetime | None = None
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A call of ours. Instants ending in ``committed_at`` are those of the database's commits."""

    call_id: str
    lead_id: int
    attempt: int
    number: str
    status: str
    ended_by: str
    queued_at: datetime
    owner_pids: frozenset[int] = frozenset()
    """The voice workers' processes that claimed it, or took it over."""
    takeovers: int = 0
    """Lines that were offered for it after the first was lost."""
    intent_committed_at: datetime | None = None
    hold_committed_at: datetime | None = None
    freed_committed_at: datetime | None = None
    over_committed_at: datetime | None = None
    unknown_committed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeadNow:
    lead_id: int
    number: str
    fate: str
    status: str
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault of the run: from its begin until what it hit was there again.

    ``orphans``: whether calls that talk may become unknown by it; ``pid``: those of this process alone.
    ``talking``: calls that its process talked on, where another worker had lines free for them.
    """

    kind: str
    from_at: datetime
    until_at: datetime
    orphans: bool = True
    pid: int = 0
    talking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the judge looks at. ``opted_out`` has the instant at which each number's opt-out was committed."""

    rings: tuple[Ring, ...]
    calls: tuple[Placed, ...]
    leads: tuple[LeadNow, ...]
    opted_out: Mapping[str, datetime]
    zones: Mapping[str, tuple[str, ...]]
    faults: tuple[Struck, ...]
    answers_lost: frozenset[str]
    """Calls of ours that rang though the carrier's answer was lost on purpose."""
    ended_at: datetime
    lines: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Lines and free ones by voice worker."""
    held: Mapping[str, str] = field(default_factory=dict)
    """What is held on each budget, where it is not nothing."""
    audit: str = ""
    deaths: tuple[str, ...] = ()
    """Processes that ended by themselves, with their exit codes. Their supervisor starts them again, so this is told
    and not judged.
    """


def rings_of(log: Path) -> tuple[tuple[Ring, ...], frozenset[str]]:
    """The carrier's calls in order, and which of ours had their answer lost."""
    taken: dict[str, dict[str, Any]] = {}
    lost: set[str] = set()
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        sid, at = entry.get("call_sid"), datetime.fromisoformat(entry["timestamp"])
        match entry["event"]:
            case "call.created":
                call_id = entry.get("status_callback", "").split("/")[-2:][0]
                taken[sid] = {"call_id": call_id, "number": entry["pii"]["to"], "taken_at": at}
            case "call.status" if entry["status"] == "ringing":
                taken[sid]["rang_at"] = at
            case "call.status" if entry["status"] not in ("initiated", "in-progress"):
                taken[sid]["over_at"] = at
            case "call.answer_lost_on_purpose":
                lost.add(taken[sid]["call_id"])
    return tuple(Ring(**fields) for fields in taken.values()), frozenset(lost)


def calls_now() -> tuple[Placed, ...]:
    commits: dict[str, dict[str, datetime]] = defaultdict(dict)
    for call_id, kind, at in _rows(_EVENTS):
        commits[str(call_id)].setdefault(kind, at)
    owners: dict[str, set[int]] = defaultdict(set)
    for call_id, owner in CallEvent.objects.filter(kind__in=_CLAIMS).values_list("call_id", "fields__owner"):
        owners[str(call_id)].add(int(owner.split(":")[1]))
    return tuple(
        Placed(
            call_id=str(call.pk),
            lead_id=call.lead_id,
            attempt=call.attempt,
            number=call.to_number,
            status=call.status,
            ended_by=call.ended_by,
            queued_at=call.queued_at,
            owner_pids=frozenset(owners[str(call.pk)]),
            takeovers=call.takeovers,
            **{f"{kind}_committed_at": at for kind, at in commits[str(call.pk)].items()},
        )
        for call in Call.objects.order_by("queued_at")
    )


def leads_now(fates: Mapping[tuple[str, str], str]) -> tuple[LeadNow, ...]:
    """``fates`` are by the campaign's name and the number."""
    return tuple(
        LeadNow(lead.pk, lead.phone, fates[lead.campaign.name, lead.phone], lead.status, lead.next_attempt_at)
        for lead in Lead.objects.select_related("campaign")
    )


def opted_out() -> dict[str, datetime]:
    return dict(_rows("SELECT phone, pg_xact_commit_timestamp(xmin) FROM calls_suppression"))


def held_now() -> dict[str, str]:
    return {str(one.budget): str(one.held) for one in Balance.objects.select_related("budget") if one.held}


def audit_now() -> str:
    """What ``manage.py audit_ledger`` complains of."""
    try:
        call_command("audit_ledger", stdout=StringIO())
    except CommandError as error:
        return str(error)
    return ""


_CLAIMS = ("call.claimed", "call.taken_over")
_OVER = ", ".join(f"'{status.value}'" for status in sorted(TERMINAL))
_EVENTS = f"""
    SELECT call_id, kind, at FROM (
        SELECT call_id,
               CASE status WHEN 'dialing' THEN 'intent' WHEN 'unknown' THEN 'unknown' ELSE 'over' END AS kind,
               pg_xact_commit_timestamp(xmin) AS at
        FROM calls_callevent WHERE status IN ('dialing', 'unknown', {_OVER})
        UNION ALL
        SELECT reference, CASE kind WHEN 'hold' THEN 'hold' ELSE 'freed' END, pg_xact_commit_timestamp(xmin)
        FROM billing_ledgerentry WHERE kind IN ('hold', 'release')
    ) event ORDER BY at
"""


def _rows(sql: str) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
