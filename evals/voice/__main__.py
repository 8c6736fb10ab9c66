"""``python -m evals.voice``: call a sample of the people by voice, in noise, and grade every call by the database."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("VAR_DIR", str(Path(__file__).resolve().parents[2] / "var" / "evals"))
os.environ["ENV_FILE"] = os.devnull  # people of paper are called by no carrier, whatever .env says

if TYPE_CHECKING:
    from evals.person import Person
    from evals.voice.people import Role, Surroundings
    from evals.voice.report import Report

CALLS, SNR_DB, AT_ONCE = 32, 10.0, 4
_QUIET = "quiet"
_FIRST_NUMBER = 100


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    from evals.person import PeopleError, load

    try:
        if min(chosen.calls, chosen.at_once) < 1:
            raise ValueError("--calls and --at-once are at least 1.")
        everybody = [person for person in load() if person.by_voice and not person.inbound]
        people = _named(everybody, chosen.person)
        around = _around(chosen)
    except (PeopleError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    made = _measure(cast(people, chosen.calls, chosen.seed, rooms=_rooms(around)), around, chosen)
    from rich.console import Console

    from evals.voice import report  # Django is set up by now

    report.show(made, Console())
    if chosen.json:
        report.write(made, chosen.json)
    return 1 if made.missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make evals-voice", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help=f"of people spread over all files ({CALLS})")
    parser.add_argument("--seed", type=int, default=1, help="chooses the people and what they say (1)")
    parser.add_argument("--person", action="append", default=[], help="only this one")
    parser.add_argument("--snr", default=str(SNR_DB), help=f"dB of speech over noise, or {_QUIET} ({SNR_DB:g})")
    parser.add_argument("--noise", type=Path, metavar="FILE", help="a recording of noise, in place of what is made")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"calls ({AT_ONCE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser


def _named(everybody: "Sequence[Person]", names: Sequence[str]) -> "list[Person]":
    if missing := set(names) - {person.id for person in everybody}:
        raise ValueError(f"Nobody called {', '.join(sorted(missing))} is called by voice; evals/people has them.")
    return [person for person in everybody if not names or person.id in names]


def _around(chosen: argparse.Namespace) -> "Surroundings | None":
    from evals.voice.background import recorded
    from evals.voice.people import Surroundings

    if chosen.snr == _QUIET:
        return None
    try:
        snr_db = float(chosen.snr)
    except ValueError:
        raise ValueError(f"--snr {chosen.snr} is no number of dB: give one, or {_QUIET}.") from None
    return Surroundings(snr_db, chosen.seed, recorded(chosen.noise) if chosen.noise else None)


def _rooms(around: "Surroundings | None") -> Sequence[str]:
    from evals.voice.background import KINDS
    from evals.voice.people import RECORDED

    if around is None:
        return ("",)
    return KINDS if around.recording is None else (RECORDED,)


def cast(people: "Sequence[Person]", calls: int, seed: int, *, rooms: Sequence[str]) -> "list[Role]":
    """``calls`` roles: everybody as often as it goes, then some at even distances, so that all files have their part.

    The same seed casts the same; another one begins elsewhere. Each role has a number and one of ``rooms`` by turns.
    """
    from evals.voice.people import Role, repairing

    whole, rest = divmod(calls, len(people))
    chosen = [(person, seed + turn) for turn in range(whole) for person in people]
    places = (seed + place * len(people) // rest for place in range(rest))
    chosen += [(people[place % len(people)], seed + whole) for place in places]
    return [
        Role(repairing(person), one, _FIRST_NUMBER + number, rooms[number % len(rooms)])
        for number, (person, one) in enumerate(chosen)
    ]


def _measure(roles: "Sequence[Role]", around: "Surroundings | None", chosen: argparse.Namespace) -> "Report":
    from bench import scratch

    with scratch.database("evals_voice"):
        from django.conf import settings

        from evals.crew import settle
        from evals.grading import touched_beside
        from evals.house import all_writes
        from evals.voice.report import Report
        from evals.voice.studio import studio

        settle(settings)
        before = all_writes()
        with studio(roles, around, lines=chosen.at_once) as here, ThreadPoolExecutor(chosen.at_once) as callers:
            began = time.monotonic()
            runs = tuple(callers.map(here.call, roles))
            seconds = time.monotonic() - began
        wrote = {table: count - before.get(table, 0) - here.set_up[table] for table, count in all_writes().items()}
        beside = touched_beside({table: count for table, count in wrote.items() if count > 0})
    words = "in quiet" if around is None else f"at {around.snr_db:g} dB"
    return Report(runs, words, seconds, tuple(beside))


if __name__ == "__main__":
    sys.exit(main())
