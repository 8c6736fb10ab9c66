"""A webhook receiver on a real socket, which checks signatures with code of its own."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


Behave = Callable[[BaseHTTPRequestHandler, Received], None]


@dataclass
class Receiver:
    url: str
    behave: Behave
    received: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def answer(status: int, headers: dict[str, str] | None = None) -> Behave:
    def behave(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return behave


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that answers 204 until its ``behave`` is set to something else."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # the stock five turn callers away when many come at once

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.received.append(request)
            receiver.behave(self, request)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test's output is its own."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hooks?team=7", answer(204))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def signature_of(request: Received, secret: str) -> str:
    """As the specification has it: HMAC-SHA256 over ``id.timestamp.body`` with the decoded secret."""
    mac = hmac.new(base64.b64decode(secret.split("_", 1)[1]), digestmod=hashlib.sha256)
    mac.update(f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode())
    mac.update(request.body)
    return "v1," + base64.b64encode(mac.digest()).decode()
