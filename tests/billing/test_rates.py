"""A rate by hand: what is billed for a use, what it costs, and how it reads."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.domain.rates import Kind, Rate, Unit, billed_quantity, described, plain, price

BEGIN, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def rate(amount: str, unit: Unit = Unit.SECOND, per: int = 60, increment: int = 0, minimum: int = 0) -> Rate:
    return Rate("a.b", Kind.CARRIER, Decimal(amount), "USD", unit, per, BEGIN, "by hand", increment, minimum)


@pytest.mark.parametrize(
    ("increment", "minimum", "used", "billed"),
    [
        (60, 60, "0", "0"),  # not used at all
        (60, 60, "0.001", "60"),
        (60, 60, "1", "60"),
        (60, 60, "59", "60"),
        (60, 60, "60", "60"),
        (60, 60, "60.000001", "120"),
        (60, 60, "61", "120"),
        (60, 60, "120", "120"),
        (60, 60, "121", "180"),
        (6, 6, "1", "6"),
        (6, 6, "59", "60"),
        (6, 6, "61", "66"),
        (6, 6, "121", "126"),
        (6, 30, "1", "30"),  # a minimum longer than the step
        (6, 30, "30", "30"),
        (6, 30, "31", "36"),
        (6, 30, "37", "42"),
        (60, 6, "1", "60"),  # a minimum shorter than the step
        (0, 0, "61.5", "61.5"),  # as used
        (0, 30, "12.5", "30"),
        (0, 30, "61.5", "61.5"),  # a minimum alone does not round
        (1, 0, "0.2", "1"),
    ],
)
def test_a_use_is_raised_to_the_minimum_then_to_whole_steps(
    increment: int, minimum: int, used: str, billed: str
) -> None:
    assert billed_quantity(rate("1", increment=increment, minimum=minimum), Decimal(used)) == Decimal(billed)


@pytest.mark.parametrize(
    ("used", "twilio_voice", "twilio_stream", "telnyx_voice", "telnyx_stream"),
    [
        ("0", "0", "0", "0", "0"),
        ("1", "0.014", "0.0044", "0.0007", "0.00035"),
        ("59", "0.014", "0.0044", "0.007", "0.0035"),
        ("60", "0.014", "0.0044", "0.007", "0.0035"),
        ("61", "0.028", "0.0088", "0.0077", "0.00385"),
        ("120", "0.028", "0.0088", "0.014", "0.007"),
        ("121", "0.042", "0.0132", "0.0147", "0.00735"),
    ],
)
def test_time_by_the_minute_and_by_six_seconds(
    used: str, twilio_voice: str, twilio_stream: str, telnyx_voice: str, telnyx_stream: str
) -> None:
    by_minute = [("0.0140", twilio_voice), ("0.0044", twilio_stream)]
    by_six_s = [("0.0070", telnyx_voice), ("0.0035", telnyx_stream)]
    for step, lines in ((60, by_minute), (6, by_six_s)):
        for amount, cost in lines:
            assert price(rate(amount, increment=step, minimum=step), Decimal(used)) == Decimal(cost)


@pytest.mark.parametrize(
    ("of", "used", "cost"),
    [
        (rate("0.0077"), "1", "0.000129"),  # 0.000128333…, up
        (rate("0.0077"), "60", "0.0077"),
        (rate("0.0075", Unit.CALL, 1), "1", "0.0075"),
        (rate("0.05", Unit.CHARACTER, 1000), "900", "0.045"),
        (rate("0.05", Unit.CHARACTER, 1000), "0.02", "0.000001"),  # exactly a micro-dollar
        (rate("0.05", Unit.CHARACTER, 1000), "0.020001", "0.000002"),  # more than one
        (rate("0.05", Unit.TOKEN, 1_000_000), "25000", "0.00125"),
        (rate("0.60", Unit.SECOND, 3600), "30", "0.005"),
        (rate("0.34", Unit.SECOND, 3600), "30", "0.002834"),
        (rate("1.15", Unit.MONTH, 1, 1, 1), "0.5", "1.15"),  # a begun month
        (rate("0.0005", Unit.SECOND_MONTH, 60, 60, 60), "121", "0.0015"),
        (rate("0", Unit.TOKEN, 1), "25500", "0"),
    ],
)
def test_a_price_is_rounded_up_to_the_micro_dollar_once(of: Rate, used: str, cost: str) -> None:
    assert price(of, Decimal(used)) == Decimal(cost)


def test_a_negative_use_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a\.b cannot have been used -1 times\.$"):
        price(rate("1"), Decimal(-1))


def test_a_rate_holds_from_its_begin_to_before_its_end() -> None:
    forever = rate("1")
    ended = Rate("a", Kind.CARRIER, Decimal(1), "USD", Unit.CALL, 1, BEGIN, "by hand", valid_until=END)
    before, last = datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    assert [forever.valid_at(at) for at in (before, BEGIN, last, END)] == [False, True, True, True]
    assert [ended.valid_at(at) for at in (before, BEGIN, last, END)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (rate("0.0140", increment=60, minimum=60), "0.014 USD per minute, billed in 60 s steps"),
        (rate("0.0070", increment=6, minimum=30), "0.007 USD per minute, billed in 6 s steps, at least 30 s"),
        (rate("0.007", minimum=30), "0.007 USD per minute, at least 30 s"),
        (rate("0.60", per=3600), "0.60 USD per hour"),
        (rate("2", Unit.CALL, 1), "2.00 USD per call"),
        (rate("1.15", Unit.MONTH, 1, 1, 1), "1.15 USD per month"),
        (rate("0.05", Unit.CHARACTER, 1000, 100), "0.05 USD per 1,000 characters, billed in steps of 100"),
        (rate("1E-9", Unit.TOKEN, 1), "0.000000001 USD per token"),
        (rate("0.0005", Unit.SECOND_MONTH), "0.0005 USD per minute kept for a month"),
        (rate("0.10", Unit.SHARE, 1), "10 %"),
        (rate("0.0825", Unit.SHARE, 1), "8.25 %"),
    ],
)
def test_a_rate_reads_as_a_person_would_say_it(of: Rate, text: str) -> None:
    assert described(of) == text


@pytest.mark.parametrize(
    ("number", "text"), [("100", "100"), ("1E+3", "1000"), ("0.500", "0.5"), ("0", "0"), ("1E-7", "0.0000001")]
)
def test_numbers_have_no_exponent_and_no_idle_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
