"""Call queues by what a worker must be able to do, and how many more calls the workers that are there can take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, combinations

from voice.domain.types import Tier

LOCAL, PREMIUM, GPU = "calls.local", "calls.premium", "calls.gpu"
QUEUES = (LOCAL, PREMIUM, GPU)
PREFIX = "calls."
RESUME = ".resume"
"""Ends the name of the queue beside another one in which the calls wait that lost their line on it."""
_NEEDS_GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Lines:
    """The ``free`` lines of one worker, each of which may take a call of any of ``queues``."""

    queues: frozenset[str]
    free: int


def resumed_on(queue: str) -> str:
    """Where a call of ``queue`` waits for another line. Whoever serves the one serves the other, and that first."""
    return f"{queue}{RESUME}"


def queue_for(needs: str, tier: Tier) -> str:
    """The queue of a call: what its campaign needs goes before its voice, since a GPU worker may have both."""
    if needs == _NEEDS_GPU:
        return GPU
    return PREMIUM if tier is Tier.PREMIUM else LOCAL


def queues_of(needs: str, *, voice: str, premium: bool) -> tuple[str, ...]:
    """The queues without whose workers a campaign cannot do what it promises.

    ``voice`` is the campaign's wish (local, premium or auto), ``premium`` whether a premium voice is set up at all.
    A campaign with ``auto`` promises no premium voice: its calls fall back to the local one.
    """
    return (queue_for(needs, Tier.PREMIUM if premium and voice == Tier.PREMIUM else Tier.LOCAL),)


def free_for(queue: str, lines: Iterable[Lines], waiting: Mapping[str, int]) -> int:
    """How many more calls of ``queue`` find a line, once as many of the ``waiting`` ones as can be have theirs.

    A line counts once, whatever its worker can do, and a waiting call takes the line whose loss costs least. That is
    the difference of two maximum flows from queues to workers.
    """
    there = list(lines)
    most = sum(one.free for one in there if queue in one.queues)
    more = {**waiting, queue: waiting.get(queue, 0) + most}
    return _served(there, more) - _served(there, waiting)


def _served(lines: list[Lines], waiting: Mapping[str, int]) -> int:
    """Calls that find a line: the least cut, by max-flow min-cut. Every set of queues is tried, and there are few."""
    queues = [queue for queue, calls in waiting.items() if calls > 0]
    cuts = []
    for served in map(set, chain.from_iterable(combinations(queues, size) for size in range(len(queues) + 1))):
        given_up = sum(waiting[queue] for queue in queues if queue not in served)
        cuts.append(given_up + sum(one.free for one in lines if one.queues & served))
    return min(cuts)
