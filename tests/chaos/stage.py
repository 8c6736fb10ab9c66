"""The installation of a run: servers of its own, two voice workers, a worker, beat, web, and the phone company."""

import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
import yaml

from reautomation import embedded, roles
from reautomation.embedded import Embedded
from reautomation.processes import Process, free_port
from tests.chaos import apps, failpoints
from tests.chaos.processes import Keeper
from tests.chaos.schedule import VOICE_WORKERS, WORKER, Schedule

ACCOUNT_SID, AUTH_TOKEN = f"AC{'c' * 32}", "token-of-the-carrier"
OUR_NUMBER = "+12025550100"
CPS = 200.0


class Stage:
    """Processes and servers below ``var``; ``lines`` are those of each voice worker."""

    def __init__(self, var: Path, schedule: Schedule, *, lines: int) -> None:
        self.var, self.lines = var, lines
        self.web_port, self.carrier_port = free_port(), free_port()
        self.servers = Embedded(var)
        self.keeper = Keeper(var / "log")
        self.carrier_log = var / "carrier.jsonl"
        self._schedule = schedule

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def carrier_url(self) -> str:
        return f"http://127.0.0.1:{self.carrier_port}"

    def start_servers(self) -> None:
        """PostgreSQL that knows when each transaction was committed, and Redis that keeps nothing."""
        embedded.join(self.servers)
        with psycopg.connect(self.servers.database_url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        self.restart_postgres()
        self._forget_on_disk()

    def start_processes(self, people: Mapping[str, Any]) -> None:
        """All but beat, until they are ready."""
        (self.var / "people.yaml").write_text(yaml.safe_dump(dict(people)))
        (self.var / "faults.yaml").write_text(yaml.safe_dump(self._schedule.carrier))
        self.keeper.start("simulator", self._simulator)
        for name in VOICE_WORKERS:
            self.keeper.start(name, partial(self._voice, name))
        self.keeper.start(WORKER, lambda log: self._hit(WORKER, roles.worker(log, {})))
        self.keeper.start("web", lambda _: roles.web("127.0.0.1", self.web_port, self._environment))
        self.keeper.wait_until_ready("simulator", "web", WORKER, *VOICE_WORKERS)
        while not self.carrier_ready():
            time.sleep(0.2)

    def start_beat(self, name: str = "beat") -> None:
        self.keeper.start(name, lambda log: roles.beat(log, self._environment))

    def carrier_ready(self) -> bool:
        try:
            return bool(httpx.get(f"{self.carrier_url}/simulator/health", timeout=5).json()["ready"])
        except httpx.HTTPError:
            return False

    def media_port(self, name: str) -> int | None:
        """Of a voice worker's present generation, once it has one."""
        for line in self.keeper.log_of(name).read_text(errors="replace").splitlines():
            if '"voice.started"' in line:
                return int(line.split('"port": ')[1].split(",")[0].rstrip("}"))
        return None

    def health(self, name: str) -> tuple[int, int]:
        """A voice worker's lines, and how many of them are free."""
        answer = httpx.get(f"http://127.0.0.1:{self.media_port(name)}/healthz", timeout=5).json()
        return int(answer["lines"]), int(answer["free"])

    def struck_folder(self, name: str) -> Path:
        return self.var / "failpoints" / name

    def stop(self) -> None:
        """Everything, the servers too."""
        self.keeper.stop()
        if self.servers.var in embedded._held:
            os.close(embedded._held.pop(self.servers.var))
        embedded.stop_servers(self.servers)

    # What is done to the servers.

    def restart_postgres(self) -> None:
        log = str(self.servers.pgdata / "server.log")
        embedded._postgres_tool(
            "pg_ctl", "-D", str(self.servers.pgdata), "-m", "immediate", "-l", log, "-w", "restart"
        )

    def cut_postgres(self) -> None:
        with psycopg.connect(self.servers.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )

    def kill_redis(self) -> None:
        os.kill(int((self.servers.redis_dir / "server.pid").read_text()), signal.SIGKILL)

    def start_redis(self) -> None:
        (self.servers.redis_dir / "dump.rdb").unlink(missing_ok=True)
        self.servers.redis_socket.unlink(missing_ok=True)
        embedded._start_redis(self.servers)
        self._forget_on_disk()

    def flush_redis(self) -> None:
        with self._redis() as client:
            client.flushall()

    def cut_redis(self) -> None:
        with self._redis() as client:
            client.client_kill_filter(_type="normal", skipme=True)
            client.client_kill_filter(_type="pubsub", skipme=True)

    def _redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.servers.redis_socket), socket_timeout=5)

    def _forget_on_disk(self) -> None:
        with self._redis() as client:
            client.config_set("save", "")

    # What the processes are.

    @property
    def _environment(self) -> dict[str, str]:
        """Nothing of this machine's own."""
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.var),
            "LOG_FORMAT": "json",
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "SECRET_KEY": "a-secret-of-the-run",
            "WEB_PORT": str(self.web_port),
            "PUBLIC_URL": self.public_url,
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_URL": self.carrier_url,
            "TWILIO_FROM_NUMBER": OUR_NUMBER,
            "CARRIER_CPS": "30",
            "ELEVENLABS_API_KEY": "",
            "ELEVENLABS_VOICE_ID": "",
            "VOICE_LINES": str(self.lines),
            "VOICE_MEDIA_PORT": "0",
            "VOICE_MEDIA_URL": "",
            # A machine that is busy with other tests must not refuse calls.
            "VOICE_MAX_LAG_MS": "0",
            "VOICE_MAX_LATENESS_MS": "0",
            "VOICE_MAX_SPEECH_WAIT_MS": "0",
            "VOICE_MAX_BUSY_PERCENT": "0",
            "COMPANY_NAME": "Summit Realty",
            "AGENT_NAME": "Ava",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }

    def _simulator(self, _log: Path) -> Process:
        process = roles.simulator(
            self.carrier_port, self.var / "people.yaml", self.carrier_log, ACCOUNT_SID, AUTH_TOKEN, cps=CPS
        )
        more = ("--load-mode", "--faults", str(self.var / "faults.yaml"))
        return replace(process, arguments=[*process.arguments, *more])

    def _voice(self, name: str, log: Path) -> Process:
        process = roles.voice(log, self.lines, {apps.SCRIPTED_SPEECH: "1"})
        arguments = [f"{name}@%h" if word == "voice@%h" else word for word in process.arguments]
        return self._hit(name, replace(process, arguments=arguments))

    def _hit(self, name: str, process: Process) -> Process:
        """The process with the run's environment and its fail-points."""
        folder = self.struck_folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        own = {
            apps.FAILPOINTS: failpoints.written(self._schedule.failpoints[name]),
            apps.FAILPOINTS_STRUCK: str(folder),
        }
        return replace(process, environment={**self._environment, **process.environment, **own})


def fresh(var: Path) -> Path:
    """An empty folder for a run."""
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    return var
