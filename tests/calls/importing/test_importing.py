import io
import itertools
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread
from unittest import mock

import pytest
from django.db import connections

from billing.models import Budget
from calls.models import Call, Campaign, Consent, Lead, LeadImport, LeadRow, Suppression
from calls.models.campaign import CampaignStatus
from calls.services import importing
from calls.services.importing import FileRefused, import_leads

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[3] / "demo" / "leads.csv"
HEADER = "phone,name,consent_kind,consent_source,consent_at\n"


def take(campaign: Campaign, text: str, name: str = "leads.csv") -> LeadImport:
    return import_leads(campaign.pk, name, io.BytesIO(text.encode()), now=NOW)


def fates(done: LeadImport) -> list[tuple[int, str, str, int | None]]:
    return list(done.rows.values_list("line", "fate", "reason", "lead_id"))


def nothing_written() -> bool:
    return not any(model.objects.exists() for model in (LeadImport, LeadRow, Lead, Consent, Call))


def test_a_row_becomes_a_lead_with_its_consent(campaign: Campaign) -> None:
    done = take(
        campaign,
        "phone,name,email,interest,address,state,zone,source,priority,consent_kind,consent_source,consent_at\n"
        "303-555-0100,Maria Lopez,m@example.com,seller,12 Maple St,CO,America/Denver,web,2,written,"
        "Home value form,2026-09-14T10:12:00-04:00\n",
    )
    lead = Lead.objects.get()
    assert {
        name: getattr(lead, name)
        for name in ("campaign_id", "phone", "name", "email", "interest", "address", "state", "zone", "source")
    } == {
        "campaign_id": campaign.pk,
        "phone": "+13035550100",
        "name": "Maria Lopez",
        "email": "m@example.com",
        "interest": "sell",
        "address": "12 Maple St",
        "state": "CO",
        "zone": "America/Denver",
        "source": "web",
    }
    assert (lead.priority, lead.status, lead.attempts, lead.next_attempt_at) == (2, "open", 0, NOW)
    consent = Consent.objects.get()
    assert (consent.lead_id, consent.kind, consent.source) == (lead.pk, "written", "Home value form")
    assert consent.given_at == datetime(2026, 9, 14, 14, 12, tzinfo=UTC)
    assert (done.file_name, done.imported, done.duplicates, done.rejected) == ("leads.csv", 1, 0, 0)
    assert fates(done) == [(2, "imported", "", lead.pk)]


def test_each_line_has_its_fate(campaign: Campaign) -> None:
    Suppression.objects.create(phone="+13035550109", source="voice", created_at=NOW)
    old = Lead.objects.create(campaign=campaign, phone="+13035550101", name="Old", next_attempt_at=NOW)
    done = take(
        campaign,
        HEADER + "3035550100,New,,,\n"
        "3035550101,Renamed,,,\n"
        "+1 303 555 0100,Again,,,\n"
        "911,Police,,,\n"
        "3035550109,Said stop,,,\n"
        "3035550102,From tomorrow,written,form,2026-11-22\n",
    )
    new = Lead.objects.exclude(pk=old.pk).get()
    assert fates(done) == [
        (2, "imported", "", new.pk),
        (3, "duplicate", "The number is already a lead of this campaign.", old.pk),
        (4, "duplicate", "The same number is on line 2 of this file.", new.pk),
        (5, "rejected", "911 is too short for a phone number: short codes cannot be called.", None),
        (6, "rejected", "The number is on the do-not-call list: it is never called, in any campaign.", None),
        (7, "rejected", "The consent is dated 2026-11-22, which is in the future: correct the date.", None),
    ]
    assert (done.imported, done.duplicates, done.rejected) == (1, 2, 3)
    old.refresh_from_db()
    assert old.name == "Old"
    assert not Consent.objects.exists()


def test_what_was_assumed_and_left_out_is_noted(campaign: Campaign) -> None:
    data = io.BytesIO("phone,name,ZIP,shoe size\n3035550100,Zoë,,\n".encode("cp1252"))
    assert import_leads(campaign.pk, "leads.csv", data, now=NOW).notes == (
        "The file is not UTF-8 and was read as Windows text: look whether letters with accents are right. "
        "Columns that are not read: ZIP, shoe size."
    )
    assert take(campaign, "phone\n3035550101\n").notes == ""


def test_consent_of_a_duplicate_is_added_to_the_lead_once(campaign: Campaign) -> None:
    take(campaign, HEADER + "3035550100,Ann,,,\n")
    done = take(campaign, HEADER + "3035550100,Ann,written,form,2026-03-04\n3035550100,Ann,written,form,2026-03-04\n")
    lead = Lead.objects.get()
    reason = "The number is already a lead of this campaign; the consent of this row was added to it."
    assert fates(done) == [(2, "duplicate", reason, lead.pk), (3, "duplicate", reason, lead.pk)]
    assert Consent.objects.get().lead_id == lead.pk


def test_the_same_number_in_another_campaign_is_another_lead(campaign: Campaign) -> None:
    other = Campaign.objects.create(name="Other", budget=campaign.budget)
    assert take(campaign, "phone\n3035550100\n").imported == 1
    assert take(other, "phone\n3035550100\n").imported == 1
    assert Lead.objects.count() == LeadImport.objects.count() == 2


def test_the_same_bytes_again_are_the_first_import(campaign: Campaign) -> None:
    first = take(campaign, "phone\n3035550100\n", "a.csv")
    again = take(campaign, "phone\n3035550100\n", "renamed.csv")
    assert (again.pk, again.file_name, again.created_at) == (first.pk, "a.csv", first.created_at)
    assert (Lead.objects.count(), LeadRow.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,email\nAnn,a@example.com\n", "No column holds the phone number. The first line names: name, email."),
        ("phone,name\n", "The file names its columns but has no row below them"),
        ("", "The file is empty"),
    ],
)
def test_a_refused_file_writes_nothing(campaign: Campaign, text: str, sentence: str) -> None:
    with pytest.raises(FileRefused, match=sentence):
        take(campaign, text)
    assert nothing_written()


def test_too_many_rows_or_bytes_are_refused_and_nothing_written(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_CHUNK_ROWS", 2)
    monkeypatch.setattr(importing, "MAX_ROWS", 3)
    with pytest.raises(FileRefused, match="The file has more than 3 rows: split it"):
        take(campaign, "phone\n3035550100\n3035550101\n3035550102\n3035550103\n")
    monkeypatch.setattr(importing, "MAX_BYTES", 2 * 1024 * 1024)
    with pytest.raises(FileRefused, match="The file is larger than 2 MiB: split it"):
        take(campaign, "phone\n" + "x" * 2 * 1024 * 1024)
    assert nothing_written()


def test_a_finished_campaign_takes_no_leads(campaign: Campaign) -> None:
    Campaign.objects.update(status=CampaignStatus.FINISHED)
    with pytest.raises(FileRefused, match="'Autumn sellers' is finished"):
        take(campaign, "phone\n3035550100\n")
    assert nothing_written()


def test_a_campaign_that_is_not_there(campaign: Campaign) -> None:
    with pytest.raises(Campaign.DoesNotExist):
        import_leads(campaign.pk + 1, "a.csv", io.BytesIO(b"phone\n3035550100\n"), now=NOW)


def test_a_crash_leaves_nothing_and_the_repeat_imports_once(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_CHUNK_ROWS", 2)
    text = "phone\n" + "".join(f"30355501{n:02}\n" for n in range(5))
    real, calls = importing._Writer._write, itertools.count(1)

    def dies_in_the_second_chunk(writer: importing._Writer, plan: importing._Plan) -> None:
        real(writer, plan)
        if next(calls) == 2:
            raise MemoryError

    with (
        mock.patch.object(importing._Writer, "_write", dies_in_the_second_chunk),
        pytest.raises(MemoryError),
    ):
        take(campaign, text)
    assert nothing_written()
    assert take(campaign, text).imported == Lead.objects.count() == 5


def test_duplicates_are_found_across_chunks(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_CHUNK_ROWS", 1)
    done = take(campaign, HEADER + "3035550100,A,,,\n3035550100,B,written,form,2026-03-04\n")
    lead = Lead.objects.get()
    assert fates(done) == [
        (2, "imported", "", lead.pk),
        (3, "duplicate", "The same number is on line 2 of this file.", lead.pk),
    ]
    assert Consent.objects.get().lead_id == lead.pk


def test_a_lead_that_comes_by_another_way_meanwhile_stands(campaign: Campaign) -> None:
    real = importing._Writer._plan

    def overtaken(writer: importing._Writer, *arguments: object) -> importing._Plan:
        plan = real(writer, *arguments)  # type: ignore[arg-type]
        Lead.objects.create(campaign=campaign, phone="+13035550100", name="By webhook", next_attempt_at=NOW)
        return plan

    with mock.patch.object(importing._Writer, "_plan", overtaken):
        done = take(campaign, HEADER + "3035550100,Ann,written,form,2026-03-04\n3035550100,A,,,\n3035550101,Bob,,,\n")
    ann, bob = Lead.objects.order_by("phone")
    assert (ann.name, bob.name) == ("By webhook", "Bob")
    assert fates(done) == [
        (2, "duplicate", "The number became a lead of this campaign by another way meanwhile.", ann.pk),
        (3, "duplicate", "The same number is on line 2 of this file.", ann.pk),
        (4, "imported", "", bob.pk),
    ]
    assert (done.imported, done.duplicates) == (1, 2)
    assert Consent.objects.get().lead_id == ann.pk


def test_the_demos_people(campaign: Campaign) -> None:
    with DEMO.open("rb") as stream:
        done = import_leads(campaign.pk, DEMO.name, stream, now=NOW)
    assert (done.imported, done.duplicates, done.rejected) == (12, 0, 0)
    people = Lead.objects.order_by("phone").values_list("phone", "name", "interest")
    assert [phone for phone, _, _ in people] == [f"+121255501{n:02}" for n in range(1, 13)]
    assert list(people[:2]) == [("+12125550101", "Maria Lopez", "sell"), ("+12125550102", "James Carter", "buy")]
    assert Lead.objects.get(name="Maria Lopez").address == "12 Maple Street"
    assert list(Consent.objects.values_list("kind", flat=True)) == ["written"] * 12


def in_threads(*works: object) -> list[object]:
    """Run the callables at the same moment, each on a connection of its own; results or errors in their order."""
    gate = Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            gate.wait(timeout=10)
            results[place] = works[place]()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[place] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.fixture
def committed_campaign(transactional_db: None) -> Campaign:
    budget = Budget.objects.create(name="Autumn", limit=Decimal(50))
    return Campaign.objects.create(name="Autumn sellers", budget=budget)


@pytest.mark.parametrize("attempt", range(3))
def test_two_managers_with_the_same_file_import_it_once(committed_campaign: Campaign, attempt: int) -> None:
    text = "phone\n" + "".join(f"303555{n:04}\n" for n in range(300))
    first, second = in_threads(*[lambda: take(committed_campaign, text)] * 2)
    assert isinstance(first, LeadImport)
    assert isinstance(second, LeadImport)
    assert first.pk == second.pk == LeadImport.objects.get().pk
    assert (first.imported, second.imported) == (300, 300)
    assert (Lead.objects.count(), LeadRow.objects.count()) == (300, 300)


@pytest.mark.parametrize("attempt", range(3))
def test_two_managers_with_overlapping_files_lose_and_double_no_lead(
    committed_campaign: Campaign, attempt: int
) -> None:
    numbers = [f"303555{n:04}\n" for n in range(300)]
    up, down = "phone\n" + "".join(numbers), "phone\n" + "".join(reversed(numbers))
    done = in_threads(lambda: take(committed_campaign, up), lambda: take(committed_campaign, down))
    assert sorted((each.imported, each.duplicates) for each in done) == [(0, 300), (300, 0)]  # type: ignore[attr-defined]
    assert Lead.objects.count() == 300


def test_without_the_lock_the_constraint_still_refuses_a_second_import(campaign: Campaign) -> None:
    """The lock makes the race orderly; the unique constraint is what makes it impossible."""
    LeadImport.objects.create(campaign=campaign, file_name="a.csv", sha256="a" * 64)
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError, match="a_file_is_imported_once"), transaction.atomic():
        LeadImport.objects.create(campaign=campaign, file_name="b.csv", sha256="a" * 64)


def test_pausing_does_not_wait_for_an_import(committed_campaign: Campaign) -> None:
    from calls.services import campaigns

    Campaign.objects.update(status=CampaignStatus.RUNNING)
    real, moved = importing._Writer._write, []

    def pauses_meanwhile(writer: importing._Writer, plan: importing._Plan) -> None:
        real(writer, plan)
        moved.extend(in_threads(lambda: campaigns.pause(committed_campaign.pk, now=NOW)))

    with mock.patch.object(importing._Writer, "_write", pauses_meanwhile):
        take(committed_campaign, "phone\n3035550100\n")
    assert moved == [None]
    assert Campaign.objects.get().status == "paused"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hundred_thousand_rows(campaign: Campaign) -> None:
    line = "{},Ann Smith,written,Home value form,2026-03-04T10:00:00-07:00\n"
    text = HEADER + "".join(line.format(f"303{n // 10_000 + 200}{n % 10_000:04}") for n in range(100_000))
    done = take(campaign, text)
    assert (done.imported, done.rejected) == (100_000, 0)
    assert Lead.objects.count() == Consent.objects.count() == LeadRow.objects.count() == 100_000
