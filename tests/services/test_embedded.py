"""The embedded PostgreSQL and Redis: one pair for all, gone with the last user, whatever kills whom."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from reautomation.embedded import Embedded
from tests.processes import left_over

ROOT = Path(__file__).resolve().parent.parent.parent
USER = """
import sys
from pathlib import Path
from reautomation.embedded import Embedded, join
join(Embedded(Path(sys.argv[1])))
print("joined", flush=True)
sys.stdin.read()
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    """In a folder with a space in its name, and more path than a socket's name could hold."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder) / "a folder with spaces" / ("long" * 20)
        var.mkdir(parents=True)
        servers = Embedded(var)
        yield servers
        for process in server_processes(servers):
            process.kill()
        shutil.rmtree(servers.sockets, ignore_errors=True)


def user_of(embedded: Embedded, **options: Any) -> "subprocess.Popen[str]":
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", USER, str(embedded.var)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
    return process


def joined(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n"


def leaves(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=30)


def server_processes(embedded: Embedded) -> list[psutil.Process]:
    """The postmaster, Redis and the keeper of these servers."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            mine = str(embedded.pgdata) in line or str(embedded.redis_socket) in line
            if mine or ("reautomation.embedded" in line and str(embedded.var) in line):
                found.append(process)
    return found


def postmaster(embedded: Embedded) -> int:
    return int((embedded.pgdata / "postmaster.pid").read_text().splitlines()[0])


def answers(embedded: Embedded) -> bool:
    with psycopg.connect(embedded.database_url) as connection:
        one = connection.execute("SELECT 1").fetchone()
    with redis.Redis(unix_socket_path=str(embedded.redis_socket)) as client:
        return one == (1,) and bool(client.ping())


def wait_until_gone(embedded: Embedded) -> None:
    assert left_over(server_processes(embedded)) == []
    assert not embedded.sockets.exists()


def test_many_that_ask_at_once_share_one_pair_that_ends_with_the_last(embedded: Embedded) -> None:
    users = [user_of(embedded) for _ in range(4)]
    for user in users:
        joined(user)
    first = postmaster(embedded)
    assert len(server_processes(embedded)) >= 3
    for user in users[1:]:
        leaves(user)
    assert answers(embedded)
    assert postmaster(embedded) == first
    leaves(users[0])
    wait_until_gone(embedded)


def test_a_killed_user_leaves_its_place_and_the_data_stay(embedded: Embedded) -> None:
    killed, other = user_of(embedded), user_of(embedded)
    joined(killed)
    joined(other)
    with psycopg.connect(embedded.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert answers(embedded)
    other.send_signal(signal.SIGKILL)
    other.wait()
    wait_until_gone(embedded)
    again = user_of(embedded)
    joined(again)
    with psycopg.connect(embedded.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    leaves(again)
    wait_until_gone(embedded)


def test_a_killed_keeper_and_killed_servers_are_replaced_by_the_next_who_joins(embedded: Embedded) -> None:
    first = user_of(embedded)
    joined(first)
    for process in server_processes(embedded):
        process.kill()
    psutil.wait_procs(server_processes(embedded), timeout=10)
    second = user_of(embedded)
    joined(second)
    assert answers(embedded)
    leaves(first)
    leaves(second)
    wait_until_gone(embedded)


def test_servers_that_lost_their_sockets_are_reached_again(embedded: Embedded) -> None:
    first = user_of(embedded)
    joined(first)
    shutil.rmtree(embedded.sockets)
    second = user_of(embedded)
    joined(second)
    assert answers(embedded)
    leaves(first)
    leaves(second)
    wait_until_gone(embedded)


def test_somebody_who_joins_while_the_servers_stop_finds_them_running(embedded: Embedded) -> None:
    for _ in range(3):
        leaving = user_of(embedded)
        joined(leaving)
        coming = threading.Thread(target=leaves, args=(leaving,))
        coming.start()
        joining = user_of(embedded)
        joined(joining)
        coming.join()
        assert answers(embedded)
        leaves(joining)
    wait_until_gone(embedded)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is what runs this test already")
def test_an_ordinary_user_needs_no_root(embedded: Embedded) -> None:
    nobody = pwd.getpwnam("nobody")
    interpreter = Path(sys.executable).resolve()
    if any(not folder.stat().st_mode & 0o001 for folder in [*interpreter.parents, *ROOT.parents, ROOT]):
        pytest.skip("nobody may not walk to this interpreter or checkout")
    for folder in [embedded.var, *embedded.var.parents]:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(0o755)
    os.chown(embedded.var, nobody.pw_uid, nobody.pw_gid)
    user = user_of(embedded, user="nobody", env={**os.environ, "HOME": "/nonexistent"})
    joined(user)
    assert psutil.Process(postmaster(embedded)).uids().effective == nobody.pw_uid
    leaves(user)
