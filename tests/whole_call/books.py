"""The books as they should be: bills by hand from the published rates, entries and balances from the bills."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_UP, Decimal
from math import ceil
from uuid import UUID

from django.db.models import Sum

from billing.models import Balance, Budget, CallCost, LedgerEntry, Scope, UsageReport
from calls.models import Call, CostEvent

PREMIUM, GPU = "elevenlabs.flash_v2_5", "gpu.rtx4090"
VOICE_MINUTE, STREAM_MINUTE, DETECTION, TAX = Decimal("0.014"), Decimal("0.0044"), Decimal("0.0075"), Decimal("0.1")
CHARACTER = Decimal("0.05") / 1000
GPU_HOUR = Decimal("0.60")
GPU_SHARE = Decimal("0.25")
"""Of a GPU's second, for a second of a call: one of eight calls, on a GPU that stands idle half of the time."""

Entry = tuple[str, Decimal]


def rounded_up(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"), ROUND_UP)


def used(call: Call, component: str) -> list[Decimal]:
    """What was reported, in order."""
    reports = UsageReport.objects.filter(reference=call.pk, component=component).order_by("seq")
    return list(reports.values_list("quantity", flat=True))


def bill_by_hand(call: Call, *, characters: int, voice: Decimal | None = None) -> dict[str, Decimal]:
    """Amounts by component. ``voice`` is what the carrier charges for its minutes, by its price list if None."""
    assert call.billed_s is not None
    minutes = ceil(call.billed_s / 60)
    voice = VOICE_MINUTE * minutes if voice is None else voice
    telephony = voice + STREAM_MINUTE * minutes + DETECTION
    amounts = {
        "call": Decimal(0),
        "stt.local": Decimal(0),
        "tts.local": Decimal(0),
        PREMIUM: CHARACTER * characters,
        GPU: rounded_up(GPU_HOUR * sum(used(call, GPU)) / 3600),
        "twilio.voice_out_us": voice,
        "twilio.media_streams": STREAM_MINUTE * minutes,
        "twilio.amd": DETECTION,
        "tax.telephony": rounded_up(telephony * TAX),
    }
    return {key: amount for key, amount in amounts.items() if amount or used(call, key)}


def bill_of(call: Call) -> dict[str, Decimal]:
    """Amounts by component, as they were kept."""
    return {line["component"]: Decimal(line["amount"]) for line in CallCost.objects.get(reference=call.pk).lines}


def worst_by_hand(length_s: int, *, premium: bool) -> Decimal:
    """What is held for a call of ``length_s``: 30 s more to hang up, and an agent that never stops speaking."""
    longest_s = length_s + 30
    minutes = ceil(longest_s / 60)
    telephony = (VOICE_MINUTE + STREAM_MINUTE) * minutes + DETECTION
    speech = CHARACTER * 15 * longest_s if premium else Decimal(0)
    return (
        rounded_up(telephony * (1 + TAX)) + rounded_up(speech) + rounded_up(GPU_HOUR * GPU_SHARE * longest_s / 3600)
    )


def entries_of(call: Call) -> dict[str, list[Entry]]:
    """The ledger's entries for a call, by budget."""
    found = defaultdict(list)
    for entry in LedgerEntry.objects.filter(reference=call.pk).select_related("budget").order_by("pk"):
        found[entry.budget.name].append((entry.kind, entry.amount))
    return dict(found)


def payers_of(call: Call) -> set[str]:
    return {
        budget.name
        for budget in Budget.objects.all()
        if budget.scope == Scope.COMPANY
        or budget.pk == call.campaign.budget_id
        or (budget.scope == Scope.SOURCE and budget.source == call.lead.source)
    }


def balances() -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    """Spent and held of every budget, by period; over midnight a period has two balances, which are summed."""
    rows = Balance.objects.values_list("budget__name", "period").annotate(Sum("spent"), Sum("held"))
    found: defaultdict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for name, period, spent, held in rows.order_by():
        found[name][period] = (spent, held)
    return dict(found)


def balances_by_hand(calls: Iterable[Call]) -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    """When no call is under way any more: nothing is held, and what was spent is what the calls cost."""
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for call in calls:
        for name in payers_of(call):
            spent[name] += call.cost
    return {
        name: dict.fromkeys(("total", "day", "week", "month"), (sum_, Decimal(0))) for name, sum_ in spent.items()
    }


def figures_of(call_id: UUID) -> Decimal:
    """What the figures of costs say of the call."""
    total: Decimal = CostEvent.objects.filter(reference=call_id).aggregate(total=Sum("cost"))["total"]
    return total
