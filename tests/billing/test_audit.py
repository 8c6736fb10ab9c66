"""The audit finds a micro-dollar wherever it is planted, and the ledger cannot be rewritten."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client

from billing.models import Balance, Budget, LedgerEntry
from billing.services import ledger
from billing.services.auditing import Difference, audit
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, hold

pytestmark = pytest.mark.django_db
MICRO = Decimal("0.000001")
REFUSED = "The ledger is append-only: book a correction instead."
DAY = "day from 2026-11-03 07:00 UTC"


@pytest.fixture
def budget() -> Budget:
    """0.03 USD of it is spent and 0.25 held; another budget holds the same and is honest."""
    budget = make.budget(name="November", zone="America/Denver")
    honest = make.budget("2", name="Honest")
    for call in (CALL, OTHER):
        hold(call, budget, honest)
    ledger.charge(CALL, Decimal("0.04"), at=AT)
    ledger.correct(CALL, Decimal("-0.01"), cause="carrier", at=AT)
    return budget


@contextmanager
def without_trigger() -> Iterator[None]:
    """As whoever owns the database could."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def told() -> list[str]:
    """The sentences with which the command fails."""
    with pytest.raises(CommandError) as failed:
        call_command("audit_ledger")
    assert failed.value.returncode == 1
    return str(failed.value).splitlines()


def test_the_audit_agrees_with_honest_books(budget: Budget) -> None:
    make.budget(name="Unused")
    out = StringIO()
    call_command("audit_ledger", stdout=out)
    assert out.getvalue() == "3 budgets agree with their ledgers.\n"


@pytest.mark.parametrize(("period", "label"), [("total", "total"), ("day", DAY)])
@pytest.mark.parametrize(("column", "honest"), [("spent", "0.03"), ("held", "0.25")])
def test_a_planted_micro_dollar_is_found_in_a_balance(
    budget: Budget, period: str, label: str, column: str, honest: str
) -> None:
    Balance.objects.filter(budget=budget, period=period).update(**{column: F(column) + MICRO})
    planted = Decimal(honest) + MICRO
    assert audit() == [Difference("November", "USD", label, column, planted, Decimal(honest))]
    assert told() == [
        f"Budget 'November', {label}: {column} is {planted} USD, its entries say {honest} USD "
        f"(difference 0.000001 USD)."
    ]


@pytest.mark.parametrize(
    ("kind", "column", "difference"),
    [
        ("hold", "held", "-0.000001"),
        ("release", "held", "0.000001"),
        ("charge", "spent", "-0.000001"),
        ("correction", "spent", "-0.000001"),
    ],
)
def test_a_planted_micro_dollar_is_found_in_an_entry(budget: Budget, kind: str, column: str, difference: str) -> None:
    with without_trigger():
        entries = LedgerEntry.objects.filter(budget=budget, reference=CALL, kind=kind)
        assert entries.update(amount=F("amount") + MICRO) == 1
    sentences = told()
    assert [one.split(":")[0] for one in sentences] == [
        f"Budget 'November', {period} from 2026-11-0{day} 0{hour}"
        for period, day, hour in (("day", 3, 7), ("month", 1, 6))
    ] + ["Budget 'November', total", "Budget 'November', week from 2026-11-02 07"]
    assert all(f" {column} is " in one and one.endswith(f"(difference {difference} USD).") for one in sentences)


def test_an_entry_that_moved_to_another_day_is_found(budget: Budget) -> None:
    with without_trigger():
        LedgerEntry.objects.filter(budget=budget, reference=OTHER).update(booked_at=AT + timedelta(days=1))
    assert [str(one) for one in audit()] == [
        f"Budget 'November', {DAY}: held is 0.25 USD, its entries say 0.00 USD (difference 0.25 USD)."
    ]


def test_a_lost_entry_and_a_lost_total_are_found(budget: Budget) -> None:
    with without_trigger():
        LedgerEntry.objects.filter(budget=budget, reference=OTHER).delete()
    assert [(one.balance, one.booked, one.entries) for one in audit()] == [("held", Decimal("0.25"), Decimal(0))] * 4
    Balance.objects.filter(budget=budget).delete()
    assert [str(one) for one in audit()] == [
        "Budget 'November', total: spent is 0.00 USD, its entries say 0.03 USD (difference -0.03 USD)."
    ]


def test_the_ledger_cannot_be_rewritten(budget: Budget) -> None:
    before = list(LedgerEntry.objects.order_by("pk").values())
    entry = LedgerEntry.objects.filter(kind="charge").first()
    assert entry
    entry.amount = Decimal(0)
    for act in (
        entry.save,
        entry.delete,
        lambda: LedgerEntry.objects.update(details={}),
        LedgerEntry.objects.all().delete,
    ):
        with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
            act()
    for statement in ("UPDATE billing_ledgerentry SET amount = 0", "DELETE FROM billing_ledgerentry"):
        with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert list(LedgerEntry.objects.order_by("pk").values()) == before


def test_the_admin_deletes_neither_an_entry_nor_a_budget_that_has_some(admin_client: Client, budget: Budget) -> None:
    entry = LedgerEntry.objects.order_by("pk").first()
    assert entry
    assert admin_client.post(f"/admin/billing/ledgerentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    admin_client.post("/admin/billing/ledgerentry/", chosen)
    admin_client.post(f"/admin/billing/budget/{budget.pk}/delete/", {"post": "yes"})
    assert (LedgerEntry.objects.count(), Budget.objects.count()) == (10, 2)
