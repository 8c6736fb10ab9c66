"""The API's websockets: text in pieces, audio in pieces, of one context or of several.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input and
.../v-1-text-to-speech-voice-id-multi-stream-input, the message types of the ``elevenlabs`` package, and what clients
report of its closes: an error is a message with ``error``, ``message`` and ``code``, then a close of that code.
"""

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import AliasChoices, BaseModel, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulator.elevenlabs.errors import Refusal, not_encoded
from simulator.elevenlabs.studio import CONTENT_TYPES, FORMATS, MODELS, Asked, Studio

log = structlog.get_logger(__name__)

_SCHEDULE = (120.0, 160.0, 250.0, 290.0)
_CHUNK_S = 0.25
_MOST_CONTEXTS = 5
_POLICY, _INTERNAL, _GOING_AWAY = 1008, 1011, 1001
_RATES = {"ulaw": 1, "alaw": 1, "pcm": 2}  # bytes a sample


class Generation(BaseModel):
    chunk_length_schedule: list[float] | None = None


class Message(BaseModel):
    """What a client may send; the API ignores what it does not know."""

    text: str | None = None
    context_id: str | None = Field(None, validation_alias=AliasChoices("context_id", "contextId"))
    voice_settings: dict[str, Any] | None = None
    generation_config: Generation | None = None
    key: str | None = Field(None, validation_alias=AliasChoices("xi_api_key", "xi-api-key"))
    flush: bool | None = None
    try_trigger_generation: bool | None = None
    close_context: bool | None = None
    close_socket: bool | None = None


@dataclass(slots=True)
class _Context:
    id: str | None
    settings: dict[str, Any] | None
    schedule: tuple[float, ...]
    buffer: str = ""
    generated: int = 0
    closing: bool = False
    jobs: list["asyncio.Task[None]"] = field(default_factory=list)


class _Ended(Exception):
    """The conversation with the client is over; ``code`` is the close's."""

    def __init__(self, code: int = 1000, reason: str = "", error: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.error = code, reason, error


class Sockets:
    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def single(self, websocket: WebSocket) -> None:
        await _Talk(self._studio, websocket, several=False).run()

    async def several(self, websocket: WebSocket) -> None:
        await _Talk(self._studio, websocket, several=True).run()


class _Talk:
    """One connection."""

    def __init__(self, studio: Studio, websocket: WebSocket, *, several: bool) -> None:
        self._studio, self._websocket, self._several = studio, websocket, several
        query = websocket.query_params
        self._voice_id = websocket.path_params["voice_id"]
        self._model_id = query.get("model_id", "eleven_multilingual_v2")
        self._format = query.get("output_format", "mp3_44100_128")
        self._auto = query.get("auto_mode", "false") == "true"
        self._timed = query.get("sync_alignment", "false") == "true"
        self._patience_s = min(float(query.get("inactivity_timeout", "20")), 180.0)
        self._contexts: dict[str | None, _Context] = {}
        self._failed: asyncio.Future[_Ended] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        await self._websocket.accept()
        listening = asyncio.ensure_future(self._listen())
        try:
            either: set[asyncio.Future[Any]] = {listening, self._failed}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            ended = self._failed.result() if self._failed.done() else listening.result()
        finally:
            listening.cancel()
            jobs = [job for context in self._contexts.values() for job in context.jobs]
            for job in jobs:
                job.cancel()
            await asyncio.gather(listening, *jobs, return_exceptions=True)
        if ended is not None:
            await self._close(ended)

    async def _close(self, ended: _Ended) -> None:
        try:
            if ended.error:
                await self._send({"message": ended.reason, "error": ended.error, "code": ended.code})
            await self._websocket.close(ended.code, ended.reason[:120])
        except (WebSocketDisconnect, RuntimeError):
            log.info("elevenlabs.client_gone")

    async def _listen(self) -> _Ended | None:
        """Until the end; None where the client has gone."""
        try:
            while True:
                async with asyncio.timeout(self._patience_s):
                    text = await self._websocket.receive_text()
                await self._take(Message.model_validate_json(text))
        except WebSocketDisconnect:
            return None
        except _Ended as ended:
            return ended
        except Refusal as refusal:
            return _told(refusal)
        except ValidationError as error:
            return _Ended(_POLICY, f"Invalid message: {error.errors()[0]['msg']}", "invalid_message")
        except TimeoutError:
            reason = f"Have not received a new text input within the timeout of {self._patience_s:g} seconds."
            return _Ended(_POLICY, reason, "input_timeout_exceeded")

    async def _take(self, message: Message) -> None:
        if message.close_socket:
            await _all(job for context in self._contexts.values() for job in context.jobs)
            raise _Ended
        name = message.context_id if self._several else None
        context = self._contexts.get(name)
        if context is None:
            if message.close_context or not message.text:
                return  # nothing of that name, or a sign of life
            context = self._opened(name, message)
        elif message.voice_settings is not None and message.voice_settings != context.settings:
            reason = (
                "voice_settings field must be provided in the first message and then either be not provided or not "
                "change."
            )
            raise _Ended(_POLICY, reason, "invalid_voice_settings")
        await self._feed(context, message)

    def _opened(self, name: str | None, message: Message) -> _Context:
        """A new context. Raises Refusal or _Ended."""
        try:
            self._studio.authorise(self._websocket.headers.get("xi-api-key") or message.key)
        except Refusal as refusal:
            self._studio.note(self._voice_id).status = refusal.http_status
            raise
        if self._voice_id not in self._studio.voices:
            raise _Ended(
                _POLICY, f"A voice with voice_id {self._voice_id} does not exist.", "voice_id_does_not_exist"
            )
        if self._model_id not in MODELS or self._model_id == "eleven_v3":
            raise _Ended(_POLICY, f"The model {self._model_id} does not exist.", "model_id_does_not_exist")
        if self._format not in FORMATS:
            raise _Ended(_POLICY, "Output format not allowed", "output_format_not_allowed")
        if self._format.split("_")[0] not in CONTENT_TYPES:
            raise not_encoded(self._format)
        if len([one for one in self._contexts.values() if not one.closing]) >= _MOST_CONTEXTS:
            raise _Ended(_POLICY, "Maximum simultaneous contexts exceeded (5).", "max_active_contexts")
        schedule = (message.generation_config and message.generation_config.chunk_length_schedule) or _SCHEDULE
        context = self._contexts[name] = _Context(name, message.voice_settings, tuple(schedule))
        if message.text == " ":  # opens the context, and is no text
            message.text = None
        return context

    async def _feed(self, context: _Context, message: Message) -> None:
        if message.close_context:
            self._closed(context)
            return
        if message.text == "" and not self._several:
            self._generate(context)
            await _all(context.jobs)
            await self._send({"audio": None, "isFinal": True})
            raise _Ended
        context.buffer += message.text or ""
        enough = context.schedule[min(context.generated, len(context.schedule) - 1)]
        if message.flush or (message.text and self._auto) or len(context.buffer) >= enough:
            self._generate(context)

    def _closed(self, context: _Context) -> None:
        """No more text: what was flushed is spoken to its end, the rest is dropped."""
        context.closing, context.buffer = True, ""
        jobs = list(context.jobs)

        async def final() -> None:
            await _all(jobs)
            if self._contexts.get(context.id) is context:
                del self._contexts[context.id]
            await self._send({"audio": None, "isFinal": True, "contextId": context.id})

        context.jobs.append(asyncio.create_task(final()))

    def _generate(self, context: _Context) -> None:
        text, context.buffer = context.buffer, ""
        if not text.strip():
            return
        context.generated += 1
        before = list(context.jobs)

        async def job() -> None:
            await _all(before)
            await self._spoken(context, text)

        context.jobs.append(asyncio.create_task(job()))

    async def _spoken(self, context: _Context, text: str) -> None:
        asked = self._studio.note(self._voice_id)
        asked.text, asked.model_id, asked.output_format = text, self._model_id, self._format
        try:
            self._studio.accept(asked)
        except Refusal as refusal:
            asked.status = refusal.http_status
            self._fail(_told(refusal))
            return
        finally:
            log.info("elevenlabs.asked", id=asked.id, status=asked.status, characters=asked.characters)
        try:
            await self._perform(context, asked)
        except asyncio.CancelledError:
            asked.cut = True
            raise
        except (WebSocketDisconnect, RuntimeError):  # which is how Starlette tells of a socket that was closed
            asked.cut = True
        finally:
            self._studio.live -= 1

    async def _perform(self, context: _Context, asked: Asked) -> None:
        """The audio, with what goes wrong on its way."""
        studio, switches, dice = self._studio, self._studio.switches, self._studio.dice
        await asyncio.sleep(dice.within_s(switches.latency_ms))
        if dice.strikes(switches.silent):
            await asyncio.sleep(switches.stall_s)
        sound = await studio.speak(asked)
        broken_off, stalls = dice.strikes(switches.broken_off), dice.strikes(switches.stalls)
        upto = len(sound)
        if dice.strikes(switches.empty):
            upto = 0
        elif dice.strikes(switches.cut_short):
            upto = len(sound) // 20 * 2
        half = upto // 4 * 2
        await self._part(context, asked, sound, 0, half)
        if broken_off:
            self._fail(_Ended(_GOING_AWAY))
            return
        if stalls:
            await asyncio.sleep(switches.stall_s)
        await self._part(context, asked, sound, half, upto)

    async def _part(self, context: _Context, asked: Asked, sound: bytes, start: int, end: int) -> None:
        codec, rate = self._format.split("_")
        size = int(_CHUNK_S * int(rate)) * _RATES[codec]
        for at in range(start, end, size):
            chunk = sound[at : min(at + size, end)]
            answer: dict[str, Any] = {"audio": base64.b64encode(chunk).decode(), "isFinal": None}
            if self._timed:
                whole_ms = 1000 * len(sound) / (_RATES[codec] * int(rate))
                shares = at / len(sound), (at + len(chunk)) / len(sound)
                answer["alignment"] = answer["normalizedAlignment"] = _alignment(asked.text, *shares, whole_ms)
            if self._several:
                answer["contextId"] = context.id
            await self._send(answer)
            asked.bytes_sent += len(chunk)

    async def _send(self, answer: dict[str, Any]) -> None:
        await self._websocket.send_json(answer)

    def _fail(self, ended: _Ended) -> None:
        if not self._failed.done():
            self._failed.set_result(ended)


def _alignment(text: str, start: float, end: float, whole_ms: float) -> dict[str, Any]:
    """The characters that begin between two shares of the whole, each as long as every other."""
    each = whole_ms / len(text)
    places = [place for place in range(len(text)) if start * whole_ms <= place * each < end * whole_ms]
    return {
        "chars": [text[place] for place in places],
        "charStartTimesMs": [round(place * each - start * whole_ms) for place in places],
        "charDurationsMs": [round(each) for _ in places],
    }


def _told(refusal: Refusal) -> _Ended:
    code = _INTERNAL if refusal.http_status >= 500 else _POLICY
    return _Ended(code, refusal.message, refusal.code)


async def _all(jobs: Iterable["asyncio.Task[None]"]) -> None:
    await asyncio.gather(*jobs, return_exceptions=True)
