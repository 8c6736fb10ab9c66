"""Imports into lists, with the whole consent and business dates, and numbers that the rules bar."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from calls.models import Campaign, Consent, Lead, LeadImport, LeadList
from calls.services.importing import import_leads

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HEADER = (
    "phone,consent_kind,consent_source,consent_at,consent_scope,consent_seller,consent_expires,"
    "last_transaction,last_inquiry\n"
)


def take(campaign: Campaign, text: str, list_name: str = "") -> LeadImport:
    return import_leads(campaign.pk, "leads.csv", io.BytesIO(text.encode()), now=NOW, list_name=list_name)


def test_new_leads_go_into_the_list_and_known_ones_stay(campaign: Campaign) -> None:
    take(campaign, "phone\n3035550100\n")
    take(campaign, "phone\n3035550100\n3035550101\n", "  Open   house ")
    listed = LeadList.objects.get()
    assert (listed.campaign, listed.name, listed.priority, listed.active) == (campaign, "Open house", 5, True)
    assert list(Lead.objects.order_by("phone").values_list("list", flat=True)) == [None, listed.pk]
    take(campaign, "phone\n3035550102\n", "Open house")
    assert listed.leads.count() == 2


def test_a_file_without_a_lead_leaves_no_list(campaign: Campaign) -> None:
    take(campaign, "phone\nx\n", "Open house")
    assert not LeadList.objects.exists()


def test_scope_end_and_business_dates_are_read(campaign: Campaign) -> None:
    take(
        campaign,
        f"{HEADER}3035550100,written,form,2026-01-02,seller,Summit Realty,2027-01-02,2025-06-01,2026-11-19\n",
    )
    consent, lead = Consent.objects.get(), Lead.objects.get()
    assert (consent.scope, consent.seller) == ("seller", "Summit Realty")
    assert consent.expires_at == datetime(2027, 1, 2, tzinfo=UTC)
    assert lead.last_transaction_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert lead.last_inquiry_at == datetime(2026, 11, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ("written,form,2026-01-02,world,,,,", 'The consent scope is "world": write campaign or seller or company.'),
        (
            "written,form,2026-01-02,seller,,,,",
            "The consent is for one seller and names none: fill consent_seller as the consent has it.",
        ),
        (
            "written,form,2026-01-02,,,2026-01-01,,",
            "The consent expires on 2026-01-01, before it was given: correct one of the dates.",
        ),
        (
            "written,form,2026-01-02,,,soon,,",
            'The consent expires is "soon": write it as 2026-03-04 or, with its zone, as 2026-03-04T15:30:00-07:00.',
        ),
        (
            ",,,company,,,,",
            "The consent is incomplete: fill consent_kind and consent_source and consent_at, "
            "or empty all of its cells.",
        ),
        (",,,,,,2026-12-24,", "The last transaction is dated 2026-12-24, which is in the future: correct the date."),
        (
            ",,,,,,,x",
            'The last inquiry is "x": write it as 2026-03-04 or, with its zone, as 2026-03-04T15:30:00-07:00.',
        ),
    ],
)
def test_a_bad_value_is_told(campaign: Campaign, cells: str, sentence: str) -> None:
    done = take(campaign, f"{HEADER}3035550100,{cells}\n")
    assert list(done.rows.values_list("fate", "reason")) == [("rejected", sentence)]
    assert not Lead.objects.exists()


def test_a_number_that_the_rules_bar_is_imported_and_noted(campaign: Campaign) -> None:
    done = take(campaign, "phone\n+4930901820\n3035550100\n")
    assert list(done.rows.values_list("fate", "reason")) == [
        (
            "imported",
            "Calls to DE are not allowed. The lead is closed when its turn comes, "
            "unless the rules are changed before.",
        ),
        ("imported", ""),
    ]
    assert done.notes == "1 lead has a number that the rules do not allow to call today: its line says why."
    assert Lead.objects.count() == 2


@pytest.mark.parametrize(
    ("options", "lists"), [([], ["march"]), (["--list", "Fair"], ["Fair"]), (["--list", ""], [])]
)
def test_the_command_names_the_list(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], lists: list[str]
) -> None:
    file = tmp_path / "march.csv"
    file.write_text("phone\n+4930901820\n")
    call_command("import_leads", str(campaign.pk), str(file), *options)
    assert list(LeadList.objects.values_list("name", flat=True)) == lists
    assert "line 2: Calls to DE are not allowed." in capsys.readouterr().out
