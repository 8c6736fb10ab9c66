"""ElevenLabs by websocket: audio from the first words of a text on, with the time of each letter.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input and the
message types of the ``elevenlabs`` package, whose own client of this socket blocks. A connection has one text at a
time and is kept for the next one, so that no text waits for a handshake; what still comes of a text that was given
up is told by its context and dropped.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from elevenlabs import InitializeConnectionMulti, SendTextMulti
from elevenlabs.types.close_context import CloseContext
from elevenlabs.url_utils import build_ws_url
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.protocol import State

from voice.media.mulaw import decoded
from voice.speech.elevenlabs_errors import Account, ElevenLabsError, code_of
from voice.speech.ports import Piece

_FORMAT = "ulaw_8000"
_INACTIVITY_S = 180  # the longest that the API allows
_KEPT_S = 120.0  # well before the API gives an idle connection up
_LONGEST = 1 << 22  # bytes in a message
_LONGEST_MULAW = 180 * 8000  # no clause is three minutes long


class _Alignment(BaseModel):
    """When each character of a chunk's text begins, in ms from the chunk's start."""

    chars: list[str] = []
    starts: list[float] = Field([], alias="charStartTimesMs")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    audio: str | None = None
    final: bool | None = Field(None, alias="isFinal")
    context_id: str | None = Field(None, alias="contextId")
    alignment: _Alignment | None = None
    error: str | None = None
    code: int | None = None


@dataclass(slots=True, eq=False)
class _Connection:
    socket: ClientConnection
    used_at: float
    texts: int = 0


class SocketTransport:
    """Connections to one voice, each with one text at a time."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._url = build_ws_url(
            account.url,
            ["v1", "text-to-speech", account.voice_id, "multi-stream-input"],
            {
                "model_id": account.model,
                "output_format": _FORMAT,
                "inactivity_timeout": _INACTIVITY_S,
                "auto_mode": "true",
                "sync_alignment": "true",
            },
        )
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._open = False

    async def start(self) -> None:
        self._open = True

    async def stop(self) -> None:
        self._open = False
        connections, self._idle = [*self._idle, *self._busy], []
        await asyncio.gather(*(one.socket.close() for one in connections), *self._closing, return_exceptions=True)

    async def pieces(self, text: str) -> AsyncGenerator[Piece, None]:
        """``text`` as it comes. Raises ElevenLabsError, which names neither the key nor their own words."""
        connection = await self._connection()
        self._busy.add(connection)
        clean = False
        try:
            async for piece in self._said(connection, text):
                yield piece
            clean = True
        except ConnectionClosed as error:
            raise self._closed(error) from None
        except TimeoutError:
            raise self._account.silent() from None
        finally:
            self._busy.discard(connection)
            if clean and self._open:
                connection.used_at = time.monotonic()
                self._idle.append(connection)
            else:
                self._drop(connection)

    async def _connection(self) -> _Connection:
        """One that is open already, the last used first, or a new one."""
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if connection.socket.state is State.OPEN and now - connection.used_at < _KEPT_S:
                return connection
            self._drop(connection)
        headers = {"xi-api-key": self._account.api_key}
        if not self._account.api_key.isascii() or not self._account.api_key.isprintable():
            raise self._account.unusable_key()
        try:
            async with asyncio.timeout(self._account.stall_s):
                socket = await connect(
                    self._url, additional_headers=headers, max_size=_LONGEST, compression=None, close_timeout=1.0
                )
        except InvalidStatus as error:
            if error.response.status_code < 300:
                raise self._account.a_page() from None
            # Never chained: a library's own message may quote a header, and the key is in one.
            raise self._account.refused(error.response.status_code, code_of(_json(error.response.body))) from None
        except TimeoutError:
            raise self._account.silent() from None
        except (OSError, InvalidURI, ValueError):
            raise self._account.unreachable() from None
        except (InvalidHandshake, WebSocketException):
            raise self._account.broken_off() from None
        return _Connection(socket, now)

    async def _said(self, connection: _Connection, text: str) -> AsyncGenerator[Piece, None]:
        connection.texts += 1
        context = f"text-{connection.texts}"
        for message in (
            InitializeConnectionMulti(text=" ", context_id=context),
            SendTextMulti(text=text, context_id=context, flush=True),
            CloseContext(context_id=context, close_context=True),
        ):
            await connection.socket.send(json.dumps(message.dict(exclude_none=True)))
        assembled = _Assembled(text)
        while True:
            answer = await self._answer(connection)
            if answer.error is not None or answer.code is not None:
                raise self._account.refused(answer.code or 0, code_of({"error": answer.error}))
            if answer.context_id not in (None, context):
                continue
            if answer.audio:
                if (piece := assembled.piece(_mulaw(answer.audio), answer.alignment)) is not None:
                    yield piece
                if assembled.received > _LONGEST_MULAW:
                    raise self._account.too_much()
            if answer.final:
                break
        if (piece := assembled.rest()) is not None:
            yield piece
        if not assembled.complete:
            raise self._account.broken_off() if assembled.received else self._account.no_audio()

    async def _answer(self, connection: _Connection) -> _Answer:
        async with asyncio.timeout(self._account.stall_s):
            message = await connection.socket.recv()
        try:
            return _Answer.model_validate_json(message)
        except ValidationError:
            raise self._account.a_page() from None

    def _closed(self, error: ConnectionClosed) -> ElevenLabsError:
        return self._account.closed(error.rcvd.code if error.rcvd else None, error.rcvd.reason if error.rcvd else "")

    def _drop(self, connection: _Connection) -> None:
        closing = asyncio.create_task(connection.socket.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


@dataclass(slots=True)
class _Assembled:
    """Chunks cut anew where a word ends, so that another voice can go on with the next one."""

    text: str
    received: int = 0
    _held: bytearray = field(default_factory=bytearray)
    _chars: int = 0
    """Characters whose time has come."""
    _cut: int = 0
    """Characters that were handed on."""
    _timed: bool = True

    def piece(self, mulaw: bytes, alignment: _Alignment | None) -> Piece | None:
        """What may be handed on: up to the end of the last whole word that has come; None where that is nothing."""
        before = len(self._held)
        self._held += mulaw
        self.received += len(mulaw)
        if alignment is None or len(alignment.chars) != len(alignment.starts):
            self._timed = self._timed and not mulaw
            return None
        first, starts, spoken = self._chars, alignment.starts, "".join(alignment.chars)
        if first == 0:  # the space that opened the context is told as well
            spoken = spoken.lstrip() if not self.text.startswith(" ") else spoken
            starts = starts[len(starts) - len(spoken) :]
        self._timed = self._timed and self.text.startswith(spoken.rstrip(), first)
        self._chars = min(first + len(spoken), len(self.text))
        at = self.text.rfind(" ", first, self._chars)
        if not self._timed or at <= self._cut:
            return None
        samples = min(before + round(starts[at - first] * 8), len(self._held))
        pcm, self._cut = decoded(bytes(self._held[:samples])), at
        del self._held[:samples]
        return Piece(pcm, at) if pcm else None

    def rest(self) -> Piece | None:
        """What has come since; of a text that was broken off, only what nobody can tell the length of is lost."""
        if not self.complete:
            return None
        pcm, self._cut = decoded(bytes(self._held)), len(self.text)
        return Piece(pcm, self._cut) if pcm else None

    @property
    def complete(self) -> bool:
        """Whether the audio can be the whole text: without times, by its length alone."""
        if not self.received:
            return False
        letters = self.text[self._chars :] if self._timed else ""
        return not any(char.isalnum() for char in letters)


def _mulaw(audio: str) -> bytes:
    try:
        return base64.b64decode(audio, validate=True)
    except binascii.Error:
        return b""


def _json(body: bytes | bytearray | None) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        return None
