"""From graded calls to the figures of a report. Pure."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from evals.grading import Slots
from evals.running import Run

K = 8
HARD_NEGATIVE = "hard_negative"
PASS_1, SLOT_F1, RECALL, PRECISION, WORDS = 0.98, 0.97, 1.0, 0.95, 18.0
"""What is aimed at without a language model; words a turn at most, the rest at least."""


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean over told facts; 1 where there was nothing."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """``pass_k`` is None where no person was called eight times. ``opt_outs`` are wanted, taken, and taken rightly.

    ``hard_negatives`` are calls with words that sound like an opt-out and are none, and how many of them were taken
    for one. ``words`` are the median and the 90th percentile of our words a turn, ``later_words`` the same without
    the openings, which the law wants whole. ``usd``, ``tokens`` and ``chars`` (said by us) are means of a call.
    """

    calls: int
    people: int
    pass_1: float
    pass_k: float | None
    slots: Score
    opt_outs: tuple[int, int, int]
    hard_negatives: tuple[int, int]
    booked: int
    wrong_time: int
    words: tuple[float, float]
    later_words: tuple[float, float]
    usd: float
    tokens: float
    chars: float
    by_kind: Mapping[str, tuple[int, int]]

    @property
    def recall(self) -> float:
        wanted, _, right = self.opt_outs
        return right / wanted if wanted else 1.0

    @property
    def precision(self) -> float:
        _, taken, right = self.opt_outs
        return right / taken if taken else 1.0

    @property
    def missed(self) -> list[str]:
        """The targets that were missed, as sentences; of figures that nothing was measured for, none."""
        checks = [
            (self.pass_1 >= PASS_1, f"pass^1 is {self.pass_1:.1%}, and {PASS_1:.0%} is aimed at"),
            (self.slots.f1 >= SLOT_F1, f"slot F1 is {self.slots.f1:.1%}, and {SLOT_F1:.0%} is aimed at"),
            (self.recall >= RECALL, f"opt-out recall is {self.recall:.2%}, and {RECALL:.0%} is aimed at"),
            (
                self.precision >= PRECISION,
                f"opt-out precision is {self.precision:.1%}, and {PRECISION:.0%} is aimed at",
            ),
            (not self.wrong_time, f"{self.wrong_time} appointments are at another time than was agreed"),
            (self.words[0] <= WORDS, f"the median turn has {self.words[0]:g} words, and {WORDS:g} are aimed at"),
        ]
        return [sentence for kept, sentence in checks if not kept]


def figures(runs: Sequence[Run]) -> Figures:
    """Of at least one run."""
    by_person: defaultdict[str, list[bool]] = defaultdict(list)
    by_kind: defaultdict[str, list[bool]] = defaultdict(list)
    for run in runs:
        by_person[run.person].append(run.passed)
        by_kind[run.kind].append(run.passed)
    words = [count for run in runs for count in run.words]
    negatives = [run for run in runs if run.kind == HARD_NEGATIVE]
    wanted, taken = [run for run in runs if run.wanted_out], [run for run in runs if run.opted_out]
    enough = [passed for passed in by_person.values() if len(passed) >= K]
    return Figures(
        calls=len(runs),
        people=len(by_person),
        pass_1=pass_hat(by_person.values(), 1),
        pass_k=pass_hat(enough, K) if enough else None,
        slots=score(run.slots for run in runs),
        opt_outs=(len(wanted), len(taken), sum(run.wanted_out for run in taken)),
        hard_negatives=(len(negatives), sum(run.opted_out for run in negatives)),
        booked=sum(run.booked for run in runs),
        wrong_time=sum(run.wrong_time for run in runs),
        words=spread(words),
        later_words=spread([count for run in runs for count in run.words[1:]]),
        usd=statistics.fmean(run.cost for run in runs),
        tokens=statistics.fmean(run.tokens for run in runs),
        chars=statistics.fmean(run.chars for run in runs),
        by_kind={kind: (sum(passed), len(passed)) for kind, passed in sorted(by_kind.items())},
    )


def pass_hat(people: Iterable[Sequence[bool]], k: int) -> float:
    """The chance that ``k`` calls of a person all pass, over people: comb(passed, k) / comb(calls, k), averaged.

    Source: Yao et al., tau-bench, 2024, section 3.
    """
    chances = [comb(sum(passed), k) / comb(len(passed), k) for passed in people]
    return statistics.fmean(chances)


def score(slots: Iterable[Slots]) -> Score:
    """Micro-averaged over all facts of all calls."""
    right = wrong = missed = 0
    for one in slots:
        right, wrong, missed = right + one.right, wrong + one.wrong, missed + one.missed
    return Score(
        right / (right + wrong) if right + wrong else 1.0, right / (right + missed) if right + missed else 1.0
    )


def spread(counts: Sequence[int]) -> tuple[float, float]:
    """Median and 90th percentile."""
    if len(counts) < 2:
        return float(sum(counts)), float(sum(counts))
    return statistics.median(counts), statistics.quantiles(counts, n=10, method="inclusive")[8]
