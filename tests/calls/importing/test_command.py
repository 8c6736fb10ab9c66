import io
import sys
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from calls.models import Campaign, Lead, LeadImport


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("import_leads", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text("phone,name,zip\n303-555-0100,Ann,\n911,Police,\n303-555-0100,Ann,\n")
    return path


def test_summary_and_the_rejected_lines(campaign: Campaign, leads: Path) -> None:
    assert run("Autumn sellers", str(leads)).splitlines() == [
        "1 imported, 1 duplicates, 1 rejected.",
        "Columns that are not read: zip.",
        "line 3: 911 is too short for a phone number: short codes cannot be called.",
    ]
    assert Lead.objects.get().name == "Ann"


def test_by_number_and_a_second_time(campaign: Campaign, leads: Path) -> None:
    run(str(campaign.pk), str(leads))
    again = run(str(campaign.pk), str(leads)).splitlines()
    assert again[0].startswith("This file was imported before, at 20")
    assert again[1] == "1 imported, 1 duplicates, 1 rejected."
    assert LeadImport.objects.count() == 1


def test_standard_input(campaign: Campaign) -> None:
    with mock.patch.object(sys, "stdin", mock.Mock(buffer=io.BytesIO(b"phone\n3035550100\n"))):
        assert run("Autumn sellers", "-") == "1 imported, 0 duplicates, 0 rejected.\n"
    assert LeadImport.objects.get().file_name == "standard input"


def test_refusals_are_one_sentence_and_write_nothing(campaign: Campaign, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("name\nAnn\n")
    with pytest.raises(CommandError, match=r"bad\.csv: No column holds the phone number") as refused:
        run("Autumn sellers", str(bad))
    assert refused.value.returncode == 1
    with pytest.raises(CommandError, match=r"none\.csv cannot be read: No such file or directory\."):
        run("Autumn sellers", str(tmp_path / "none.csv"))
    with pytest.raises(CommandError, match=r"There is no campaign 'Spring'. There are: Autumn sellers\."):
        run("Spring", str(bad))
    assert not LeadImport.objects.exists()
