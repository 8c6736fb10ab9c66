"""Carrying out TwiML on an answered call."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx
import structlog

from simulator import audio
from simulator.domain import twiml
from simulator.domain.call import Call
from simulator.domain.twiml import Dial, Gather, Hangup, Pause, Play, Redirect, Reject, Say, Stream, TwimlError, Verb
from simulator.faults import MediaFaults
from simulator.line import Line, Listener, Playback, Quiet
from simulator.media import MediaStream
from simulator.speech import Speech, Voice
from simulator.webhooks import Webhooks, call_fields, now

log = structlog.get_logger(__name__)
_HTTP_RETRIEVAL_FAILURE = 11200
_DOCUMENT_PARSE_FAILURE = 12100
_MOST_DOCUMENTS = 100


@dataclass(frozen=True, slots=True)
class Document:
    """TwiML given as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """TwiML to be asked for, with ``fields`` beside those of the call; ``fallback`` is asked when that fails."""

    url: str
    method: str = "POST"
    fields: Mapping[str, str] = field(default_factory=dict)
    fallback: "Fetch | None" = None


Source = Document | Fetch


class Dialer(Protocol):
    async def bridge(self, call: Call, line: Line, dial: Dial) -> Mapping[str, str]:
        """Ring the number, put the two calls together until one ends; the fields of ``DialCallStatus``."""


class _Failed(Exception):
    """No document: the call ends, as with Twilio's "an application error has occurred"."""


class Script:
    """The verbs of one call, in order, from one document to the next."""

    def __init__(
        self,
        call: Call,
        line: Line,
        *,
        webhooks: Webhooks,
        speech: Speech,
        dialer: Dialer,
        faults: MediaFaults,
        auth_token: str,
    ) -> None:
        self._call, self._line = call, line
        self._webhooks, self._speech, self._dialer = webhooks, speech, dialer
        self._faults, self._auth_token = faults, auth_token
        self._jump: asyncio.Future[Source] = asyncio.get_running_loop().create_future()
        self._base = ""
        self.hung_up = False
        """Whether a document said so, and did not just come to its end."""
        self.first_sound: Callable[[], None] = lambda: None
        """Told before each verb that answers a call: pauses and redirects before any other leave it ringing.

        Source: https://www.twilio.com/docs/voice/twiml/pause
        """

    def jump(self, source: Source) -> None:
        """Leave the present verb and go on with another document."""
        if not self._jump.done():
            self._jump.set_result(source)

    async def run(self, first: Source) -> None:
        """Until there is nothing left to do. Errors end the script and are kept with the call."""
        source: Source | None = first
        for _ in range(_MOST_DOCUMENTS):
            if source is None:
                return
            work = asyncio.create_task(self._perform(source))
            try:
                ends: set[asyncio.Future[Any]] = {work, self._jump}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not work.done():
                    work.cancel()
                    await asyncio.wait({work})
            if self._jump.done():
                source, self._jump = self._jump.result(), asyncio.get_running_loop().create_future()
                continue
            try:
                source = work.result()
            except _Failed:
                self.hung_up = True
                return
        self._fault(_HTTP_RETRIEVAL_FAILURE, f"gave up after {_MOST_DOCUMENTS} documents: is there a redirect loop?")

    async def _perform(self, source: Source) -> Source | None:
        for verb in await self._verbs(source):
            if isinstance(verb, Hangup | Reject):
                self.hung_up = True
                return None
            if not isinstance(verb, Pause | Redirect):
                self.first_sound()
            onward = await self._do(verb)
            if onward is not None:
                return onward
        return None

    async def _do(self, verb: Verb) -> Source | None:
        match verb:
            case Stream():
                return await self._stream(verb)
            case Redirect():
                return self._onward(verb.url, verb.method)
            case Pause():
                await asyncio.sleep(verb.length_s)
            case Say() | Play():
                await self._play(Playback(), await self._sound(verb))
            case Dial():
                whispered = replace(verb, whisper=urljoin(self._base, verb.whisper)) if verb.whisper else verb
                fields = await self._dialer.bridge(self._call, self._line, whispered)
                return self._onward(verb.action, verb.method, fields) if verb.action else None
            case Gather():
                return await self._gather(verb)
        return None

    async def _verbs(self, source: Source) -> tuple[Verb, ...]:
        try:
            if isinstance(source, Document):
                return twiml.parse(source.text)
            response = await self._webhooks.request(
                source.url, source.method, call_fields(self._call) | dict(source.fields)
            )
            response.raise_for_status()
            self._base = source.url
            return twiml.parse(response.text)
        except TwimlError as error:
            self._fault(_DOCUMENT_PARSE_FAILURE, f"Document parse failure: {error}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fault(_HTTP_RETRIEVAL_FAILURE, f"HTTP retrieval failure: {error!r}")
        if isinstance(source, Fetch) and source.fallback:
            return await self._verbs(source.fallback)
        raise _Failed

    async def _stream(self, verb: Stream) -> Source | None:
        parts = urlsplit(verb.url)
        if parts.query:
            log.warning("stream.query_dropped", call_sid=self._call.sid, reason="Twilio's Stream url takes no query")
        stream = MediaStream(
            self._call,
            urlunsplit(parts._replace(query="")),
            verb.parameters,
            stream_sid=f"MZ{secrets.token_hex(16)}",
            auth_token=self._auth_token,
            faults=self._faults,
        )

        def started() -> None:
            self._line.far = stream
            self._tell_stream(verb, stream, "stream-started")

        try:
            await stream.run(started)
        finally:
            self._line.far = Quiet()
            self._tell_stream(verb, stream, "stream-stopped")
        fields = {"StreamSid": stream.stream_sid}
        return self._onward(verb.action, verb.method, fields) if verb.action else None

    def _tell_stream(self, verb: Stream, stream: MediaStream, event: str) -> None:
        if not verb.status_callback:
            return
        fields = {
            "AccountSid": self._call.account_sid,
            "CallSid": self._call.sid,
            "StreamSid": stream.stream_sid,
            "StreamName": verb.name,
            "StreamEvent": event,
            "Timestamp": format_datetime(now()),
        }
        self._webhooks.tell(self._call, urljoin(self._base, verb.status_callback), "POST", fields)

    async def _sound(self, verb: Say | Play) -> bytes:
        if isinstance(verb, Say):
            return (await self._speech.render(verb.text, Voice())) * verb.loop
        try:
            response = await self._webhooks.request(urljoin(self._base, verb.url), "GET", {})
            response.raise_for_status()
            return audio.from_file(response.content, response.headers.get("content-type", "")) * verb.loop
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            self._fault(_HTTP_RETRIEVAL_FAILURE, f"<Play> {verb.url}: {error!r}")
            return b""

    async def _play(self, playback: Playback, mulaw: bytes) -> None:
        playback.play(mulaw)
        self._line.far = playback
        try:
            await playback.over.wait()
        finally:
            self._line.far = Quiet()

    async def _gather(self, verb: Gather) -> Source | None:
        taker: Playback = Listener() if verb.speech else Playback()
        digits, words = await self._first_input(verb, taker)
        self._line.far = taker
        try:
            while digits and digits[-1] not in verb.finish_on_key and len(digits) != verb.num_digits:
                digits += await asyncio.wait_for(taker.keys.get(), verb.timeout_s)
        except TimeoutError:
            log.debug("gather.timeout", call_sid=self._call.sid)
        finally:
            self._line.far = Quiet()
        fields = {"msg": "Gather End"}
        if digits:
            fields["Digits"] = digits.rstrip(verb.finish_on_key)
        elif words:
            fields |= {"SpeechResult": words, "Confidence": "0.9"}
        else:
            return None
        return self._onward(verb.action or self._base, verb.method, fields)

    async def _first_input(self, verb: Gather, taker: Playback) -> tuple[str, str]:
        """The first key, or what was said, during the prompts or within the timeout after them; "" without."""
        key = asyncio.create_task(taker.keys.get() if verb.keys else asyncio.Event().wait())
        words = asyncio.create_task(self._words(taker))
        prompts = asyncio.create_task(self._prompt(verb, taker))
        try:
            await asyncio.wait({key, words, prompts}, return_when=asyncio.FIRST_COMPLETED)
            self._line.far = taker
            if not (key.done() or words.done()):
                await asyncio.wait({key, words}, timeout=verb.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if isinstance(taker, Listener) and taker.began.is_set() and not key.done():
                await asyncio.wait({key, words}, return_when=asyncio.FIRST_COMPLETED)
            return str(key.result()) if key.done() else "", words.result() if words.done() else ""
        finally:
            for task in (key, words, prompts):
                task.cancel()
            await asyncio.wait({prompts, words})

    async def _words(self, taker: Playback) -> str:
        if not isinstance(taker, Listener):
            await asyncio.Event().wait()
            return ""
        return await self._speech.understand(await taker.heard.get())

    async def _prompt(self, verb: Gather, taker: Playback) -> None:
        for prompt in verb.prompts:
            if isinstance(prompt, Say | Play):
                await self._play(taker, await self._sound(prompt))
            elif isinstance(prompt, Pause):
                await asyncio.sleep(prompt.length_s)

    def _onward(self, url: str, method: str, fields: Mapping[str, str] | None = None) -> Fetch:
        return Fetch(urljoin(self._base, url), method, fields or {})

    def _fault(self, code: int, message: str) -> None:
        self._call.errors.append((code, message))
        log.warning("script.error", call_sid=self._call.sid, code=code, error=message)
