"""Use that comes when a call is settled: only where there is room for it, and charged once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from billing.models import Budget, CallCost, LedgerEntry, Rate, Review, UsageReport
from billing.services import afterwards, auditing, meter, settling
from billing.services.card import set_price
from billing.services.late_usage import Measured
from billing.services.settling import Ending
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, sums
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db
ENDED, LATER = AT + timedelta(minutes=2), AT + timedelta(minutes=10)
SETTLED = Decimal("0.048730")
"""USD for 61 s, by the default card."""
MINI = "openai.gpt-4.1-mini"
IN, OUT = f"{MINI}.in", f"{MINI}.out"
PRICE = Decimal("0.001120")
"""USD for 2,000 tokens in at 0.40 a million and 200 out at 1.60."""


def settled(limit: str = "1", *, in_: int = 0) -> Budget:
    budget = make.budget(limit)
    make.hold(CALL, budget, amount="0.05")
    if in_:
        meter.record(CALL, [Measured(IN, "token", Decimal(in_), 1)], reporter="claim 1", at=AT)
    settling.settle(CALL, Ending(61), at=ENDED)
    return budget


def charge(reporter: str = "after 1", *, component: str = MINI) -> Decimal:
    reports = [
        Measured(f"{component}.in", "token", Decimal(2000), 1),
        Measured(f"{component}.out", "token", Decimal(200), 1),
    ]
    return afterwards.charge(CALL, reports, reporter=reporter, at=LATER)


def why(tokens: int = 2000, component: str = IN, unit: str = "token") -> str:
    return afterwards.why_no_room(CALL, {(component, unit): Decimal(tokens)})


def lines() -> dict[str, tuple[Decimal, Decimal]]:
    """Tokens and amount of each component on the bill."""
    found = CallCost.objects.get(pk=CALL).lines
    return {
        one["component"]: (Decimal(one["quantity"]), Decimal(one["amount"]))
        for one in found
        if one["unit"] == "token"
    }


def test_it_is_charged_as_a_correction_beside_what_the_call_used() -> None:
    budget = settled(in_=500)
    assert charge() == PRICE
    assert lines() == {IN: (Decimal(2500), Decimal("0.001")), OUT: (Decimal(200), Decimal("0.00032"))}
    before = SETTLED + Decimal("0.0002")
    cost = CallCost.objects.get()
    assert (cost.charged, cost.estimated, cost.excess) == (before + PRICE, before + PRICE, ZERO)
    assert sums(budget) == (before + PRICE, ZERO)
    assert LedgerEntry.objects.filter(kind="correction").values_list("cause", "amount").get() == ("after 1", PRICE)
    assert meter.used_by(CALL) == {(IN, "token"): Decimal(2500), (OUT, "token"): Decimal(200)}
    assert not Review.objects.exists()
    assert auditing.audit() == []


def test_what_is_told_twice_is_charged_once() -> None:
    budget = settled()
    assert [charge(), charge(), charge("after 2"), charge()] == [PRICE, ZERO, PRICE, ZERO]
    assert sums(budget) == (SETTLED + 2 * PRICE, ZERO)
    assert lines() == {IN: (Decimal(4000), Decimal("0.0016")), OUT: (Decimal(400), Decimal("0.00064"))}


@pytest.mark.django_db(transaction=True)
def test_what_many_tell_at_once_is_charged_once() -> None:
    budget = settled()
    assert sorted(at_once(8, lambda _: charge())) == [*[ZERO] * 7, PRICE]
    assert sums(budget) == (SETTLED + PRICE, ZERO)
    assert auditing.audit() == []


def test_it_is_priced_by_the_card_of_the_calls_hold() -> None:
    settled()
    set_price(IN, Decimal(40), from_at=ENDED, now=ENDED, source="a test")
    assert charge() == PRICE


def test_a_model_of_ones_own_is_on_the_bill_and_costs_nothing() -> None:
    settled()
    report = Measured("llm.local", "token", Decimal(2200), 1)
    assert afterwards.charge(CALL, [report], reporter="after 1", at=LATER) == ZERO
    assert lines() == {"llm.local": (Decimal(2200), ZERO)}
    assert not LedgerEntry.objects.filter(kind="correction").exists()
    assert not Review.objects.exists()


def test_there_is_room_as_far_as_the_budgets_go() -> None:
    budget = settled("0.05")  # of which 0.00127 are left
    assert (why(3175), charge()) == ("", PRICE)
    assert why(3175) == "It may cost 0.00127 USD, and the call's budgets have 0.00015 USD left."
    assert why(375) == ""
    assert why(10**9, "llm.local") == ""
    Budget.objects.filter(pk=budget.pk).update(call_limit=SETTLED)
    assert why(375) == "It may cost 0.00015 USD, and the call's budgets have 0.00 USD left."


def test_what_somebody_else_spends_meanwhile_is_never_spent_twice() -> None:
    """The model has been asked by then: what the budgets cannot pay is shown to a person."""
    budget = settled("0.05")
    assert why(2800) == ""
    make.hold(OTHER, budget, amount="0.001")
    assert charge() == Decimal("0.00027")
    assert sums(budget) == (Decimal("0.049"), Decimal("0.001"))
    assert CallCost.objects.get(pk=CALL).excess == Decimal("0.00085")
    assert Review.objects.values_list("kind", "data").get() == ("excess", {"excess": "0.000850"})
    assert auditing.audit() == []


def test_what_has_no_price_has_no_room_and_is_charged_by_a_person() -> None:
    settled()
    assert why(1, "nobody.knows.in") == (
        "There was no rate 'nobody.knows.in' when the call was held for, so its price is not known."
    )
    assert why(1, "tts.local").startswith("The rate card has 'tts.local' per 'char'")
    Rate.objects.filter(key=OUT).update(valid_until=AT)
    assert charge() == Decimal("0.0008")
    assert charge() == ZERO
    assert Review.objects.values_list("kind", "data__component", "data__quantity").get() == ("late_usage", OUT, "200")
    assert charge("after 2", component="nobody.knows") == ZERO
    assert Review.objects.count() == 3


def test_a_call_without_a_bill_has_none_after_it() -> None:
    assert why() == "Nothing was charged for this call, so nothing can be added to it."
    make.hold(CALL, make.budget())
    assert charge() == ZERO
    assert not UsageReport.objects.exists()
    assert not Review.objects.exists()


def test_a_failure_in_the_middle_leaves_nothing_and_may_be_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = settled()
    with monkeypatch.context() as broken:
        broken.setattr(afterwards, "rebill", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            charge()
    assert not UsageReport.objects.filter(reporter="after 1").exists()
    assert charge() == PRICE
    assert sums(budget) == (SETTLED + PRICE, ZERO)
