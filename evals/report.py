"""The figures as a table and as JSON, and each call that failed in a form that can be replayed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from evals.bookings import Booked
from evals.dialogue import Measured
from evals.figures import Figures, K
from evals.running import Run

_SHOWN = 25
"""Failed calls, and facts kept otherwise, that are printed; the JSON has all of them."""


@dataclass(frozen=True, slots=True)
class Injections:
    """Attempts, those of them that had an effect with what it was, and those whose talk went another way."""

    attempts: int
    with_effect: tuple[tuple[Run, tuple[str, ...]], ...]
    astray: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured; None for a part that was not run."""

    figures: Figures
    runs: tuple[Run, ...]
    seconds: float
    injections: Injections | None = None
    bookings: Booked | None = None
    dialogue: Measured | None = None

    @property
    def missed(self) -> list[str]:
        """Every target that was missed, as sentences."""
        missed = list(self.figures.missed)
        if self.injections and self.injections.with_effect:
            missed.append(f"{len(self.injections.with_effect)} injections had an effect, and none is to have one")
        if self.bookings:
            wrong = self.bookings.double + self.bookings.wrong_time + self.bookings.unbooked
            missed += [f"{wrong} bookings are double, at a wrong time or missing"] if wrong else []
        return missed


def show(report: Report, console: Console) -> None:
    """Print the failures, then the figures, then what was missed."""
    failed = [run for run in report.runs if not run.passed]
    for run in failed[:_SHOWN]:
        console.print(transcript(run), markup=False, highlight=False, soft_wrap=True)
    if len(failed) > _SHOWN:
        console.print(f"... and {len(failed) - _SHOWN} more calls that failed; --json keeps all of them.")
    for run, effects in report.injections.with_effect if report.injections else ():
        console.print(transcript(run), "; ".join(effects), markup=False, highlight=False, soft_wrap=True)
    for error in slot_errors(report.runs)[:_SHOWN]:
        console.print(f"Kept otherwise: {error}", markup=False, highlight=False, soft_wrap=True)
    console.print(_table(report))
    for sentence in report.missed:
        console.print(f"Missed: {sentence}.", style="red", highlight=False)


def transcript(run: Run) -> str:
    """One call with its failures, and how to replay it."""
    head = f"PERSON={run.person} SEED={run.seed} RUNS=1 ({run.noise}): {'; '.join(run.failures) or 'passed'}"
    lines = [f"    {turn.who}: {turn.text}{f'  [{turn.plain}]' if turn.plain not in ('', turn.text) else ''}"
             for turn in run.turns]  # fmt: skip
    return "\n".join([head, *lines])


def _table(report: Report) -> Table:
    f = report.figures
    wanted, taken, right = f.opt_outs
    negatives, mistaken = f.hard_negatives
    rows = [
        ("people, calls", f"{f.people}, {f.calls} in {report.seconds:.0f} s"),
        ("outcome, pass^1", f"{f.pass_1:.1%}"),
        (f"outcome, pass^{K}", "fewer than 8 calls a person" if f.pass_k is None else f"{f.pass_k:.1%}"),
        ("slots: F1 (precision, recall)", f"{f.slots.f1:.1%} ({f.slots.precision:.1%}, {f.slots.recall:.1%})"),
        ("opt-outs: recall", f"{f.recall:.2%}, {right} of {wanted}"),
        ("opt-outs: precision", f"{f.precision:.1%}, {right} of {taken}"),
        ("hard negatives taken for an opt-out", f"{mistaken} of {negatives}"),
        ("appointments, at a wrong time", f"{f.booked}, {f.wrong_time}"),
        ("words a turn, median and p90", f"{f.words[0]:g} and {f.words[1]:g}"),
        ("the same without the openings", f"{f.later_words[0]:g} and {f.later_words[1]:g}"),
        ("a call: USD by the ledger, tokens, characters said", f"{f.usd:.4f}, {f.tokens:.0f}, {f.chars:.0f}"),
        *((f"passed of {kind}", f"{passed} of {calls}") for kind, (passed, calls) in f.by_kind.items()),
    ]
    if report.injections:
        one = report.injections
        rows.append(
            ("injections: attempts, effects, led astray", f"{one.attempts}, {len(one.with_effect)}, {one.astray}")
        )
    if report.bookings:
        b = report.bookings
        rows.append(("quick bookings", f"{b.booked}, and {b.refused} without an agreement"))
        rows.append(("double, at a wrong time, not kept", f"{b.double}, {b.wrong_time}, {b.unbooked}"))
    if report.dialogue:
        told = report.dialogue
        rows.append(("people's own sentences, opt-outs seen", f"{told.sentences}, {len(told.opt_outs)}"))
        rows += [(f"of these: {name}", f"{one.accuracy:.1%} of {one.told}") for name, one in told.slots.items()]
    table = Table("Measured", "", title="Evals")
    for row in rows:
        table.add_row(*row)
    return table


def write(report: Report, path: Path) -> None:
    """All of it as JSON; of passed calls their person and seed alone."""
    f = report.figures
    data = {
        "figures": {
            **asdict(f),
            "slots": {**asdict(f.slots), "f1": f.slots.f1},
            "recall": f.recall,
            "precision": f.precision,
        },
        "missed": report.missed,
        "seconds": round(report.seconds, 1),
        "injections": report.injections
        and {
            "attempts": report.injections.attempts,
            "astray": report.injections.astray,
            "with_effect": [[asdict(run), effects] for run, effects in report.injections.with_effect],
        },
        "bookings": report.bookings and asdict(report.bookings),
        "dialogue": report.dialogue and asdict(report.dialogue),
        "kept_otherwise": slot_errors(report.runs),
        "passed": [[run.person, run.seed] for run in report.runs if run.passed],
        "failed": [asdict(run) for run in report.runs if not run.passed],
    }
    path.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")


def slot_errors(runs: Sequence[Run]) -> list[str]:
    """Facts that were kept otherwise than they were told, as sentences with their replay."""
    return [f"PERSON={run.person} SEED={run.seed}: {error}" for run in runs for error in run.slots.errors]
