"""The README's first command, as its reader runs it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from reautomation.env import ROOT
from tests.processes import left_over

pytestmark = [pytest.mark.demo, pytest.mark.timeout(400)]


@contextlib.contextmanager
def demo() -> Iterator["subprocess.Popen[str]"]:
    environment = {name: value for name, value in os.environ.items() if name not in {"VAR_DIR", "ENV_FILE"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "reautomation.demo"],
        cwd=ROOT,
        env={**environment, "PYTHONUNBUFFERED": "1", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_twelve_people_are_called_and_every_outcome_is_right() -> None:
    with demo() as process:
        output, _ = process.communicate(timeout=360)
    assert process.returncode == 0, output
    assert "Every outcome is the one that the person was scripted to want." in output
    assert len(re.findall(r" right\s*$", output, re.MULTILINE)) == 12
    assert re.search(r"Spent 0\.\d{4} USD of 5\.00 USD; still held 0\.0000 USD\.", output)


def test_ctrl_c_leaves_no_process_behind() -> None:
    with demo() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Admin:"):
                break
        processes = psutil.Process(process.pid).children(recursive=True)
        assert len(processes) >= 6
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped." in rest
    assert left_over(processes) == []
