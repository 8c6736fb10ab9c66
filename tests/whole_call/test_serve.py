"""``make run``: everything on one machine, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from reautomation.env import ROOT
from reautomation.processes import free_port
from tests.processes import left_over

pytestmark = pytest.mark.slow


def serve(var: Path, web_port: int, flower_port: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "VAR_DIR": str(var), "WEB_PORT": str(web_port), "FLOWER_PORT": str(flower_port)}
    environment["DJANGO_SETTINGS_MODULE"] = "reautomation.settings"
    return subprocess.Popen(
        [sys.executable, "-m", "reautomation.serve"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_everything_serves_until_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    web_port, flower_port = free_port(), free_port()
    process = serve(tmp_path, web_port, flower_port)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Ctrl-C"):
            break
    assert said[0] == f"Admin:   http://127.0.0.1:{web_port}/admin/\n"
    assert "There is no user yet: .venv/bin/python manage.py createsuperuser\n" in said
    processes = psutil.Process(process.pid).children(recursive=True)
    health = httpx.get(f"http://127.0.0.1:{web_port}/health").json()
    page = httpx.get(f"http://127.0.0.1:{web_port}/admin/login/")
    queues = httpx.get(f"http://127.0.0.1:{flower_port}/workers")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert health["ok"] is True
    assert (page.status_code, queues.status_code) == (200, 200)
    assert process.returncode == 0
    assert left_over(processes) == []


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(tmp_path, port, free_port())
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.startswith(
        f"Port {port} on 127.0.0.1 cannot be used (Address already in use): stop what listens there"
    )
    assert len(said.strip().splitlines()) == 1
