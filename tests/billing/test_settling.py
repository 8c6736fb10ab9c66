"""The end of a call: its bill by measured use, charged once, doubts set aside."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import Budget, CallCost, LedgerEntry, Rate, Review
from billing.services import ledger, meter
from billing.services.auditing import audit
from billing.services.card import load_defaults
from billing.services.ledger import NotHeld
from billing.services.meter import Measured
from billing.services.settling import Ending, settle
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, hold, sums

pytestmark = pytest.mark.django_db
END = AT + timedelta(minutes=2)


@pytest.fixture
def budget() -> Budget:
    load_defaults()
    made = make.budget()
    hold(CALL, made)
    return made


def used(quantity: str, component: str = "elevenlabs.flash_v2_5", unit: str = "char", seq: int = 1) -> None:
    meter.record(CALL, [Measured(component, unit, Decimal(quantity), seq)], reporter="claim 1", at=AT)


def test_a_call_is_charged_what_it_used(budget: Budget) -> None:
    used("700")
    used("61", "call", "s")
    assert settle(CALL, Ending(61), at=END) == Decimal("0.08373")
    cost = CallCost.objects.get()
    assert (cost.reference, cost.currency, cost.estimated, cost.charged, cost.excess) == (
        CALL,
        "USD",
        Decimal("0.08373"),
        Decimal("0.08373"),
        ZERO,
    )
    assert (cost.booked_at, cost.settled_at, cost.answered_s) == (AT, END, 61)
    assert (cost.carrier_estimate, cost.carrier_price, cost.carrier_priced_at) == (Decimal("0.028"), None, None)
    lines = {line["component"]: line for line in cost.lines}
    assert {name: Decimal(line["amount"]) for name, line in lines.items()} == {
        "call": ZERO,
        "elevenlabs.flash_v2_5": Decimal("0.035"),
        "twilio.voice_out_us": Decimal("0.028"),
        "twilio.media_streams": Decimal("0.0088"),
        "twilio.amd": Decimal("0.0075"),
        "tax.telephony": Decimal("0.00443"),
    }
    voice = lines["twilio.voice_out_us"]
    assert (voice["unit"], voice["quantity"], voice["billed"], voice["rate"]) == ("s", "61", "120", "0.014 / 60")
    details = LedgerEntry.objects.get(kind="charge").details
    assert sum(Decimal(amount) for amount in details.values()) == Decimal("0.08373")
    assert sums(budget) == (Decimal("0.08373"), ZERO)
    assert not Review.objects.exists()
    assert audit() == []


def test_a_call_that_nobody_answered_costs_what_was_used(budget: Budget) -> None:
    assert settle(CALL, Ending(None), at=END) == 0
    assert CallCost.objects.get().lines == []
    assert sums(budget) == (ZERO, ZERO)


def test_a_call_is_settled_once(budget: Budget) -> None:
    assert settle(CALL, Ending(61), at=END) == Decimal("0.04873")
    before = CallCost.objects.values().get()
    assert settle(CALL, Ending(600), at=END + timedelta(hours=1)) == Decimal("0.04873")
    assert CallCost.objects.values().get() == before
    assert LedgerEntry.objects.count() == 3
    assert sums(budget) == (Decimal("0.04873"), ZERO)


def test_a_call_without_a_hold_is_not_settled(budget: Budget) -> None:
    with pytest.raises(NotHeld, match=f"^Nothing is held for {OTHER}: hold for a call before it rings"):
        settle(OTHER, Ending(61), at=END)
    ledger.release(CALL, at=AT)
    with pytest.raises(NotHeld, match=f"Nothing is held for {CALL}: "):
        settle(CALL, Ending(61), at=END)
    assert not CallCost.objects.exists()
    assert sums(budget) == (ZERO, ZERO)


def test_a_call_that_was_charged_before_there_were_bills_stays_as_it_is(budget: Budget) -> None:
    ledger.charge(CALL, Decimal("0.1"), at=AT)
    assert settle(CALL, Ending(61), at=END) == Decimal("0.1")
    assert not CallCost.objects.exists()
    assert sums(budget) == (Decimal("0.1"), ZERO)


def test_a_call_is_priced_by_the_card_of_its_hold(budget: Budget) -> None:
    Rate.objects.filter(key="twilio.voice_out_us").update(valid_until=AT + timedelta(seconds=1))
    dear = Rate.objects.get(key="twilio.voice_out_us")
    dear.pk, dear.price, dear.valid_from, dear.valid_until = None, Decimal(5), AT + timedelta(seconds=1), None
    dear.save()
    assert settle(CALL, Ending(61), at=END) == Decimal("0.04873")


def test_use_without_a_rate_costs_nothing_and_waits_for_a_person(budget: Budget) -> None:
    used("12", "groq.whisper", "s")
    used("9", "elevenlabs.flash_v2_5", "token")
    used("100", seq=2)
    assert settle(CALL, Ending(None), at=END) == Decimal("0.005")
    settle(CALL, Ending(None), at=END)
    aside = {review.data["component"]: review for review in Review.objects.all()}
    assert {review.kind for review in aside.values()} == {"unpriced_usage"}
    assert aside["groq.whisper"].text == (
        "12.000000 s of groq.whisper has no rate in USD: add one to the rate card that counts in 's' and began by "
        "then, and accept this to charge it."
    )
    assert aside["elevenlabs.flash_v2_5"].data["unit"] == "token"
    assert aside["elevenlabs.flash_v2_5"].text == (
        "9.000000 token of elevenlabs.flash_v2_5 was not charged. The rate card has 'elevenlabs.flash_v2_5' per "
        "'char', and a key keeps its unit: dismiss this, and let what reports it count in 'char', or under another "
        "key that has a rate per 'token'."
    )
    assert len(aside) == 2
    details = LedgerEntry.objects.get(kind="charge").details
    assert {name: Decimal(amount) for name, amount in details.items()} == {
        "elevenlabs.flash_v2_5": Decimal("0.005"),  # its characters, and not the tokens after them
        "groq.whisper": ZERO,
    }


def test_a_cost_above_the_hold_is_charged_up_to_it_and_waits_for_a_person(budget: Budget) -> None:
    assert settle(CALL, Ending(4591), at=END) == Decimal("0.25")  # a stuck call, against a cap of 300 s
    cost = CallCost.objects.get()
    assert (cost.estimated, cost.charged, cost.excess) == (Decimal("1.56673"), Decimal("0.25"), Decimal("1.31673"))
    review = Review.objects.get()
    assert (review.kind, review.reference, review.data) == ("excess", CALL, {"excess": "1.316730"})
    assert review.text == (
        "The call cost 1.56673 USD and 0.25 USD was held for it: the rest was charged to no budget. Accept this to "
        "charge it where there is room."
    )
    assert sums(budget) == (Decimal("0.25"), ZERO)


def test_an_absurd_bill_ends_the_call_all_the_same(budget: Budget) -> None:
    Rate.objects.filter(key="elevenlabs.flash_v2_5").update(price=Decimal("900000000"), per=1)
    used("1000000000", seq=1)
    used("1000000000", seq=2)
    assert settle(CALL, Ending(61), at=END) == Decimal("0.25")
    cost = CallCost.objects.get()
    assert (cost.estimated, cost.charged) == (Decimal("99999999.999999"), Decimal("0.25"))
    assert Review.objects.get().text.startswith("The call cost 1800000000000000000.04873 USD and 0.25 USD was held")


def test_a_call_in_another_currency_is_priced_in_it() -> None:
    load_defaults()
    hold(CALL, make.budget(currency="EUR"), currency="EUR")
    assert settle(CALL, Ending(61), at=END) == 0
    assert CallCost.objects.get().currency == "EUR"
    assert {review.data["component"] for review in Review.objects.all()} == {
        "twilio.voice_out_us",
        "twilio.media_streams",
        "twilio.amd",
    }
