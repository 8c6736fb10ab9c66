"""Processes that start together end together, whoever ends them."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from reautomation.processes import Process, StartError, Supervisor, free_port, listening, logged, require_port
from tests.processes import left_over

ROOT = Path(__file__).resolve().parent.parent.parent
WAITS = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('up', child.pid, flush=True); time.sleep(600)",
]


def started(supervisor: Supervisor, name: str, arguments: list[str], stop_s: float = 5) -> Path:
    log = supervisor.log_of(name)
    supervisor.start(Process(name, arguments, ready=logged(log, "up"), stop_s=stop_s))
    return log


def check_until_one_ends(supervisor: Supervisor) -> None:
    while True:
        supervisor.check()


def test_all_end_when_the_supervisor_is_left_even_a_stubborn_one_with_its_child(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "log") as supervisor:
        started(supervisor, "one", WAITS)
        log = started(supervisor, "two", STUBBORN, stop_s=0.5)
        supervisor.wait_until_ready()
        grandchild = psutil.Process(int(log.read_text().split()[1]))
        leader = psutil.Process(grandchild.ppid())
        others = [process for process in psutil.Process().children() if process.cmdline() == WAITS]
        assert len(others) == 1
    assert left_over([grandchild, leader, *others]) == []


def test_a_process_that_ends_by_itself_is_an_error_that_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Process("brief", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]))
        with pytest.raises(StartError) as caught:
            check_until_one_ends(supervisor)
    log = tmp_path / "brief.log"
    assert str(caught.value) == f"brief ended with code 3. The end of {log}:\n  the reason"


DIES_ONCE = (
    "import pathlib, sys, time; flag = pathlib.Path(sys.argv[1]); first = not flag.exists(); flag.touch();"
    "print('up, first' if first else 'up again', flush=True); sys.exit(70) if first else time.sleep(600)"
)


def test_a_process_that_ended_is_started_again_once_all_were_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Supervisor(tmp_path / "log", keeps_up=True) as supervisor:
        log = supervisor.log_of("voice")
        process = Process("voice", [sys.executable, "-c", DIES_ONCE, str(tmp_path / "flag")])
        supervisor.wait_until_ready()
        supervisor.start(process)
        while not log.exists() or "up again" not in log.read_text():
            supervisor.check()
        supervisor.check()
    assert log.read_text().split("\n") == ["up, first", "up again", ""]
    assert capsys.readouterr().err == "voice ended with code 70 and is started again.\n"


def test_a_process_that_ends_again_and_again_is_given_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Supervisor(tmp_path, keeps_up=True) as supervisor:
        supervisor.wait_until_ready()
        supervisor.start(Process("brief", [sys.executable, "-c", "raise SystemExit(3)"]))
        with pytest.raises(StartError, match="brief ended with code 3"):
            check_until_one_ends(supervisor)
    assert capsys.readouterr().err.count("brief ended with code 3 and is started again.") == 5


def test_a_process_that_does_not_come_up_is_not_started_again(tmp_path: Path) -> None:
    with Supervisor(tmp_path, keeps_up=True) as supervisor:
        supervisor.start(Process("brief", [sys.executable, "-c", "raise SystemExit(3)"], ready=lambda: False))
        with pytest.raises(StartError, match="brief ended with code 3"):
            supervisor.wait_until_ready()


def test_a_process_that_is_never_ready_is_named(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Process("slow", WAITS, ready=lambda: False, stop_s=2))
        with pytest.raises(StartError, match=r"Not ready after 0 s: slow\. See the logs in"):
            supervisor.wait_until_ready(0.2)


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from reautomation.processes import Process, Supervisor, logged
        with Supervisor(Path({str(tmp_path)!r})) as supervisor:
            supervisor.start(Process("child", {WAITS!r}, ready=logged(supervisor.log_of("child"), "up")))
            supervisor.wait_until_ready()
            print("up", flush=True)
            time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 1
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert left_over(children) == []


def test_a_taken_port_is_one_sentence_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert listening("127.0.0.1", port)()
        with pytest.raises(StartError) as caught:
            require_port("127.0.0.1", port, "WEB_PORT")
    assert str(caught.value) == (
        f"Port {port} on 127.0.0.1 cannot be used (Address already in use): stop what listens there, "
        "or set WEB_PORT to a free port."
    )


def test_a_free_port_is_accepted_and_silent() -> None:
    port = free_port()
    require_port("127.0.0.1", port, "WEB_PORT")
    assert not listening("127.0.0.1", port)()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_the_exit_code_is_the_programs_own_even_if_the_signal_fell_into_executed_text(
    tmp_path: Path, number: str
) -> None:
    """As when a dataclass is being made: a KeyboardInterrupt there ends CPython 3.11 by the signal in the end."""
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            f"""
            import sys
            from reautomation.processes import Stopped, stop_on_signals
            stop_on_signals()
            try:
                exec("import os, signal; os.kill(os.getpid(), signal.{number}); [n for n in range(9)]")
            except Stopped:
                sys.exit(7)
            """
        )
    )
    arguments = [sys.executable, "-m", "program"]
    ended = subprocess.run(
        arguments, env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}, check=False, timeout=60
    )
    assert ended.returncode == 7
