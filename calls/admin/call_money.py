"""A call's money for its page: the bill line by line, what was held and charged, and whose voice spoke."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractUser, AnonymousUser

from billing.domain.costing import Line
from billing.domain.money import places_of, shown
from billing.models import CallCost, LedgerEntry
from billing.services.bills import bill_of, card_of
from calls.admin.base import money
from calls.domain.status import UNFINISHED
from calls.models import Call, CallEvent
from calls.services.spending import cost_so_far

_NAMES = {
    "call": "Our own line",
    "stt.local": "Speech recognition, our own",
    "tts.local": "Voice, our own",
    "llm.local": "Language model, our own",
    "carrier.price": "The carrier's price",
    "tax.telephony": "Taxes and fees on telephony",
}
_ENDINGS = {
    "voice_out_us": "calls in the US",
    "media_streams": "media stream",
    "amd": "answering machine detection",
}
_KINDS = {"tts": "Voice", "stt": "Speech recognition", "llm": "Language model", "gpu": "GPU"}
_UNITS = {"s": "s", "char": "characters", "token": "tokens", "call": "calls"}
_SPOKEN = frozenset({"tier.changed", "call.wrapping_up"})


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of the bill for reading; ``note`` says where its amount comes from, if not from the rate card."""

    name: str
    used: str
    amount: str
    note: str = ""


def money_of(
    call: Call, events: list[CallEvent], user: AbstractUser | AnonymousUser, *, now: datetime
) -> dict[str, Any]:
    """All that the page's block shows."""
    entries = list(LedgerEntry.objects.filter(reference=call.pk).select_related("budget").order_by("pk"))
    cost = CallCost.objects.filter(pk=call.pk).first()
    currency = cost.currency if cost else entries[0].budget.currency if entries else "USD"
    live = call.status in UNFINISHED
    held = next((entry.amount for entry in entries if entry.kind == LedgerEntry.Kind.HOLD), None)
    places = places_of(entry.amount for entry in entries)
    return {
        "live": live,
        "so_far": money(cost_so_far(call, now=now), currency) if live else "",
        "held_now": "" if held is None else money(held, currency),
        **_account(cost, held, currency),
        "tier": call.tier,
        "tier_reasons": call.tier_reasons,
        "tier_events": [(event.at, _told(event)) for event in events if event.kind in _SPOKEN],
        "entries": [
            (
                entry.at,
                entry.get_kind_display().lower(),
                entry.cause.replace("_", " "),
                entry.budget,
                shown(entry.amount, entry.budget.currency, places=places),
            )
            for entry in entries
        ]
        if user.has_perm("billing.view_ledgerentry")
        else [],
    }


def cost_now(call: Call, *, now: datetime) -> dict[str, object]:
    """What the page asks for each second while the call lasts."""
    held = LedgerEntry.objects.select_related("budget").filter(reference=call.pk).first()
    cost = cost_so_far(call, now=now)
    return {
        "cost": f"{cost:f}",
        "shown": money(cost, held.budget.currency if held else "USD"),
        "live": call.status in UNFINISHED,
    }


def _account(cost: CallCost | None, held: Decimal | None, currency: str) -> dict[str, Any]:
    """The bill, with the carrier's price where it is known, and its sums, all with the same places."""
    if cost is None:
        return {"bill": [], "summary": [], "held": ""}
    lines = bill_of(cost, card_of(cost)).lines
    sums = [held or Decimal(0), cost.estimated, cost.charged, cost.excess, cost.carrier_price or Decimal(0)]
    places = places_of([*(line.amount for line in lines), *sums])
    return {
        "bill": [_line(line, cost, places) for line in lines],
        "summary": _summary(cost, places),
        "held": "" if held is None else shown(held, currency, places=places),
    }


def _line(line: Line, cost: CallCost, places: int) -> BillLine:
    by_carrier = line.component == "carrier.price" or (line.rate is not None and line.rate.in_carrier_price)
    note = ""
    if line.rate is None and not line.amount:
        note = "no rate"
    elif by_carrier and cost.carrier_price is not None:
        note = "the carrier's own price"
    return BillLine(
        name=_name(line),
        used=_used(line, cost.currency),
        amount=shown(line.amount, cost.currency, places=places),
        note=note,
    )


def _used(line: Line, currency: str) -> str:
    """``61 s, billed as 120 s``; once where both are the same, or nothing could be billed."""
    used = _quantity(line.quantity, line.unit, currency)
    if line.billed in (line.quantity, 0):
        return used
    return f"{used}, billed as {_quantity(line.billed, line.unit, currency)}"


def _name(line: Line) -> str:
    """``twilio.media_streams`` as "Twilio: media stream"; a key that nobody knows stays as it is."""
    if line.component in _NAMES:
        return _NAMES[line.component]
    provider, _, what = line.component.partition(".")
    if what in _ENDINGS:
        return f"{provider.capitalize()}: {_ENDINGS[what]}"
    kind = _KINDS.get(line.rate.kind.value) if line.rate else None
    return f"{kind}, {line.component}" if kind else line.component


def _quantity(quantity: Decimal, unit: str, currency: str) -> str:
    if unit == "share":
        return f"of {shown(quantity, currency)}"
    number = f"{quantity:,.1f}".removesuffix(".0")
    unit = "call" if unit == "call" and quantity == 1 else _UNITS.get(unit, unit)
    return f"{number} {unit}"


def _summary(cost: CallCost, places: int) -> list[tuple[str, str, str]]:
    """Name, amount and what is to be said of it."""
    currency = cost.currency

    def exact(amount: Decimal) -> str:
        return shown(amount, currency, places=places)

    rows = [("By the rate card", exact(cost.estimated), "")]
    if cost.carrier_price is None:
        waits = "asked for" if cost.carrier_due_at else ""
        rows += [("The carrier's price", waits or "-", "")]
    else:
        difference = cost.carrier_price - cost.carrier_estimate
        told = "as expected" if not difference else f"{_signed(difference, currency)} against the rate card"
        rows += [("The carrier's price", exact(cost.carrier_price), told)]
    rows += [("Charged", exact(cost.charged), "")]
    if cost.excess:
        rows += [("Charged to no budget", exact(cost.excess), "above what was held or free")]
    return rows


def _signed(amount: Decimal, currency: str) -> str:
    return f"{'+' if amount > 0 else '−'}{shown(abs(amount), currency)}"


def _told(event: CallEvent) -> str:
    """What changed during the call, as a sentence."""
    reason = str(event.fields.get("reason", ""))
    if event.kind == "tier.changed":
        return f"{str(event.fields.get('tier', '')).capitalize()} voice from here: {reason}"
    return f"The agent begins to wrap up: {reason}"
