"""Amounts: ``Decimal`` with six places in one currency, never a float."""

from collections.abc import Iterable
from decimal import ROUND_UP, Decimal

MICRO = Decimal("0.000001")
LARGEST = Decimal("99999999.999999")
"""What a column of money can hold."""


class BadAmount(ValueError):
    """No amount of money: the text says what is accepted."""


class MixedCurrencies(ValueError):
    """Amounts of two currencies met; nothing is converted here."""


def rounded_up(amount: Decimal) -> Decimal:
    """To six places, away from zero."""
    return amount.quantize(MICRO, rounding=ROUND_UP)


def check_amount(amount: Decimal) -> None:
    """Raises BadAmount for what is negative, finer than a micro-unit or larger than any column holds."""
    if not amount.is_finite() or not 0 <= amount <= LARGEST or amount != amount.quantize(MICRO):
        raise BadAmount(f"{amount} is not an amount: it must be from 0 to {LARGEST}, with at most 6 places.")


def shown(amount: Decimal, currency: str = "USD", *, places: int = 2) -> str:
    """``0.25 USD``: all the places that say something, at least ``places``."""
    whole, _, digits = f"{amount:.6f}".rstrip("0").partition(".")
    return f"{whole}.{digits:0<{places}} {currency}"


def places_of(amounts: Iterable[Decimal]) -> int:
    """The places that the finest of them needs, at least two: shown with so many, their points stand in a column."""
    return max([2, *(len(f"{amount:.6f}".rstrip("0").partition(".")[2]) for amount in amounts)])
