"""Holds and settlements a second against a bare UPDATE: ``python -m bench.billing [--rounds N] [--json FILE]``.

In one run, on one server, in alternating rounds: what the ledger does for a call, once over one budget and once over
three that all calls share, and ``UPDATE … SET held = held + x WHERE id = y`` with its commit on one row, by as many
threads. Every thread has a connection of its own. A ratio of 5 says that the bare UPDATE runs five times as often.
The rate and the ratio of a line are medians of its rounds.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

from bench import scratch

THREADS, BUDGETS = (1, 4, 16), (1, 3)
CALLS, UPDATES = 160, 640
"""Of a round, shared out among its threads."""
AT = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
HOLD, STEP, ANSWERED_S = Decimal("0.129690"), Decimal("0.000001"), 120


@dataclass(frozen=True, slots=True)
class Line:
    """``ratio`` is how many bare UPDATEs go into the time of one."""

    threads: int
    budgets: int
    what: str
    per_s: float
    ratio: float


class Crew:
    """Threads that keep their connections from round to round."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._begin, self._end = threading.Barrier(count + 1), threading.Barrier(count + 1)
        self._act: Callable[[int], None] | None = None
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def seconds(self, act: Callable[[int], None]) -> float:
        """How long until ``act`` was done by all, each with its number, let go together."""
        self._act = act
        self._begin.wait()
        began = time.perf_counter()
        self._end.wait()
        took = time.perf_counter() - began
        if self._failed:
            raise self._failed[0]
        return took

    def dismiss(self) -> None:
        self._act = None
        self._begin.wait()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        from django.db import connection

        while True:
            self._begin.wait()
            if self._act is None:
                connection.close()
                return
            try:
                self._act(number)
            except BaseException as error:  # noqa: BLE001 - told by ``seconds``
                self._failed.append(error)
            self._end.wait()


@contextmanager
def crew(count: int) -> Iterator[Crew]:
    hired = Crew(count)
    try:
        yield hired
    finally:
        hired.dismiss()


def bare(count: int) -> Callable[[int], None]:
    """The yardstick: the smallest thing that can keep a sum of held money."""
    from django.db import connection

    def act(_: int) -> None:
        with connection.cursor() as cursor:
            for _ in range(count):
                cursor.execute("UPDATE bench_budget SET held = held + %s WHERE id = 1", [STEP])

    return act


def holds(calls: list[list[UUID]], budgets: list[int]) -> Callable[[int], None]:
    from billing.services import ledger

    def act(number: int) -> None:
        for call in calls[number]:
            ledger.hold(call, budgets, HOLD, currency="USD", at=AT)

    return act


def reports(calls: list[list[UUID]]) -> Callable[[int], None]:
    """What a call of two minutes used; not timed, since it is told while the call goes on."""
    from billing.services import meter

    used = [
        meter.Measured("call", "s", Decimal(ANSWERED_S), 1),
        meter.Measured("stt.local", "s", Decimal(48), 1),
        meter.Measured("tts.local", "char", Decimal(900), 1),
        meter.Measured("llm.local", "token", Decimal(4000), 1),
    ]

    def act(number: int) -> None:
        for call in calls[number]:
            meter.record(call, used, reporter="claim 1", at=AT)

    return act


def settlements(calls: list[list[UUID]]) -> Callable[[int], None]:
    from billing.services import settling

    def act(number: int) -> None:
        for call in calls[number]:
            settling.settle(call, settling.Ending(ANSWERED_S), at=AT)

    return act


def prepare() -> dict[int, list[int]]:
    """The yardstick's table, and budgets by how many pay for a call."""
    from django.db import connection

    from billing.models import Budget

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_budget (id bigint PRIMARY KEY, held numeric(14, 6) NOT NULL)")
        cursor.execute("INSERT INTO bench_budget VALUES (1, 0)")
    return {
        count: [
            Budget.objects.create(name=f"{count}, {number}", limit=Decimal(10**6), day_limit=Decimal(10**5)).pk
            for number in range(count)
        ]
        for count in BUDGETS
    }


def one_round(hired: Crew, threads: int, budgets: dict[int, list[int]]) -> dict[tuple[int, str], float]:
    """Seconds that each took, by how many budgets and what; the UPDATE is under 0 budgets."""
    took = {(0, "update"): hired.seconds(bare(UPDATES // threads)) / UPDATES}
    for count, ids in budgets.items():
        calls = [[uuid4() for _ in range(CALLS // threads)] for _ in range(threads)]
        took[count, "hold"] = hired.seconds(holds(calls, ids)) / CALLS
        hired.seconds(reports(calls))
        took[count, "settlement"] = hired.seconds(settlements(calls)) / CALLS
    return took


def measure(rounds: int) -> Iterator[Line]:
    """The first round of each number of threads warms up and is not counted."""
    budgets = prepare()
    for threads in THREADS:
        found: defaultdict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
        with crew(threads) as hired:
            one_round(hired, threads, budgets)
            for _ in range(rounds):
                took = one_round(hired, threads, budgets)
                for key, seconds in took.items():
                    found[key].append((1 / seconds, seconds / took[0, "update"]))
        for (count, what), pairs in found.items():
            per_s, ratio = (statistics.median(column) for column in zip(*pairs, strict=True))
            yield Line(threads, count, what, round(per_s, 1), round(ratio, 2))


def show(line: Line) -> None:
    budgets = str(line.budgets or "-")
    print(f"{line.threads:>7}  {budgets:>7}  {line.what:<10}  {line.per_s:>9.0f}  {line.ratio:>6.1f}", flush=True)


def main() -> int:
    """Exit status 1 where the books do not agree afterwards."""
    parser = argparse.ArgumentParser(prog="python -m bench.billing", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each number of threads (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    command = f"python -m bench.billing {' '.join(sys.argv[1:])}".rstrip()
    print(f"$ {command}\n\n{'threads':>7}  {'budgets':>7}  {'what':<10}  {'a second':>9}  {'ratio':>6}")
    lines: list[Line] = []
    with scratch.database("billing"):
        from billing.services.auditing import audit

        for line in measure(options.rounds):
            show(line)
            lines.append(line)
        wrong = [str(difference) for difference in audit()]
    print(f"\n{options.rounds} rounds; of each {CALLS} calls and {UPDATES} updates; {os.cpu_count()} cores.", *wrong)
    if options.json:
        figures: dict[str, Any] = {"command": command, "rounds": options.rounds, "cores": os.cpu_count()}
        options.json.write_text(json.dumps(figures | {"lines": [asdict(line) for line in lines]}, indent=2) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
