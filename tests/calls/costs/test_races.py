"""Many fold while calls end, and one is killed in the middle: every sum exact, nothing twice."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from agents.domain.types import Disposition
from calls.domain.costs import Dimension, Figures
from calls.domain.status import CallStatus
from calls.models import BudgetSum, CostDaily, CostEvent
from calls.services import costs
from calls.services.costs import Question
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.costs import world
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import report
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = NOON_IN_DENVER.date()
ALL = Question(TODAY, TODAY)
ANSWERED = NOON_IN_DENVER + timedelta(seconds=8)
ENDED = NOON_IN_DENVER + timedelta(seconds=68)
MINUTE = Decimal("0.02849")


def everything() -> list[Figures]:
    return [costs.total(costs.by(dimension, ALL)) for dimension in Dimension]


def test_eight_fold_while_calls_end_and_are_corrected() -> None:
    campaign = make.campaign(budget=make.budget(limit="500"))
    calls = [make.call(make.lead(campaign, attempts=1), CallStatus.LIVE) for _ in range(20)]
    done = threading.Event()
    seen: list[tuple[int, Decimal]] = []

    def end_all() -> None:
        for call in calls:
            finish(call.pk, report(Disposition.QUALIFIED, answered_at=ANSWERED, ended_at=ENDED), now=ENDED)
            costs.correct(call.pk, Decimal("-0.01849"), ENDED)

    def act(number: int) -> None:
        if number < 8:
            while not done.is_set():
                costs.fold(batch=3)
        elif number == 8:
            while not done.is_set():
                now = costs.total(costs.by(Dimension.CAMPAIGN, ALL))
                seen.append((now.conversations, now.cost))
        else:
            try:
                end_all()
            finally:
                done.set()

    at_once(10, act)
    costs.fold()
    assert everything() == [Figures(20, 20, 20, 0, 1200, 20 * Decimal("0.01"))] * len(Dimension)
    assert not CostEvent.objects.filter(folded=False).exists()
    assert CostEvent.objects.count() == 40
    used = BudgetSum.objects.get(budget=campaign.budget_id)
    assert (used.calls, used.charged) == (20, 20 * MINUTE)
    # A reader in between found every call once: either with its correction or just before it.
    assert seen == sorted(seen, key=lambda one: one[0])
    allowed = {(n, n * Decimal("0.01") + late) for n in range(21) for late in (Decimal(0), MINUTE - Decimal("0.01"))}
    assert {(n, cost) for n, cost in seen} <= allowed


def test_two_that_fold_share_the_events_and_wait_for_nobody() -> None:
    for number in range(10):
        world.event(number, tier=f"tier {number}", script=f"v{9 - number}")
    folded = threading.Event()
    taken: list[int] = []

    def act(number: int) -> None:
        if number == 0:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT id FROM calls_costevent ORDER BY id LIMIT 4 FOR UPDATE")
                assert folded.wait(20)
        else:
            taken.append(costs.fold())
            folded.set()

    held = threading.Thread(target=at_once, args=(1, lambda _: act(0)))
    held.start()
    deadline = time.monotonic() + 20
    while not _locked():
        assert time.monotonic() < deadline
    at_once(1, lambda _: act(1))
    held.join(20)
    assert taken == [6]
    assert costs.fold() == 4
    assert everything() == [Figures(dials=10, cost=Decimal("0.1"))] * len(Dimension)


def _locked() -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT 1 FROM calls_costevent FOR UPDATE SKIP LOCKED) AS free")
        return bool(cursor.fetchone()[0] == 6)


def test_a_fold_that_is_killed_leaves_everything_to_the_next() -> None:
    """Its connection dies while its statement waits for a sum that another holds."""
    for number in range(5):
        world.event(number)
    costs.fold()
    for number in range(5, 10):
        world.event(number)
    failed: list[BaseException] = []

    def fold(_: int) -> None:
        try:
            costs.fold()
        except OperationalError as error:
            failed.append(error)

    with transaction.atomic():
        CostDaily.objects.select_for_update().get(campaign=0, dimension="voice")
        doomed = threading.Thread(target=at_once, args=(1, fold))
        doomed.start()
        _kill_one_that_waits()
        doomed.join(20)
    assert len(failed) == 1
    assert CostEvent.objects.filter(folded=False).count() == 5
    assert everything() == [Figures(dials=10, cost=Decimal("0.1"))] * len(Dimension)
    assert costs.fold() == 5
    assert everything() == [Figures(dials=10, cost=Decimal("0.1"))] * len(Dimension)


def _kill_one_that_waits() -> None:
    parameters = connection.get_connection_params()
    with psycopg.connect(
        host=parameters.get("host"), user=parameters.get("user"), dbname=parameters["dbname"], autocommit=True
    ) as admin:
        killed, deadline = None, time.monotonic() + 20
        while not killed:
            assert time.monotonic() < deadline
            killed = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND wait_event_type = 'Lock' AND query LIKE '%calls_costdaily%'"
            ).fetchone()
    assert killed == (True,)
