"""Speech out, the premium tier: ElevenLabs over its own client.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/stream and
https://elevenlabs.io/docs/eleven-api/resources/errors. The client's streaming call never repeats a request, so a
person on the phone waits for one answer at most.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import structlog
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from voice.speech.breaker import Breaker, ProviderError, Resting
from voice.speech.ports import BYTES_PER_MS, Speech, SpeechError
from voice.speech.synthesis import PhraseCache

log = structlog.get_logger(__name__)

# Raw samples at the telephone's rate: mu-law is made of them once, at the wire, as for every other voice.
_FORMAT = "pcm_8000"
_KEPT_ALIVE_S = 60.0  # longer than a person talks between two of our sentences
_CONNECTIONS = 256  # above the lines of a worker: waiting for a free connection is not a failure of the provider
_LONGEST_BYTES = 180_000 * BYTES_PER_MS  # no clause is three minutes long
# Hurried speech takes 40 ms a letter. What is much shorter was broken off, even where it ended in good form.
_LEAST_MS_PER_LETTER = 15
_CODE = re.compile(r"[a-z0-9_]{1,64}")

_KEY = "ElevenLabs refuses the API key: set ELEVENLABS_API_KEY to one that may use text to speech."
_MONEY = "The ElevenLabs account or key may not spend more: add credits, pay its invoice, or raise its plan."
_VOICE = "ElevenLabs does not know the voice {voice_id}: set ELEVENLABS_VOICE_ID to one of the account's voices."
_MODEL = "ElevenLabs does not know the model {model}: choose another ELEVENLABS_MODEL."
_PLAN = (
    "The ElevenLabs account may not use the voice {voice_id} with {model}: change ELEVENLABS_VOICE_ID or "
    "ELEVENLABS_MODEL, or raise its plan."
)
# What does not go away by itself: by the error's code, or its older name, and where that says nothing by HTTP status.
_MEANINGS = {
    "invalid_api_key": _KEY,
    "quota_exceeded": _MONEY,
    "insufficient_credits": _MONEY,
    "payment_required": _MONEY,
    "payment_issue": _MONEY,
    "paid_plan_required": _PLAN,
    "voice_not_found": _VOICE,
    "invalid_voice_id": _VOICE,
    "model_not_found": _MODEL,
}
_LASTING = {
    401: _KEY,
    402: _MONEY,
    403: _PLAN,
    404: "No text to speech is found at {url}: set ELEVENLABS_URL to the address of the API.",
}


class ElevenLabsError(ProviderError, SpeechError):
    """ElevenLabs did not speak; the local voice can. ``lasting``: it will not before somebody changes something."""

    def __init__(self, sentence: str, *, lasting: bool = False) -> None:
        super().__init__(sentence)
        self.lasting = lasting


class ElevenLabsSynthesiser:
    """``voice.speech.ports.Synthesiser`` over ElevenLabs. Used from the event loop that started it.

    ``component`` is the rate card's key of ``model``. ``stall_s`` bounds the connection and each wait for more audio,
    ``limit_s`` the whole request. After three failures in a row, or one that needs a person, it is unavailable for
    half a minute by ``clock`` (monotonic seconds), then tried once. It is unavailable before its start and after its
    stop as well.

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
        clock: Callable[[], float] = time.monotonic,
        cache: PhraseCache | None = None,
    ) -> None:
        self.component = component
        self._api_key, self._url, self._voice_id, self._model = api_key, url, voice_id, model
        self._stall_s, self._limit_s = stall_s, limit_s
        self._breaker = Breaker(clock)
        self._cache = cache or PhraseCache()
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncElevenLabs | None = None

    @property
    def available(self) -> bool:
        return self._client is not None and self._breaker.available

    async def start(self) -> None:
        """Open the connection pool. Asks nothing yet: a provider that is away keeps no worker from starting."""
        limits = httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEPT_ALIVE_S
        )
        self._http = httpx.AsyncClient(limits=limits)
        self._client = AsyncElevenLabs(
            base_url=self._url, api_key=self._api_key, timeout=self._stall_s, httpx_client=self._http
        )

    async def stop(self) -> None:
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.aclose()

    def holds(self, text: str) -> bool:
        return not _letters(text) or self._cache.holds(text)

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        if not _letters(text):
            return Speech(b"", cached=True)  # nothing to say, and nothing to pay for
        if (pcm := self._cache.get(text)) is not None:
            return Speech(pcm, cached=True)
        if self._client is None:
            raise SpeechError("ElevenLabs is asked before the voice worker started or after it stopped.")
        was_open = self._breaker.open
        try:
            with self._breaker.attempt():
                pcm = await self._ask(self._client, text)
        except Resting:
            raise SpeechError("ElevenLabs failed a moment ago and is left alone; the local voice speaks.") from None
        except ElevenLabsError as error:
            if self._breaker.open:
                log.error("speech.premium_rests", reason=str(error))
            raise
        if was_open:
            log.info("speech.premium_back")
        self._cache.put(text, pcm, keep=keep)
        return Speech(pcm, cached=False)

    async def _ask(self, client: AsyncElevenLabs, text: str) -> bytes:
        """PCM of one request. Raises ElevenLabsError, which names neither the key nor the provider's own words."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._limit_s):
                pcm = await self._stream(client, text)
            self._check(pcm, text)
        except ElevenLabsError as error:
            self._failed(error, started, text)
            raise
        except ApiError as error:
            raise self._failed(self._refused(error), started, text, error) from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            # Never chained: a library's own message may quote a header, and the key is in one.
            raise self._failed(self._lost(error), started, text, error) from None
        return pcm

    async def _stream(self, client: AsyncElevenLabs, text: str) -> bytes:
        pcm = bytearray()
        async with client.text_to_speech.with_raw_response.stream(
            self._voice_id, text=text, model_id=self._model, output_format=_FORMAT
        ) as answer:
            kind = answer.headers.get("content-type", "")
            if kind.startswith("text/") or "json" in kind:
                raise ElevenLabsError(
                    f"A page answers at {self._url}, no audio: set ELEVENLABS_URL to the address of the API."
                )
            async for chunk in answer.data:
                pcm += chunk
                if len(pcm) > _LONGEST_BYTES:
                    raise ElevenLabsError(
                        f"More audio comes from {self._url} than any text needs: check ELEVENLABS_URL."
                    )
        return bytes(pcm)

    def _check(self, pcm: bytes, text: str) -> None:
        """Raises ElevenLabsError for audio that cannot be the whole text."""
        if not pcm:
            raise ElevenLabsError(
                f"ElevenLabs sent no audio: check that the voice {self._voice_id} (ELEVENLABS_VOICE_ID) speaks with "
                f"{self._model} (ELEVENLABS_MODEL)."
            )
        if len(pcm) % 2 or len(pcm) < _letters(text) * _LEAST_MS_PER_LETTER * BYTES_PER_MS:
            raise ElevenLabsError(self._broken_off())

    def _refused(self, error: ApiError) -> ElevenLabsError:
        """What an answer that is no audio means. The body's code goes first: its status varies by host and age."""
        status, code = error.status_code or 0, _code(error.body)
        if status in _LASTING or code in _MEANINGS:
            sentence = _MEANINGS.get(code) or _LASTING[status]
            return ElevenLabsError(
                sentence.format(voice_id=self._voice_id, model=self._model, url=self._url), lasting=True
            )
        if status == 429:
            return ElevenLabsError(
                "ElevenLabs gets too many requests at once: lower VOICE_LINES or raise the account's plan."
            )
        if status >= 500:
            return ElevenLabsError(f"ElevenLabs is out of order (HTTP {status}): see status.elevenlabs.io.")
        return ElevenLabsError(
            f"ElevenLabs does not take the request (HTTP {status}{f', {code}' if code else ''}): check "
            f"ELEVENLABS_VOICE_ID, ELEVENLABS_MODEL and ELEVENLABS_URL."
        )

    def _lost(self, error: Exception) -> ElevenLabsError:
        """What a connection that failed means."""
        if isinstance(
            error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.InvalidURL
        ):
            return ElevenLabsError(
                f"ElevenLabs cannot be reached at {self._url}: check ELEVENLABS_URL and this machine's network."
            )
        if isinstance(error, httpx.TimeoutException):
            return ElevenLabsError(
                f"ElevenLabs was silent for {self._stall_s:g} s: check this machine's network, or choose a faster "
                f"ELEVENLABS_MODEL."
            )
        if isinstance(error, TimeoutError):
            return ElevenLabsError(
                f"ElevenLabs took more than {self._limit_s:g} s: check this machine's network, or choose a faster "
                f"ELEVENLABS_MODEL."
            )
        if isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
            return ElevenLabsError(
                "ELEVENLABS_API_KEY holds what no HTTP header can: copy the key anew.", lasting=True
            )
        return ElevenLabsError(self._broken_off())

    def _broken_off(self) -> str:
        return f"The answer from {self._url} was broken off: check this machine's network."

    def _failed(
        self, error: ElevenLabsError, started: float, text: str, cause: Exception | None = None
    ) -> ElevenLabsError:
        log.warning(
            "speech.premium_failed",
            reason=str(error),
            status=getattr(cause, "status_code", None),
            code=_code(getattr(cause, "body", None)),
            error=type(cause).__name__ if cause else "",
            chars=len(text),
            after_ms=round((time.monotonic() - started) * 1000),
        )
        return error


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)


def _code(body: Any) -> str:
    """The error's code, or its older name for it; empty where the body is none of the API's."""
    detail = body.get("detail") if isinstance(body, dict) else None
    found = detail.get("code") or detail.get("status") if isinstance(detail, dict) else None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""
