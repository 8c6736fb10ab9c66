"""Pages and workers on the loopback alone, and a Redis of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import aioice.ice
import pytest

from tests.voice.redis_server import Server


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    return redis_server.url
