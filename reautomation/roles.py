"""The processes of an installation, and the command line of each: the same here as in docker-compose.yml."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from calls.domain.queues import QUEUES
from reautomation.processes import Process, listening, logged, python_module

CELERY = ("celery", "-A", "reautomation")


def web(host: str, port: int, environment: Mapping[str, str]) -> Process:
    arguments = ("uvicorn", "reautomation.asgi:application", "--host", host, "--port", str(port), "--no-access-log")
    return Process("web", python_module(*arguments), environment, listening(host, port))


def beat(log: Path, environment: Mapping[str, str]) -> Process:
    arguments = (*CELERY, "beat", "--loglevel", "INFO", "--pidfile", "")
    return Process("beat", python_module(*arguments), environment, logged(log, "beat: Starting"))


def worker(log: Path, environment: Mapping[str, str]) -> Process:
    arguments = (*CELERY, "worker", "-P", "prefork", "-c", "2", "-Q", "default", "-n", "worker@%h", "-E")
    return Process("worker", python_module(*arguments, "-l", "INFO"), environment, logged(log, " ready."))


def voice(log: Path, lines: int, environment: Mapping[str, str], *, queues: Sequence[str] = ()) -> Process:
    """It serves ``queues``, by default all that it can."""
    served = ",".join(queues or QUEUES)
    arguments = (*CELERY, "worker", "-P", "threads", "-c", str(lines), "-Q", served, "-n", "voice@%h", "-E")
    command = python_module(*arguments, "-l", "INFO", "--disable-prefetch")
    return Process("voice", command, environment, logged(log, " ready."), stop_s=30)


def flower(port: int, environment: Mapping[str, str]) -> Process:
    arguments = (*CELERY, "flower", f"--port={port}", "--address=127.0.0.1")
    return Process("flower", python_module(*arguments), environment, listening("127.0.0.1", port))


def simulator(port: int, people: Path, log: Path, account_sid: str, auth_token: str, *, cps: float) -> Process:
    arguments = ("simulator", "--port", str(port), "--people", str(people), "--log", str(log), "--cps", str(cps))
    keys = ("--account-sid", account_sid, "--auth-token", auth_token)
    return Process("simulator", python_module(*arguments, *keys), {}, listening("127.0.0.1", port))
