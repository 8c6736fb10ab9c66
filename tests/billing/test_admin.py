"""The admin changes a budget's name and limit, and nothing that the ledger owns."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from billing.admin import BudgetAdmin, BudgetForm
from billing.models import Budget, LedgerEntry
from billing.services import hold, settle

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
CALL = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0001")
OTHER = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0002")
LIST, ADD = "/admin/billing/budget/", "/admin/billing/budget/add/"


@pytest.fixture
def budget() -> Budget:
    """1 USD, of which 0.1 is spent and 0.25 held."""
    budget = Budget.objects.create(name="November", limit=Decimal(1))
    for call in (CALL, OTHER):
        hold(call, budget.pk, Decimal("0.25"), at=AT)
    settle(CALL, {"a": Decimal("0.1")}, at=AT)
    return budget


def test_a_budget_is_made_with_a_limit(admin_client: Client) -> None:
    assert b"use" in admin_client.get(ADD).content
    assert admin_client.post(ADD, {"name": "December", "limit": "25"}).status_code == 302
    made = Budget.objects.get()
    assert (made.name, made.limit, made.spent, made.held) == ("December", Decimal(25), Decimal(0), Decimal(0))


def test_a_negative_limit_is_refused(admin_client: Client) -> None:
    assert admin_client.post(ADD, {"name": "December", "limit": "-1"}).status_code == 200
    assert not Budget.objects.exists()


def test_the_list_shows_what_is_left(admin_client: Client, budget: Budget) -> None:
    Budget.objects.create(name="Empty", limit=Decimal(0))
    page = admin_client.get(LIST).content.decode()
    assert '<progress max="100" value="35" title="0.35 USD of 1.00 USD"></progress> 35 %' in page
    assert "0.65 USD" in page
    assert '<progress max="100" value="0" title="0.00 USD of 0.00 USD"></progress> 0 %' in page


def test_a_limit_may_go_down_to_what_is_used(admin_client: Client, budget: Budget) -> None:
    reply = admin_client.post(f"{LIST}{budget.pk}/change/", {"name": "November", "limit": "0.35"})
    assert reply.status_code == 302
    budget.refresh_from_db()
    assert (budget.limit, budget.spent, budget.held) == (Decimal("0.35"), Decimal("0.1"), Decimal("0.25"))


def test_a_limit_below_what_is_used_is_refused_with_the_figure_to_enter(admin_client: Client, budget: Budget) -> None:
    reply = admin_client.post(f"{LIST}{budget.pk}/change/", {"name": "November", "limit": "0.349999"})
    assert reply.context["adminform"].form.errors == {
        "limit": [
            "0.349999 USD is less than the 0.10 USD spent and 0.25 USD held: "
            "enter at least 0.35 USD, or wait for calls to settle."
        ]
    }
    budget.refresh_from_db()
    assert budget.limit == 1


def test_saving_keeps_what_was_held_since_the_page_was_read(
    admin_client: Client, budget: Budget, rf: RequestFactory
) -> None:
    stale = Budget.objects.get(pk=budget.pk)
    hold(UUID(int=3), budget.pk, Decimal("0.05"), at=AT)
    form = BudgetForm({"name": "November", "limit": "2"}, instance=stale)
    assert form.is_valid()
    BudgetAdmin(Budget, admin.site).save_model(rf.post("/"), form.save(commit=False), form, change=True)
    budget.refresh_from_db()
    assert (budget.limit, budget.spent, budget.held) == (Decimal(2), Decimal("0.1"), Decimal("0.3"))


def test_the_ledger_is_read_only(admin_client: Client, budget: Budget) -> None:
    ledger = "/admin/billing/ledgerentry/"
    entry = LedgerEntry.objects.get(kind="charge")
    page = admin_client.get(
        ledger, {"kind__exact": "charge", "budget__id__exact": str(budget.pk), "q": str(CALL)[:8]}
    )
    assert list(page.context["cl"].result_list) == [entry]
    assert admin_client.get(f"{ledger}{entry.pk}/change/").status_code == 200
    assert admin_client.post(f"{ledger}{entry.pk}/change/", {"amount": "9"}).status_code == 403
    assert admin_client.post(f"{ledger}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{ledger}add/").status_code == 403
    entry.refresh_from_db()
    assert entry.amount == Decimal("0.1")
