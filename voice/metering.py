"""What one call uses, counted exactly and told as it is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from voice.domain.types import Usage, Used


@dataclass(slots=True)
class _Count:
    unit: str
    total: Decimal = Decimal(0)
    told: Decimal = Decimal(0)
    seq: int = 0


class Meter:
    """Counts units per component and gives each of them out once.

    ``clocks`` maps a component to its seconds until now, which never run back and are read to the millisecond;
    characters are added as they are used. ``tokens`` tells those of each component until now, never fewer than
    before. ``emit`` gets what is told before the end.
    """

    def __init__(
        self,
        clocks: Mapping[str, Callable[[], float]],
        emit: Callable[[Used], None],
        *,
        tokens: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._clocks, self._emit, self._tokens = dict(clocks), emit, tokens
        self._counts: dict[str, _Count] = {}

    def add_chars(self, component: str, chars: int) -> None:
        self._count(component, "char").total += chars

    def tell(self, *components: str) -> None:
        """Emit what these components, or all, used since they were last told; nothing where that is nothing."""
        if usage := self.take(*components):
            self._emit(Used(usage))

    def take(self, *components: str) -> tuple[Usage, ...]:
        """What these components, or all, used since they were last told: told herewith."""
        self._read()
        usage: list[Usage] = []
        for component, count in self._counts.items():
            if count.total > count.told and (not components or component in components):
                count.seq += 1
                usage.append(Usage(component, count.unit, count.total - count.told, count.seq))
                count.told = count.total
        return tuple(usage)

    def total(self) -> tuple[Usage, ...]:
        """All that was used until now, told or not: one figure for each component."""
        self._read()
        return tuple(Usage(component, count.unit, count.total) for component, count in self._counts.items())

    def _read(self) -> None:
        for component, seconds in self._clocks.items():
            self._count(component, "s").total = Decimal(f"{seconds():.3f}")
        for component, tokens in self._tokens().items():
            self._count(component, "token").total = Decimal(tokens)

    def _count(self, component: str, unit: str) -> _Count:
        return self._counts.setdefault(component, _Count(unit))
