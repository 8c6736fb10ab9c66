"""The carrier's own price takes the place of the estimate, once, or waits for a person."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from billing.domain.costing import Bill, repriced
from billing.models import Balance, Budget, CallCost, LedgerEntry, Review
from billing.services import auditing, bills, carrier_price, meter, settling
from billing.services.budgets import Limits, change_limits
from billing.services.card import card_at
from billing.services.settling import Ending
from billing.signals import cost_corrected
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, sums

pytestmark = pytest.mark.django_db
ENDED = AT + timedelta(minutes=2)
LATER = AT + timedelta(minutes=10)
SETTLED = Decimal("0.048730")
"""USD for 61 s: two minutes of voice 0.028 and of media stream 0.0088, the detection 0.0075, and a tenth in taxes."""
ESTIMATE = Decimal("0.028")


def settled(of: UUID = CALL, *budgets: Budget, answered_s: int | None = 61, held: str = "0.25") -> Budget:
    """A call that was held for and settled; the first of its budgets."""
    paying = budgets or (make.budget(),)
    make.hold(of, *paying, amount=held)
    meter.record(of, [meter.Measured("tts.local", "char", Decimal(900), 1)], reporter="claim 1", at=AT)
    settling.settle(of, Ending(answered_s), at=ENDED)
    return paying[0]


def take(price: str, currency: str = "USD", of: UUID = CALL, **more: Any) -> bool:
    return carrier_price.apply(of, Decimal(price), currency, at=LATER, **more)


def corrections(of: UUID = CALL) -> list[tuple[str, Decimal]]:
    entries = LedgerEntry.objects.filter(reference=of, kind="correction").order_by("pk")
    return list(entries.values_list("cause", "amount"))


@pytest.fixture
def told() -> Any:
    """What the corrections of this test told, as (charged, change)."""
    heard: list[tuple[Decimal, Decimal]] = []

    def listen(sender: type, *, charged: Decimal, change: Decimal, **_more: Any) -> None:
        heard.append((charged, change))

    cost_corrected.connect(listen)
    yield heard
    cost_corrected.disconnect(listen)


@pytest.mark.parametrize(
    ("price", "change"),
    [("0.014", "-0.015400"), ("0.056", "0.030800"), ("0", "-0.030800"), ("0.0140001", "-0.015398")],
)
def test_the_price_replaces_the_estimate_and_its_tax(price: str, change: str, told: list[Any]) -> None:
    budget = settled()
    assert sums(budget) == (SETTLED, ZERO)
    assert take(price)
    assert sums(budget) == (SETTLED + Decimal(change), ZERO)
    assert corrections() == [("carrier_price", Decimal(change))]
    assert told == [(SETTLED + Decimal(change), Decimal(change))]
    cost = CallCost.objects.get()
    assert (cost.charged, cost.excess, cost.estimated) == (SETTLED + Decimal(change), ZERO, SETTLED)
    assert (cost.carrier_estimate, cost.carrier_priced_at, cost.carrier_due_at) == (ESTIMATE, LATER, None)
    assert auditing.audit() == []
    assert not Review.objects.exists()


def test_an_expected_price_changes_nothing_and_is_kept(told: list[Any]) -> None:
    settled()
    assert take("0.02800")
    cost = CallCost.objects.get()
    assert (cost.carrier_price, cost.charged, cost.carrier_due_at) == (ESTIMATE, SETTLED, None)
    assert corrections() == told == []


def test_an_equal_price_again_changes_nothing_and_a_later_one_is_booked_against_the_last() -> None:
    budget = settled()
    assert [take(price) for price in ("0.014", "0.0140", "0.056", "0.056", "0.014")] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert corrections() == [
        ("carrier_price", Decimal("-0.0154")),
        ("carrier_price:2", Decimal("0.0462")),
        ("carrier_price:3", Decimal("-0.0462")),
    ]
    assert sums(budget) == (SETTLED - Decimal("0.0154"), ZERO)
    assert LedgerEntry.objects.filter(cause="carrier_price:2").get().details == {
        "before": "0.014000",
        "price": "0.056000",
    }


def test_every_budget_of_the_call_is_corrected() -> None:
    two = make.budget(), make.budget("5", scope="company")
    settled(CALL, *two)
    take("0.014")
    assert [sums(one) for one in two] == [(Decimal("0.03333"), ZERO)] * 2
    assert auditing.audit() == []


def test_the_difference_counts_in_the_periods_of_the_call() -> None:
    budget = settled()
    carrier_price.apply(CALL, Decimal("0.014"), "USD", at=AT + timedelta(days=3))
    days = Balance.objects.filter(budget=budget, period="day")
    assert [(day.spent, AT in day.window) for day in days] == [(Decimal("0.03333"), True)]


def test_the_price_of_a_call_that_nobody_answered_is_a_line_of_its_own() -> None:
    budget = settled(answered_s=None)
    assert sums(budget) == (ZERO, ZERO)
    assert take("0.014")
    assert sums(budget) == (Decimal("0.0154"), ZERO)
    assert take("0.028")
    assert sums(budget) == (Decimal("0.0308"), ZERO)
    bill = bills.bill_of(CallCost.objects.get(), card_at(AT))
    assert [(line.component, line.amount) for line in bill.lines if line.amount] == [
        ("carrier.price", Decimal("0.028")),
        ("tax.telephony", Decimal("0.0028")),
    ]


@pytest.mark.parametrize(
    ("price", "currency", "kind", "sentence"),
    [
        (
            "0.014",
            "EUR",
            "carrier_currency",
            "The carrier reports 0.014 EUR, and the call's budgets are in USD: nothing is",
        ),
        ("2.8", "USD", "carrier_price", "The carrier reports 2.80 USD where the rate card expects 0.028 USD: look"),
        ("-0.014", "USD", "carrier_price", "The carrier reports -0.014 USD, which is no price."),
        ("NaN", "USD", "carrier_price", "The carrier reports NaN USD, which is no price."),
        ("1e30", "USD", "carrier_price", "The carrier reports 1E+30 USD, which is no price."),
        ("0.014", "", "carrier_currency", "The carrier reports 0.014 , and the call's budgets are in USD"),
        ("0.014", "U\u0000D\u20ac" * 30, "carrier_currency", "The carrier reports 0.014 U\\x00D\\u20ac"),
    ],
)
def test_what_cannot_be_right_waits_for_a_person(
    price: str, currency: str, kind: str, sentence: str, told: list[Any]
) -> None:
    budget = settled()
    assert not take(price, currency)
    assert not take(price, currency)
    assert sums(budget) == (SETTLED, ZERO)
    assert corrections() == told == []
    review = Review.objects.get()
    assert (review.kind, review.reference, review.decision, review.opened_at) == (kind, CALL, "", LATER)
    assert review.text.startswith(sentence)
    assert CallCost.objects.get().carrier_price is None


@pytest.mark.parametrize(("price", "taken"), [("0.14", True), ("0.140001", False)])
def test_five_times_the_estimate_is_far(price: str, taken: bool) -> None:
    settled(held="0.9")
    assert take(price) is taken
    assert Review.objects.exists() is not taken


@pytest.mark.parametrize(("price", "taken"), [("0.05", True), ("0.050001", False)])
def test_a_small_sum_is_never_far(price: str, taken: bool) -> None:
    settled(answered_s=None)
    assert take(price) is taken


@pytest.mark.parametrize("held", [False, True])
def test_a_price_of_a_call_that_was_not_settled_is_set_aside(held: bool) -> None:
    budget = make.budget()
    if held:
        make.hold(CALL, budget)
    assert not take("0.014")
    review = Review.objects.get()
    assert (review.kind, review.data) == ("carrier_unknown", {"price": "0.014", "currency": "USD"})
    assert review.text.startswith("The carrier reports 0.014 USD for a call that was not charged")
    assert not CallCost.objects.exists()
    assert LedgerEntry.objects.count() == held


def test_more_than_what_is_free_is_charged_as_far_as_there_is_room(told: list[Any]) -> None:
    budget = settled(CALL, make.budget("0.25"))
    change_limits(budget.pk, Limits(Decimal("0.06")), at=LATER)
    assert take("0.056")
    assert sums(budget) == (Decimal("0.06"), ZERO)
    cost = CallCost.objects.get()
    assert (cost.charged, cost.excess) == (Decimal("0.06"), Decimal("0.019530"))
    assert corrections() == [("carrier_price", Decimal("0.011270"))]
    assert told == [(Decimal("0.06"), Decimal("0.011270"))]
    review = Review.objects.get()
    assert (review.kind, review.data) == ("excess", {"excess": "0.019530"})
    assert review.text == (
        "The call cost 0.0308 USD more than it was charged, and its budgets had room for 0.01127 USD: the rest was "
        "charged to no budget. Raise their limits and accept this to charge it."
    )
    assert auditing.audit() == []


def test_a_lower_price_takes_the_excess_away_first() -> None:
    budget = settled(held="0.04")
    assert CallCost.objects.get().excess == Decimal("0.00873")
    take("0.0228")
    cost = CallCost.objects.get()
    assert (cost.charged, cost.excess, corrections()) == (Decimal("0.04"), Decimal("0.00301"), [])
    take("0.014")
    cost = CallCost.objects.get()
    assert (cost.charged, cost.excess) == (Decimal("0.03333"), ZERO)
    assert sums(budget) == (Decimal("0.03333"), ZERO)
    assert corrections() == [("carrier_price", Decimal("-0.00667"))]


def test_what_the_carrier_is_asked_for_and_when() -> None:
    budget = make.budget()
    settled(CALL, budget)
    settled(OTHER, budget, answered_s=None)
    assert carrier_price.due(at=ENDED + timedelta(seconds=59), limit=9) == []
    assert carrier_price.due(at=ENDED + timedelta(seconds=60), limit=9) == [CALL]
    carrier_price.expect(OTHER, at=LATER)
    assert carrier_price.due(at=LATER + timedelta(seconds=60), limit=9) == [CALL, OTHER]
    assert carrier_price.due(at=LATER + timedelta(seconds=60), limit=1) == [CALL]
    take("0.028")
    assert carrier_price.due(at=LATER + timedelta(days=9), limit=9) == [OTHER]
    carrier_price.expect(CALL, at=LATER)
    carrier_price.ask_later(CALL, at=LATER)
    assert CallCost.objects.get(pk=CALL).carrier_due_at is None


def test_a_carrier_without_a_price_is_asked_ever_more_rarely_and_then_no_more() -> None:
    settled()
    asked_at, waits = ENDED + timedelta(minutes=1), []
    while (due_at := CallCost.objects.get().carrier_due_at) is not None:
        waits.append(due_at - asked_at)
        asked_at = due_at
        carrier_price.ask_later(CALL, at=asked_at)
    minutes = [int(wait.total_seconds() / 60) for wait in waits]
    assert minutes[:10] == [0, 2, 4, 8, 16, 32, 64, 128, 256, 360]
    assert set(minutes[10:]) == {360}
    assert timedelta(days=3) <= asked_at - ENDED < timedelta(days=3, hours=7)
    review = Review.objects.get()
    assert (review.kind, review.reference) == ("carrier_silent", CALL)
    assert review.text == (
        "The carrier told no price of this call in 3 days: the estimate of 0.028 USD stands. Accept this to ask "
        "again, or dismiss it."
    )
    assert take("0.014")


def test_a_price_that_was_set_aside_is_not_called_silence() -> None:
    settled()
    take("2.8")
    carrier_price.ask_later(CALL, at=ENDED + timedelta(days=4))
    assert CallCost.objects.get().carrier_due_at is None
    assert Review.objects.get().kind == "carrier_price"


@pytest.mark.django_db(transaction=True)
def test_a_price_that_comes_at_once_from_two_sides_is_booked_once() -> None:
    budget = settled()
    start = Barrier(8)

    def report(_number: int) -> bool:
        start.wait(10)
        try:
            return take("0.014")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(report, range(8))) == [False] * 7 + [True]
    assert corrections() == [("carrier_price", Decimal("-0.0154"))]
    assert sums(budget) == (Decimal("0.03333"), ZERO)
    assert auditing.audit() == []


@pytest.mark.django_db(transaction=True)
def test_a_price_that_races_the_settlement_is_booked_or_set_aside_never_both() -> None:
    budget = make.budget("100")
    calls = [UUID(int=number) for number in range(20)]
    for call in calls:
        make.hold(call, budget)
    start = Barrier(2)

    def both(act: Any) -> None:
        try:
            for call in calls:
                start.wait(10)
                act(call)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(
                both, [lambda call: settling.settle(call, Ending(61), at=ENDED), lambda call: take("0.014", of=call)]
            )
        )
    aside = set(Review.objects.values_list("reference", flat=True))
    priced = set(CallCost.objects.filter(carrier_price__isnull=False).values_list("pk", flat=True))
    assert aside | priced == set(calls)
    assert not aside & priced
    assert sums(budget) == (20 * SETTLED - len(priced) * Decimal("0.0154"), ZERO)
    assert auditing.audit() == []


def test_a_bill_is_kept_as_it_was() -> None:
    settled()
    card, cost = card_at(AT), CallCost.objects.get()
    bill = bills.estimate_of(cost, card)
    assert (bill.total, bill.carrier_part, bill.currency) == (SETTLED, ESTIMATE, "USD")
    assert settling.lines_of(bill) == cost.lines
    assert bills.bill_of(cost, card) == bill


def test_more_of_a_component_is_priced_with_what_was_used_before() -> None:
    settled()
    card = card_at(AT)
    bill = bills.estimate_of(CallCost.objects.get(), card)
    longer = repriced(card, bill, ("twilio.voice_out_us", "s"), more=Decimal(60))
    assert longer.total - bill.total == Decimal("0.0154")
    assert len(longer.lines) == len(bill.lines)
    spoken = repriced(card, bill, ("elevenlabs.flash_v2_5", "char"), more=Decimal(900))
    assert spoken.total - bill.total == Decimal("0.045")
    unpriced = Bill("USD", (*bill.lines, replace(spoken.lines[-2], rate=None, amount=Decimal(0), billed=Decimal(0))))
    assert repriced(card, unpriced, ("elevenlabs.flash_v2_5", "char")).total == spoken.total
