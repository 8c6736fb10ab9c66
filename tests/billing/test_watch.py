"""A call's money while it talks: exact verdicts, and a call that follows them never costs more than is held."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.card import RateCard
from billing.domain.costing import CallUsage, Used, plan_of, price_call, worst_case
from billing.domain.watch import (
    BURST_CHARACTERS,
    EARLIEST_S,
    Allowance,
    Moment,
    Verdict,
    Watch,
    chance_of_appointment,
)
from billing.services.card import default_rates
from tests.billing.money import rated

AT = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
CARD = RateCard.of(default_rates(), at=AT)
FLASH = "elevenlabs.flash_v2_5"
MODEL = ("openai.gpt-4.1-mini.in", "openai.gpt-4.1-mini.out")
USD = Decimal


def allowance(
    *,
    length_s: int = 300,
    premium: str = "",
    held: Decimal | None = None,
    value: str = "50",
    carrier: str = "twilio",
    gpu: str = "",
    model: tuple[str, str] | None = None,
    by_worth: bool = True,
    card: RateCard = CARD,
) -> Allowance:
    """A call of 300 s in the local voice whose worst case is held, unless said otherwise."""
    plan = plan_of(length_s, premium=premium, gpu=gpu, gpu_share=Decimal("0.25"), model=model, carrier=carrier)
    most = worst_case(card, plan).total if held is None else held
    return Allowance(card, plan, most, "USD", Decimal(value), premium, by_worth)


def moment(
    talked_s: float,
    progress: str = "qualifying",
    score: int = 20,
    *,
    chars: int = 0,
    used: Mapping[Used, Decimal] | None = None,
) -> Moment:
    """``chars`` were spoken by the premium voice."""
    talked = Decimal(str(talked_s))
    all_used: dict[Used, Decimal] = {("call", "s"): talked, ("stt.local", "s"): talked / 2, **(used or {})}
    if chars:
        all_used[FLASH, "char"] = Decimal(chars)
    return Moment(talked, all_used, progress, rated(score))


def judge(of: Allowance, now: Moment) -> Verdict:
    return Watch(of).judge(now)


@pytest.mark.parametrize(
    ("talked_s", "cost"),
    [(0, "0.02849"), (59, "0.02849"), (60, "0.02849"), (60.001, "0.04873"), (120, "0.04873"), (121, "0.06897")],
)
def test_the_cost_so_far_is_the_bill_if_it_ended_now(talked_s: float, cost: str) -> None:
    now = moment(talked_s)
    verdict = judge(allowance(), now)
    assert verdict.cost == USD(cost) == price_call(CARD, CallUsage(now.talked_s, used=now.used), currency="USD").total


def test_a_call_that_goes_well_hears_nothing() -> None:
    assert judge(allowance(), moment(200, "qualifying", 55)) == Verdict(USD("0.08921"), premium=False)


@pytest.mark.parametrize(
    ("progress", "score", "minute", "chance"),
    [
        ("opening", 0, 0, "0.005"),
        ("opening", 40, 1, "0.01"),
        ("opening", 70, 2, "0.02"),
        ("qualifying", 39, 2, "0.005"),
        ("qualifying", 69, 2, "0.02"),
        ("qualifying", 100, 2, "0.05"),
        ("objection", 39, 3, "0.0005"),
        ("objection", 40, 4, "0.00125"),
        ("booking", 0, 5, "0.0125"),
        ("closing", 100, 0, "0"),
        ("whatever comes later", 0, 0, "0.001"),
    ],
)
def test_the_chance_of_one_more_minute(progress: str, score: int, minute: int, chance: str) -> None:
    assert chance_of_appointment(progress, rated(score).rating, minute=minute) == Decimal(chance)


WORTHLESS = (
    "The next 60 s cost 0.02024 USD and promise 0.01 USD (qualifying, score 20): the call comes to its end before "
    "they begin."
)


@pytest.mark.parametrize(
    ("talked_s", "wraps_up"), [(109.9, False), (110, True), (119.9, True), (120, True), (120.1, False), (130, False)]
)
def test_a_call_that_is_not_worth_its_third_minute_wraps_up_ten_seconds_before_it(
    talked_s: float, wraps_up: bool
) -> None:
    verdict = judge(allowance(value="2"), moment(talked_s))
    assert (verdict.wrap_up, verdict.end, verdict.reason) == (wraps_up, False, WORTHLESS if wraps_up else "")


@pytest.mark.parametrize(
    ("value", "progress", "score", "wraps_up"),
    [
        ("50", "qualifying", 0, False),
        ("4.05", "qualifying", 20, False),  # 0.5 % of it is 0.02025
        ("4.04", "qualifying", 20, True),  # and of this 0.0202
        ("4.04", "qualifying", 40, False),
        ("20.23", "objection", 39, True),
        ("20.24", "objection", 39, False),
        ("1000", "closing", 100, True),
        ("0", "booking", 0, False),
    ],
)
def test_the_next_minute_is_worth_it_where_it_promises_its_cost(
    value: str, progress: str, score: int, wraps_up: bool
) -> None:
    assert judge(allowance(value=value), moment(115, progress, score)).wrap_up is wraps_up


def test_what_costs_nothing_is_always_worth_it() -> None:
    free = RateCard(AT, {key: replace(rate, price=Decimal(0)) for key, rate in CARD.rates.items()})
    assert judge(allowance(card=free, value="0"), moment(115, "closing")) == Verdict(Decimal(0), premium=False)


def test_a_cold_conversation_fades() -> None:
    watch = Watch(allowance(length_s=900))
    wraps_up = [minute for minute in range(1, 14) if watch.judge(moment(minute * 60 - 5)).wrap_up]
    assert wraps_up == [6, 7, 8, 9, 10, 11, 12, 13]


def test_nothing_is_judged_in_the_first_half_minute() -> None:
    six_seconds = allowance(carrier="telnyx", value="0")
    assert judge(six_seconds, moment(29.9, "closing")) == Verdict(USD("0.005775"), premium=False)
    assert judge(six_seconds, moment(30, "closing")).wrap_up is True


def test_six_second_increments_are_judged_one_by_one() -> None:
    reason = (
        "The next 6 s cost 0.001155 USD and promise 0.001 USD (qualifying, score 20): the call comes to its end "
        "before they begin."
    )
    verdict = judge(allowance(carrier="telnyx", value="2"), moment(61))
    assert verdict == Verdict(USD("0.012705"), premium=False, wrap_up=True, reason=reason)


def test_a_carrier_that_bills_every_second_is_judged_by_the_minute() -> None:
    rates = {
        key: replace(rate, increment=0, minimum=0) if key.startswith("twilio.") else rate
        for key, rate in CARD.rates.items()
    }
    verdict = judge(allowance(card=RateCard(AT, rates), value="2"), moment(70))
    assert (verdict.wrap_up, verdict.reason) == (True, WORTHLESS)


def test_the_minimum_of_a_rate_is_paid_for_as_a_whole() -> None:
    rates = {
        key: replace(rate, minimum=180) if key in ("twilio.voice_out_us", "twilio.media_streams") else rate
        for key, rate in CARD.rates.items()
    }
    watch = Watch(allowance(card=RateCard(AT, rates), value="2"))
    assert [watch.judge(moment(s)).wrap_up for s in (50, 110, 169, 170, 230)] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("talked_s", "wrap_up", "end", "reason"),
    [
        (274.9, False, False, ""),
        (275, True, False, "The call may last 300 s, so it comes to its end."),
        (289.9, True, False, "The call may last 300 s, so it comes to its end."),
        (290, True, True, "The call may last 300 s, so it ends now."),
        (400, True, True, "The call may last 300 s, so it ends now."),
    ],
)
def test_the_longest_length_ends_a_call_in_time(talked_s: float, wrap_up: bool, end: bool, reason: str) -> None:
    verdict = judge(allowance(), moment(talked_s, "booking", 90))
    assert (verdict.wrap_up, verdict.end, verdict.reason) == (wrap_up, end, reason)


@pytest.mark.parametrize(
    ("talked_s", "wrap_up", "end", "reason"),
    [
        (94.9, False, False, ""),
        (95.1, True, False, "In 25 s the call would cost 0.06897 USD, and 0.06 USD is held: it comes to its end."),
        (110, True, False, "In 25 s the call would cost 0.06897 USD, and 0.06 USD is held: it comes to its end."),
        (110.1, True, True, "In 10 s the call would cost 0.06897 USD, and 0.06 USD is held: it ends now."),
        (130, True, True, "In 10 s the call would cost 0.06897 USD, and 0.06 USD is held: it ends now."),
    ],
)
def test_what_is_held_ends_a_call_in_time(talked_s: float, wrap_up: bool, end: bool, reason: str) -> None:
    """0.06 USD pays for two minutes and not for three."""
    verdict = judge(allowance(held=USD("0.06")), moment(talked_s, "booking", 90))
    assert (verdict.wrap_up, verdict.end, verdict.reason) == (wrap_up, end, reason)


def test_a_hold_that_does_not_pay_the_first_minute_ends_the_call_at_once() -> None:
    verdict = judge(allowance(held=USD("0.02")), moment(0, "opening", 0))
    reason = "In 10 s the call would cost 0.02849 USD, and 0.02 USD is held: it ends now."
    assert verdict == Verdict(USD("0.02849"), premium=False, wrap_up=True, end=True, reason=reason)


def test_a_short_call_ends_but_is_not_hurried_in_its_first_half_minute() -> None:
    watch = Watch(allowance(length_s=30))
    assert [watch.judge(moment(s)).wrap_up for s in (19, 19.9, 20)] == [False, False, True]
    longer = Watch(allowance(length_s=60))
    assert [longer.judge(moment(s)).wrap_up for s in (29.9, 35, 49)] == [False, True, True]
    assert [longer.judge(moment(s)).end for s in (49.9, 50)] == [False, True]


def test_use_that_no_plan_knew_of_counts_as_it_goes_on() -> None:
    """0.5 million tokens a minute for 0.40 USD a million: in 10 s more, a sixth of a minute's 0.2 USD."""
    tokens = {("openai.gpt-4.1-mini.in", "token"): Decimal(500_000)}
    verdict = judge(allowance(held=USD("0.26")), moment(60, used=tokens))
    assert (verdict.cost, verdict.end) == (USD("0.22849"), True)
    assert verdict.reason == "In 10 s the call would cost 0.282064 USD, and 0.26 USD is held: it ends now."


def test_a_models_tokens_are_held_for_and_end_a_call_that_uses_more() -> None:
    """0.20097 USD are held: 0.12969 for six minutes, and 0.07128 for 0.000216 a second of tokens."""
    of = allowance(model=MODEL)
    used = {(MODEL[0], "token"): Decimal(100 * 400), (MODEL[1], "token"): Decimal(100 * 35)}
    verdict = judge(of, moment(100, "booking", used=used))
    assert (verdict.cost, verdict.reason) == (USD("0.07033"), "")
    used[MODEL[0], "token"] = Decimal(400_000)
    verdict = judge(of, moment(110.5, "booking", used=used))
    assert verdict.reason == "In 10 s the call would cost 0.23673 USD, and 0.20097 USD is held: it ends now."
    assert (verdict.end, verdict.cost) == (True, USD("0.21433"))


def test_what_a_model_may_be_asked_makes_no_minute_dearer() -> None:
    verdict = judge(allowance(value="2", model=MODEL), moment(115))
    assert (verdict.wrap_up, verdict.reason) == (True, WORTHLESS)


def test_a_gpu_is_paid_by_the_second() -> None:
    used = {("gpu.rtx4090", "s"): Decimal(15)}
    of = allowance(gpu="gpu.rtx4090", value="2")
    verdict = judge(of, moment(115, "closing", used=used))
    assert "The next 60 s cost 0.02274 USD and promise 0.00 USD (closing, score 20)" in verdict.reason


# The premium voice.


def test_premium_speaks_as_long_as_what_is_held_carries_the_rest() -> None:
    """300 s at premium rates hold 0.37719 USD: 4,950 characters and 6 minutes."""
    watch = Watch(allowance(premium=FLASH, by_worth=False))
    assert watch.judge(moment(0, "opening", 0)) == Verdict(USD("0.02849"), premium=True)
    # At 100 s, 200 s are to come, with 1,500 characters and a burst, in 5 minutes.
    assert watch.judge(moment(100, chars=3554)) == Verdict(USD("0.22643"), premium=True)
    reason = (
        "The rest of the call would cost 0.15072 USD in the premium voice, and of 0.37719 USD held 0.22653 USD is "
        "spent: the local voice speaks on."
    )
    assert watch.judge(moment(100, chars=3556)) == Verdict(USD("0.22653"), premium=False, reason=reason)


def test_a_call_of_the_local_voice_never_speaks_premium() -> None:
    watch = Watch(allowance(held=USD(50)))
    assert not any(watch.judge(moment(s, progress, 100)).premium for s in (0, 115) for progress in ("booking", "x"))


@pytest.mark.parametrize(
    ("talked_s", "progress", "score", "value", "premium", "reason"),
    [
        (29.9, "closing", 0, "0", True, ""),
        (40, "qualifying", 0, "8.55", True, ""),  # 0.5 % of it is 0.04275
        (
            40,
            "qualifying",
            0,
            "8.50",
            False,
            "The next 60 s in the premium voice cost 0.04274 USD and promise 0.0425 USD (qualifying, score 0): the "
            "local voice speaks on.",
        ),
        (40, "booking", 0, "8.50", True, ""),
        (40, "qualifying", 40, "8.50", True, ""),
        (40, "closing", 40, "0", True, ""),
        (40, "closing", 39, "0", False, "The call closes at a score of 39: the local voice does."),
    ],
)
def test_the_worth_decides_on_the_premium_voice(  # noqa: PLR0917
    talked_s: float, progress: str, score: int, value: str, premium: bool, reason: str
) -> None:
    auto = judge(allowance(premium=FLASH, value=value), moment(talked_s, progress, score))
    assert (auto.premium, auto.reason, auto.wrap_up) == (premium, reason, False)
    assert judge(allowance(premium=FLASH, value=value, by_worth=False), moment(talked_s, progress, score)).premium


def test_the_worth_gives_the_premium_voice_back() -> None:
    watch = Watch(allowance(premium=FLASH, value="8.50"))
    prospects = [("booking", 0), ("objection", 0), ("booking", 0), ("qualifying", 70), ("closing", 0)]
    spoken = [watch.judge(moment(40, progress, score)).premium for progress, score in prospects]
    assert spoken == [True, False, True, True, False]


def test_the_next_minute_may_be_too_dear_for_the_premium_voice_and_for_any() -> None:
    two = (
        "The next 60 s in the premium voice cost 0.04274 USD and promise 0.01 USD (qualifying, score 20): the local "
    )
    verdict = judge(allowance(premium=FLASH, value="2"), moment(115))
    assert (verdict.premium, verdict.wrap_up) == (False, True)
    assert verdict.reason == f"{two}voice speaks on. {WORTHLESS}"
    by_wish = judge(allowance(premium=FLASH, value="2", by_worth=False), moment(115))
    assert (by_wish.premium, by_wish.wrap_up) == (True, True)
    assert "The next 60 s cost 0.04274 USD" in by_wish.reason


def test_no_reason_of_money_reads_like_a_fault_of_the_provider() -> None:
    """The provider's health is told by such reasons (``calls.services.terms``)."""
    watch = Watch(allowance(premium=FLASH, value="2"))
    reasons = {
        watch.judge(moment(s, progress, 20, chars=chars)).reason
        for s in range(30, 300, 5)
        for progress in ("qualifying", "closing")
        for chars in (0, 6000)
    }
    assert len(reasons) > 5
    assert not [reason for reason in reasons if reason.startswith("The premium voice ")]


# Whatever happens in a call.

SECONDS = st.lists(
    st.tuples(
        st.integers(0, BURST_CHARACTERS),
        st.sampled_from(["opening", "qualifying", "objection", "booking", "closing"]),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)  # a whole call a run
@given(
    seconds=SECONDS,
    length_s=st.integers(30, 700),
    premium=st.sampled_from(["", FLASH]),
    carrier=st.sampled_from(["twilio", "telnyx"]),
    model=st.sampled_from([None, MODEL]),
    value=st.sampled_from(["0", "1", "8.5", "50"]),
    by_worth=st.booleans(),
    after_end_s=st.integers(0, 9),
    rest=st.one_of(st.none(), st.decimals("0.03", "0.3", places=6)),
)
def test_a_call_that_follows_the_advice_never_costs_more_than_is_held(  # noqa: PLR0917
    seconds: list[tuple[int, str, int]],
    length_s: int,
    premium: str,
    carrier: str,
    model: tuple[str, str] | None,
    value: str,
    by_worth: bool,
    after_end_s: int,
    rest: Decimal | None,
) -> None:
    """A look every second; the line is closed within 9 s after the word to end. ``rest`` is a hold that was never
    the worst case, as after a change of the settings. The seconds repeat until the call is over. A model reads as
    many tokens a second as the premium voice has characters to say, which is within what is planned.
    """
    of = allowance(
        length_s=length_s, premium=premium, carrier=carrier, model=model, value=value, by_worth=by_worth, held=rest
    )
    watch = Watch(of)
    chars, tokens, wrapped_up_s = 0, 0, None
    for talked_s in range(length_s + 1):
        asked, progress, score = seconds[talked_s % len(seconds)]
        used = {(MODEL[0], "token"): Decimal(tokens)} if model else {}
        verdict = watch.judge(moment(talked_s, progress, score, chars=chars, used=used))
        assert verdict.cost == bill(talked_s, carrier, chars, tokens) <= of.held
        assert verdict.premium is False or premium
        assert bool(verdict.reason) is (verdict.wrap_up or (bool(premium) and not verdict.premium))
        if verdict.wrap_up and wrapped_up_s is None:
            wrapped_up_s = talked_s
            assert talked_s >= EARLIEST_S or verdict.end
        if verdict.end:
            assert bill(talked_s + after_end_s, carrier, chars, tokens + (400 if model else 0)) <= of.held
            assert talked_s + after_end_s < length_s
            break
        chars += asked if verdict.premium else 0
        tokens += asked if model else 0
    else:
        pytest.fail("The call was never told to end.")
    assert wrapped_up_s is not None
    if talked_s >= EARLIEST_S + 15:
        assert wrapped_up_s <= talked_s - 15


def bill(talked_s: int, carrier: str, chars: int, tokens: int) -> Decimal:
    used = {(FLASH, "char"): Decimal(chars), (MODEL[0], "token"): Decimal(tokens)}
    return price_call(CARD, CallUsage(Decimal(talked_s), carrier=carrier, used=used), currency="USD").total


@given(st.integers(0, 400), st.sampled_from(["opening", "booking", "closing"]), st.integers(0, 100))
def test_asking_twice_changes_nothing(talked_s: int, progress: str, score: int) -> None:
    watch = Watch(allowance(premium=FLASH))
    now = moment(talked_s, progress, score, chars=talked_s * 10)
    assert watch.judge(now) == watch.judge(now)


def test_every_amount_in_a_reason_names_its_currency() -> None:
    euros = RateCard(AT, {key: replace(rate, currency="EUR") for key, rate in CARD.rates.items()})
    of = replace(allowance(card=euros, value="2"), currency="EUR")
    reason = Watch(of).judge(moment(115)).reason
    assert re.findall(r"\d\.\d+ (\w+)", reason) == ["EUR", "EUR"]
