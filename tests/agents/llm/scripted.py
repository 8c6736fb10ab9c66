"""A model server that follows a script: real HTTP on a loopback socket, in Ollama's and in OpenAI's words.

Ollama's: ``POST /api/chat``, one JSON object a line with ``message.content``, the last with ``done``, ``done_reason``
and the counts; an error is a status with ``{"error": …}``, or such a line in the middle (ollama's own client,
``ollama/_client.py``, and its types are what it was written after). OpenAI's: ``data:`` events up to ``[DONE]``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Says:
    """Streams ``pieces``; the first after ``first_s``, the next ones ``pause_s`` apart.

    ``ends`` "done" is a proper end, "length" one by the token limit, "cut" a connection that breaks off, "clean" one
    that closes without the last line, "never" silence, "error" a line that tells of one.
    """

    pieces: tuple[str, ...]
    first_s: float = 0.0
    pause_s: float = 0.0
    ends: str = "done"
    tokens: tuple[Any, Any] | None = (100, 7)


@dataclass(frozen=True)
class Fails:
    status: int
    body: str = '{"error": "out of memory"}'


@dataclass(frozen=True)
class Raw:
    """A body that follows no protocol."""

    body: bytes


Act = Says | Fails | Raw
Script = Callable[[Body], Act]


def says(text: str, **more: Any) -> Says:
    """``text`` in pieces of a few letters, as tokens come."""
    return Says(tuple(text[n : n + 4] for n in range(0, len(text), 4)), **more)


def claims(meaning: str, quote: str, value: str = "", **more: Any) -> Says:
    return says(json.dumps({"quote": quote, "meaning": meaning, "value": value}), **more)


def is_reading(body: Body) -> bool:
    """Whether a structured answer is asked for."""
    return bool(body.get("format") or body.get("response_format"))


def both(reading: Act, aside: Act) -> Script:
    return lambda body: reading if is_reading(body) else aside


@dataclass
class ScriptedServer:
    """``requests`` are the bodies in the order they came, ``withdrawn`` counts those whose client went away early,
    ``warmed`` requests for one token, which follow no script."""

    script: Script
    port: int = 0
    requests: list[Body] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    withdrawn: int = 0
    warmed: int = 0
    running: int = 0
    most: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._request(reader, writer):
                pass
        self.tasks.discard(task)
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-len"))
        body = json.loads(await reader.readexactly(length))
        if body.get("options", {}).get("num_predict") == 1:
            self.warmed += 1
            return await self._act(Says(("Hi",)), head.split()[1], writer)
        self.requests.append(body)
        self.paths.append(head.split()[1])
        self.asked.set()
        self.running, self.most = self.running + 1, max(self.most, self.running + 1)
        act = asyncio.create_task(self._act(self.script(body), self.paths[-1], writer))
        gone = asyncio.create_task(reader.read(1))
        await asyncio.wait({act, gone}, return_when=asyncio.FIRST_COMPLETED)
        self.running -= 1
        if not act.done():
            self.withdrawn += 1
            self.left.set()
            act.cancel()
            return False
        gone.cancel()
        await asyncio.wait({gone})
        return act.result()

    async def _act(self, act: Act, path: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        if isinstance(act, Fails):
            writer.write(_head(act.status, f"Content-Length: {len(act.body)}") + act.body.encode())
            await writer.drain()
            return True
        if isinstance(act, Raw):
            writer.write(_head(200, f"Content-Length: {len(act.body)}") + act.body)
            await writer.drain()
            return True
        event = _ollama if path == "/api/chat" else _openai
        if act.first_s:
            await asyncio.sleep(act.first_s)
        writer.write(_head(200, "Transfer-Encoding: chunked"))
        for number, piece in enumerate(act.pieces):
            if number and act.pause_s:
                await asyncio.sleep(act.pause_s)
            writer.write(_chunk(event(piece)))
            await writer.drain()
        if act.ends == "never":
            await asyncio.Event().wait()
        if act.ends == "cut":
            writer.write(b"40\r\n{half a li")
            await writer.drain()
            return False
        if act.ends == "error":
            writer.write(_chunk(b'{"error": "model runner has unexpectedly stopped"}\n' if event is _ollama else
                                b'data: {"error": {"message": "engine died"}}\n\n'))  # fmt: skip
        elif act.ends != "clean":
            reason = "length" if act.ends == "length" else "stop"
            writer.write(_chunk(event("", reason=reason, tokens=act.tokens)))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def scripted(script: Script | Act) -> AsyncIterator[ScriptedServer]:
    """A server at a free port that follows ``script``, or does one thing always."""
    model = ScriptedServer(script if callable(script) else lambda _: script)
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.port = server.sockets[0].getsockname()[1]
    try:
        yield model
    finally:
        server.close()
        for task in model.tasks:
            task.cancel()
        await asyncio.gather(*model.tasks)


def _head(status: int, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} OK", "Content-Type: application/json", *lines, "", ""]).encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _ollama(piece: str, *, reason: str = "", tokens: tuple[Any, Any] | None = None) -> bytes:
    line: Body = {
        "model": "llama3.1:8b",
        "created_at": "2026-11-23T18:00:00.000000Z",
        "message": {"role": "assistant", "content": piece},
        "done": bool(reason),
    }
    if reason:
        line |= {"done_reason": reason, "total_duration": 5_000_000, "load_duration": 1_000_000}
    if reason and tokens:
        line |= {"prompt_eval_count": tokens[0], "eval_count": tokens[1], "eval_duration": 4_000_000}
    return json.dumps(line).encode() + b"\n"


def _openai(piece: str, *, reason: str = "", tokens: tuple[Any, Any] | None = None) -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795464101, "model": "llama"}
    delta = {"content": piece} if piece else {}
    first = base | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason or None}]}
    events = [json.dumps(first)]
    if reason:
        if tokens:
            usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
            events.append(json.dumps(base | {"choices": [], "usage": usage}))
        events.append("[DONE]")
    return "".join(f"data: {event}\n\n" for event in events).encode()
