"""Bars over days: sizes for an SVG that is stretched to its place, and the words beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from calls.services.costs import Day

WIDTH, HEIGHT = 1000, 100
_WIDEST = 60
_MOST_BARS = 100
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Bar:
    """Places and sizes in the units of the SVG; ``title`` is told where the pointer rests."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``marks`` are the words of the scale from its top to 0, ``labels`` those below its first, middle, last bar."""

    bars: list[Bar]
    marks: list[str]
    labels: list[str]
    each: str


def chart_of(days: Sequence[Day], amount: Callable[[Decimal], str]) -> Chart:
    """The cost of consecutive days, a bar a day, or a bar a week where days would be too narrow to see."""
    size = 1 if len(days) <= _MOST_BARS else 7
    bins = [days[n : n + size] for n in range(0, len(days), size)]
    costs = [max(sum((one.figures.cost for one in some), Decimal(0)), Decimal(0)) for some in bins]
    top = _top(max(costs))
    slot = WIDTH / len(bins)
    width = min(slot * 0.8, _WIDEST)
    bars = []
    for place, (some, cost) in enumerate(zip(bins, costs, strict=True)):
        height = float(cost / top) * HEIGHT
        dials = sum(one.figures.dials for one in some)
        title = f"{_name(some)}: {amount(cost)}, {dials:,} {'dial' if dials == 1 else 'dials'}"
        x = slot * place + (slot - width) / 2
        bars.append(Bar(round(x, 2), round(HEIGHT - height, 2), round(width, 2), round(height, 2), title))
    names = [f"{some[0].day:%b} {some[0].day.day}" for some in bins]
    labels = names if len(names) < 3 else [names[0], names[len(names) // 2], names[-1]]
    return Chart(bars, [amount(top), amount(top / 2), amount(Decimal(0))], labels, "day" if size == 1 else "week")


def _name(some: Sequence[Day]) -> str:
    first, last = some[0].day, some[-1].day
    return f"{first}" if first == last else f"{first} to {last}"


def _top(most: Decimal) -> Decimal:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten; 1 for nothing."""
    if most <= 0:
        return Decimal(1)
    power = Decimal(10) ** most.adjusted()
    step = next(step for step in _STEPS if step * power >= most)
    return (step * power).quantize(Decimal("0.000001"), rounding=ROUND_CEILING)
