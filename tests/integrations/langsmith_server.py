"""LangSmith's ingest on a loopback socket: what the SDK posts to it, taken apart, kept by the runs' ids."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LangSmithServer(ThreadingHTTPServer):
    """``answers`` gives the status for a request by its number, from 1; 0 closes the connection without any.

    ``runs`` are those that were taken, by id; ``posts`` counts the requests, ``bodies`` are their bytes.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: Callable[[int], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.runs: dict[str, dict[str, Any]] = {}
        self.bodies: list[bytes] = []
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.stalled, self.lock = threading.Event(), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def posts(self) -> int:
        return len(self.bodies)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LangSmithServer

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        self._answer(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.asked.append(f"POST {self.path}")
            self.server.bodies.append(body)
            self.server.keys.add(self.headers["x-api-key"])
            status = self.server.answers(self.server.posts)
        if status == 0:
            self.server.stalled.wait(30)
            self.close_connection = True
            return
        if status < 300:
            self.server.runs |= runs_in(self.headers["Content-Type"], body)
        self._answer(status)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's output is its own."""


def runs_in(content_type: str, body: bytes) -> dict[str, dict[str, Any]]:
    """The runs of a multipart body: ``post.ID`` is the run, ``post.ID.inputs`` and others are its fields."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    runs: dict[str, dict[str, Any]] = {}
    for part in message.iter_parts():
        verb, run_id, *field = str(part.get_param("name", header="content-disposition")).split(".")
        assert verb == "post"
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        value = json.loads(payload)
        runs.setdefault(run_id, {}).update({field[0]: value} if field else value)
    return runs


@contextmanager
def serving(answers: Callable[[int], int] = lambda number: 202) -> Iterator[LangSmithServer]:
    server = LangSmithServer(answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stalled.set()
        server.shutdown()
        server.server_close()
        thread.join()
