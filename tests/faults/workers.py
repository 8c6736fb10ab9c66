"""A voice worker for a test to hurt, its broker, and the phones of the people that it calls."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.db import connection
from redis import Redis
from twilio.request_validator import RequestValidator

from tests.voice.phone import Phone, answered
from tests.voice.redis_server import Server
from voice.domain.types import StreamTarget

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "reautomation:calls.local"
T = TypeVar("T")


class Phones:
    """Answers calls in a thread of its own and keeps them open until they are hung up."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open: dict[UUID, tuple[Phone, Any]] = {}

    def answer(self, call_id: UUID, stream: StreamTarget) -> Phone:
        """Once the first word was heard."""
        validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
        headers = {"X-Twilio-Signature": validator.compute_signature(stream.url, {})}
        context = answered(stream, headers=headers)
        phone: Phone = self._run(context.__aenter__())
        self._open[call_id] = phone, context
        self._run(phone.spoken_to())
        return phone

    def is_open(self, call_id: UUID) -> bool:
        return self._open[call_id][0].closed_at is None

    def press(self, call_id: UUID, digit: str) -> float:
        """Press a key; the seconds until the answer to it was heard to its end."""
        phone = self._open[call_id][0]
        self._run(phone.quiet())
        began = time.monotonic()
        self._run(phone.press(digit))
        self._run(phone.answer())
        self._run(phone.quiet(0.3))
        return time.monotonic() - began

    def hang_up(self, call_id: UUID) -> None:
        """As the carrier tells it: its ``stop``, then the end of the socket."""
        phone, context = self._open.pop(call_id)
        if phone.closed_at is None:
            self._run(phone.stop())
        self._run(context.__aexit__(None, None, None))

    def cut(self, call_id: UUID, *, stops: bool = False) -> None:
        """The media socket breaks; with ``stops`` the carrier said before that it has ended the stream."""
        phone, context = self._open.pop(call_id)
        if stops and phone.closed_at is None:
            self._run(phone.stop())
        self._loop.call_soon_threadsafe(phone.socket.transport.abort)
        self._run(context.__aexit__(None, None, None))

    def close(self) -> None:
        for call_id in list(self._open):
            self.hang_up(call_id)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


class Worker:
    """A voice worker as a process, with a broker of its own that can be killed, or at that of another one."""

    def __init__(
        self,
        folder: Path,
        *,
        lines: int = 4,
        hopeless_after_s: float = 60,
        database: dict[str, Any] | None = None,
        beside: "Worker | None" = None,
    ) -> None:
        self.folder, self._beside = folder, beside
        self.redis: Server = beside.redis if beside else Server(folder)
        self._log = folder / f"worker-{len(list(folder.glob('worker-*.log')))}.log"
        chosen = database or connection.settings_dict
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "LOG_FORMAT": "json",
            "FAULTS_FOLDER": str(folder),
            "FAULTS_LINES": str(lines),
            "FAULTS_HOPELESS_S": str(hopeless_after_s),
            "FAULTS_DATABASE": str(chosen["NAME"]),
            "FAULTS_DATABASE_HOST": str(chosen["HOST"]),
            "FAULTS_BROKER": f"redis+socket://{self.redis.socket}",
        }
        command = ["-m", "celery", "-A", "tests.faults.worker_app", "worker", "-P", "threads", "-c", str(lines)]
        options = ["-Q", "calls.local", "--disable-prefetch", "--without-mingle", "--without-gossip", "-l", "INFO"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, *options], env=self.environment, stderr=log, stdout=log, cwd=ROOT
            )
        self.app = Celery("faults", broker=self.environment["FAULTS_BROKER"], set_as_current=False)
        self.app.conf.broker_transport_options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS}

    def text(self) -> str:
        """All that it wrote."""
        return self._log.read_text()

    def log(self) -> list[dict[str, Any]]:
        lines = self.text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line.get("event") == event]

    def rings(self) -> list[UUID]:
        log = self.folder / "rings"
        return [UUID(line) for line in log.read_text().split()] if log.exists() else []

    def stream(self, call_id: UUID) -> StreamTarget | None:
        path = self.folder / f"{call_id}.stream"
        return StreamTarget(**json.loads(path.read_text())) if path.exists() else None

    def waiting(self) -> int:
        with Redis.from_url(self.redis.url) as client:
            return int(client.llen(QUEUE))

    def until(self, what: str, condition: Callable[[], T | None], *, within_s: float = 30, ends: bool = False) -> T:
        """What ``condition`` gives as soon as it is true; ``ends``: the worker may have ended by then."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            assert ends or self.process.poll() is None, self.text()[-4000:]
            assert time.monotonic() < deadline, f"{what}: {self.text()[-4000:]}"
            time.sleep(0.05)
        return found

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.app.close()
        if self._beside is None:
            self.redis.kill()
