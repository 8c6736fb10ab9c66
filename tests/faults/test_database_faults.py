"""PostgreSQL is stopped as if its machine lost power, in the middle of a call, and comes back."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from structlog.testing import capture_logs

from agents.domain.types import BookAppointment, Disposition, Step
from billing.models import UsageReport
from billing.services.auditing import audit
from calls.models import AgentExecution, Appointment, Call, WorkflowTrace
from calls.services import doorbell
from calls.services.leases import Heartbeat
from calls.services.placing import place
from calls.services.sweeping import sweep
from reautomation import embedded, settings
from reautomation.embedded import Embedded
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, Scripted, turn
from tests.calls.fakes import ended as bye
from tests.calls.race.threads import at_once
from tests.faults.workers import Phones, Worker
from tests.voice.dialogues import OPENING
from voice.domain.types import Acted, Live, Worked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
NOW = NOON_IN_DENVER
ANSWERED, ENDED = NOW + timedelta(seconds=8), NOW + timedelta(seconds=69)
BOOK = BookAppointment(datetime(2026, 11, 12, 17, 0, tzinfo=UTC))


class Database:
    """A PostgreSQL of the test's own."""

    def __init__(self, servers: Embedded) -> None:
        self._servers, self.crashes = servers, 0
        self._back = threading.Event()

    def crash(self) -> None:
        """``pg_ctl -m immediate``: nothing is finished or said goodbye to. It comes back half a second later."""
        embedded._postgres_tool("pg_ctl", "-D", str(self._servers.pgdata), "-m", "immediate", "-w", "stop")
        self.crashes += 1
        self._back.clear()
        threading.Timer(0.5, self._recover).start()

    def stop(self) -> None:
        """Away, until it is started again."""
        embedded._postgres_tool("pg_ctl", "-D", str(self._servers.pgdata), "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        embedded._start_postgres(self._servers)

    def wait_until_back(self) -> None:
        assert self._back.wait(30)

    def _recover(self) -> None:
        embedded._start_postgres(self._servers)
        self._back.set()


@pytest.fixture(scope="module")
def servers(django_db_blocker: DjangoDbBlocker) -> Iterator[Embedded]:
    """Not below pytest's folder: other runs close that to PostgreSQL's user again."""
    with TemporaryDirectory(prefix="faults-") as folder, django_db_blocker.unblock():
        servers = Embedded(Path(folder))
        embedded._make_sockets_dir(servers)
        try:
            embedded._start_postgres(servers)
            with at(servers):
                call_command("migrate", verbosity=0)
            yield servers
        finally:
            embedded._stop_postgres(servers)
            shutil.rmtree(servers.sockets)


@contextmanager
def at(servers: Embedded) -> Iterator[None]:
    """Every thread's connections go there."""
    connection.close()
    with mock.patch.dict(connection.settings_dict, settings._database(servers.database_url)):
        yield
        connection.close()


@pytest.fixture
def database(servers: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(doorbell, "ring", lambda call_id, queue: True)
    with at(servers):
        yield Database(servers)


def test_a_crash_of_the_database_in_mid_call_loses_nothing(database: Database) -> None:
    call, dialer = make.call(), FakeDialer()
    heartbeat = Heartbeat()
    heartbeat.start(lambda: True)
    script: tuple[Scripted, ...] = (
        Live(ANSWERED),
        database.crash,
        turn(1, worked=Worked(1, 1, 1, (Step("opening", ANSWERED, 200),))),
        Acted(BOOK),
        database.wait_until_back,
        database.crash,
        turn(2, worked=Worked(2, 1, 2, (Step("rules", ANSWERED, 100), Step("answer", ANSWERED, 50)))),
        bye(Disposition.APPOINTMENT, BOOK, answered_at=ANSWERED, ended_at=ENDED),
    )
    connection.close()
    try:
        with capture_logs() as logs:
            made = at_once(1, lambda _: run(call, FakePlane(*script), dialer, heartbeat.owner))
    finally:
        heartbeat.stop()
    assert (made, database.crashes, len(dialer.dialed)) == ([True], 2, 1)
    assert "database.away" in {line["event"] for line in logs}
    assert "call.event_lost" not in {line["event"] for line in logs}
    call.refresh_from_db()
    assert (call.status, call.disposition, call.fence, call.turns.count()) == ("done", "appointment", 1, 2)
    assert Appointment.objects.get(call=call).start_at == BOOK.start_at
    steps = AgentExecution.objects.values_list("sequence", "turn", "agent")
    assert list(steps) == [(1, 1, "opening"), (2, 2, "rules"), (3, 2, "answer")]
    assert WorkflowTrace.objects.get(pk=call.pk).steps == 3
    assert audit() == []


def test_a_crash_before_the_ring_rings_once_by_another_worker(database: Database) -> None:
    call, dialer = make.call(), FakeDialer()
    connection.close()

    def first_worker(_: int) -> None:
        with pytest.raises(OperationalError):
            run(call, FakePlane(on_open=database.crash), dialer, "first")

    at_once(1, first_worker)
    database.wait_until_back()
    call.refresh_from_db()
    assert (call.status, len(dialer.dialed)) == ("claimed", 0)
    assert sweep(dialer=dialer, now=NOW)
    last = bye(Disposition.NO_ANSWER, ended_at=ENDED)
    assert run(call, FakePlane(last), dialer, "second")
    call.refresh_from_db()
    assert (call.status, call.fence) == ("done", 2)
    assert (len(dialer.dialed), audit()) == (1, [])


@pytest.mark.parametrize("away_s", [12, pytest.param(60, marks=pytest.mark.whole_call)])
def test_a_database_that_is_away_during_a_live_call_costs_no_turn(
    away_s: int, database: Database, tmp_path: Path
) -> None:
    """A real worker and a real media socket: the talk goes on, and all of it is written when the database is back."""
    now = timezone.now()
    call = make.call(make.lead(), at=now)
    worker, phones = Worker(tmp_path, lines=2), Phones()
    try:
        worker.app.send_task("calls.place", kwargs={"call_id": str(call.pk)}, queue="calls.local")
        phones.answer(call.pk, worker.until("it is rung", lambda: worker.stream(call.pk)))
        worker.until("it is live", Call.objects.filter(pk=call.pk, status="live").exists)
        phones.press(call.pk, "1")
        connection.close()
        database.stop()
        until, answers, slowest_s = monotonic() + away_s, 1, 0.0
        while monotonic() < until:
            slowest_s, answers = max(slowest_s, phones.press(call.pk, "2")), answers + 1
        database.start()
        assert sweep(dialer=FakeDialer(), now=timezone.now())  # its lease has run out meanwhile
        phones.press(call.pk, "3")
        phones.hang_up(call.pk)
        worker.until("it is done", Call.objects.filter(pk=call.pk, status="done").exists, within_s=40)
        lost = worker.told("call.event_lost")
    finally:
        phones.close()
        worker.close()
    answers += 1
    spoken = [f"Answer {number}." for number in range(1, answers + 1)]
    keys = ["[key 1]", *["[key 2]"] * (answers - 2), "[key 3]"]
    talk = [text for pair in zip(keys, spoken, strict=True) for text in pair]
    assert list(call.turns.values_list("seq", "text")) == list(enumerate([OPENING.text, *talk], start=1))
    assert (answers > away_s / 2, slowest_s < 3, lost) == (True, True, [])
    call.refresh_from_db()
    assert (call.disposition, call.ended_by, call.fence) == ("not_interested", "lead", 1)
    assert (call.facts, worker.rings()) == ({"heard": str(answers)}, [call.pk])
    seconds = [float(one.quantity) for one in UsageReport.objects.filter(reference=call.pk, component="call")]
    assert call.billed_s is not None
    assert abs(sum(seconds) - call.billed_s) <= 1
    assert audit() == []


def run(call: Call, plane: FakePlane, dialer: FakeDialer, owner: str) -> bool:
    return place(call.pk, plane=plane, dialer=dialer, owner=owner, clock=lambda: NOW)
