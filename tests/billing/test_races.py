"""Many calls, overlapping budgets, real PostgreSQL, real threads."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from billing.models import Balance, Budget, CallCost, LedgerEntry, UsageReport
from billing.services import ledger, meter, settling
from billing.services.auditing import audit
from billing.services.card import load_defaults
from billing.services.ledger import BudgetExhausted, NotHeld
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, hold, sums
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def take(*budgets: Budget, amount: str = "0.117900") -> str:
    try:
        hold(uuid4(), *budgets, amount=amount)
    except BudgetExhausted:
        return "exhausted"
    return "held"


def test_a_budget_with_room_for_thirty_takes_thirty_of_sixty_four() -> None:
    budget = make.budget("3.6548")  # 31 would need 3.6549
    assert Counter(at_once(64, lambda _: take(budget))) == {"held": 30, "exhausted": 34}
    assert sums(budget) == (ZERO, Decimal("3.537"))
    assert LedgerEntry.objects.count() == 30
    assert audit() == []


def test_the_fullest_of_overlapping_budgets_decides() -> None:
    company = make.budget(None, scope="company", day_limit="1")
    campaigns = [make.budget("0.7"), make.budget("9")]
    source = make.budget("9", scope="source", source="web", week_limit="0.4")

    def dial(number: int) -> str:
        mine = [company, campaigns[number % 2], *([source] if number % 4 == 1 else [])]
        return take(*random.Random(number).sample(mine, len(mine)), amount="0.1")

    assert Counter(at_once(32, dial)) == {"held": 10, "exhausted": 22}
    assert sums(company) == (ZERO, Decimal(1))
    assert sums(campaigns[0])[1] + sums(campaigns[1])[1] == Decimal(1)
    assert sums(campaigns[0])[1] <= Decimal("0.7")
    assert audit() == []


def test_the_first_calls_of_a_day_open_each_period_once() -> None:
    budgets = [make.budget("9"), make.budget("9", scope="company")]
    assert at_once(32, lambda number: take(*budgets[:: 1 if number % 2 else -1], amount="0.1")) == ["held"] * 32
    assert Balance.objects.count() == 8
    assert set(Balance.objects.values_list("held", flat=True)) == {Decimal("3.2")}
    assert audit() == []


def test_thirty_two_settlements_of_one_call_are_one() -> None:
    load_defaults()
    budget = make.budget()
    hold(CALL, budget)
    costs = at_once(32, lambda number: settling.settle(CALL, settling.Ending(number * 60 + 1), at=AT))
    assert len(set(costs)) == 1
    cost = CallCost.objects.get()
    assert sums(budget) == (cost.charged, ZERO) == (costs[0], ZERO)
    assert LedgerEntry.objects.count() == 3
    assert audit() == []


def test_releases_and_charges_of_one_call_are_one() -> None:
    budget = make.budget()
    hold(CALL, budget)
    charged: list[Decimal] = []

    def end(number: int) -> str:
        if number % 2:
            ledger.release(CALL, at=AT)
            return "released"
        try:
            charged.append(ledger.charge(CALL, Decimal("0.02"), at=AT))
        except NotHeld:
            return "refused"
        return "charged"

    ends = Counter(at_once(16, end))
    assert ends in ({"released": 8, "refused": 8}, {"released": 8, "charged": 8})
    assert sums(budget) == (Decimal("0.02") if charged else ZERO, ZERO)
    assert LedgerEntry.objects.count() == (3 if charged else 2)
    assert audit() == []


def test_corrections_of_one_cause_are_one_and_of_many_stay_inside_the_limit() -> None:
    budget = make.budget("0.3")
    hold(CALL, budget)
    ledger.charge(CALL, Decimal("0.2"), at=AT)

    def correct(number: int) -> tuple[str, Decimal]:
        cause = f"cause {number % 4}"
        return cause, ledger.correct(CALL, Decimal("0.03") + Decimal(number) / 1000, cause=cause, at=AT)

    changes = set(at_once(32, correct))
    assert [cause for cause, _ in sorted(changes)] == [f"cause {number}" for number in range(4)]
    assert sum(change for _, change in changes) == Decimal("0.1")
    assert sums(budget) == (Decimal("0.3"), ZERO)
    assert LedgerEntry.objects.filter(kind="correction").count() == 4
    assert audit() == []


def test_a_report_that_many_bring_counts_once_and_none_slips_past_the_settlement() -> None:
    load_defaults()
    hold(CALL, make.budget())

    def act(number: int) -> Decimal:
        if number == 15:
            return settling.settle(CALL, settling.Ending(61), at=AT)
        meter.record(
            CALL, [meter.Measured("tts.local", "char", Decimal(100), number % 5 + 1)], reporter="claim 1", at=AT
        )
        return ZERO

    at_once(16, act)
    lines = {line["component"]: line["quantity"] for line in CallCost.objects.get().lines}
    counted = UsageReport.objects.count()
    assert Decimal(lines.get("tts.local", "0")) == counted * 100
    meter.record(CALL, [meter.Measured("tts.local", "char", Decimal(100), 9)], reporter="claim 1", at=AT)
    assert UsageReport.objects.count() == counted <= 5


def test_transactions_that_end_several_calls_in_any_order_never_lock_up() -> None:
    """Each ends a call of either budget, one the one first, the other the other first."""
    budgets = [make.budget("99"), make.budget("99")]
    pairs = [[uuid4(), uuid4()] for _ in range(16)]
    for pair in pairs:
        for call, budget in zip(pair, budgets, strict=True):
            hold(call, budget)

    def end(number: int) -> None:
        pair = pairs[number][:: 1 if number % 2 else -1]
        with transaction.atomic():
            ledger.lock(pair)
            for call in pair:
                ledger.release(call, at=AT)

    at_once(16, end)
    assert [sums(budget) for budget in budgets] == [(ZERO, ZERO)] * 2
    assert audit() == []


@pytest.mark.slow
def test_ten_thousand_attempts_on_overlapping_budgets_neither_lock_up_nor_overspend() -> None:
    """Sixteen threads; half of the limits are reached, calls are ended by other threads, over three days."""
    company = make.budget("60", scope="company", day_limit="25", zone="America/Denver")
    campaigns = [
        make.budget("20", day_limit="9"),
        make.budget(None, week_limit="15"),
        make.budget("30", month_limit="18"),
    ]
    sources = [make.budget("9", scope="source", source=name, zone="Asia/Tokyo") for name in ("web", "fair")]
    calls: list[UUID] = [CALL, OTHER]

    def dial(rng: random.Random) -> str:
        call = uuid4()
        mine = [company, rng.choice(campaigns), *rng.sample(sources, rng.randint(0, 1))]
        rng.shuffle(mine)
        try:
            hold(call, *mine, amount=f"0.{rng.randint(1, 300_000):06}", at=AT + timedelta(hours=rng.randint(0, 72)))
        except BudgetExhausted:
            return "exhausted"
        calls.append(call)
        return "held"

    def charge(rng: random.Random) -> str:
        ledger.charge(rng.choice(calls), Decimal(rng.randint(0, 400_000)) / 1_000_000, at=AT)
        return "charged"

    def release(rng: random.Random) -> str:
        ledger.release(rng.choice(calls), at=AT)
        return "released"

    def correct(rng: random.Random) -> str:
        amount = Decimal(rng.randint(-200_000, 200_000)) / 1_000_000
        ledger.correct(rng.choice(calls), amount, cause=f"cause {rng.randint(1, 3)}", at=AT)
        return "corrected"

    def attempts(number: int) -> Counter[str]:
        rng, done = random.Random(number), Counter[str]()
        for _ in range(625):
            act: Callable[[random.Random], str] = rng.choice((dial, charge, release, correct))
            try:
                done[act(rng)] += 1
            except NotHeld:
                done["not held"] += 1
        return done

    done: Counter[str] = sum(at_once(16, attempts), Counter())
    assert done.total() == 10_000
    assert min(done[word] for word in ("held", "exhausted", "charged", "released", "corrected", "not held")) > 100
    assert audit() == []
    for balance in Balance.objects.exclude(limit=None):
        assert balance.limit is not None
        assert balance.used <= balance.limit
    for call in calls:
        ledger.release(call, at=AT)
    assert set(Balance.objects.values_list("held", flat=True)) == {ZERO}
    assert audit() == []
