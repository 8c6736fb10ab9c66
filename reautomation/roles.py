"""The processes of an installation, and the command line of each: the same here as in docker-compose.yml."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from calls.domain.queues import QUEUES
from reautomation.env import Environment, media_url, voice_processes
from reautomation.processes import Process, listening, logged, python_module

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For the media's process: what numpy computes there is too little for threads, which would take the calls' core."""
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


def voice(
    log: Path,
    lines: int,
    environment: Mapping[str, str],
    *,
    queues: Sequence[str] = (),
    name: str = "voice",
    stop_s: float = 30,
) -> Process:
    """It serves ``queues``, by default all that it can."""
    served = ",".join(queues or QUEUES)
    arguments = (*CELERY, "worker", "-P", "threads", "-c", str(lines), "-Q", served, "-n", f"{name}@%h", "-E")
    command = python_module(*arguments, "-l", "INFO", "--disable-prefetch")
    return Process(name, command, {**ONE_THREAD, **environment}, logged(log, " ready."), stop_s=stop_s)


def voices(
    environment: Environment, log_of: Callable[[str], Path], *, queues: Sequence[str] = (), stop_s: float = 30
) -> list[Process]:
    """A voice worker for each of the processes that ``environment`` asks for, each with a media socket of its own."""
    processes = voice_processes(environment)
    found = []
    for number in range(1, processes + 1):
        name = "voice" if processes == 1 else f"voice-{number}"
        port = environment.voice_media_port and environment.voice_media_port + number - 1
        own = {"VOICE_PROCESSES": "1", "VOICE_MEDIA_PORT": str(port)}
        if environment.voice_media_url:
            own["VOICE_MEDIA_URL"] = media_url(environment.voice_media_url, port=port, number=number)
        lines = environment.voice_lines
        found.append(voice(log_of(name), lines, own, queues=queues, name=name, stop_s=stop_s))
    return found


def flower(port: int, environment: Mapping[str, str]) -> Process:
    arguments = (*CELERY, "flower", f"--port={port}", "--address=127.0.0.1")
    return Process("flower", python_module(*arguments), environment, listening("127.0.0.1", port))


def simulator(port: int, people: Path, log: Path, account_sid: str, auth_token: str, *, cps: float) -> Process:
    arguments = ("simulator", "--port", str(port), "--people", str(people), "--log", str(log), "--cps", str(cps))
    keys = ("--account-sid", account_sid, "--auth-token", auth_token)
    return Process("simulator", python_module(*arguments, *keys), {}, listening("127.0.0.1", port))
