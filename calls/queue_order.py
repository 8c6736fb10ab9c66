"""In which order a worker looks at its queues. Named by the broker's settings."""

from typing import Any

from kombu.utils.scheduling import round_robin_cycle

from calls.domain.queues import RESUME


class ResumedFirst(round_robin_cycle):  # type: ignore[type-arg]  # generic in its stubs alone
    """Calls that lost their line go before those that are to be made; otherwise each queue has its turn."""

    def consume(self, n: int) -> Any:
        """At most ``n`` names, a list: the first of them with a message gives it."""
        return sorted(self.items or (), key=lambda queue: not queue.endswith(RESUME))[:n]
