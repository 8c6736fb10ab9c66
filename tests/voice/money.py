"""What a call may spend, by script, and what it used."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from agents.domain.types import Prospect
from voice.domain.types import Advice, Ended, LineEvent, Tier, Usage, Used

GO_ON = Advice(Decimal(0))
PREMIUM = Advice(Decimal(0), tier=Tier.PREMIUM)


_UNITS = {"tts": "char", "elevenlabs": "char", "llm": "token"}


@dataclass(frozen=True)
class Look:
    talked_s: float
    usage: tuple[Usage, ...]
    prospect: Prospect


class ScriptedSpending:
    """Gives ``advice`` in order, and the last one ever after; keeps what it was asked. Local and go on by default."""

    def __init__(self, *advice: Advice | Exception) -> None:
        self._advice = list(advice or [GO_ON])
        self.looks: list[Look] = []

    def look(self, *, talked_s: float, usage: Sequence[Usage], prospect: Prospect) -> Advice:
        self.looks.append(Look(talked_s, tuple(usage), prospect))
        advice = self._advice.pop(0) if len(self._advice) > 1 else self._advice[0]
        if isinstance(advice, Exception):
            raise advice
        return advice


def reports(events: Iterable[LineEvent]) -> list[Usage]:
    """Every report of usage among the events, that of the end included."""
    found: list[Usage] = []
    for event in events:
        if isinstance(event, Used):
            found += event.usage
        elif isinstance(event, Ended):
            found += event.report.usage
    return found


def used(events: Iterable[LineEvent]) -> dict[str, Decimal]:
    """The sum of each component's reports, which count from 1 without a gap."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    counts: defaultdict[str, int] = defaultdict(int)
    for usage in reports(events):
        counts[usage.component] += 1
        assert usage.seq == counts[usage.component], usage
        assert usage.quantity > 0, usage
        assert usage.unit == _UNITS.get(usage.component.split(".")[0], "s"), usage
        sums[usage.component] += usage.quantity
    return dict(sums)
