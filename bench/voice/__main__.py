"""``make bench-voice``: stock Pipecat and ours, side by side, with more and more calls at once.

First with a canned answer on one core, where the media path alone is measured, then with Whisper and Piper on all
cores. Each number of calls is run with both, one after the other, so that a noisy machine is noisy for both.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import SPEECH
from bench.voice import report
from bench.voice.measuring import Measured, Setting, measure
from bench.voice.speech import NoSpeech, utterances

CANNED = (1, 4, 8, 16, 24, 32, 48, 64, 80, 96, 128)
REAL = (1, 4, 8, 12, 16, 24, 32)
TOO_LATE_MS = 20.0
USUAL_MS = 600.0
_SERVERS = ("stock", "ours")


def ladder(settings: Sequence[Setting], steps: Sequence[int]) -> list[Measured]:
    """More calls at each step; a server that has failed at one is not asked again."""
    rows: list[Measured] = []
    going = list(settings)
    for calls in steps:
        for setting in list(going):
            row = measure(setting, calls)
            rows.append(row)
            print(report.line(row), flush=True)
            if not in_time(row):
                going.remove(setting)
        if not going:
            break
    return rows


def in_time(row: Measured) -> bool:
    """Whether so many calls are served at all: none lost, and their packets in time."""
    return row.live == row.calls and row.late_p99 is not None and row.late_p99 <= TOO_LATE_MS


def at_once(row: Measured) -> bool:
    """Whether they are served well: half of the answers come within 0.6 s, too."""
    return in_time(row) and row.latency_p50 is not None and row.latency_p50 <= USUAL_MS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description=__doc__)
    parser.add_argument("--speech", type=Path, default=SPEECH, help="recordings of people")
    parser.add_argument("--out", type=Path, default=Path("var/bench-voice"), help="where pictures and tables go")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured for each number of calls")
    parser.add_argument("--only", choices=["canned", "real"], help="one of the two ladders")
    parser.add_argument("--calls", type=int, nargs="+", help="numbers of calls in place of the ladder's")
    parser.add_argument("--servers", nargs="+", choices=_SERVERS, default=list(_SERVERS))
    given = parser.parse_args()
    try:
        utterances(given.speech, most=1)
    except NoSpeech as error:
        raise SystemExit(str(error)) from None
    given.out.mkdir(parents=True, exist_ok=True)
    cores = tuple(sorted(os.sched_getaffinity(0)))
    found: dict[str, list[Measured]] = {}
    for name, steps, own in (("canned", CANNED, cores[:1]), ("real", REAL, cores)):
        if given.only not in (None, name):
            continue
        print(f"\n{report.HEADS[name]} ({len(own)} of {len(cores)} cores, {platform.machine()})\n{report.HEADER}")
        settings = [
            Setting(server, name == "canned", own, given.seconds, 6.0, given.speech) for server in given.servers
        ]
        found[name] = ladder(settings, given.calls or steps)
    (given.out / "figures.json").write_text(json.dumps({n: [asdict(r) for r in rows] for n, rows in found.items()}))
    report.draw(found, given.out)
    table = report.markdown(found, in_time=in_time, at_once=at_once)
    (given.out / "table.md").write_text(table)
    print(f"\n{table}\nPictures and figures: {given.out}")


if __name__ == "__main__":
    main()
