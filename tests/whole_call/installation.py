"""A whole installation for one test: servers, workers, a phone company with its people, and a speech provider."""

import html
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import httpx
import psutil
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from calls.permissions import MANAGERS
from reautomation import embedded, roles, settings
from reautomation.demo.carrier import Carrier
from reautomation.embedded import Embedded
from reautomation.processes import Process, Supervisor, free_port, listening, python_module
from tests.processes import left_over
from tests.whole_call.settings import OWN_QUEUE

ACCOUNT_SID, AUTH_TOKEN = f"AC{'e' * 32}", "token-of-the-carrier"
LINES = 8
SPEECH_KEY, VOICE = "sk_a-secret-key", "21m00Tcm4TlvDq8ikWAM"
T = TypeVar("T")


@dataclass(frozen=True)
class Provider:
    """The simulated ElevenLabs."""

    url: str

    def _get(self, page: str) -> Any:
        return httpx.get(f"{self.url}/simulator/{page}", timeout=10).raise_for_status().json()

    def ready(self) -> bool:
        try:
            return bool(self._get("health")["ready"])
        except httpx.HTTPError:
            return False

    def idle(self) -> bool:
        return bool(self._get("health")["live"] == 0)

    def requests(self) -> list[dict[str, Any]]:
        """Oldest first: text, status, characters (as billed), bytes_sent, cut …; see simulator/README.md."""
        found: list[dict[str, Any]] = self._get("requests")["requests"]
        return found

    def faults(self, **switches: Any) -> None:
        httpx.put(f"{self.url}/simulator/faults", json=switches, timeout=10).raise_for_status()


@dataclass
class Installation:
    url: str
    carrier: Carrier
    provider: Provider
    processes: Supervisor
    own_worker: psutil.Process
    """The voice worker of the campaign that has one of its own."""
    recordings: Path

    def until(self, what: str, condition: Callable[[], T], *, within_s: float) -> T:
        """What ``condition`` gives as soon as it is true. Fails after ``within_s``, or when a process has ended."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            self.processes.check()
            assert time.monotonic() < deadline, f"Not within {within_s:.0f} s: {what}."
            time.sleep(0.1)
        return found

    def page(self, path: str) -> str:
        """What a campaign manager is shown there, without its HTML entities."""
        client = Client()
        manager, made = User.objects.get_or_create(username="mia", is_staff=True)
        if made:
            manager.groups.add(Group.objects.get(name=MANAGERS))
        client.force_login(manager)
        cookies = {name: cookie.value for name, cookie in client.cookies.items()}
        return html.unescape(httpx.get(f"{self.url}{path}", cookies=cookies, timeout=20).raise_for_status().text)

    def log(self, name: str) -> list[dict[str, Any]]:
        """What a process of ours logged, oldest first."""
        lines = self.processes.log_of(name).read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def installation(var: Path, people: Path, **environment: str) -> Iterator[Installation]:
    """Starts everything, on servers of its own, and makes this thread's database connection its; stops everything."""
    web_port, carrier_port, speech_port = free_port(), free_port(), free_port()
    provider = Provider(f"http://127.0.0.1:{speech_port}")
    own = {
        **_environment(var),
        "WEB_PORT": str(web_port),
        "PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        "TWILIO_API_URL": f"http://127.0.0.1:{carrier_port}",
        "ELEVENLABS_URL": provider.url,
        **environment,
    }
    servers = Embedded(var)
    with ExitStack() as stack:
        stack.callback(_leave, servers)
        processes = stack.enter_context(Supervisor(var / "log"))
        log = var / "carrier.jsonl"
        processes.start(roles.simulator(carrier_port, people, log, ACCOUNT_SID, AUTH_TOKEN, cps=10))
        processes.start(_elevenlabs(speech_port, var / "speech.jsonl"))
        embedded.join(servers)
        stack.enter_context(_connected(servers.database_url))
        call_command("migrate", verbosity=0)
        processes.start(roles.voice(processes.log_of("voice"), LINES, own))
        lost = stack.enter_context(Supervisor(var / "log" / "own"))
        lost.start(_own_voice(lost, own))
        processes.start(roles.worker(processes.log_of("worker"), own))
        processes.start(roles.web("127.0.0.1", web_port, own))
        processes.start(roles.beat(processes.log_of("beat"), own))
        processes.wait_until_ready()
        lost.wait_until_ready()
        (victim,) = _children_named(OWN_QUEUE)
        carrier = Carrier(carrier_port)
        house = Installation(own["PUBLIC_URL"], carrier, provider, processes, victim, var / "recordings")
        house.until("the carrier's people are there", house.carrier.ready, within_s=60)
        house.until("the speech provider is there", provider.ready, within_s=60)
        yield house


def _environment(var: Path) -> Mapping[str, str]:
    """Nothing of this machine's own."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.whole_call.settings",
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(var),
        "LOG_FORMAT": "json",
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "ELEVENLABS_API_KEY": SPEECH_KEY,
        "ELEVENLABS_VOICE_ID": VOICE,
        "SECRET_KEY": django_settings.SECRET_KEY,  # so that sessions made here are valid there
        "VOICE_LINES": str(LINES),
        "VOICE_MEDIA_PORT": "0",
        "VOICE_MEDIA_URL": "",
        # A machine that is busy with other tests must not refuse calls.
        "VOICE_MAX_LAG_MS": "0",
        "VOICE_MAX_LATENESS_MS": "0",
        "VOICE_MAX_SPEECH_WAIT_MS": "0",
        "VOICE_MAX_BUSY_PERCENT": "0",
        "COMPANY_NAME": "Summit Realty",
        "AGENT_NAME": "Ava",
    }


def _elevenlabs(port: int, log: Path) -> Process:
    arguments = ("simulator.elevenlabs", "--port", str(port), "--api-key", SPEECH_KEY, "--voice", VOICE)
    return Process("elevenlabs", python_module(*arguments, "--log", str(log)), {}, listening("127.0.0.1", port))


def _own_voice(supervisor: Supervisor, environment: Mapping[str, str]) -> Process:
    own = {**environment, "VOICE_QUEUES": OWN_QUEUE}  # no GPU is there, and none is needed
    usual = roles.voice(supervisor.log_of("voice"), 1, own, queues=[OWN_QUEUE])
    return replace(usual, arguments=["own@%h" if word == "voice@%h" else word for word in usual.arguments])


def _children_named(word: str) -> list[psutil.Process]:
    """This process's own children that have ``word`` on their command line."""
    return [child for child in psutil.Process().children() if word in child.cmdline()]


def _leave(servers: Embedded) -> None:
    """As the last user, and see both servers end."""
    pid_files = (servers.pgdata / "postmaster.pid", servers.redis_dir / "server.pid")
    running = [psutil.Process(int(file.read_text().split()[0])) for file in pid_files]
    os.close(embedded._held.pop(servers.var))
    assert left_over(running) == []


@contextmanager
def _connected(url: str) -> Iterator[None]:
    connection.close()
    with mock.patch.dict(connection.settings_dict, settings._database(url)):
        yield
        connection.close()
