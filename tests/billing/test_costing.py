"""Calls priced by hand, and what is held for one against what it may cost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.card import MissingRate, OverlappingRates, RateCard, RateError
from billing.domain.costing import (
    CARRIERS,
    HANG_UP_GRACE_S,
    TAX,
    CallPlan,
    CallUsage,
    at_carrier_price,
    longest_s,
    plan_of,
    price_call,
    worst_case,
)
from billing.domain.money import MixedCurrencies
from billing.domain.rates import Kind, Rate, Unit
from billing.services.card import default_rates

AT = datetime(2026, 11, 20, tzinfo=UTC)
SHIPPED = RateCard.of(default_rates(), at=AT)
MODEL = ("openai.gpt-4.1-mini.in", "openai.gpt-4.1-mini.out")
FLASH, MULTILINGUAL, GPU = "elevenlabs.flash_v2_5", "elevenlabs.multilingual_v2", "gpu.rtx4090"
GPU_SHARE = Decimal(1) / (8 * Decimal("0.5"))
"""Of a GPU that serves 8 calls and is used half of the time, a second of one call costs a quarter of a second."""


def card_with(card: RateCard = SHIPPED, /, **changes: object) -> RateCard:
    """The card with fields of rates changed: ``card_with(tax_telephony={"price": …})``, dots as underscores."""
    keys = {key.replace(".", "_").replace("-", "_"): key for key in card.rates}
    changed = {keys[name]: replace(card[keys[name]], **fields) for name, fields in changes.items()}  # type: ignore[arg-type]
    return RateCard(card.at, {**card.rates, **changed})


def without(*keys: str) -> RateCard:
    return RateCard(SHIPPED.at, {key: rate for key, rate in SHIPPED.rates.items() if key not in keys})


UNTAXED = without(TAX)


def answered(seconds: str | int, *, carrier: str = "twilio", detect: bool = True) -> CallUsage:
    return CallUsage(Decimal(seconds), detect, carrier)


def lines(card: RateCard, usage: CallUsage) -> dict[str, Decimal]:
    return {line.component: line.amount for line in price_call(card, usage, currency="USD").lines}


# ---------------------------------------------------------------- invoices by hand


@pytest.mark.parametrize(
    ("seconds", "voice", "stream", "total"),
    [
        (0, "0.014", "0.0044", "0.0259"),  # ended in the second of its answer: billed like one of a second
        (1, "0.014", "0.0044", "0.0259"),
        (59, "0.014", "0.0044", "0.0259"),
        (60, "0.014", "0.0044", "0.0259"),
        (61, "0.028", "0.0088", "0.0443"),
        (120, "0.028", "0.0088", "0.0443"),
        (121, "0.042", "0.0132", "0.0627"),
    ],
)
def test_a_call_at_twilio(seconds: int, voice: str, stream: str, total: str) -> None:
    bill = price_call(UNTAXED, answered(seconds), currency="USD")
    assert {line.component: line.amount for line in bill.lines} == {
        "twilio.voice_out_us": Decimal(voice),
        "twilio.media_streams": Decimal(stream),
        "twilio.amd": Decimal("0.0075"),
    }
    assert (bill.total, bill.carrier_part, bill.unpriced) == (Decimal(total), Decimal(voice), ())


@pytest.mark.parametrize(
    ("seconds", "billed", "voice", "stream"),
    [
        ("1", 30, "0.0035", "0.00175"),
        ("30", 30, "0.0035", "0.00175"),
        ("30.2", 36, "0.0042", "0.0021"),
        ("59", 60, "0.007", "0.0035"),
        ("61", 66, "0.0077", "0.00385"),
        ("121", 126, "0.0147", "0.00735"),
    ],
)
def test_a_call_at_telnyx_with_a_minimum_of_thirty_seconds(
    seconds: str, billed: int, voice: str, stream: str
) -> None:
    card = card_with(UNTAXED, telnyx_voice_out_us={"minimum": 30}, telnyx_media_streams={"minimum": 30})
    bill = price_call(card, answered(seconds, carrier="telnyx"), currency="USD")
    assert [(line.component, line.quantity, line.billed, line.amount) for line in bill.lines] == [
        ("telnyx.voice_out_us", Decimal(seconds), Decimal(billed), Decimal(voice)),
        ("telnyx.media_streams", Decimal(seconds), Decimal(billed), Decimal(stream)),
    ]


def test_nobody_answered_is_free_and_detection_is_per_call() -> None:
    nobody = price_call(SHIPPED, CallUsage(None), currency="USD")
    assert (nobody.total, nobody.lines) == (Decimal(0), ())
    assert "twilio.amd" not in lines(SHIPPED, answered(60, detect=False))
    assert lines(SHIPPED, answered(1))["twilio.amd"] == lines(SHIPPED, answered(600))["twilio.amd"]


def test_tax_is_a_share_of_what_the_phone_company_bills_and_of_nothing_else() -> None:
    usage = replace(answered(61), used={(FLASH, "char"): Decimal(900), ("twilio.recording", "s"): Decimal(61)})
    assert lines(SHIPPED, usage) == {
        FLASH: Decimal("0.045"),
        "twilio.recording": Decimal("0.005"),
        "twilio.voice_out_us": Decimal("0.028"),
        "twilio.media_streams": Decimal("0.0088"),
        "twilio.amd": Decimal("0.0075"),
        TAX: Decimal("0.00443"),  # a tenth of 0.0443
    }
    odd = card_with(tax_telephony={"price": Decimal("0.0725")})
    assert lines(odd, answered(60))[TAX] == Decimal("0.001878")  # 0.00187775, up
    free = card_with(tax_telephony={"price": Decimal(0)})
    assert TAX not in lines(free, answered(60))


def test_use_without_a_rate_in_its_unit_and_currency_is_listed_and_free() -> None:
    used = {("unheard.of", "s"): Decimal(3), (FLASH, "token"): Decimal(5), (MULTILINGUAL, "char"): Decimal(10)}
    card = card_with(elevenlabs_multilingual_v2={"currency": "EUR"})
    bill = price_call(card, CallUsage(None, used=used), currency="USD")
    assert bill.total == 0
    assert [(line.component, line.unit, line.quantity, line.billed) for line in bill.unpriced] == [
        ("unheard.of", "s", Decimal(3), Decimal(0)),
        (FLASH, "token", Decimal(5), Decimal(0)),
        (MULTILINGUAL, "char", Decimal(10), Decimal(0)),
    ]


def test_a_call_is_priced_by_the_card_of_its_start() -> None:
    change = datetime(2026, 12, 1, tzinfo=UTC)
    old = replace(SHIPPED["twilio.amd"], valid_until=change)
    new = replace(old, price=Decimal("0.01"), valid_from=change, valid_until=None)
    amd = [
        RateCard.of([old, new], at=at)["twilio.amd"].price
        for at in (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), change)
    ]
    assert amd == [Decimal("0.0075"), Decimal("0.01")]
    with pytest.raises(OverlappingRates, match=r"^Two rates 'twilio\.amd' hold at 2026-12-01 00:00 UTC: end one"):
        RateCard.of([replace(old, valid_until=None), new], at=change)
    with pytest.raises(MissingRate, match=r"^There is no rate 'twilio\.amd' at 2026-12-01 00:00 UTC: add one"):
        RateCard.of([old], at=change)["twilio.amd"]


# ---------------------------------------------------------------- the facts' table

TYPICAL = {("call", "s"): Decimal(120), ("stt.local", "s"): Decimal(120), ("llm.local", "token"): Decimal(25_500)}
"""Two minutes answered, 25,000 tokens read and 500 written. The GPU and the voice come apart."""


def typical(*, voice: str = "tts.local", characters: int = 900, gpu: str = GPU) -> CallUsage:
    used = {**TYPICAL, (voice, "char"): Decimal(characters), (gpu, "s"): 120 * GPU_SHARE}
    return CallUsage(Decimal(120), used=used)


def priced(usage: CallUsage, *, gpu_per_h: str, tax: str) -> Decimal:
    card = card_with(gpu_rtx4090={"price": Decimal(gpu_per_h)}, tax_telephony={"price": Decimal(tax)})
    bill = price_call(card, usage, currency="USD")
    assert bill.unpriced == ()
    return bill.total


def test_the_stack_of_the_phone_company() -> None:
    assert price_call(UNTAXED, answered(120), currency="USD").total == Decimal("0.0443")


@pytest.mark.parametrize(
    ("usage", "cheapest", "dearest", "low", "high"),
    [
        # all local: 0.047 to 0.054
        (typical(), "0.047134", "0.05373", "0.047", "0.054"),
        # the voice of ElevenLabs Flash: 0.092 to 0.099
        (typical(voice=FLASH), "0.092134", "0.09873", "0.092", "0.099"),
        # the same with half of the characters from cached audio: about 0.07
        (typical(voice=FLASH, characters=450), "0.069634", "0.07623", "0.07", "0.076"),
        # Multilingual v2: 0.137, and 0.083 with 60 % cached
        (typical(voice=MULTILINGUAL), "0.137134", "0.14373", "0.137", "0.144"),
        (typical(voice=MULTILINGUAL, characters=360), "0.083134", "0.08973", "0.083", "0.09"),
    ],
)
def test_the_typical_call_costs_what_the_facts_say(
    usage: CallUsage, cheapest: str, dearest: str, low: str, high: str
) -> None:
    """From a GPU at 0.34 an hour without tax to one at 0.60 with a tenth of tax: exactly, and as the table says."""
    costs = [priced(usage, gpu_per_h=gpu, tax=tax) for gpu, tax in (("0.34", "0"), ("0.60", "0.10"))]
    assert costs == [Decimal(cheapest), Decimal(dearest)]
    assert [cost.quantize(Decimal(places)) for cost, places in zip(costs, (low, high), strict=True)] == [
        Decimal(low),
        Decimal(high),
    ]


@pytest.mark.parametrize(
    ("gpu_per_h", "tax", "total"),
    [("0.34", "0", "0.047134"), ("0.60", "0", "0.0493"), ("0.34", "0.10", "0.051564"), ("0.60", "0.10", "0.05373")],
)
def test_the_range_is_that_of_the_gpu_and_the_tax(gpu_per_h: str, tax: str, total: str) -> None:
    assert priced(typical(), gpu_per_h=gpu_per_h, tax=tax) == Decimal(total)


def test_the_gpu_costs_0_0014_to_0_0025_a_minute() -> None:
    minute = CallUsage(None, used={(GPU, "s"): 60 * GPU_SHARE})
    assert priced(minute, gpu_per_h="0.34", tax="0") == Decimal("0.001417")
    assert priced(minute, gpu_per_h="0.60", tax="0") == Decimal("0.0025")


def test_the_typical_call_stays_under_ten_cents_on_the_local_tier() -> None:
    assert price_call(SHIPPED, typical(), currency="USD").total == Decimal("0.05373") < Decimal("0.10")


def test_second_121_bills_a_third_minute() -> None:
    two, three = (price_call(UNTAXED, answered(seconds), currency="USD").total for seconds in (120, 121))
    assert three - two == Decimal("0.0184")


def test_a_voicemail() -> None:
    """Hung up within a minute: with the stream alone or with detection alone. A message needs both."""
    bill = lines(UNTAXED, answered(60))
    voice, stream, amd = bill.values()
    assert (voice + stream, voice + amd) == (Decimal("0.0184"), Decimal("0.0215"))
    assert price_call(UNTAXED, answered(60, detect=False), currency="USD").total == Decimal("0.0184")
    message = price_call(UNTAXED, answered(40), currency="USD").total
    assert message == Decimal("0.0259")
    assert message.quantize(Decimal("0.001")) == Decimal("0.026")


def test_blended_figures() -> None:
    """Of ten dials one meets a person, four and a half a voicemail that is hung up, the others nobody."""
    person = priced(typical(), gpu_per_h="0.60", tax="0")
    nobody = price_call(SHIPPED, CallUsage(None), currency="USD").total
    dial = Decimal("0.10") * person + Decimal("0.45") * Decimal("0.0215") + Decimal("0.45") * nobody
    assert dial == Decimal("0.014605")
    assert [value.quantize(Decimal(places)) for value, places in ((dial, "0.001"), (dial * 10, "0.01"))] == [
        Decimal("0.015"),
        Decimal("0.15"),
    ]


def test_a_rented_language_model_costs_its_tokens() -> None:
    used = {("groq.llama-3.1-8b.in", "token"): Decimal(25_000), ("groq.llama-3.1-8b.out", "token"): Decimal(500)}
    assert price_call(SHIPPED, CallUsage(None, used=used), currency="USD").total == Decimal("0.00129")
    used = {("openai.gpt-4.1-mini.in", "token"): Decimal(25_000), ("openai.gpt-4.1-mini.out", "token"): Decimal(500)}
    assert price_call(SHIPPED, CallUsage(None, used=used), currency="USD").total == Decimal("0.0108")


# ---------------------------------------------------------------- what is held


@pytest.mark.parametrize(
    ("plan", "amount"),
    [
        (plan_of(300), "0.12969"),  # 330 s are 6 minutes of 0.0184, detection, a tenth of tax
        (replace(plan_of(300), detect_machine=False), "0.12144"),
        (plan_of(270), "0.10945"),  # 300 s are 5 minutes
        (plan_of(300, premium=FLASH), "0.37719"),  # and 4,950 characters
        (plan_of(300, gpu=GPU, gpu_share=GPU_SHARE), "0.14344"),  # and 82.5 s of a GPU
        (plan_of(300, model=MODEL), "0.20097"),  # and 132,000 tokens in, 11,550 out
        (plan_of(300, model=("llm.local", "llm.local")), "0.12969"),
        (plan_of(300, carrier="telnyx"), "0.063525"),  # 5.5 minutes of 0.0105
    ],
)
def test_the_worst_case_by_hand(plan: CallPlan, amount: str) -> None:
    assert worst_case(SHIPPED, plan).total == Decimal(amount)


def test_what_cannot_be_priced_is_not_dialed() -> None:
    with pytest.raises(MissingRate, match=r"no rate 'elevenlabs\.gold' at 2026-11-20 00:00 UTC"):
        worst_case(SHIPPED, plan_of(300, premium="elevenlabs.gold"))
    with pytest.raises(MissingRate, match=r"no rate 'openai\.gpt-9\.in'"):
        worst_case(SHIPPED, plan_of(300, model=("openai.gpt-9.in", "openai.gpt-9.out")))
    with pytest.raises(MissingRate, match=r"no rate 'twilio\.voice_out_us'"):
        worst_case(without("twilio.voice_out_us"), plan_of(300))
    with pytest.raises(MissingRate, match=r"no rate 'twilio\.amd'"):
        worst_case(without("twilio.amd"), plan_of(300))
    with pytest.raises(MixedCurrencies, match=r"paid in USD and EUR: give 'tts\.local' a rate in USD\.$"):
        worst_case(card_with(tts_local={"currency": "EUR"}), plan_of(300))
    with pytest.raises(RateError, match=r"^The rate 'gpu\.l4' is per 's' and calls count it in 'char'"):
        worst_case(SHIPPED, plan_of(300, premium="gpu.l4"))


def test_another_currency_is_the_carriers() -> None:
    pounds = RateCard(AT, {key: replace(rate, currency="GBP") for key, rate in SHIPPED.rates.items()})
    bill = worst_case(pounds, plan_of(300))
    assert (bill.currency, bill.total) == ("GBP", Decimal("0.12969"))


AMOUNTS = st.decimals(0, 1, places=9)
COUNTS = st.integers(0, 90)


@st.composite
def cards(draw: st.DrawFn) -> RateCard:
    """The shipped card with other prices, steps, minimums and tax."""
    rates = {
        key: rate
        if rate.unit is Unit.SHARE
        else replace(rate, price=draw(AMOUNTS), increment=draw(COUNTS), minimum=draw(COUNTS))
        for key, rate in SHIPPED.rates.items()
        if key in (*CARRIERS["twilio"].per_time, "twilio.amd", *CARRIERS["telnyx"].per_time, FLASH, GPU, TAX, *MODEL)
        or rate.kind is Kind.OWN
    }
    return RateCard(AT, {**rates, TAX: replace(rates[TAX], price=draw(AMOUNTS))})


@st.composite
def plans(draw: st.DrawFn) -> CallPlan:
    plan = plan_of(
        draw(st.integers(0, 900)),
        premium=draw(st.sampled_from(["", FLASH])),
        gpu=draw(st.sampled_from(["", GPU])),
        gpu_share=draw(st.decimals("0.01", 1, places=2)),
        model=draw(st.sampled_from([None, MODEL, ("llm.local", "llm.local")])),
        carrier=draw(st.sampled_from(sorted(CARRIERS))),
    )
    return replace(plan, detect_machine=draw(st.booleans()))


@st.composite
def usages(draw: st.DrawFn, plan: CallPlan) -> CallUsage:
    """Anything that a call of the plan can use, up to the last second before it is hung up."""
    end = Decimal(plan.max_length_s + HANG_UP_GRACE_S)
    seconds = draw(st.none() | st.decimals(0, end, places=3))
    used = {
        key: draw(st.decimals(0, per_s * end, places=6)) for key, per_s in plan.per_s.items() if draw(st.booleans())
    }
    return CallUsage(seconds, plan.detect_machine and draw(st.booleans()), plan.carrier, used)


@settings(deadline=None)
@given(card=cards(), plan=plans(), data=st.data())
def test_no_use_within_its_plan_costs_more_than_the_worst_case(
    card: RateCard, plan: CallPlan, data: st.DataObject
) -> None:
    usage = data.draw(usages(plan))
    bill = price_call(card, usage, currency="USD")
    assert bill.unpriced == ()
    assert Decimal(0) <= bill.total <= worst_case(card, plan).total


@settings(deadline=None)
@given(card=cards(), plan=plans(), limit=st.decimals(0, 30, places=6))
def test_the_longest_call_is_the_longest_that_fits(card: RateCard, plan: CallPlan, limit: Decimal) -> None:
    longest = longest_s(card, plan, limit=limit)
    assert 0 <= longest <= plan.max_length_s
    if longest:
        assert worst_case(card, replace(plan, max_length_s=longest)).total <= limit
    if longest < plan.max_length_s:
        assert worst_case(card, replace(plan, max_length_s=longest + 1)).total > limit


@settings(deadline=None)
@given(card=cards(), plan=plans(), limits=st.lists(st.decimals(0, 30, places=6), min_size=2, max_size=2))
def test_more_money_never_makes_a_call_shorter(card: RateCard, plan: CallPlan, limits: list[Decimal]) -> None:
    less, more = sorted(limits)
    assert longest_s(card, plan, limit=less) <= longest_s(card, plan, limit=more)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("0.12969", 300), ("0.129689", 270), ("0.10945", 270), ("0.02849", 30), ("0.028489", 0), ("0", 0)],
)
def test_how_long_a_call_may_be_by_hand(limit: str, seconds: int) -> None:
    """The minute in which it is hung up must fit: 30 s before the end of a billed minute is the last chance."""
    assert longest_s(SHIPPED, plan_of(300), limit=Decimal(limit)) == seconds


# ---------------------------------------------------------------- the carrier's own price


def test_the_carriers_price_replaces_what_it_contains_and_tax_follows() -> None:
    bill = price_call(SHIPPED, typical(), currency="USD")
    settled = at_carrier_price(SHIPPED, bill, Decimal("0.02600"))
    before = {line.component: line.amount for line in bill.lines}
    after = {line.component: line.amount for line in settled.lines}
    assert after == {
        **before,
        "twilio.voice_out_us": Decimal("0.026"),
        TAX: Decimal("0.00423"),  # a tenth of 0.026 + 0.0088 + 0.0075
    }
    assert settled.carrier_part == Decimal("0.026")
    assert (bill.currency, settled.currency, settled.unpriced) == ("USD", "USD", ())


def test_a_price_is_spread_over_what_it_contains() -> None:
    card = card_with(UNTAXED, twilio_media_streams={"in_carrier_price": True}, twilio_amd={"in_carrier_price": True})
    settled = at_carrier_price(card, price_call(card, answered(60), currency="USD"), Decimal("0.03"))
    assert [line.amount for line in settled.lines] == [  # of 0.0259: 0.014, 0.0044, 0.0075
        Decimal("0.016216"),
        Decimal("0.005096"),
        Decimal("0.008688"),
    ]
    assert settled.total == Decimal("0.03")


def test_a_price_for_a_call_that_should_be_free_is_a_line_of_its_own() -> None:
    nobody = price_call(SHIPPED, CallUsage(None), currency="USD")
    settled = at_carrier_price(SHIPPED, nobody, Decimal("0.01"))
    assert [(line.component, line.amount) for line in settled.lines] == [
        ("carrier.price", Decimal("0.01")),
        (TAX, Decimal("0.001")),
    ]
    assert settled.unpriced == ()
    assert at_carrier_price(SHIPPED, nobody, Decimal(0)).lines == ()


def test_a_rate_of_nothing_takes_the_price_too() -> None:
    card = card_with(UNTAXED, twilio_voice_out_us={"price": Decimal(0)})
    settled = at_carrier_price(card, price_call(card, answered(60), currency="USD"), Decimal("0.014"))
    assert settled.total == Decimal("0.0259")


@settings(deadline=None)
@given(
    card=cards(),
    contained=st.sets(st.sampled_from(["twilio.voice_out_us", "twilio.media_streams", "twilio.amd"])),
    seconds=st.none() | st.integers(0, 600),
    amount=st.decimals(0, 100, places=6),
)
def test_the_carriers_price_is_in_the_bill_to_the_micro_dollar(
    card: RateCard, contained: set[str], seconds: int | None, amount: Decimal
) -> None:
    rates = {key: replace(rate, in_carrier_price=key in contained) for key, rate in card.rates.items() if key != TAX}
    card = RateCard(AT, rates)
    usage = CallUsage(None if seconds is None else Decimal(seconds), used={(FLASH, "char"): Decimal(7)})
    bill = price_call(card, usage, currency="USD")
    settled = at_carrier_price(card, bill, amount)
    assert settled.total == bill.total - bill.carrier_part + amount
    assert all(line.amount >= 0 for line in settled.lines)


def test_a_rate_of_the_tax_alone_taxes_nothing() -> None:
    alone = RateCard(AT, {TAX: Rate(TAX, Kind.TAX, Decimal("0.1"), "USD", Unit.SHARE, 1, AT, "by hand")})
    assert price_call(alone, answered(60), currency="USD").total == 0
