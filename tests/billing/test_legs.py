"""How long a talk with a colleague may last for what is held, by hand, and that nothing within it costs more."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.card import RateCard
from billing.domain.costing import HANG_UP_GRACE_S, TAX, TRANSFER_LEG, CallPlan, Used, plan_of, worst_case
from billing.domain.costing import CallUsage as Usage
from billing.domain.costing import price_call as bill_of
from billing.domain.legs import Ringing, billed_s, longest_talk_s, why_unpriced
from billing.domain.rates import Unit
from billing.domain.watch import Allowance, Moment, Watch
from billing.services.card import default_rates
from tests.billing.money import rated

AT = datetime(2026, 11, 20, tzinfo=UTC)
SHIPPED = RateCard.of(default_rates(), at=AT)
FLASH, GPU = "elevenlabs.flash_v2_5", "gpu.rtx4090"
LEG: Used = (TRANSFER_LEG, "s")
ALONE, PUT_THROUGH = Decimal("0.12969"), Decimal("0.22209")
RING_S = 20


def card_with(**leg: object) -> RateCard:
    return RateCard(AT, {**SHIPPED.rates, TRANSFER_LEG: replace(SHIPPED[TRANSFER_LEG], **leg)})  # type: ignore[arg-type]


def ringing(
    talked_s: int,
    *,
    held: Decimal = ALONE,
    used: dict[Used, Decimal] | None = None,
    plan: CallPlan | None = None,
    outbound: bool = True,
    card: RateCard = SHIPPED,
) -> Ringing:
    plan = plan or plan_of(300)
    return Ringing(card, plan, held, "USD", Decimal(talked_s), used or {}, RING_S, outbound)


def test_the_worst_case_with_the_way_to_a_colleague_by_hand() -> None:
    """330 s: 6 minutes of 0.014 + 0.0044 + 0.014, detection, a tenth of tax."""
    assert worst_case(SHIPPED, replace(plan_of(300), puts_through=True)).total == PUT_THROUGH
    premium = replace(plan_of(300, premium=FLASH), puts_through=True)
    assert worst_case(SHIPPED, premium).total == PUT_THROUGH + Decimal("0.2475")


@pytest.mark.parametrize("talked_s", [0, 20, 60, 100, 200, 269])
def test_a_campaign_with_colleagues_shortens_no_talk(talked_s: int) -> None:
    assert longest_talk_s(ringing(talked_s, held=PUT_THROUGH)) == 300 - talked_s
    used = {LEG: Decimal(60)}  # somebody's voicemail has answered before
    assert longest_talk_s(ringing(max(talked_s, 40), held=PUT_THROUGH, used=used)) == 300 - max(talked_s, 40)


@pytest.mark.parametrize(
    ("talked_s", "held", "talk_s"),
    [
        # 0.12969 is 0.1179 and its tax; less detection, 0.1104 for 0.0184 a minute of the line, 0.014 of the leg.
        (0, "0.12969", 130),  # 180 s and 160 s: 3 minutes each, 0.0972; 181 s would be 0.1156
        (60, "0.12969", 90),  # 200 s are 4 and 120 s are 2: 0.1016; 121 s would be 0.1156
        (100, "0.12969", 90),  # 240 s are 4 and 120 s are 2
        (101, "0.12969", 89),  # 240 s and 119 s; another second would be 241 and 120: 0.12
        (220, "0.12969", 30),  # 300 s and 60 s: 0.092 + 0.014; 61 s of the leg would be 0.12
        (0, "0.02849", 0),  # one minute alone
        (0, "0.04389", 10),  # a minute of each and detection, 0.0399 and its tax: 20 + 10 + 30 s
    ],
)
def test_a_hold_without_the_way_shortens_the_talk_by_hand(talked_s: int, held: str, talk_s: int) -> None:
    assert longest_talk_s(ringing(talked_s, held=Decimal(held))) == talk_s


def test_earlier_legs_and_what_the_agent_used_are_paid_first() -> None:
    assert longest_talk_s(ringing(100, used={LEG: Decimal(60)})) == 30
    assert longest_talk_s(ringing(100, used={LEG: Decimal(120)})) == 30  # 3 minutes of each: 0.0972
    assert longest_talk_s(ringing(100, used={LEG: Decimal(180)})) == 0  # 0.1112
    assert longest_talk_s(ringing(100, used={(FLASH, "char"): Decimal(200)})) == 30  # 0.01


def test_a_call_that_the_carrier_does_not_end_may_ring_beyond_its_longest_length() -> None:
    """270 s and the grace are 5 minutes; 20 s of ringing more begin a sixth."""
    plan = plan_of(270)
    held = worst_case(SHIPPED, replace(plan, puts_through=True)).total - Decimal("0.0616")  # but for four minutes
    assert longest_talk_s(ringing(240, held=held, plan=plan)) == 30
    assert longest_talk_s(ringing(240, held=held, plan=plan, outbound=False)) == 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"unit": Unit.CALL}, "per 'call' in USD, and calls pay it per 's' in USD: set such a price."),
        ({"currency": "EUR"}, "per 's' in EUR, and calls pay it per 's' in USD: set such a price."),
    ],
)
def test_without_a_usable_price_nobody_is_rung(change: dict[str, object], says: str) -> None:
    assert why_unpriced(SHIPPED, "USD") == ""
    assert why_unpriced(card_with(**change), "USD").endswith(says)
    assert longest_talk_s(ringing(0, held=Decimal(9), card=card_with(**change))) == 0
    bare = RateCard(AT, {key: rate for key, rate in SHIPPED.rates.items() if key != TRANSFER_LEG})
    assert why_unpriced(bare, "USD").startswith("The rate card has no 'twilio.transfer_leg'")
    assert longest_talk_s(ringing(0, held=Decimal(9), card=bare)) == 0
    assert billed_s(bare, 7) == 7


@pytest.mark.parametrize(
    ("leg_s", "terms", "billed"),
    [
        (0, {}, 0),
        (7, {}, 60),
        (60, {}, 60),
        (61, {}, 120),
        (7, {"increment": 6, "minimum": 30}, 30),
        (31, {"increment": 6, "minimum": 30}, 36),
        (7, {"increment": 6, "minimum": 20}, 24),
        (7, {"increment": 0, "minimum": 0}, 7),
    ],
)
def test_each_leg_is_rounded_by_itself(leg_s: int, terms: dict[str, int], billed: int) -> None:
    card = card_with(**terms)
    assert billed_s(card, leg_s) == billed
    usage = Usage(None, used={LEG: 3 * billed_s(card, leg_s)})
    assert [line.billed for line in bill_of(card, usage, currency="USD").lines if line.component != TAX] == [
        3 * billed
    ]


def test_a_leg_that_is_over_is_not_taken_to_go_on() -> None:
    """Two minutes of the line, one of the leg and detection are 0.06413 in the end, with a second one 0.07953."""
    watch = Watch(Allowance(SHIPPED, plan_of(100), Decimal("0.07"), "USD", Decimal(50)))
    verdict = watch.judge(Moment(Decimal(60), {LEG: Decimal(60)}, "booking", rated(80)))
    assert (verdict.cost, verdict.wrap_up, verdict.reason) == (Decimal("0.04389"), False, "")


@st.composite
def cards(draw: st.DrawFn) -> RateCard:
    prices, steps = st.decimals("0.001", "0.5", places=6), st.sampled_from([0, 1, 6, 30, 60])
    keys = ("twilio.voice_out_us", "twilio.media_streams", TRANSFER_LEG)
    changed = {
        key: replace(SHIPPED[key], price=draw(prices), increment=draw(steps), minimum=draw(steps)) for key in keys
    }
    return RateCard(AT, {**SHIPPED.rates, **changed})


def up_to(most: int) -> st.SearchStrategy[int]:
    """As often as not the most: there what is held is nearest to what is spent."""
    return st.just(most) | st.integers(0, most)


@settings(deadline=None, max_examples=200)
@given(card=cards(), premium=st.booleans(), length_s=st.integers(60, 900), outbound=st.booleans(), data=st.data())
def test_whatever_is_talked_within_its_limits_the_bill_is_within_the_hold(
    card: RateCard, premium: bool, length_s: int, outbound: bool, data: st.DataObject
) -> None:
    """Colleagues whose voicemails answer, and one who talks to the last second, or nobody and the agent again."""
    plan = plan_of(length_s, premium=FLASH if premium else "", gpu=GPU, gpu_share=Decimal("0.25"))
    least, most = worst_case(card, plan).total, worst_case(card, replace(plan, puts_through=True)).total
    held = least + data.draw(st.decimals(0, 1, places=2)) * (most - least)
    talked_s = data.draw(st.integers(0, length_s))
    used = {key: per_s * talked_s for key, per_s in plan.per_s.items()}
    ends_s = length_s + HANG_UP_GRACE_S
    for _ in range(data.draw(st.integers(1, 6))):
        limit_s = longest_talk_s(ringing(talked_s, held=held, used=used, plan=plan, outbound=outbound, card=card))
        if limit_s < 1:
            break
        taken = data.draw(st.booleans())
        ring_s = data.draw(up_to(RING_S))
        leg_s = data.draw(up_to(HANG_UP_GRACE_S + (limit_s if taken else 0)))
        used[LEG] = used.get(LEG, Decimal(0)) + billed_s(card, leg_s)
        spoken_s = 0 if taken else data.draw(up_to(limit_s))
        for key, per_s in plan.per_s.items():
            used[key] += (per_s if key[0] != FLASH else Decimal(0)) * spoken_s
        talked_s += ring_s + leg_s + spoken_s
        if outbound:
            talked_s = min(talked_s, ends_s)
        assert bill_of(card, Usage(Decimal(talked_s), used=used), currency="USD").total <= held
        if taken:
            break
