"""The voice workers of one machine: how many, each with its port and address, started and ended together."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reautomation import env, roles
from reautomation.processes import Process, StartError, Supervisor
from tests.house.test_processes import check_until_one_ends

Read = Callable[..., env.Environment]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    def read(cores: int = 4, **variables: str) -> env.Environment:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return env.read()

    return read


def log_of(name: str) -> Path:
    return Path(f"{name}.log")


def voices(environment: env.Environment) -> list[Process]:
    return roles.voices(environment, log_of, queues=["calls.local"], stop_s=7)


PATTERN = "wss://voice.example.com/{n}/media"


@pytest.mark.parametrize(
    ("cores", "variables", "processes"),
    [
        (1, {}, 1),
        (2, {}, 1),
        (3, {}, 1),
        (16, {}, 8),
        (16, {"VOICE_PROCESSES": "3"}, 3),
        (16, {"VOICE_MEDIA_URL": "wss://voice.example.com/media"}, 1),
        (16, {"VOICE_MEDIA_URL": PATTERN, "VOICE_MEDIA_PORT": "8765"}, 8),
    ],
)
def test_how_many_there_are(read: Read, cores: int, variables: dict[str, str], processes: int) -> None:
    environment = read(cores, **variables)
    assert env.voice_processes(environment) == processes
    assert len(voices(environment)) == processes


def test_one_is_called_as_ever_and_computes_with_one_thread(read: Read) -> None:
    (process,) = voices(read(2))
    assert process.name == "voice"
    assert "voice@%h" in process.arguments
    assert process.stop_s == 7
    assert dict(process.environment) == {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "VOICE_PROCESSES": "1",
        "VOICE_MEDIA_PORT": "0",
    }


def test_each_of_several_has_its_name_its_port_and_its_address(read: Read) -> None:
    address = "wss://v{n}.example.com:{port}/media"
    found = voices(read(VOICE_PROCESSES="2", VOICE_MEDIA_PORT="8765", VOICE_MEDIA_URL=address, VOICE_LINES="9"))
    assert [process.name for process in found] == ["voice-1", "voice-2"]
    assert [process.environment["VOICE_MEDIA_PORT"] for process in found] == ["8765", "8766"]
    assert [process.environment["VOICE_MEDIA_URL"] for process in found] == [
        "wss://v1.example.com:8765/media",
        "wss://v2.example.com:8766/media",
    ]
    for number, process in enumerate(found, 1):
        assert f"voice-{number}@%h" in process.arguments
        assert list(process.arguments)[list(process.arguments).index("-c") + 1] == "9"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"VOICE_PROCESSES": "2", "VOICE_MEDIA_URL": "wss://v.example.com/media", "VOICE_MEDIA_PORT": "8765"},
            r"VOICE_PROCESSES is 2, and VOICE_MEDIA_URL names one address for all of them: write \{port\} or \{n\}",
        ),
        (
            {"VOICE_PROCESSES": "2", "VOICE_MEDIA_URL": PATTERN},
            "VOICE_MEDIA_URL is a pattern for voice processes, and VOICE_MEDIA_PORT is not set",
        ),
        (
            {"VOICE_PROCESSES": "1", "VOICE_MEDIA_URL": "wss://v.example.com:{port}/media"},
            "VOICE_MEDIA_URL is a pattern for voice processes, and VOICE_MEDIA_PORT is not set",
        ),
        (
            {"VOICE_PROCESSES": "3", "VOICE_MEDIA_PORT": "65534"},
            "the last of 3 voice processes would need port 65536",
        ),
        ({"VOICE_MEDIA_URL": "wss://v.example.com/{host}"}, r"whose only placeholders are \{port\} and \{n\}"),
        ({"VOICE_MEDIA_URL": "wss://v.example.com/{n"}, r"whose only placeholders are \{port\} and \{n\}"),
        ({"VOICE_MEDIA_URL": "wss://v.example.com/{}"}, r"whose only placeholders are \{port\} and \{n\}"),
        ({"VOICE_MEDIA_URL": "wss://v.example.com/{n.x}"}, r"whose only placeholders are \{port\} and \{n\}"),
        ({"VOICE_TRUSTED_PROXIES": "10.0.0.0/8,nginx"}, "VOICE_TRUSTED_PROXIES is '10.0.0.0/8,nginx': must be addr"),
        ({"VOICE_MAX_BUSY_PERCENT": "101"}, "VOICE_MAX_BUSY_PERCENT is '101': input should be less than or equal"),
    ],
)
def test_what_cannot_work_is_one_sentence(read: Read, variables: dict[str, str], says: str) -> None:
    with pytest.raises(env.BadEnvironment, match=says) as caught:
        read(2, **variables)
    assert "\n" not in str(caught.value)


ONCE = "import pathlib, sys; flag = pathlib.Path(sys.argv[1]); print('up', flag.exists(), flush=True); flag.touch();"


def test_one_that_dies_is_started_again_alone_and_writes_where_the_supervisor_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stays = Process("voice-1", [sys.executable, "-c", "import time; time.sleep(600)"])
    dies = Process("voice-2", [sys.executable, "-c", ONCE, str(tmp_path / "flag")])
    with Supervisor(None, keeps_up=True) as supervisor:
        supervisor.wait_until_ready()
        supervisor.start(stays)
        (first,) = (entry[1].pid for entry in supervisor._running)
        supervisor.start(dies)
        with pytest.raises(StartError) as caught:
            check_until_one_ends(supervisor)
        assert str(caught.value) == "voice-2 ended with code 0."
        assert next(entry[1].pid for entry in supervisor._running) == first
        assert supervisor._running[0][1].poll() is None
    out, err = capfd.readouterr()
    assert out.splitlines() == ["up False", *["up True"] * 5]
    assert err == "voice-2 ended with code 0 and is started again.\n" * 5
    assert list(tmp_path.iterdir()) == [tmp_path / "flag"]
