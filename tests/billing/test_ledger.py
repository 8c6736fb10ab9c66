"""Holds, settlements and releases move money once, inside the limit, and the books agree."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from structlog.testing import capture_logs

from billing.models import Budget, LedgerEntry
from billing.services import BudgetExhausted, Difference, NotHeld, audit, hold, release, settle

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
CALL = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0001")
ZERO = Decimal(0)
OTHER = UUID("6f1c2f0e-9a33-4d6e-8a6a-0d6a4e0f0002")


def budget_of(limit: str, name: str = "November") -> Budget:
    return Budget.objects.create(name=name, limit=Decimal(limit))


def balances(budget: Budget) -> tuple[Decimal, Decimal]:
    budget.refresh_from_db()
    return budget.spent, budget.held


def entries(reference: UUID = CALL) -> list[tuple[str, Decimal]]:
    return list(LedgerEntry.objects.filter(reference=reference).order_by("pk").values_list("kind", "amount"))


def test_a_hold_sets_money_aside() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    assert balances(budget) == (ZERO, Decimal("0.25"))
    entry = LedgerEntry.objects.get()
    assert (entry.budget, entry.reference, entry.kind, entry.amount, entry.at, entry.details) == (
        budget,
        CALL,
        "hold",
        Decimal("0.25"),
        AT,
        {},
    )


def test_a_hold_may_take_the_last_micro_dollar_and_no_more() -> None:
    budget = budget_of("0.5")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    with pytest.raises(
        BudgetExhausted,
        match=r"^Budget 'November' cannot hold 0\.250001 USD more: raise its limit or wait for calls to settle\.$",
    ):
        hold(OTHER, budget.pk, Decimal("0.250001"), at=AT)
    assert entries(OTHER) == []
    hold(OTHER, budget.pk, Decimal("0.25"), at=AT)
    assert balances(budget) == (ZERO, Decimal("0.5"))


def test_a_hold_takes_the_places_that_matter_into_its_sentence() -> None:
    budget = budget_of("0.1")
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.25 USD more"):
        hold(CALL, budget.pk, Decimal("0.250000"), at=AT)
    assert balances(budget) == (ZERO, ZERO)
    assert not LedgerEntry.objects.exists()


def test_a_second_hold_of_a_call_changes_nothing() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    with pytest.raises(IntegrityError):
        hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    assert balances(budget) == (ZERO, Decimal("0.25"))
    assert entries() == [("hold", Decimal("0.25"))]


def test_a_hold_goes_back_with_the_callers_transaction() -> None:
    budget = budget_of("1")
    with transaction.atomic():
        hold(CALL, budget.pk, Decimal("0.25"), at=AT)
        transaction.set_rollback(True)
    assert balances(budget) == (ZERO, ZERO)
    assert entries() == []


@pytest.mark.parametrize("amount", ["-0.01", "0.0000001"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    budget = budget_of("1")
    with pytest.raises(ValueError, match="is not an amount"):
        hold(CALL, budget.pk, Decimal(amount), at=AT)
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    with pytest.raises(ValueError, match="is not an amount"):
        settle(CALL, {"x": Decimal(amount)}, at=AT)
    assert balances(budget) == (ZERO, Decimal("0.25"))


def test_a_budget_that_is_not_there_cannot_hold() -> None:
    with pytest.raises(Budget.DoesNotExist):
        hold(CALL, 0, Decimal("0.25"), at=AT)


def test_the_database_refuses_what_the_code_would_let_through() -> None:
    budget = budget_of("1")
    with pytest.raises(IntegrityError, match="budget_is_not_overspent"), transaction.atomic():
        Budget.objects.filter(pk=budget.pk).update(held=Decimal("1.000001"))
    with pytest.raises(IntegrityError, match="budget_is_not_negative"), transaction.atomic():
        Budget.objects.filter(pk=budget.pk).update(spent=Decimal("-0.000001"))


def test_settling_charges_the_cost_and_gives_the_rest_back() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    cost = settle(CALL, {"twilio.voice_out_us": Decimal("0.028"), "twilio.amd": Decimal("0.0075")}, at=AT)
    assert cost == Decimal("0.0355")
    assert balances(budget) == (Decimal("0.0355"), ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25")), ("charge", Decimal("0.0355"))]
    assert LedgerEntry.objects.get(kind="charge").details == {"twilio.voice_out_us": "0.028", "twilio.amd": "0.0075"}


def test_settling_again_changes_nothing_and_tells_the_same_cost() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    settle(CALL, {"a": Decimal("0.03")}, at=AT)
    assert settle(CALL, {"a": Decimal("0.07")}, at=AT) == Decimal("0.03")
    release(CALL, at=AT)
    assert balances(budget) == (Decimal("0.03"), ZERO)
    assert len(entries()) == 3


def test_a_call_that_cost_nothing_settles_too() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    assert settle(CALL, {}, at=AT) == 0
    assert settle(CALL, {"late": Decimal("0.1")}, at=AT) == 0
    assert balances(budget) == (ZERO, ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25")), ("charge", Decimal(0))]


def test_every_budget_that_held_is_charged() -> None:
    budget, whole = budget_of("1"), budget_of("10", name="Everything")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    hold(CALL, whole.pk, Decimal("0.25"), at=AT)
    hold(OTHER, whole.pk, Decimal("0.5"), at=AT)
    assert settle(CALL, {"a": Decimal("0.1")}, at=AT) == Decimal("0.1")
    assert balances(budget) == (Decimal("0.1"), ZERO)
    assert balances(whole) == (Decimal("0.1"), Decimal("0.5"))


def test_a_cost_above_the_hold_is_charged_up_to_it_and_never_silently() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    hold(OTHER, budget.pk, Decimal("0.75"), at=AT)
    with capture_logs() as logs:
        assert settle(CALL, {"twilio.voice_out_us": Decimal("1.078")}, at=AT) == Decimal("0.25")  # 4,591 s
    assert balances(budget) == (Decimal("0.25"), Decimal("0.75"))
    assert LedgerEntry.objects.get(kind="charge").details == {"twilio.voice_out_us": "1.078", "excess": "0.828000"}
    assert logs == [
        {
            "event": "billing.excess",
            "log_level": "error",
            "reference": str(CALL),
            "budget_id": budget.pk,
            "cost": "1.078",
            "held": "0.250000",
            "excess": "0.828000",
        }
    ]
    assert audit() == []


def test_what_never_rang_is_released_once() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    release(CALL, at=AT)
    release(CALL, at=AT)
    assert balances(budget) == (ZERO, ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25"))]


def test_releasing_what_was_never_held_does_nothing() -> None:
    release(CALL, at=AT)
    assert not LedgerEntry.objects.exists()


def test_a_cost_without_a_hold_is_an_error() -> None:
    budget = budget_of("1")
    with pytest.raises(NotHeld, match=r"so 0\.03 USD cannot be charged"):
        settle(CALL, {"a": Decimal("0.03")}, at=AT)
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    release(CALL, at=AT)
    with pytest.raises(NotHeld, match=str(CALL)):
        settle(CALL, {"a": Decimal("0.03")}, at=AT)
    assert balances(budget) == (ZERO, ZERO)


def test_the_audit_agrees_with_honest_books() -> None:
    budget, _ = budget_of("1"), budget_of("2", name="Unused")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    hold(OTHER, budget.pk, Decimal("0.3"), at=AT)
    settle(CALL, {"a": Decimal("0.03")}, at=AT)
    out = StringIO()
    call_command("audit_ledger", stdout=out)
    assert out.getvalue() == "2 budgets agree with their ledgers.\n"


def test_the_audit_finds_a_planted_micro_dollar() -> None:
    budget, honest = budget_of("1"), budget_of("2", name="Honest")
    for name in (budget, honest):
        hold(CALL, name.pk, Decimal("0.25"), at=AT)
    settle(CALL, {"a": Decimal("0.03")}, at=AT)
    Budget.objects.filter(pk=budget.pk).update(spent=Decimal("0.030001"))
    assert audit() == [Difference("November", "spent", Decimal("0.030001"), Decimal("0.03"))]
    with pytest.raises(CommandError) as failed:
        call_command("audit_ledger")
    assert failed.value.returncode == 1
    assert str(failed.value) == (
        "Budget 'November': spent is 0.030001 USD, its entries say 0.03 USD (difference 0.000001 USD)."
    )


def test_the_audit_finds_a_lost_hold() -> None:
    budget = budget_of("1")
    hold(CALL, budget.pk, Decimal("0.25"), at=AT)
    LedgerEntry.objects.all().delete()
    assert audit() == [Difference("November", "held", Decimal("0.25"), Decimal(0))]
