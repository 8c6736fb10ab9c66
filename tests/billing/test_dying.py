"""A process that is killed at any point before its commit leaves nothing behind, neither money nor a lock."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from billing.models import Budget
from billing.services import ledger, meter, settling
from billing.services.auditing import audit
from billing.services.card import load_defaults
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    database = json.dumps({name: connection.settings_dict[name] for name in names})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.billing.dying", database],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        assert started.stdin
        started.stdin.close()


def books() -> dict[str, list[Any]]:
    """Every row of every table of money, once the locks of whoever died are gone."""
    with transaction.atomic():
        list(Budget.objects.select_for_update())
        return {
            model.__name__: list(model._default_manager.order_by("pk").values())
            for model in apps.get_app_config("billing").get_models()
        }


def kill_after(process: "subprocess.Popen[str]", act: str, statement: int) -> str:
    """The word that the process said when it was killed."""
    assert process.stdin
    assert process.stdout
    budgets = " ".join(str(key) for key in Budget.objects.values_list("pk", flat=True))
    print(act, statement, budgets, file=process.stdin, flush=True)
    child = int(process.stdout.readline())
    word = process.stdout.readline().strip()
    os.kill(child, signal.SIGKILL)
    return word


@pytest.mark.parametrize(
    ("act", "least"), [("hold", 6), ("meter", 3), ("settle", 10), ("release", 4), ("correct", 5)]
)
def test_whoever_is_killed_before_the_commit_leaves_nothing(
    process: "subprocess.Popen[str]", act: str, least: int
) -> None:
    load_defaults()
    make.hold(CALL, make.budget(), make.budget("5", scope="company"))
    meter.record(CALL, [meter.Measured("tts.local", "char", Decimal(700), 1)], reporter="claim 1", at=AT)
    if act == "correct":
        settling.settle(CALL, settling.Ending(61), at=AT)
    before = books()
    statement, word = 0, "stopped"
    while word == "stopped":
        statement += 1
        word = kill_after(process, act, statement)
        assert books() == before
    assert word == "done"
    assert statement > least
    assert audit() == []
    ledger.hold(OTHER, Budget.objects.values_list("pk", flat=True), Decimal("0.25"), currency="USD", at=AT)
    ledger.release(OTHER, at=AT)
    ledger.release(CALL, at=AT)
    assert set(Budget.objects.values_list("balances__held", flat=True)) == {0}
