"""A process that is killed while it moves money: ``python -m tests.billing.dying DATABASE`` with Django's settings of
the database as JSON.

Each line of its input, ``ACT STATEMENT BUDGET...``, is carried out by a child of its own, which tells its process id
and then ``stopped`` after that many statements, or ``done`` when all were made and the commit would be next. It waits
there, to be killed.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any


def main() -> None:
    import django
    from django.conf import settings

    settings.DATABASES["default"] |= json.loads(sys.argv[1])
    django.setup()
    for line in sys.stdin:
        act, statement, *budgets = line.split()
        if not (child := os.fork()):
            _die(act, int(statement), [int(key) for key in budgets])
        os.waitpid(child, 0)


def _die(act: str, statement: int, budgets: list[int]) -> None:
    from django.db import connection, transaction

    from billing.services import ledger, meter, settling
    from tests.billing.factories import AT, CALL, OTHER

    made = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal made
        result = execute(*arguments)
        made += 1
        if made == statement:
            _tell("stopped")
        return result

    print(os.getpid(), flush=True)
    with transaction.atomic(), connection.execute_wrapper(count):
        match act:
            case "hold":
                ledger.hold(OTHER, budgets, Decimal("0.25"), currency="USD", at=AT)
            case "meter":
                meter.record(CALL, [meter.Measured("tts.local", "char", Decimal(9), 2)], reporter="claim 1", at=AT)
            case "settle":
                settling.settle(CALL, settling.Ending(61), at=AT)
            case "release":
                ledger.release(CALL, at=AT)
            case "correct":
                ledger.correct(CALL, Decimal("0.01"), cause="carrier", at=AT)
        _tell("done")


def _tell(word: str) -> None:
    print(word, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
