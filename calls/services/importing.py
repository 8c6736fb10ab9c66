"""Taking a CSV of leads into a campaign: once per file, all of it or nothing, every line with its fate.

Rows go to the database in chunks inside one transaction. Imports into one campaign wait for each other on an advisory
lock, so that two managers with overlapping files cannot block each other half-way; starting and pausing the campaign
do not wait, since the campaign's own row is not locked.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import IO

import structlog
from django.db import connection, transaction

from calls.domain.lead_csv import FileRefused, LeadCsv, Rejected, Row, parse_rows
from calls.domain.lead_fields import from_the_future
from calls.models import Campaign, Consent, Lead, LeadImport, LeadList, LeadRow, Suppression
from calls.models.campaign import CampaignStatus
from calls.services.barring import why_barred
from calls.services.following import follow_import
from calls.services.gates import rules_of
from calls.services.rules import book_at

__all__ = ["MAX_BYTES", "MAX_ROWS", "FileRefused", "import_leads"]

MAX_ROWS = 100_000
MAX_BYTES = 64 * 1024 * 1024
_CHUNK_ROWS = 2_000
_READ_BYTES = 1 << 18
_KEPT_IN_MEMORY_BYTES = 4 * 1024 * 1024
_LOCK = 0x1EAD
"""The first key of the advisory lock; the second is the campaign."""

log = structlog.get_logger(__name__)


def import_leads(
    campaign_id: int, file_name: str, stream: IO[bytes], *, now: datetime, list_name: str = ""
) -> LeadImport:
    """Import the CSV; the same bytes again give the first import back and change nothing.

    New leads are due at ``now``, in the campaign's list of that name, which is made where there is none; without a
    name in no list. A lead that is known stays in its own. Raises FileRefused, with nothing written, where the file
    as a whole cannot be used,
    and Campaign.DoesNotExist.
    """
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES) as copy:
        sha256 = _copy(stream, copy)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, campaign_id])
            campaign = Campaign.objects.get(pk=campaign_id)
            if known := LeadImport.objects.filter(campaign=campaign, sha256=sha256).first():
                return known
            if campaign.status == CampaignStatus.FINISHED:
                raise FileRefused(f"The campaign {campaign.name!r} is finished: import into one that is not.")
            done = _import(campaign, file_name, sha256, copy, now, list_name=" ".join(list_name.split()))
    follow_import(done.pk, now=now)
    log.info(
        "leads.imported",
        campaign_id=campaign_id,
        import_id=done.pk,
        imported=done.imported,
        duplicates=done.duplicates,
        rejected=done.rejected,
    )
    return done


def _copy(stream: IO[bytes], copy: IO[bytes]) -> str:
    """Put the stream's bytes into ``copy``, which can be read twice; returns their SHA-256 in hex."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_READ_BYTES):
        size += len(block)
        if size > MAX_BYTES:
            raise FileRefused(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB: split it.")
        digest.update(block)
        copy.write(block)
    return digest.hexdigest()


def _import(
    campaign: Campaign, file_name: str, sha256: str, copy: IO[bytes], now: datetime, *, list_name: str
) -> LeadImport:
    file = parse_rows(copy)
    source = LeadImport.objects.create(
        campaign=campaign, file_name=file_name[-200:], sha256=sha256, notes=_notes(file)
    )
    writer = _Writer(source, now, list_name[: LeadList._meta.get_field("name").max_length])
    with contextlib.closing(iter(file)) as rows:
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            writer.take(chunk)
    if not writer.taken:
        raise FileRefused("The file names its columns but has no row below them: there is nothing to import.")
    if writer.barred:
        source.notes = f"{source.notes} {_barred_leads(writer.barred)}".strip()[:500]
    source.save(update_fields=["imported", "duplicates", "rejected", "notes"])
    return source


def _notes(file: LeadCsv) -> str:
    """What a person should know of how the file was read."""
    notes = []
    if file.encoding == "cp1252":
        notes.append(
            "The file is not UTF-8 and was read as Windows text: look whether letters with accents are right."
        )
    if file.ignored_columns:
        notes.append(f"Columns that are not read: {', '.join(file.ignored_columns)}.")
    return " ".join(notes)[:500]


def _barred_leads(count: int) -> str:
    leads = "1 lead has a number" if count == 1 else f"{count:,} leads have numbers"
    return f"{leads} that the rules do not allow to call today: its line says why."


@dataclass(slots=True)
class _Plan:
    """What a chunk comes to, before it is written."""

    rows: list[LeadRow] = field(default_factory=list)
    leads: dict[str, Lead] = field(default_factory=dict)
    consents: list[tuple[str, Consent]] = field(default_factory=list)


class _Writer:
    """Writes chunk by chunk; keeps of the file only at which line each number came first."""

    def __init__(self, source: LeadImport, now: datetime, list_name: str) -> None:
        self._source = source
        self._now = now
        self._list_name = list_name
        self._rules = rules_of(source.campaign)
        self._book = book_at(now)
        self.barred = 0
        self._line_of: dict[str, int] = {}
        self.taken = 0

    def take(self, chunk: Sequence[Row | Rejected]) -> None:
        self.taken += len(chunk)
        if self.taken > MAX_ROWS:
            raise FileRefused(f"The file has more than {MAX_ROWS:,} rows: split it.")
        phones = {row.phone for row in chunk if isinstance(row, Row)}
        suppressed = set(Suppression.objects.filter(phone__in=phones).values_list("phone", flat=True))
        plan = self._plan(chunk, suppressed, self._leads_by_phone(phones))
        self._write(plan)

    def _leads_by_phone(self, phones: Iterable[str]) -> dict[str, int]:
        leads = Lead.objects.filter(campaign_id=self._source.campaign_id, phone__in=phones)
        return dict(leads.values_list("phone", "pk"))

    def _plan(self, chunk: Sequence[Row | Rejected], suppressed: set[str], known: dict[str, int]) -> _Plan:
        plan = _Plan()
        keys = iter(_reserve_keys(sum(isinstance(row, Row) for row in chunk)))
        for row in chunk:
            if isinstance(row, Rejected):
                plan.rows.append(self._fate(row, LeadRow.Fate.REJECTED, row.reason))
                continue
            if reason := self._refusal(row, suppressed):
                plan.rows.append(self._fate(row, LeadRow.Fate.REJECTED, reason))
                continue
            if row.phone in known or row.phone in plan.leads:
                lead_id = known.get(row.phone) or plan.leads[row.phone].pk
                plan.rows.append(self._fate(row, LeadRow.Fate.DUPLICATE, self._duplicate_of(row), lead_id))
            else:
                lead = plan.leads[row.phone] = self._lead(row, next(keys))
                plan.rows.append(self._fate(row, LeadRow.Fate.IMPORTED, self._barred(row), lead.pk))
                self._line_of[row.phone] = row.line
                lead_id = lead.pk
            if row.consent is not None:
                consent = Consent(
                    lead_id=lead_id,
                    kind=row.consent.kind,
                    source=row.consent.source,
                    given_at=row.consent.given_at,
                    scope=row.consent.scope,
                    seller=row.consent.seller,
                    expires_at=row.consent.expires_at,
                    recorded_at=self._now,
                )
                plan.consents.append((row.phone, consent))
        return plan

    def _refusal(self, row: Row, suppressed: set[str]) -> str:
        if row.phone in suppressed:
            return "The number is on the do-not-call list: it is never called, in any campaign."
        # A day's grace: a bare date, or a clock that is ahead, is no lie.
        return from_the_future(row, self._now + timedelta(days=1))

    def _barred(self, row: Row) -> str:
        """Imported all the same, since rules are changed: the gates have the last word."""
        why = why_barred(row.phone, now=self._now, rules=self._rules, book=self._book)
        if not why:
            return ""
        self.barred += 1
        return f"{why} The lead is closed when its turn comes, unless the rules are changed before."

    @cached_property
    def _list(self) -> LeadList | None:
        """Made with the first lead, so that a file without one leaves no list."""
        if not self._list_name:
            return None
        return LeadList.objects.get_or_create(campaign_id=self._source.campaign_id, name=self._list_name)[0]

    def _duplicate_of(self, row: Row) -> str:
        if line := self._line_of.get(row.phone):
            return f"The same number is on line {line} of this file."
        noted = "; the consent of this row was added to it" if row.consent is not None else ""
        return f"The number is already a lead of this campaign{noted}."

    def _lead(self, row: Row, key: int) -> Lead:
        return Lead(
            pk=key,
            campaign_id=self._source.campaign_id,
            list=self._list,
            phone=row.phone,
            name=row.name,
            email=row.email,
            interest=row.interest,
            address=row.address,
            state=row.state,
            zone=row.zone,
            source=row.source,
            priority=row.priority,
            next_attempt_at=self._now,
            last_transaction_at=row.last_transaction_at,
            last_inquiry_at=row.last_inquiry_at,
        )

    def _fate(self, row: Row | Rejected, fate: LeadRow.Fate, reason: str, lead_id: int | None = None) -> LeadRow:
        return LeadRow(source=self._source, line=row.line, fate=fate, reason=reason[:300], lead_id=lead_id)

    def _write(self, plan: _Plan) -> None:
        Lead.objects.bulk_create(plan.leads.values(), ignore_conflicts=True)
        self._yield_to_others(plan)
        Consent.objects.bulk_create([consent for _, consent in plan.consents], ignore_conflicts=True)
        LeadRow.objects.bulk_create(plan.rows)
        fates = [row.fate for row in plan.rows]
        self._source.imported += fates.count(LeadRow.Fate.IMPORTED)
        self._source.duplicates += fates.count(LeadRow.Fate.DUPLICATE)
        self._source.rejected += fates.count(LeadRow.Fate.REJECTED)

    def _yield_to_others(self, plan: _Plan) -> None:
        """A lead that came in by another way while the chunk was written stands; its row here is a duplicate."""
        ours = {lead.pk for lead in plan.leads.values()}
        lost = ours - set(Lead.objects.filter(pk__in=ours).values_list("pk", flat=True))
        if not lost:
            return
        phone_of = {lead.pk: phone for phone, lead in plan.leads.items() if lead.pk in lost}
        theirs = self._leads_by_phone(phone_of.values())
        for row in plan.rows:
            if row.lead_id in phone_of:
                row.lead_id = theirs[phone_of[row.lead_id]]
                if row.fate == LeadRow.Fate.IMPORTED:
                    row.fate = LeadRow.Fate.DUPLICATE
                    row.reason = "The number became a lead of this campaign by another way meanwhile."
        for phone, consent in plan.consents:
            if consent.lead_id in phone_of:
                consent.lead_id = theirs[phone]


def _reserve_keys(count: int) -> list[int]:
    """Primary keys for new leads. With ``ON CONFLICT DO NOTHING`` they tell which rows were really inserted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [Lead._meta.db_table, count],
        )
        return [key for (key,) in cursor.fetchall()]
