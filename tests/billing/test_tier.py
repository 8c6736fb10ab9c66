"""Whose voice a call begins with: exact choices with their sentences, and an even draw of the held-out."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.tier import (
    Choice,
    Health,
    Offer,
    Room,
    Standing,
    chance_of_appointment,
    choose,
    draw_of,
    why_unable,
)
from tests.billing.money import rated

OFFER = Offer(worst=Decimal("0.37719"), extra=Decimal("0.045"), currency="USD")
WIDE = Room("May", "total", limit=Decimal(50), free=Decimal(50))
NEW = Standing()
NEVER_DRAWN = Decimal("0.999")
WELL = Health(calls=40)


def chosen(
    standing: Standing = NEW,
    *rooms: Room,
    offer: Offer = OFFER,
    value: str = "50",
    holdout_percent: int = 10,
    draw: Decimal = NEVER_DRAWN,
) -> Choice:
    return choose(
        standing,
        rooms or (WIDE,),
        offer,
        appointment_value=Decimal(value),
        holdout_percent=holdout_percent,
        draw=draw,
    )


NEW_LEAD = (
    "Not talked with yet: 1.7 % chance of an appointment worth 50.00 USD. The premium voice is taken to add 10 % to "
    "that, 0.085 USD, and usually costs 0.045 USD more."
)


def test_premium_speaks_where_it_pays() -> None:
    choice = chosen()
    assert choice == Choice((NEW_LEAD, "It pays: the premium voice speaks."), chosen=True)
    assert choice.premium is True


@pytest.mark.parametrize(
    ("standing", "value", "pays"),
    [
        (Standing(), "26.48", True),  # 1.7 % and a tenth of it: 0.045016
        (Standing(), "26.47", False),  # 0.044999
        (Standing(attempts=2), "26.48", True),
        (Standing(attempts=3), "50", False),
        (Standing(attempts=3), "56.25", True),
        (Standing(score=rated(0), attempts=1), "45", True),
        (Standing(score=rated(39), attempts=1), "44.99", False),
        (Standing(score=rated(40)), "9", True),
        (Standing(score=rated(69)), "8.99", False),
        (Standing(score=rated(70)), "3", True),
        (Standing(score=rated(100), promised=True), "2.99", False),
        (Standing(score=rated(10), promised=True, attempts=5), "4.5", True),
        (Standing(promised=True), "4.49", False),
        (Standing(score=rated(100)), "0", False),
    ],
)
def test_it_pays_by_the_lead_and_the_value_of_an_appointment(standing: Standing, value: str, pays: bool) -> None:
    choice = chosen(standing, value=value)
    verdict = "It pays: the premium voice speaks." if pays else "It does not pay: the local voice speaks."
    assert (choice.premium, choice.chosen, choice.held_out, choice.reasons[-1]) == (pays, pays, False, verdict)
    assert len(choice.reasons) == 2


@pytest.mark.parametrize(
    ("standing", "chance", "why"),
    [
        (Standing(), "0.017", "Not talked with yet"),
        (Standing(attempts=3), "0.008", "Not reached in 3 calls"),
        (Standing(score=rated(0)), "0.01", "A cold lead, score 0"),
        (Standing(score=rated(55), attempts=4), "0.05", "A warm lead, score 55"),
        (Standing(score=rated(55), promised=True), "0.1", "The lead asked to be called"),
        (Standing(score=rated(70), promised=True), "0.15", "A hot lead, score 70"),
    ],
)
def test_the_chance_is_that_of_the_best_sign(standing: Standing, chance: str, why: str) -> None:
    assert chance_of_appointment(standing) == (Decimal(chance), why)


def test_money_that_goes_faster_than_its_time_asks_for_twice_the_gain() -> None:
    hurried = Room("May", "day", limit=Decimal(10), free=Decimal(6), elapsed=Decimal("0.25"))
    choice = chosen(NEW, WIDE, hurried)
    assert choice == Choice(
        (
            NEW_LEAD,
            "Budget 'May' has used 40 % after 25 % of the day, so premium has to bring 2 times its cost.",
            "It does not pay: the local voice speaks.",
        )
    )
    assert chosen(NEW, hurried, value="52.95").premium is True  # 0.090015
    assert chosen(NEW, hurried, value="52.94").premium is False
    assert chosen(NEW, replace(hurried, elapsed=Decimal("0.4"))).premium is True
    assert chosen(NEW, replace(hurried, elapsed=None)).premium is True


def test_the_last_tenth_of_a_budget_is_kept_for_local_calls() -> None:
    scarce = Room("May", "week", limit=Decimal(10), free=Decimal("1.377189"))
    assert chosen(Standing(score=rated(100)), WIDE, scarce) == Choice(
        ("Of budget 'May' 1.377189 USD of 10.00 USD is free (week), and the last 10 % are kept for local calls.",)
    )
    assert chosen(Standing(score=rated(100)), replace(scarce, free=Decimal("1.37719"))).premium is True


def test_without_any_limit_worth_alone_decides() -> None:
    choice = choose(Standing(), (), OFFER, appointment_value=Decimal(50), holdout_percent=0, draw=Decimal(0))
    assert choice == Choice((NEW_LEAD, "It pays: the premium voice speaks."), chosen=True)


def test_a_share_of_those_for_which_it_pays_is_held_out() -> None:
    held_out = Choice(
        (
            NEW_LEAD,
            "It pays, but 10 % of such leads stay local, this one among them, to measure what premium brings.",
        ),
        chosen=True,
        held_out=True,
    )
    assert chosen(draw=Decimal("0.0999")) == held_out
    assert held_out.premium is False
    assert chosen(draw=Decimal("0.1")).held_out is False
    assert chosen(draw=Decimal(0), holdout_percent=0).premium is True


def test_a_lead_for_which_it_does_not_pay_is_in_no_arm() -> None:
    choice = chosen(value="1", draw=Decimal(0))
    assert (choice.chosen, choice.held_out) == (False, False)


def test_free_premium_speaks() -> None:
    assert chosen(offer=replace(OFFER, worst=Decimal(0), extra=Decimal(0)), value="0").premium is True


@pytest.mark.parametrize(
    ("health", "rooms", "offer", "why"),
    [
        (WELL, (WIDE,), OFFER, ""),
        (Health(), (), OFFER, ""),
        (Health(calls=2, faults=2), (WIDE,), OFFER, ""),
        (Health(calls=10, faults=2), (WIDE,), OFFER, ""),
        (
            Health(calls=10, faults=3),
            (WIDE,),
            OFFER,
            "The premium voice failed in 3 of 10 calls of the last 15 minutes: the local voice speaks.",
        ),
        (
            Health(calls=3, faults=2, slow=1),
            (),
            OFFER,
            "The premium voice failed in 2 of 3 calls of the last 15 minutes, 1 of them by its slowness: the local "
            "voice speaks.",
        ),
        (WELL, (WIDE,), replace(OFFER, call_limit=Decimal("0.37719")), ""),
        (
            WELL,
            (WIDE,),
            replace(OFFER, call_limit=Decimal("0.3")),
            "A premium call may cost 0.37719 USD, and a budget allows 0.30 USD for one: the local voice speaks.",
        ),
        (WELL, (WIDE, Room("May", "day", Decimal(1), Decimal("0.37719"))), OFFER, ""),
        (
            WELL,
            (WIDE, Room("May", "day", Decimal(1), Decimal("0.377189"))),
            OFFER,
            "A premium call may cost 0.37719 USD, and budget 'May' has 0.377189 USD free (day): the local voice "
            "speaks.",
        ),
    ],
)
def test_premium_is_had_where_the_provider_speaks_and_every_budget_has_room(
    health: Health, rooms: tuple[Room, ...], offer: Offer, why: str
) -> None:
    assert why_unable(health, rooms, offer) == why


def test_the_draw_is_the_leads_own_and_stays() -> None:
    """Fixed by sha256: a new version of the code leaves every lead in its arm."""
    assert [f"{draw_of(lead_id, 3):.4f}" for lead_id in (1, 2, 3)] == ["0.3502", "0.4555", "0.7313"]
    assert draw_of(1, 23) != draw_of(12, 3)


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_a_draw_lies_between_0_and_1(lead_id: int, campaign_id: int) -> None:
    assert 0 <= draw_of(lead_id, campaign_id) < 1


def test_the_draw_is_even() -> None:
    """Of 20,000 leads a tenth: 2,000, with a standard deviation of 42."""
    drawn = sum(draw_of(lead_id, 7) < Decimal("0.1") for lead_id in range(1, 20_001))
    assert 1_870 < drawn < 2_130
