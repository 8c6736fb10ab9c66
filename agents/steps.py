"""What a turn was made of: each step timed where it runs, and its decision in words that nobody said."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import perf_counter

from agents.domain.questions import Question
from agents.domain.types import Act, ModelUse, Step
from agents.domain.understanding import Reading
from agents.state import ActRecord

OPENING, RULES = "opening", "rules"
"""The steps outside the graph: the first words, and what is answered by plain code (an opt-out, a machine)."""

UNREAD = "unread"
"""The decision of an agent that could make nothing of a turn."""


class Stopwatch:
    """Keeps the steps of one turn in the order in which they ended. ``now`` is the instant at which it begins.

    ``used`` hears of each use of a model at once, since nobody asks for the steps of a turn that was given up.
    """

    def __init__(self, now: datetime, *, used: Callable[[ModelUse], None] | None = None) -> None:
        self._now, self._began, self._used = now, perf_counter(), used
        self._steps: list[Step] = []

    def note(self, name: str, began_s: float, decision: str = "", use: ModelUse | None = None) -> None:
        """The step that began at ``began_s``, on ``time.perf_counter``, ends now."""
        started_at = self._now + timedelta(seconds=began_s - self._began)
        duration_us = round((perf_counter() - began_s) * 1_000_000)
        self._steps.append(Step(name, started_at, duration_us, decision, use))
        if use is not None and self._used is not None:
            self._used(use)

    def whole(self, name: str, decision: str) -> None:
        """The turn was one step, from its beginning until now."""
        self.note(name, self._began, decision)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)


def understood(reading: Reading) -> str:
    """The intents, objection and answer in a turn: ``goodbye, yes``; "" for none."""
    found = [*sorted(reading.intents), reading.objection, reading.answer]
    return ", ".join(word.value for word in found if word)


def decided(acts: Iterable[Act], question: Question | None = None) -> str:
    """The acts by their kinds, then what is asked: ``book, end`` or ``ask timeline``."""
    words = [ActRecord.of(act).kind for act in acts]
    return ", ".join([*words, f"ask {question.value}"] if question else words)
