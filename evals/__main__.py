"""``python -m evals``: call people by the thousand in text, grade every call by the database, exit 1 below target."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("VAR_DIR", str(Path(__file__).resolve().parents[1] / "var" / "evals"))
os.environ["ENV_FILE"] = os.devnull  # people of paper are called by no carrier, whatever .env says

from evals import DIALOGUE

if TYPE_CHECKING:
    from evals.bookings import Booked
    from evals.crew import Crew
    from evals.dialogue import Measured
    from evals.report import Injections
    from evals.running import Run

RUNS, INJECTIONS, BOOKINGS = 40, 264, 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    from evals.person import PeopleError, load

    try:
        everybody = [person.id for person in load()]
    except PeopleError as error:
        print(error, file=sys.stderr)
        return 2
    ids = [one for one in everybody if not chosen.person or one in chosen.person]
    if missing := set(chosen.person) - set(everybody):
        print(f"There is nobody called {', '.join(sorted(missing))}; evals/people has them.", file=sys.stderr)
        return 2
    return _measure(chosen, ids)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make evals", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"calls of each person ({RUNS})")
    parser.add_argument("--seed", type=int, default=1, help="of the first call; the next ones count on from it (1)")
    parser.add_argument("--person", action="append", default=[], help="only this one, and no injections and bookings")
    parser.add_argument("--injections", type=int, default=INJECTIONS, help=f"attempts ({INJECTIONS})")
    parser.add_argument("--bookings", type=int, default=BOOKINGS, help=f"quick bookings ({BOOKINGS})")
    parser.add_argument("--dialogue", type=Path, default=DIALOGUE, metavar="FILE", help="people's own sentences")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="at a time")
    return parser


def _measure(chosen: argparse.Namespace, ids: Sequence[str]) -> int:
    from rich.console import Console

    from evals.crew import hired

    console = Console()
    began = time.monotonic()
    whole = not chosen.person
    with hired(chosen.processes) as crew:
        runs = _people(crew, ids, chosen)
        seconds = time.monotonic() - began
        injections = _injections(crew, chosen) if whole and chosen.injections else None
        bookings = _bookings(crew, chosen) if whole and chosen.bookings else None
    from evals import report
    from evals.figures import figures

    dialogue = _dialogue(chosen.dialogue) if whole else None
    made = report.Report(figures(runs), tuple(runs), seconds, injections, bookings, dialogue)
    report.show(made, console)
    if chosen.json:
        report.write(made, chosen.json)
    return 1 if made.missed else 0


def _people(crew: "Crew", ids: Sequence[str], chosen: argparse.Namespace) -> "list[Run]":
    from evals.work import call

    tasks = [(one, chosen.seed + number) for number in range(chosen.runs) for one in ids]
    return list(crew.map(call, tasks))


def _injections(crew: "Crew", chosen: argparse.Namespace) -> "Injections":
    from evals.injections import Attempt
    from evals.report import Injections
    from evals.work import inject

    tries = [Attempt(number, chosen.seed) for number in range(chosen.injections)]
    came = list(crew.map(inject, tries))
    with_effect = tuple((run, effects) for run, effects in came if effects)
    return Injections(len(came), with_effect, sum(not run.passed for run, effects in came if not effects))


def _bookings(crew: "Crew", chosen: argparse.Namespace) -> "Booked":
    from evals.bookings import A_CAMPAIGN, Batch, book, summed

    full, rest = divmod(chosen.bookings, A_CAMPAIGN)
    sizes = [A_CAMPAIGN] * full + ([rest] if rest else [])
    batches = [Batch(number, chosen.seed, size) for number, size in enumerate(sizes)]
    return summed(list(crew.map(book, batches, shared=True)))


def _dialogue(path: Path) -> "Measured | None":
    from evals.dialogue import NoDialogue, measure

    try:
        return measure(path)
    except NoDialogue as error:
        print(f"People's own sentences are not measured: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
