"""What the simulator's processes share: a socket, a log, a server, and models that load while it serves already."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette

log = structlog.get_logger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. asyncio turns Nagle's delay off only where the protocol is named."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)  # whoever reads the address may connect at once
    return listener


def log_to(path: Path | None) -> None:
    """JSON lines to ``path``; to standard error without one."""
    file = sys.stderr
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", buffering=1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file),
    )


async def serve(app: Starlette, listener: socket.socket, *, name: str) -> None:
    """Print the address, then serve until the process is asked to end."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=2
    )
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"{name}: http://{host}:{port} (pid {os.getpid()})\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve(sockets=[listener])


def warming(
    start: Callable[[], Coroutine[Any, Any, None]], close: Callable[[], Awaitable[None]] | None
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """A lifespan: ``start`` runs beside the serving, since models take their time; ``close`` in the end, if given."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        started = asyncio.create_task(start())
        started.add_done_callback(_told)
        try:
            yield
        finally:
            started.cancel()
            if close is not None:
                await close()

    return lifespan


def _told(started: "asyncio.Task[None]") -> None:
    """Without its models a process never becomes ready: its log says why."""
    if not started.cancelled() and (error := started.exception()) is not None:
        log.error("simulator.not_warm", exc_info=error)
