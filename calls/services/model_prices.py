"""What a call's uses of a language model cost, step by step. What a call is charged is settled from its meter."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.conf import settings

from agents.domain.types import ModelUse
from billing.domain.rates import Rate, Unit, price
from billing.models import LedgerEntry
from billing.services.card import card_at
from calls.models import Call

_CURRENCY = "USD"
"""Steps are priced in it, here and at LangSmith; in another currency a step has no price."""


class ModelPrices:
    """Of one call, by the card of the instant at which it was held for, read when it is first needed."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def of(self, use: ModelUse) -> Decimal | None:
        """USD for the tokens of ``use``; None where nobody bills them, or the card has no price for them."""
        if not settings.LANGUAGE_MODEL.rate or use.tokens_in is None or use.tokens_out is None or not self._rates:
            return None
        into, out = self._rates
        return price(into, Decimal(max(use.tokens_in, 0))) + price(out, Decimal(max(use.tokens_out, 0)))

    @cached_property
    def _rates(self) -> tuple[Rate, Rate] | None:
        card = card_at(self._booked_at)
        into, out = (card.get(key) for key in settings.LANGUAGE_MODEL.components)
        return (into, out) if into and out and _is_usable(into) and _is_usable(out) else None

    @property
    def _booked_at(self) -> datetime:
        held = LedgerEntry.objects.filter(reference=self._call.pk, kind=LedgerEntry.Kind.HOLD)
        return held.values_list("booked_at", flat=True).first() or self._call.queued_at


def _is_usable(rate: Rate) -> bool:
    return rate.unit is Unit.TOKEN and rate.currency == _CURRENCY
