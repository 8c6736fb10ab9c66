"""A supervisor on a call: hears both sides, reads along, and may talk in the agent's place.

Messages are JSON. To the supervisor, audio as Twilio sends it (mu-law, 8 kHz, base64; ``track`` inbound is the
person's, outbound ours), ``turn`` for each turn, ``mode`` when somebody takes the line or gives it back, and
``stop``. From them ``media`` with what they say, ``takeover`` and ``release``. docs/call-control.md lists them.

A supervisor's socket is never waited for: what it does not read in time is left out, and a socket that reads nothing
for long is closed.
"""

import asyncio
import base64
import binascii
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from agents.domain.types import Heard, HeardKind
from voice.domain.types import Controlled, LineEvent, TurnRecord
from voice.hearing import Ears, Turn
from voice.media import mulaw
from voice.media.pacer import PACKET
from voice.media.ports import Media
from voice.speech.ports import RATE
from voice.transcript import Transcript
from voice.turns import TurnTaking, utc_now

log = structlog.get_logger(__name__)

SUPERVISOR = "supervisor"
_WAITING = 250  # messages: three to five seconds of both sides
_SEND_S = 5.0
_MOST_SUPERVISORS = 4
_MOST_AHEAD_S = 0.6  # of the supervisor's audio on its way to the person: more is left out


@dataclass(frozen=True, slots=True)
class Pass:
    """What the holder of one token may do on one call; ``by`` is who they are."""

    call_id: str
    by: str
    takes_over: bool
    until: float


class Supervisor:
    """One socket's end. ``offer`` never blocks."""

    def __init__(self, websocket: WebSocket, granted: Pass) -> None:
        self.granted, self._websocket = granted, websocket
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._news = asyncio.Event()
        self.dropped = 0

    def offer(self, message: dict[str, Any]) -> None:
        self.dropped += len(self._waiting) == _WAITING
        self._waiting.append(orjson.dumps(message))
        self._news.set()

    async def write(self) -> None:
        """Send what is offered. Raises TimeoutError where nobody reads it."""
        while True:
            while self._waiting:
                async with asyncio.timeout(_SEND_S):
                    await self._websocket.send_text(self._waiting.popleft().decode())
            self._news.clear()
            await self._news.wait()


class Supervision:
    """Who supervises one call. ``ears`` makes what hears a supervisor who talks, for the transcript."""

    def __init__(
        self,
        call_id: str,
        turns: TurnTaking,
        media: Media,
        transcript: Transcript,
        *,
        ears: Callable[[Callable[[Turn | None], None]], Ears],
        why_not: Callable[[], str],
        began: Callable[[], None],
        emit: Callable[[LineEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self._call_id, self._turns, self._media, self._transcript = call_id, turns, media, transcript
        self._make_ears, self._why_not, self._began = ears, why_not, began
        self._emit, self._clock, self._zero = emit, clock, clock()
        self._supervisors: set[Supervisor] = set()
        self._talking: Supervisor | None = None
        self._ears: Ears | None = None
        self._pending = bytearray()
        self._ahead_until = 0.0
        self._over = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None  # kept, so that it is not collected
        self.heard_s = 0.0

    @property
    def watched(self) -> bool:
        return bool(self._supervisors)

    @property
    def taken_over(self) -> bool:
        return self._talking is not None

    def audio(self, track: str, pcm: bytes) -> None:
        """What the person hears (``outbound``) or says (``inbound``)."""
        payload = base64.b64encode(mulaw.encoded(pcm)).decode()
        stamp = str(round((self._clock() - self._zero) * 1000))
        self._tell({"event": "media", "media": {"track": track, "timestamp": stamp, "payload": payload}})

    def turn(self, turn: TurnRecord) -> None:
        told = {
            "seq": turn.seq,
            "speaker": turn.speaker.value,
            "agent": turn.agent,
            "text": turn.text,
            "startMs": turn.start_ms,
            "endMs": turn.end_ms,
            "interrupted": turn.interrupted,
        }
        self._tell({"event": "turn", "turn": told})

    async def attend(self, websocket: WebSocket, granted: Pass) -> None:
        """Serve one supervisor until they go or the call is over."""
        if len(self._supervisors) >= _MOST_SUPERVISORS or self._over.is_set():
            await websocket.close(1013, "too many supervisors, or the call is over")
            return
        supervisor = Supervisor(websocket, granted)
        mode = "takeover" if self.taken_over else "listen"
        about = {"callId": self._call_id, "mode": mode, "mayTakeOver": granted.takes_over}
        form = {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1}
        supervisor.offer({"event": "start", "start": {**about, "mediaFormat": form}})
        self._supervisors.add(supervisor)
        self._note("supervised", granted.by)
        tasks = {
            asyncio.create_task(supervisor.write()),
            asyncio.create_task(self._read(websocket, supervisor)),
            asyncio.create_task(self._until_over()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._supervisors.discard(supervisor)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._left(supervisor, results)
            await self._close(websocket)

    async def close(self) -> None:
        """The call is over."""
        self._over.set()
        self._tell({"event": "stop"})
        if self._talking is not None:
            self._talking = None  # first: whose socket closes meanwhile gives the agent no line back
            await self._hear_out()

    def _left(self, supervisor: Supervisor, results: list[Any]) -> None:
        """A supervisor has gone, by will or not: the agent goes on where they talked."""
        if self._talking is supervisor:
            self._release()
        for error in results:
            if isinstance(error, Exception) and not isinstance(
                error, WebSocketDisconnect | TimeoutError | RuntimeError
            ):
                log.error("supervisor.broke", call_id=self._call_id, error=repr(error))
        log.info("supervisor.left", call_id=self._call_id, dropped=supervisor.dropped)

    async def _until_over(self) -> None:
        await self._over.wait()
        await asyncio.sleep(0.2)  # their last messages

    async def _close(self, websocket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(1.0):
                await websocket.close()

    async def _read(self, websocket: WebSocket, supervisor: Supervisor) -> None:
        while True:
            received = await websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                message = orjson.loads(received.get("text") or "null")
            except orjson.JSONDecodeError:
                message = None
            if not isinstance(message, dict):
                supervisor.offer({"event": "error", "error": "Send one JSON object a message."})
                continue
            await self._take(message, supervisor)

    async def _take(self, message: dict[str, Any], supervisor: Supervisor) -> None:
        match message.get("event"):
            case "media":
                await self._say(message.get("media"), supervisor)
            case "takeover":
                self._take_over(supervisor)
            case "release":
                if self._talking is supervisor:
                    self._release()
            case _:
                supervisor.offer({"event": "error", "error": "The event is none of media, takeover and release."})

    # In the agent's place.

    def _take_over(self, supervisor: Supervisor) -> None:
        reason = self._why_not()
        if not supervisor.granted.takes_over:
            reason = "This token may listen only."
        elif self._talking is not None and self._talking is not supervisor:
            reason = "Another supervisor talks with the person."
        if reason:
            supervisor.offer({"event": "error", "error": reason})
            return
        if self._talking is None:
            self._talking, self._ears = supervisor, self._make_ears(self._said)
            self._pending.clear()
            self._began()
            self._turns.step_aside()
            self._note("takeover", supervisor.granted.by)
            self._tell({"event": "mode", "mode": "takeover"})

    def _release(self) -> None:
        assert self._talking is not None
        by, self._talking = self._talking.granted.by, None
        self._note("release", by)
        self._tell({"event": "mode", "mode": "listen"})
        ears, self._ears = self._ears, None
        if ears is not None:
            self._closing = asyncio.get_running_loop().create_task(self._finish(ears))
        self._turns.step_back(Heard("takeover", utc_now(), HeardKind.BACK))

    async def _hear_out(self) -> None:
        ears, self._ears = self._ears, None
        if ears is not None:
            await self._finish(ears)

    async def _finish(self, ears: Ears) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await ears.finish()
        except Exception as error:  # noqa: BLE001 - the rest of a sentence in the transcript is not worth a call
            log.warning("supervisor.not_heard_out", call_id=self._call_id, error=repr(error))
        finally:
            self.heard_s += ears.heard_s
            await ears.close()

    async def _say(self, media: object, supervisor: Supervisor) -> None:
        """Their audio to the person, in whole packets; what would come too late is left out."""
        if self._talking is not supervisor or self._ears is None:
            return
        payload = media.get("payload") if isinstance(media, dict) else None
        try:
            self._pending += base64.b64decode(payload if isinstance(payload, str) else "", validate=True)
        except binascii.Error:
            supervisor.offer({"event": "error", "error": "The payload is not base64."})
            return
        whole = len(self._pending) - len(self._pending) % PACKET
        if not whole:
            return
        coded, now = bytes(self._pending[:whole]), self._clock()
        del self._pending[:whole]
        if self._ahead_until - now > _MOST_AHEAD_S:
            return
        self._ahead_until = max(self._ahead_until, now) + len(coded) / RATE
        self._ears.feed(mulaw.decoded(coded), now)
        await self._media.say_mulaw(coded)

    def _said(self, turn: Turn | None) -> None:
        if turn is not None and turn.text:
            self._transcript.agent(
                turn.text, start=turn.started, end=turn.ended, interrupted=False, agent=SUPERVISOR, timings=None
            )

    def _note(self, what: str, by: str) -> None:
        self._emit(Controlled(what, by, utc_now()))

    def _tell(self, message: dict[str, Any]) -> None:
        for supervisor in self._supervisors:
            supervisor.offer(message)
