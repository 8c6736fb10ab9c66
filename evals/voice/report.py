"""How the calls by voice went: figures as in text, and what the line adds: waits, words misheard, kinds of noise."""

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from evals.figures import Figures, figures
from evals.report import slot_errors
from evals.voice.studio import VoiceRun

PASS_1 = 0.9
"""What is aimed at, at 10 dB."""


@dataclass(frozen=True)
class Report:
    """All calls of a run. ``around`` says what was to be heard beside the people; ``beside`` are tables that the
    calls wrote to without having any business with them.
    """

    runs: tuple[VoiceRun, ...]
    around: str
    seconds: float
    beside: tuple[str, ...] = ()

    @cached_property
    def figures(self) -> Figures:
        return figures([one.run for one in self.runs])

    @property
    def missed(self) -> list[str]:
        """What was missed, as sentences."""
        passed = self.figures.pass_1
        missed = [f"pass^1 is {passed:.1%}, and {PASS_1:.0%} is aimed at"] if passed < PASS_1 else []
        if self.figures.wrong_time:
            missed.append(f"{self.figures.wrong_time} appointments are at another time than was agreed")
        return missed + [f"the calls also wrote to {table}" for table in self.beside]

    @property
    def answer_ms(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the waits for an answer."""
        waits = [wait for one in self.runs for wait in one.answer_ms]
        return (statistics.median(waits), statistics.quantiles(waits, n=20)[18]) if len(waits) > 1 else None

    @property
    def word_error(self) -> float | None:
        """Percent, of what people said into calls in which they spoke."""
        from bench.speech.words import word_error

        talked = [(one.text("lead"), one.text("heard")) for one in self.runs if one.text("lead")]
        return word_error([said for said, _ in talked], [heard for _, heard in talked]) if talked else None


def show(report: Report, console: Console) -> None:
    """Print the calls that failed with what was said and what was heard, then the figures, then what was missed."""
    for one in report.runs:
        if not one.run.passed:
            console.print(transcript(one), markup=False, highlight=False, soft_wrap=True)
    for error in slot_errors([one.run for one in report.runs]):
        console.print(f"Kept otherwise: {error}", markup=False, highlight=False, soft_wrap=True)
    console.print(_table(report))
    for sentence in report.missed:
        console.print(f"Missed: {sentence}.", style="red", highlight=False)


def transcript(one: VoiceRun) -> str:
    """One call with its failures, what was said and what was heard, and how to replay it."""
    run = one.run
    head = f"PERSON={run.person} SEED={run.seed} ({one.room or 'quiet'}): {'; '.join(run.failures) or 'passed'}"
    return "\n".join([head, *(f"    {line.at_s:5.1f} {line.who:>5}: {line.text}" for line in one.talk)])


def _table(report: Report) -> Table:
    f = report.figures
    wanted, taken, right = f.opt_outs
    by_room = defaultdict(list)
    for one in report.runs:
        by_room[one.room].append(one.run.passed)
    waits, error = report.answer_ms, report.word_error
    rows = [
        ("people, calls", f"{f.people}, {f.calls} in {report.seconds:.0f} s, {report.around}"),
        ("outcome, pass^1", f"{f.pass_1:.1%}"),
        ("slots: F1 (precision, recall)", f"{f.slots.f1:.1%} ({f.slots.precision:.1%}, {f.slots.recall:.1%})"),
        ("opt-outs: recall; precision", f"{right} of {wanted}; {right} of {taken}"),
        ("hard negatives taken for an opt-out", f"{f.hard_negatives[1]} of {f.hard_negatives[0]}"),
        ("appointments, at a wrong time", f"{f.booked}, {f.wrong_time}"),
        (
            "answer after, p50 and p95",
            "nothing was answered" if waits is None else f"{waits[0]:.0f} and {waits[1]:.0f} ms",
        ),
        ("word error of what people said", "nobody spoke" if error is None else f"{error:.1f} %"),
        *((f"passed in {room or 'quiet'}", f"{sum(passed)} of {len(passed)}") for room, passed in by_room.items()),
        *((f"passed of {kind}", f"{passed} of {calls}") for kind, (passed, calls) in f.by_kind.items()),
    ]
    table = Table("Measured", "", title="Evals by voice")
    for row in rows:
        table.add_row(*row)
    return table


def write(report: Report, path: Path) -> None:
    """All of it as JSON."""
    data = {
        "around": report.around,
        "seconds": round(report.seconds, 1),
        "figures": {
            **asdict(report.figures),
            "slots": {**asdict(report.figures.slots), "f1": report.figures.slots.f1},
        },
        "answer_ms": report.answer_ms,
        "word_error": report.word_error,
        "missed": report.missed,
        "calls": [asdict(one) for one in report.runs],
    }
    path.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
