"""Do-not-call lists as CSV: every number that can be read, whatever the rest is like."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command

from calls.domain.do_not_call_csv import Listed, parse_numbers
from calls.domain.lead_csv import Rejected
from calls.models import Lead, LeadImport, Suppression
from calls.services import importing
from calls.services.following import follow_left
from calls.services.importing import import_leads
from calls.services.importing_do_not_call import import_do_not_call
from calls.services.opting_out import suppress
from tests.calls import factories as make

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def rows(text: str) -> list[Listed | Rejected]:
    return list(parse_numbers(io.BytesIO(text.encode())))


def test_numbers_are_read_past_everything_else() -> None:
    text = (
        "Name;Mobile;Home phone;E-mail;Notes\n"
        "Dana;303-555-0100;;not an address;asked by  letter\n"
        "=1+1;+1 303 555 0101;303.555.0102;;\n"
        "short;303-555-0103\n"
        ";;;;x\n"
        'open;"303-555-0104\n'
    )
    found = rows(text.replace("Home phone", "Phone"))
    assert found[:4] == [
        Listed(2, "+13035550100", "asked by letter"),
        Listed(3, "+13035550101"),
        Listed(3, "+13035550102"),
        Listed(4, "+13035550103"),
    ]
    assert [(row.line, type(row)) for row in found[4:]] == [(5, Rejected), (6, Rejected)]
    assert found[4] == Rejected(5, "The phone number is missing.")


@pytest.mark.django_db
def test_a_long_list_goes_in_chunks_and_again_changes_nothing() -> None:
    lead = make.lead(phone="+13035550001", email="dana@example.com")
    make.lead(phone="+13035559999", email="dana@example.com")
    text = "phone\n" + "".join(f"303555{number:04}\n" for number in range(1, 1101))
    for added, known, followed in ((1100, 0, 1), (0, 1100, 0)):
        done = import_do_not_call(io.BytesIO(text.encode()), reason="old list", by="mia", now=NOW)
        assert (done.added, done.known, done.followed, done.rejected) == (added, known, followed, [])
    assert Suppression.objects.count() == 1101
    assert Suppression.objects.get(phone="+13035559999").origin == lead.phone


@pytest.mark.django_db
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text("phone\n303-555-0100\n")
    call_command("import_do_not_call", path, reason="letters")
    assert capsys.readouterr().out == "1 added, 0 on the list already, 0 more of the same people, 0 not readable.\n"
    assert Suppression.objects.get().by == "manage.py import_do_not_call"
    path.write_text("phone\n303-555-0101\nx\n")
    with pytest.raises(CommandError, match="Some lines hold no number"):
        call_command("import_do_not_call", path, reason="letters")
    assert "line 3: 'x' is not a phone number: write digits only" in capsys.readouterr().err
    assert Suppression.objects.count() == 2
    for bad in ("name\nDana\n", None):
        if bad is None:
            path.unlink()
        else:
            path.write_text(bad)
        with pytest.raises(CommandError):
            call_command("import_do_not_call", path, reason="letters")


@pytest.mark.django_db
def test_imported_leads_of_somebody_who_opted_out_follow() -> None:
    make.lead(phone="+13035550001", email="dana@example.com")
    suppress("+13035550001", source="sms", said="STOP", now=NOW)
    text = "phone,email\n303-555-0100,DANA@example.com\n303-555-0101,kim@example.com\n303-555-0102,\n"
    campaign = make.campaign()
    done = import_leads(campaign.pk, "leads.csv", io.BytesIO(text.encode()), now=NOW)
    assert (done.imported, done.rejected) == (3, 0)
    statuses = Lead.objects.filter(campaign=campaign).order_by("phone").values_list("phone", "status")
    assert list(statuses) == [("+13035550100", "closed"), ("+13035550101", "open"), ("+13035550102", "open")]
    assert Suppression.objects.get(phone="+13035550100").origin == "+13035550001"
    assert LeadImport.objects.get().followed_at == NOW


@pytest.mark.django_db
def test_leads_of_an_import_whose_process_died_before_that_follow_soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    make.lead(phone="+13035550001", email="dana@example.com")
    suppress("+13035550001", source="sms", said="STOP", now=NOW)
    monkeypatch.setattr(importing, "follow_import", Mock(side_effect=SystemExit))
    with pytest.raises(SystemExit):
        import_leads(
            make.campaign().pk, "leads.csv", io.BytesIO(b"phone,email\n303-555-0100,dana@example.com\n"), now=NOW
        )
    LeadImport.objects.update(created_at=NOW)
    assert follow_left(now=NOW + timedelta(seconds=30)) == 0
    assert not Suppression.objects.filter(phone="+13035550100").exists()
    assert follow_left(now=NOW + timedelta(seconds=90)) == 1
    assert Suppression.objects.get(phone="+13035550100").origin == "+13035550001"
    assert follow_left(now=NOW + timedelta(hours=1)) == 0
