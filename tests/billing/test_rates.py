"""Seconds are rounded as the carrier rounds them, money once."""

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from billing.domain.rates import AMD, RATES, STREAM, VOICE, billed_seconds, price, price_of_time
from billing.services import price_call, usd, worst_case


@pytest.mark.parametrize(
    ("talk_s", "billed"), [(0, 0), (1, 60), (59, 60), (60, 60), (61, 120), (120, 120), (121, 180)]
)
def test_a_begun_minute_is_billed(talk_s: int, billed: int) -> None:
    assert billed_seconds(talk_s, increment_s=60, minimum_s=60) == billed


@pytest.mark.parametrize(("talk_s", "billed"), [(0, 0), (1, 30), (30, 30), (31, 36), (36, 36), (37, 42)])
def test_the_minimum_and_the_increment_differ(talk_s: int, billed: int) -> None:
    assert billed_seconds(talk_s, increment_s=6, minimum_s=30) == billed


def test_a_time_without_increment_is_billed_as_it_is() -> None:
    assert billed_seconds(61, increment_s=0, minimum_s=0) == 61


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot have lasted -1 s"):
        billed_seconds(-1, increment_s=60, minimum_s=60)


def test_the_card_has_the_published_figures() -> None:
    assert {key: (rate.price, rate.unit, rate.per) for key, rate in RATES.items()} == {
        "twilio.voice_out_us": (Decimal("0.0140"), "s", 60),
        "twilio.media_streams": (Decimal("0.0044"), "s", 60),
        "twilio.amd": (Decimal("0.0075"), "call", 1),
        "elevenlabs.flash_v2_5": (Decimal("0.05"), "char", 1000),
        "call": (Decimal(0), "s", 1),
        "stt.local": (Decimal(0), "s", 1),
        "tts.local": (Decimal(0), "char", 1),
        "llm.local": (Decimal(0), "token", 1),
    }


@pytest.mark.parametrize(
    ("talk_s", "voice", "stream"),
    [
        (0, "0", "0"),
        (59, "0.014", "0.0044"),
        (60, "0.014", "0.0044"),
        (61, "0.028", "0.0088"),
        (120, "0.028", "0.0088"),
        (121, "0.042", "0.0132"),
    ],
)
def test_time_is_priced_by_the_minute(talk_s: int, voice: str, stream: str) -> None:
    assert price_of_time(RATES[VOICE], talk_s) == Decimal(voice)
    assert price_of_time(RATES[STREAM], talk_s) == Decimal(stream)


def test_a_price_is_rounded_up_to_the_micro_dollar() -> None:
    flash = RATES["elevenlabs.flash_v2_5"]
    rate = type(flash)("deepgram", Decimal("0.0077"), "s", 60, flash.effective_from, "test")
    assert price(rate, Decimal(1)) == Decimal("0.000129")  # 0.000128333…
    assert price(rate, Decimal(60)) == Decimal("0.007700")
    assert price(rate, Decimal(0)) == 0


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"twilio\.amd cannot have been used -1 times"):
        price(RATES[AMD], Decimal(-1))


def test_an_answered_call_of_two_minutes_costs_what_the_rate_card_says() -> None:
    charges = price_call(answered_s=120, detected_machine=True, usage=[])
    assert charges == {VOICE: Decimal("0.028"), STREAM: Decimal("0.0088"), AMD: Decimal("0.0075")}
    assert sum(charges.values()) == Decimal("0.0443")


def test_machine_detection_is_billed_only_where_it_was_asked_for() -> None:
    assert price_call(answered_s=60, detected_machine=False, usage=[]) == {
        VOICE: Decimal("0.014"),
        STREAM: Decimal("0.0044"),
    }


def test_an_unanswered_call_is_free() -> None:
    assert price_call(answered_s=None, detected_machine=True, usage=[]) == {}


def test_a_call_that_ended_in_the_second_of_its_answer_is_billed_a_minute() -> None:
    assert price_call(answered_s=0, detected_machine=False, usage=[])[VOICE] == Decimal("0.014")


def test_usage_is_added_up_before_it_is_rounded() -> None:
    one = ("elevenlabs.flash_v2_5", "char", Decimal("0.01"))  # 0.0000005 USD
    charges = price_call(answered_s=None, detected_machine=False, usage=[one, one, ("tts.local", "char", Decimal(9))])
    assert charges == {"elevenlabs.flash_v2_5": Decimal("0.000001"), "tts.local": Decimal(0)}


def test_what_runs_on_the_own_machine_costs_nothing_and_is_listed() -> None:
    with capture_logs() as logs:
        charges = price_call(
            answered_s=None,
            detected_machine=False,
            usage=[
                ("call", "s", Decimal("61.5")),
                ("stt.local", "s", Decimal("30.125")),
                ("tts.local", "char", Decimal(900)),
            ],
        )
    assert charges == {"call": Decimal(0), "stt.local": Decimal(0), "tts.local": Decimal(0)}
    assert logs == []


def test_usage_without_a_rate_costs_nothing_and_says_so() -> None:
    with capture_logs() as logs:
        charges = price_call(
            answered_s=None,
            detected_machine=False,
            usage=[("unheard.of", "s", Decimal(3)), ("elevenlabs.flash_v2_5", "token", Decimal(5))],
        )
    assert charges == {"unheard.of": 0, "elevenlabs.flash_v2_5": 0}
    assert logs == [
        {
            "event": "billing.unpriced",
            "log_level": "warning",
            "component": "unheard.of",
            "unit": "s",
            "quantity": "3",
        },
        {
            "event": "billing.unpriced",
            "log_level": "warning",
            "component": "elevenlabs.flash_v2_5",
            "unit": "token",
            "quantity": "5",
        },
    ]


@pytest.mark.parametrize(
    ("max_length_s", "tier", "detect_machine", "amount"),
    [
        (300, "local", True, "0.1179"),  # 330 s are 6 minutes of 0.0184, and detection
        (300, "local", False, "0.1104"),
        (270, "local", True, "0.0995"),  # 300 s are 5 minutes
        (300, "premium", True, "0.3654"),  # and 4,950 characters
    ],
)
def test_the_worst_case_covers_the_time_to_hang_up(
    max_length_s: int, tier: str, detect_machine: bool, amount: str
) -> None:
    assert worst_case(max_length_s=max_length_s, tier=tier, detect_machine=detect_machine) == Decimal(amount)


def test_no_call_within_its_cap_costs_more_than_the_worst_case() -> None:
    for talk_s in range(331):
        assert sum(price_call(answered_s=talk_s, detected_machine=True, usage=[]).values()) <= worst_case(
            max_length_s=300
        )


def test_a_tier_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no tier 'gold': use one of local, premium"):
        worst_case(max_length_s=300, tier="gold")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.250000", "0.25 USD"), ("3", "3.00 USD"), ("0.000001", "0.000001 USD"), ("100", "100.00 USD")],
)
def test_amounts_are_written_with_the_places_that_matter(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text
