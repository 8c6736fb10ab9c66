"""docker-compose.yml starts what ``make run`` starts. No engine runs it here; what can be checked without one is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reautomation import env, roles

COMPOSE: dict[str, Any] = yaml.safe_load((env.ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
LOG = Path("log")


def words(arguments: Any) -> list[str]:
    """The command line without the interpreter, the addresses and the numbers, which may differ.

    A variable has its default.
    """
    skipped = {"-c", "--host", "--port"}
    plain = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(part)) for part in arguments]
    kept = [part for place, part in enumerate(plain) if not (skipped & {part, *plain[max(0, place - 1) : place]})]
    return sorted(
        part.split("=")[0] for part in kept if part not in {"-m", plain[0]} or part in {"uvicorn", "celery"}
    )


@pytest.mark.parametrize(
    ("service", "process"),
    [
        ("web", roles.web("127.0.0.1", 8000, {})),
        ("beat", roles.beat(LOG, {})),
        ("worker", roles.worker(LOG, {})),
        ("flower", roles.flower(5555, {})),
    ],
)
def test_a_service_runs_the_command_of_its_role(service: str, process: Any) -> None:
    def shape(arguments: list[str]) -> set[str]:
        return {"loglevel" if part in {"-l", "--loglevel"} else part for part in words(arguments)}

    assert shape(SERVICES[service]["command"]) == shape(process.arguments)


def test_voice_workers_have_a_supervisor_of_their_own() -> None:
    assert SERVICES["voice"]["command"] == ["python", "-m", "reautomation.voices"]


def test_every_service_that_the_project_needs_is_there() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "web", "beat", "worker", "voice", "flower"}


def test_every_variable_is_one_that_the_environment_reads() -> None:
    known = {name.upper() for name in env.Environment.model_fields}
    for service in ("web", "beat", "worker", "voice", "flower", "migrate"):
        assert set(SERVICES[service]["environment"]) <= known


def test_the_database_and_the_monitor_are_not_open_to_the_world() -> None:
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["redis"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["flower"]["ports"])
