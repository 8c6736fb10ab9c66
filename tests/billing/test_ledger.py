"""Holds, charges, releases and corrections move money once, inside every limit, and the books agree."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from billing.domain.money import BadAmount, MixedCurrencies
from billing.domain.periods import Period
from billing.models import Balance, Budget, LedgerEntry
from billing.services import ledger
from billing.services.auditing import audit
from billing.services.ledger import AlreadyHeld, BudgetExhausted, BudgetStopped, NotHeld
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, entries, hold, sums

pytestmark = pytest.mark.django_db
USD = "USD"
LATE = AT + timedelta(days=40)


def charge(cost: str, of: UUID = CALL) -> Decimal:
    return ledger.charge(of, Decimal(cost), at=AT)


def correct(amount: str, cause: str = "carrier", at: datetime = AT) -> Decimal:
    return ledger.correct(CALL, Decimal(amount), cause=cause, at=at)


def test_a_hold_sets_money_aside_in_every_period() -> None:
    budget = make.budget(zone="America/Denver", day_limit="0.5")
    hold(CALL, budget)
    entry = LedgerEntry.objects.get()
    assert (entry.budget, entry.reference, entry.kind, entry.cause) == (budget, CALL, "hold", "")
    assert (entry.amount, entry.at, entry.booked_at, entry.details) == (Decimal("0.25"), AT, AT, {})
    midnight = datetime(2026, 11, 3, 7, 0, tzinfo=UTC)  # in Denver
    rows = Balance.objects.values_list("period", "window", "limit", "spent", "held")
    assert {period: (window.lower, window.upper, *rest) for period, window, *rest in rows} == {
        "total": (None, None, Decimal(1), ZERO, Decimal("0.25")),
        "day": (midnight, midnight + timedelta(days=1), Decimal("0.5"), ZERO, Decimal("0.25")),
        "week": (  # Monday, and the next
            datetime(2026, 11, 2, 7, tzinfo=UTC),
            datetime(2026, 11, 9, 7, tzinfo=UTC),
            None,
            ZERO,
            Decimal("0.25"),
        ),
        "month": (  # from summer time to standard time
            datetime(2026, 11, 1, 6, tzinfo=UTC),
            datetime(2026, 12, 1, 7, tzinfo=UTC),
            None,
            ZERO,
            Decimal("0.25"),
        ),
    }


def test_a_hold_may_take_the_last_micro_dollar_and_no_more() -> None:
    budget = make.budget("0.5", name="November")
    hold(CALL, budget)
    with pytest.raises(
        BudgetExhausted,
        match=r"^Budget 'November' cannot hold 0\.250001 USD more: raise its limit or wait for calls to settle\.$",
    ) as refused:
        hold(OTHER, budget, amount="0.250001")
    assert refused.value.budget == budget
    assert entries(OTHER) == []
    hold(OTHER, budget)
    assert sums(budget) == (ZERO, Decimal("0.5"))


@pytest.mark.parametrize(("period", "when"), [("day", "today"), ("week", "this week"), ("month", "this month")])
def test_a_full_period_refuses_until_the_next_begins(period: str, when: str) -> None:
    budget = make.budget("9", **{f"{period}_limit": "0.3"})
    hold(CALL, budget)
    with pytest.raises(BudgetExhausted, match=rf"cannot hold 0\.25 USD more {when}: raise its limit"):
        hold(OTHER, budget)
    assert sums(budget) == (ZERO, Decimal("0.25"))
    hold(OTHER, budget, at=LATE)
    assert (sums(budget), sums(budget, Period(period)), sums(budget, Period(period), LATE)) == (
        (ZERO, Decimal("0.5")),
        (ZERO, Decimal("0.25")),
        (ZERO, Decimal("0.25")),
    )


def test_one_full_budget_of_three_leaves_the_others_as_they_were() -> None:
    wide, full, unlimited = make.budget("9"), make.budget("0.1"), make.budget(None)
    with pytest.raises(BudgetExhausted) as refused:
        hold(CALL, wide, full, unlimited)
    assert refused.value.budget == full
    assert not LedgerEntry.objects.exists()
    assert not Balance.objects.exists()


def test_a_hold_takes_the_places_that_matter_into_its_sentence() -> None:
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.25 USD more"):
        hold(CALL, make.budget("0.1"), amount="0.250000")


def test_a_call_is_held_for_once_also_on_another_budget() -> None:
    budget, other = make.budget(), make.budget()
    hold(CALL, budget)
    for again in ([budget], [other], [budget, other]):
        with pytest.raises(AlreadyHeld, match=f"The call {CALL} was held for before: a new attempt is a new call"):
            hold(CALL, *again)
    ledger.release(CALL, at=AT)
    with pytest.raises(AlreadyHeld):
        hold(CALL, budget)
    assert sums(budget) == (ZERO, ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25"))]


def test_a_hold_goes_back_with_the_callers_transaction() -> None:
    budget = make.budget()
    with transaction.atomic():
        hold(CALL, budget)
        transaction.set_rollback(True)
    assert not Balance.objects.exists()
    assert entries() == []


@pytest.mark.parametrize("amount", ["-0.01", "0.0000001", "100000000", "1e30", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    budget = make.budget()
    sentence = r"is not an amount: it must be from 0 to 99999999\.999999, with at most 6 places"
    with pytest.raises(BadAmount, match=sentence):
        hold(CALL, budget, amount=amount)
    hold(CALL, budget)
    with pytest.raises(BadAmount, match=sentence):
        charge(amount)
    charge("0.1")
    for sign in ("", "-"):
        if amount != "-0.01":
            with pytest.raises(BadAmount, match=sentence):
                correct(sign + amount)
    assert sums(budget) == (Decimal("0.1"), ZERO)


def test_budgets_that_are_not_there_cannot_hold() -> None:
    budget = make.budget()
    with pytest.raises(Budget.DoesNotExist, match="There is no budget 0: choose another"):
        ledger.hold(CALL, [budget.pk, 0], Decimal("0.25"), currency=USD, at=AT)
    with pytest.raises(Budget.DoesNotExist, match="A call that no budget pays for does not ring"):
        hold(CALL)
    assert entries() == []


def test_a_budget_in_another_currency_holds_nothing() -> None:
    dollars, euros = make.budget(), make.budget(name="Europe", currency="EUR")
    with pytest.raises(
        MixedCurrencies,
        match=r"^Budget 'Europe' is in EUR and the call is priced in USD: use a budget in USD, or enter the rates in",
    ):
        hold(CALL, dollars, euros)
    assert entries() == []
    hold(CALL, euros, currency="EUR")
    with pytest.raises(BudgetExhausted, match=r"cannot hold 0\.80 EUR more"):
        hold(OTHER, euros, amount="0.8", currency="EUR")


def test_a_limit_for_one_call_is_kept() -> None:
    budget = make.budget(name="November", call_limit="0.2")
    with pytest.raises(
        BudgetExhausted,
        match=r"^A call could cost 0\.25 USD, and budget 'November' allows 0\.20 USD for one: raise that limit",
    ):
        hold(CALL, budget)
    hold(CALL, budget, amount="0.2")
    assert sums(budget) == (ZERO, Decimal("0.2"))


def test_a_stopped_budget_holds_nothing_until_its_time_is_over() -> None:
    until = AT + timedelta(hours=1)
    budget = make.budget(name="November", stopped_at=AT, stopped_reason="EMERGENCY: 0.99 of the day's limit.")
    with pytest.raises(BudgetStopped, match=r"Dialing on budget 'November' is stopped: EMERGENCY: 0\.99") as refused:
        hold(CALL, budget)
    assert refused.value.budget == budget
    Budget.objects.update(stopped_until=until)
    with pytest.raises(BudgetStopped):
        hold(CALL, budget, at=until - timedelta(microseconds=1))
    assert entries() == []
    hold(CALL, budget, at=until)
    assert sums(budget) == (ZERO, Decimal("0.25"))


def test_a_budget_without_limits_ends_where_its_books_do() -> None:
    budget = make.budget(None, name="Endless")
    hold(CALL, budget, amount="99999999.999999")
    with pytest.raises(
        BudgetExhausted, match=r"^Budget 'Endless' cannot hold 0\.000001 USD more.*: use a new budget\.$"
    ):
        hold(OTHER, budget, amount="0.000001")
    assert charge("99999999.999999") == Decimal("99999999.999999")
    assert correct("0.000001") == 0
    assert sums(budget) == (Decimal("99999999.999999"), ZERO)
    assert audit() == []


def test_the_database_refuses_what_the_code_would_let_through() -> None:
    hold(CALL, make.budget())
    total = Balance.objects.filter(period="total")
    with pytest.raises(IntegrityError, match="balance_is_not_overspent"), transaction.atomic():
        total.update(held=Decimal("1.000001"))
    with pytest.raises(IntegrityError, match="balance_is_not_overspent"), transaction.atomic():
        total.update(limit=Decimal("0.249999"))
    with pytest.raises(IntegrityError, match="balance_is_not_negative"), transaction.atomic():
        total.update(spent=Decimal("-0.000001"))
    with pytest.raises(IntegrityError, match="entry_is_not_negative"), transaction.atomic():
        LedgerEntry.objects.create(
            budget=Budget.objects.get(), reference=OTHER, kind="charge", amount=Decimal(-1), at=AT, booked_at=AT
        )


def test_a_charge_takes_the_cost_and_gives_the_rest_back() -> None:
    budget = make.budget()
    hold(CALL, budget)
    assert ledger.charge(CALL, Decimal("0.0355"), at=LATE, details={"twilio.amd": "0.0075"}) == Decimal("0.0355")
    assert sums(budget) == (Decimal("0.0355"), ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25")), ("charge", Decimal("0.0355"))]
    charged = LedgerEntry.objects.get(kind="charge")
    assert (charged.details, charged.at, charged.booked_at) == ({"twilio.amd": "0.0075"}, LATE, AT)


def test_a_second_charge_changes_nothing_and_tells_what_the_first_took() -> None:
    budget = make.budget()
    hold(CALL, budget)
    charge("0.03")
    assert charge("0.07") == Decimal("0.03")
    ledger.release(CALL, at=AT)
    assert sums(budget) == (Decimal("0.03"), ZERO)
    assert len(entries()) == 3


def test_a_call_that_cost_nothing_is_charged_nothing() -> None:
    budget = make.budget()
    hold(CALL, budget)
    assert charge("0") == 0
    assert charge("0.1") == 0
    assert sums(budget) == (ZERO, ZERO)
    assert entries() == [("hold", Decimal("0.25")), ("release", Decimal("0.25")), ("charge", ZERO)]


def test_every_budget_that_held_is_charged() -> None:
    budget, whole = make.budget(), make.budget("10")
    hold(CALL, whole, budget)
    hold(OTHER, whole, amount="0.5")
    assert charge("0.1") == Decimal("0.1")
    assert (sums(budget), sums(whole)) == ((Decimal("0.1"), ZERO), (Decimal("0.1"), Decimal("0.5")))
    assert LedgerEntry.objects.filter(reference=CALL, kind="charge").count() == 2


def test_a_cost_above_the_hold_is_charged_up_to_it() -> None:
    budget = make.budget()
    hold(CALL, budget)
    hold(OTHER, budget, amount="0.75")
    assert charge("1.078") == Decimal("0.25")  # 4,591 s against a cap of 300 s
    assert sums(budget) == (Decimal("0.25"), Decimal("0.75"))
    assert audit() == []


def test_what_never_rang_is_released_once() -> None:
    budget, whole = make.budget(), make.budget()
    hold(CALL, budget, whole)
    ledger.release(CALL, at=AT)
    ledger.release(CALL, at=AT)
    assert sums(budget) == sums(whole) == (ZERO, ZERO)
    assert entries() == [("hold", Decimal("0.25"))] * 2 + [("release", Decimal("0.25"))] * 2


def test_releasing_what_was_never_held_does_nothing() -> None:
    ledger.release(CALL, at=AT)
    assert not LedgerEntry.objects.exists()


def test_a_cost_without_a_hold_is_an_error() -> None:
    budget = make.budget()
    with pytest.raises(
        NotHeld, match=rf"^Nothing is held for {CALL}: hold for a call before it rings, and release only a"
    ):
        charge("0.03")
    hold(CALL, budget)
    ledger.release(CALL, at=AT)
    with pytest.raises(NotHeld, match=str(CALL)):
        charge("0.03")
    assert sums(budget) == (ZERO, ZERO)


def test_corrections_change_what_was_charged_once_a_cause() -> None:
    budget, whole = make.budget(), make.budget("2")
    hold(CALL, budget, whole)
    charge("0.1")
    assert ledger.correct(CALL, Decimal("0.02"), cause="a", at=LATE, details={"b": "c"}) == Decimal("0.02")
    assert correct("0.5", cause="a") == Decimal("0.02")
    assert correct("-0.05", cause="b") == Decimal("-0.05")
    assert sums(budget) == sums(whole) == (Decimal("0.07"), ZERO)
    made = LedgerEntry.objects.filter(kind="correction", budget=whole).values_list(
        "cause", "amount", "at", "booked_at"
    )
    assert list(made.order_by("pk")) == [("a", Decimal("0.02"), LATE, AT), ("b", Decimal("-0.05"), AT, AT)]
    assert LedgerEntry.objects.filter(cause="a", budget=budget).get().details == {"b": "c"}
    assert audit() == []


def test_a_correction_takes_back_no_more_than_was_charged() -> None:
    budget = make.budget()
    hold(CALL, budget)
    hold(OTHER, budget)
    charge("0.1")
    charge("0.2", of=OTHER)
    assert correct("0.01", cause="up") == Decimal("0.01")
    assert correct("-5") == Decimal("-0.11")
    assert correct("-5", cause="again") == 0
    assert sums(budget) == (Decimal("0.2"), ZERO)


def test_a_correction_charges_no_more_than_the_fullest_budget_has_room_for() -> None:
    wide, full = make.budget("9"), make.budget("1")
    hold(CALL, wide, full)
    charge("0.25")
    hold(OTHER, full, amount="0.7")
    assert correct("2") == Decimal("0.05")
    assert correct("2", cause="again") == 0
    assert (sums(full), sums(wide)) == ((Decimal("0.3"), Decimal("0.7")), (Decimal("0.3"), ZERO))


def test_a_correction_charges_no_more_than_a_period_or_one_call_may_cost() -> None:
    budget = make.budget("9", day_limit="0.3", call_limit="0.28")
    hold(CALL, budget)
    charge("0.25")
    assert correct("1", cause="call") == Decimal("0.03")
    Budget.objects.update(call_limit=None)
    assert correct("1", cause="day") == Decimal("0.02")
    Budget.objects.update(call_limit=Decimal("0.1"))
    assert correct("1", cause="lowered") == 0
    assert sums(budget) == (Decimal("0.3"), ZERO)
    assert audit() == []


def test_only_a_charged_call_is_corrected() -> None:
    for _ in range(2):
        with pytest.raises(NotHeld, match=rf"^The call {CALL} was not charged, so its cost cannot be corrected"):
            correct("0.01")
        if not entries():
            hold(CALL, make.budget())
    assert entries() == [("hold", Decimal("0.25"))]


def test_a_call_counts_on_the_day_of_its_hold_whenever_it_ends() -> None:
    budget = make.budget("9", zone="America/Denver", day_limit="0.3")
    midnight = datetime(2026, 11, 4, 7, tzinfo=UTC)
    before, after = midnight - timedelta(microseconds=1), midnight
    hold(CALL, budget, at=before)
    hold(OTHER, budget, at=after)
    ledger.charge(CALL, Decimal("0.2"), at=after + timedelta(minutes=5))
    assert ledger.correct(CALL, Decimal("0.2"), cause="carrier", at=LATE) == Decimal("0.1")
    assert sums(budget, Period.DAY, before) == (Decimal("0.3"), ZERO)
    assert sums(budget, Period.DAY, after) == (ZERO, Decimal("0.25"))
    assert not Balance.objects.filter(window__contains=LATE).exclude(period="total").exists()
    assert audit() == []


def local_midnight(at: datetime, zone: str) -> bool:
    return at.astimezone(ZoneInfo(zone)).time() == time()


@pytest.mark.parametrize(("zone", "following"), [("Asia/Tokyo", 9), ("America/Los_Angeles", 9), ("UTC", 8)])
def test_a_budget_that_moves_to_another_zone_goes_on_without_gap_or_overlap(zone: str, following: int) -> None:
    budget = make.budget("9", zone="America/Denver")
    hold(CALL, budget)
    Budget.objects.update(zone=zone)
    for hour in range(0, 24 * 8):
        hold(UUID(int=hour + 1), budget, amount="0.01", at=AT + timedelta(hours=hour))
    days = list(budget.balances.filter(period="day").order_by("window").values_list("window", flat=True))
    assert [one.upper for one in days[:-1]] == [one.lower for one in days[1:]]
    assert days[0].lower == datetime(2026, 11, 3, 7, tzinfo=UTC)
    assert [local_midnight(one.upper, zone) for one in days[1:]] == [True] * following
    assert audit() == []


def test_a_clock_that_goes_back_opens_no_period_twice() -> None:
    budget = make.budget("9", zone="America/Denver")
    hold(CALL, budget)
    Budget.objects.update(zone="Asia/Tokyo")
    hold(OTHER, budget, at=AT - timedelta(hours=11))  # before the day that is open, and in Tokyo's part of it
    windows = budget.balances.filter(period="day").order_by("window").values_list("window", flat=True)
    assert [(one.lower, one.upper) for one in windows] == [
        (datetime(2026, 11, 2, 15, tzinfo=UTC), datetime(2026, 11, 3, 7, tzinfo=UTC)),
        (datetime(2026, 11, 3, 7, tzinfo=UTC), datetime(2026, 11, 4, 7, tzinfo=UTC)),
    ]


def test_locking_calls_that_hold_nothing_does_no_harm() -> None:
    budget = make.budget()
    hold(CALL, budget)
    ledger.lock([CALL, OTHER])
    ledger.lock([OTHER])
    ledger.lock([])
    assert sums(budget) == (ZERO, Decimal("0.25"))
