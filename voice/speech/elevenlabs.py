"""Speech out, the premium tier: ElevenLabs, by its websocket or by HTTP."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Protocol

import structlog

from agents.breaker import Breaker, Resting
from voice.speech.elevenlabs_errors import Account, ElevenLabsError
from voice.speech.elevenlabs_http import HttpTransport
from voice.speech.elevenlabs_socket import SocketTransport
from voice.speech.identity import identity_of_provider
from voice.speech.loudness import TARGET_DBOV, Leveller, active_level, amplified
from voice.speech.phrases import PhraseCache
from voice.speech.ports import BYTES_PER_MS, Piece, Speech, SpeechError

log = structlog.get_logger(__name__)

# Hurried speech takes 40 ms a letter. What is much shorter was broken off, even where it ended in good form.
_LEAST_MS_PER_LETTER = 15
_KNOWN_BYTES = 1500 * BYTES_PER_MS
WITHOUT_SOCKET = frozenset({"eleven_v3"})
"""Models that the websocket does not serve."""


class _Transport(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def pieces(self, text: str) -> AsyncGenerator[Piece, None]: ...


class ElevenLabsSynthesiser:
    """``voice.speech.ports.StreamingSynthesiser`` over ElevenLabs. Used from the event loop that started it.

    ``component`` is the rate card's key of ``model``. ``stall_s`` bounds the connection and each wait for more audio,
    ``limit_s`` the whole request. After three failures in a row, or one that needs a person, it is unavailable for
    half a minute by ``clock`` (monotonic seconds), then tried once. It is unavailable before its start and after its
    stop as well. ``by_socket`` None leaves the way to the model.

    A phrase from memory is answered without a wait. So a caller that is cancelled while it waits (barge-in) has a
    request on the way, which ElevenLabs bills whether it is heard or not; it counts as no failure.
    """

    def __init__(
        self,
        *,
        api_key: str,
        url: str,
        voice_id: str,
        model: str,
        component: str,
        stall_s: float = 2.0,
        limit_s: float = 8.0,
        by_socket: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        cache: PhraseCache | None = None,
    ) -> None:
        self.component = component
        self.identity = identity_of_provider("elevenlabs", voice_id, model)
        self.cache = cache or PhraseCache()
        self._account = Account(api_key, url, voice_id, model, stall_s)
        socket = model not in WITHOUT_SOCKET if by_socket is None else by_socket
        self._transport: _Transport = (SocketTransport if socket else HttpTransport)(self._account)
        self._limit_s = limit_s
        self._breaker = Breaker(clock)
        self._leveller = Leveller()
        self._started = False

    @property
    def available(self) -> bool:
        return self._started and self._breaker.available

    async def start(self) -> None:
        """Be ready to connect. Asks nothing yet: a provider that is away keeps no worker from starting."""
        await self._transport.start()
        self._started = True

    async def stop(self) -> None:
        self._started = False
        await self._transport.stop()

    def holds(self, text: str) -> bool:
        return not _letters(text) or self.cache.holds(text)

    def keep(self, text: str) -> None:
        self.cache.keep(text)

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        cached = self.holds(text)
        return Speech(b"".join([piece.pcm async for piece in self.stream(text, keep=keep)]), cached)

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[Piece]:
        if not _letters(text):
            return  # nothing to say, and nothing to pay for
        if (pcm := self.cache.get(text)) is not None:
            if keep:
                self.cache.keep(text)
            yield Piece(pcm, len(text))
            return
        if not self._started:
            raise SpeechError("ElevenLabs is asked before the voice worker started or after it stopped.")
        was_open = self._breaker.open
        whole = bytearray()
        try:
            with self._breaker.attempt():
                async with aclosing(self._asked(text)) as pieces:
                    async for piece in pieces:
                        whole += piece.pcm
                        yield piece
        except Resting:
            raise SpeechError("ElevenLabs failed a moment ago and is left alone; the local voice speaks.") from None
        except ElevenLabsError as error:
            if self._breaker.open:
                log.error("speech.premium_rests", reason=str(error))
            raise
        if was_open:
            log.info("speech.premium_back")
        self.cache.put(text, bytes(whole), keep=keep)

    async def _asked(self, text: str) -> AsyncGenerator[Piece, None]:
        """One request, at our loudness. Raises ElevenLabsError, which names neither the key nor their own words."""
        started = time.monotonic()
        raw, held, gain_db = bytearray(), b"", self._leveller.gain_db
        try:
            async with aclosing(self._transport.pieces(text)) as pieces:
                while (piece := await self._next(pieces, started)) is not None:
                    raw, held = raw + piece.pcm, held + piece.pcm
                    if gain_db is None and len(raw) < _KNOWN_BYTES and piece.said < len(text):
                        continue  # the first words of all tell too little of how loud the voice is
                    if gain_db is None:
                        level = active_level(bytes(raw))
                        gain_db = None if level is None else TARGET_DBOV - level
                    yield Piece(amplified(held, gain_db or 0.0), piece.said)
                    held = b""
            self._check(bytes(raw), text)
        except ElevenLabsError as error:
            log.warning(
                "speech.premium_failed",
                reason=str(error),
                status=error.status,
                code=error.code,
                chars=len(text),
                after_ms=round((time.monotonic() - started) * 1000),
            )
            raise
        self._leveller.learn(bytes(raw))

    async def _next(self, pieces: AsyncIterator[Piece], started: float) -> Piece | None:
        try:
            async with asyncio.timeout(started + self._limit_s - time.monotonic()):
                return await anext(pieces, None)
        except TimeoutError:
            raise self._account.slow(self._limit_s) from None

    def _check(self, pcm: bytes, text: str) -> None:
        """Raises ElevenLabsError for audio that cannot be the whole text."""
        if not pcm:
            raise self._account.no_audio()
        if len(pcm) < _letters(text) * _LEAST_MS_PER_LETTER * BYTES_PER_MS:
            raise self._account.broken_off()


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)
