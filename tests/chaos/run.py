"""One run: the schedule carried out, second by second, and the evidence gathered at its end."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import redis
import structlog
from django.db import DatabaseError, InterfaceError, connection

from calls.domain.status import TERMINAL
from calls.models import Call, Lead
from tests.chaos import evidence
from tests.chaos.evidence import Evidence, Struck
from tests.chaos.failpoints import FREEZE
from tests.chaos.judge import FELT_BEFORE
from tests.chaos.schedule import VOICE_WORKERS, WORKER, Fault, Kind, Schedule, Stop
from tests.chaos.stage import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, Stage
from tests.chaos.world import Fate, World

log = structlog.get_logger(__name__)
_TICK_S = 0.1
_FREEZE_S = 9.0
_PATIENCE_S = 80.0
"""Without any call that ended, once all leads are due; the judge gives a call 60 s, and is to see what is late."""
_PUT_OFF = timedelta(seconds=20)
_BACK_S = 15.0
"""How long a process may take to be there again."""

_ENDS = {
    Kind.KILL_VOICE: signal.SIGKILL,
    Kind.KILL_TALKING: signal.SIGKILL,
    Kind.TERM_VOICE: signal.SIGTERM,
    Kind.KILL_WORKER: signal.SIGKILL,
    Kind.TERM_WORKER: signal.SIGTERM,
    Kind.KILL_BEAT: signal.SIGKILL,
}
_ORPHANS = frozenset(
    {Kind.KILL_VOICE, Kind.KILL_TALKING, Kind.FREEZE_VOICE, Kind.RESTART_POSTGRES, Kind.CUT_POSTGRES}
)
_ROLE = {Kind.KILL_WORKER: WORKER, Kind.TERM_WORKER: WORKER, Kind.KILL_BEAT: "beat"}


class Run:
    """Everything happens on one thread, by the clock; what a fault takes away comes back later."""

    def __init__(self, stage: Stage, schedule: Schedule, world: World, api_token: str) -> None:
        self._stage, self._schedule, self._world, self._token = stage, schedule, world, api_token
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._began = 0.0
        self._faults: list[Struck] = []
        self._expected_deaths: Counter[str] = Counter()
        self._points_seen: set[Path] = set()
        self.struck: Counter[str] = Counter()

    def carry_out(self, began_at: datetime) -> None:
        """From ``began_at`` on: faults, opt-outs and leads as scheduled, then until nothing is left to be done."""
        self._began = time.monotonic() - (datetime.now(UTC) - began_at).total_seconds()
        for fault in self._schedule.faults:
            self._at(fault.at_s, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
        for stop in self._schedule.stops:
            self._at(stop.at_s, lambda stop=stop: self._opt_out(stop))  # type: ignore[misc]
        while self._elapsed() < self._schedule.lasts_s or self._later:
            self._tick()
        self._disarm()
        over, deadline = -1, 0.0
        while not self._settled():
            if (now_over := self._calls_over()) > over:
                over, deadline = now_over, time.monotonic() + _PATIENCE_S
            elif time.monotonic() > deadline:
                break
            self._tick()
            time.sleep(0.4)

    def evidence(self) -> Evidence:
        rings, lost = evidence.rings_of(self._stage.carrier_log)
        fates = {(f"Chaos {one.campaign}", one.number): one.fate.value for one in self._world.leads}
        return Evidence(
            rings=rings,
            calls=evidence.calls_now(),
            leads=evidence.leads_now(fates),
            opted_out=evidence.opted_out(),
            zones=self._world.zones,
            faults=tuple(self._faults),
            answers_lost=lost,
            ended_at=datetime.now(UTC),
            lines={name: self._stage.health(name) for name in VOICE_WORKERS},
            held=evidence.held_now(),
            audit=evidence.audit_now(),
            deaths=self._unexpected_deaths(),
        )

    # Time.

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _at(self, at_s: float, act: Callable[[], None]) -> None:
        self._later.append((at_s, act))

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        self._at(self._elapsed() + seconds, act)

    def _tick(self) -> None:
        now_s = self._elapsed()
        due = sorted((one for one in self._later if one[0] <= now_s), key=lambda one: one[0])
        self._later = [one for one in self._later if one[0] > now_s]
        for _, act in due:
            act()
        self._look_for_failpoints()
        self._stage.keeper.mend()
        time.sleep(_TICK_S)

    # Faults.

    def _strike(self, fault: Fault) -> None:
        log.info("chaos.fault", at_s=round(self._elapsed(), 1), kind=fault.kind.value, target=fault.target)
        self.struck[fault.kind.value] += 1
        began = self._elapsed()
        talking: tuple[str, ...] = ()
        if fault.kind is Kind.KILL_TALKING:
            fault, talking = self._aimed(fault)
        up = fault.target and self._stage.keeper.is_up(fault.target)
        pid = self._stage.keeper.pid_of(fault.target) if up else 0
        self._carry_out_fault(fault)
        for_s = self._elapsed() - began + fault.for_s
        self._felt(fault.kind.value, for_s, orphans=fault.kind in _ORPHANS, pid=pid, talking=talking)

    def _aimed(self, fault: Fault) -> tuple[Fault, tuple[str, ...]]:
        """At the worker that talks with most people, and those of them for whom the other has lines free."""
        up = {self._stage.keeper.pid_of(name): name for name in VOICE_WORKERS if self._stage.keeper.is_up(name)}
        live: dict[int, list[str]] = {pid: [] for pid in up}
        try:
            talking = Call.objects.filter(status="live", closing_at=None, turns__isnull=False).distinct()
            for call_id, owner in talking.values_list("pk", "owner"):
                live.get(int(owner.split(":")[1]) if owner else 0, []).append(str(call_id))
        except (DatabaseError, InterfaceError):
            connection.close()
        victim = max(live, key=lambda pid: len(live[pid]), default=0)
        others = [name for pid, name in up.items() if pid != victim]
        free = self._free(others[0]) if others else 0
        return replace(fault, target=up.get(victim, VOICE_WORKERS[0])), tuple(live.get(victim, [])[:free])

    def _free(self, name: str) -> int:
        try:
            return self._stage.health(name)[1]
        except (httpx.HTTPError, httpx.InvalidURL):  # it is starting, or frozen
            return 0

    def _felt(self, kind: str, for_s: float, *, orphans: bool, pid: int, talking: tuple[str, ...] = ()) -> None:
        """A fault has begun; whoever it hit needs a while to be there again."""
        now = datetime.now(UTC)
        from_at, until_at = now - FELT_BEFORE, now + timedelta(seconds=for_s + _BACK_S)
        self._faults.append(Struck(kind, from_at, until_at, orphans, pid, talking))

    def _carry_out_fault(self, fault: Fault) -> None:
        stage, kind = self._stage, fault.kind
        match kind:
            case _ if kind in _ENDS:
                self._end(fault.target or _ROLE[kind], _ENDS[kind], fault.for_s)
            case Kind.TWO_BEATS:
                stage.start_beat("beat2")
                self._in(fault.for_s, lambda: stage.keeper.remove("beat2"))
            case Kind.FREEZE_VOICE if stage.keeper.is_up(fault.target):
                self._freeze(stage.keeper.pid_of(fault.target), fault.for_s)
            case Kind.KILL_REDIS:
                stage.kill_redis()
                self._in(fault.for_s, stage.start_redis)
            case Kind.FLUSH_REDIS | Kind.CUT_REDIS:
                self._if_there(stage.flush_redis if kind is Kind.FLUSH_REDIS else stage.cut_redis)
            case Kind.RESTART_POSTGRES:
                stage.restart_postgres()
            case Kind.CUT_POSTGRES:
                stage.cut_postgres()

    def _end(self, name: str, how: signal.Signals, back_s: float) -> None:
        if self._stage.keeper.is_up(name):
            self._expected_deaths[name] += 1
        self._stage.keeper.signal(name, how, again_after_s=back_s)

    def _freeze(self, pid: int, for_s: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        self._in(for_s, lambda: _thaw(pid))

    def _if_there(self, act: Callable[[], None]) -> None:
        try:
            act()
        except redis.ConnectionError:
            log.info("chaos.redis_away")

    def _look_for_failpoints(self) -> None:
        for name in (*VOICE_WORKERS, WORKER):
            for file in sorted(set(self._stage.struck_folder(name).glob("*.json")) - self._points_seen):
                text = file.read_text()
                if not text.startswith("{"):
                    continue  # put there to disarm, or half written
                self._points_seen.add(file)
                point = json.loads(text)
                place = f"{point['act']} {point['side']} {point['place']}"
                log.info("chaos.failpoint", at_s=round(self._elapsed(), 1), worker=name, place=place)
                self.struck[f"fail-point: {place}"] += 1
                frozen, voice = point["act"] == FREEZE, name in VOICE_WORKERS
                for_s, pid = _FREEZE_S if frozen else 0.0, point["pid"] if voice else 0
                # A frozen sweep holds the rows that it is about to change, and leases are not renewed.
                self._felt(f"fail-point in {name}: {place}", for_s, orphans=voice or frozen, pid=pid)
                if frozen:
                    self._in(_FREEZE_S, lambda pid=point["pid"]: _thaw(pid))  # type: ignore[misc]
                elif voice:
                    self._expected_deaths[name] += 1

    def _disarm(self) -> None:
        """No fail-point strikes from now on."""
        for name, points in self._schedule.failpoints.items():
            for index in range(len(points)):
                (self._stage.struck_folder(name) / f"{index:03d}.json").touch()

    def _unexpected_deaths(self) -> tuple[str, ...]:
        deaths = Counter(name for _, name, _ in self._stage.keeper.ended)
        codes = {name: [code for _, other, code in self._stage.keeper.ended if other == name] for name in deaths}
        return tuple(
            f"{name} ended {count} times with {codes[name]}, and was killed {self._expected_deaths[name]} times."
            for name, count in deaths.items()
            if count > self._expected_deaths[name]
        )

    # Opt-outs.

    def _opt_out(self, stop: Stop) -> None:
        number = self._number_for(stop)
        self._ask_to_stop(stop.via, number, tries=20)

    def _number_for(self, stop: Stop) -> str:
        numbers = self._world.called
        if stop.waiting:
            try:
                waiting = Call.objects.filter(status__in=["queued", "claimed", "dialing"]).order_by("-queued_at")
                numbers = list(waiting.values_list("to_number", flat=True)) or numbers
            except (DatabaseError, InterfaceError):
                connection.close()
        return numbers[int(stop.draw * len(numbers))]

    def _ask_to_stop(self, via: str, number: str, *, tries: int) -> None:
        """Until it was taken: whoever is told that it was not, asks again."""
        try:
            taken = self._by_api(number) if via == "api" else self._by_sms(number)
        except httpx.HTTPError:
            taken = False
        if taken:
            self.struck[f"opt-out by {via}"] += 1
        elif tries:
            self._in(1.0, lambda: self._ask_to_stop(via, number, tries=tries - 1))

    def _by_api(self, number: str) -> bool:
        url = f"{self._stage.public_url}/api/v1/do-not-call"
        headers = {"Authorization": f"Bearer {self._token}"}
        return httpx.post(url, json={"phone": number}, headers=headers, timeout=3).is_success

    def _by_sms(self, number: str) -> bool:
        message = {"from": number, "to": OUR_NUMBER, "body": "STOP"}
        sent = httpx.post(f"{self._stage.carrier_url}/simulator/messages", json=message, timeout=3)
        return any(answer["status"] == 200 for answer in sent.json()["answers"])

    # The end.

    def _settled(self) -> bool:
        """No call is under way, and nobody who is to be called is due, or was put off before the first call."""
        now = datetime.now(UTC)
        mine = [one.number for one in self._world.leads if one.fate is Fate.CALLED]
        try:
            waiting = Lead.objects.filter(status="open", phone__in=mine).reachable()
            put_off = waiting.filter(attempts=0, next_attempt_at__lte=now + _PUT_OFF)
            due = waiting.filter(next_attempt_at__lte=now)
            return not (Call.objects.unfinished().exists() or due.exists() or put_off.exists())
        except (DatabaseError, InterfaceError):
            connection.close()
            return False

    def _calls_over(self) -> int:
        try:
            return Call.objects.filter(status__in=sorted(TERMINAL)).count()
        except (DatabaseError, InterfaceError):
            connection.close()
            return -1


def add_number(stage: Stage) -> None:
    """Our number at the carrier, to which people write."""
    url = f"{stage.carrier_url}/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json"
    form = {"PhoneNumber": OUR_NUMBER, "SmsUrl": f"{stage.public_url}/webhooks/twilio/messages"}
    httpx.post(url, data=form, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5).raise_for_status()


def _thaw(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        log.info("chaos.gone", pid=pid)
