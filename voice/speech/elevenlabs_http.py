"""ElevenLabs by HTTP: one request a text. For models that its websocket does not serve.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/stream. The client's streaming call never repeats a
request, so a person on the phone waits for one answer at most. Without times of words nobody can tell what was said
of a text that stops within, so it is handed on whole.
"""

from collections.abc import AsyncGenerator

import httpx
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from voice.speech.elevenlabs_errors import Account, ElevenLabsError, code_of
from voice.speech.ports import BYTES_PER_MS, Piece

# Raw samples at the telephone's rate: mu-law is made of them once, at the wire, as for every other voice.
_FORMAT = "pcm_8000"
_KEPT_ALIVE_S = 60.0  # longer than a person talks between two of our sentences
_CONNECTIONS = 256  # above the lines of a worker: waiting for a free connection is not a failure of the provider
_LONGEST_BYTES = 180_000 * BYTES_PER_MS  # no clause is three minutes long


class HttpTransport:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncElevenLabs | None = None

    async def start(self) -> None:
        limits = httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_KEPT_ALIVE_S
        )
        self._http = httpx.AsyncClient(limits=limits)
        self._client = AsyncElevenLabs(
            base_url=self._account.url,
            api_key=self._account.api_key,
            timeout=self._account.stall_s,
            httpx_client=self._http,
        )

    async def stop(self) -> None:
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.aclose()

    async def pieces(self, text: str) -> AsyncGenerator[Piece, None]:
        """The whole text as one piece. Raises ElevenLabsError, which names neither the key nor their own words."""
        if self._client is None:
            raise self._account.unreachable()
        try:
            pcm = await self._stream(self._client, text)
        except ApiError as error:
            raise self._account.refused(error.status_code or 0, code_of(error.body)) from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # Never chained: a library's own message may quote a header, and the key is in one.
            raise self._lost(error) from None
        if len(pcm) % 2:
            raise self._account.broken_off()
        if pcm:
            yield Piece(pcm, len(text))

    async def _stream(self, client: AsyncElevenLabs, text: str) -> bytes:
        pcm = bytearray()
        async with client.text_to_speech.with_raw_response.stream(
            self._account.voice_id, text=text, model_id=self._account.model, output_format=_FORMAT
        ) as answer:
            kind = answer.headers.get("content-type", "")
            if kind.startswith("text/") or "json" in kind:
                raise self._account.a_page()
            async for chunk in answer.data:
                pcm += chunk
                if len(pcm) > _LONGEST_BYTES:
                    raise self._account.too_much()
        return bytes(pcm)

    def _lost(self, error: Exception) -> ElevenLabsError:
        """What a connection that failed means."""
        if isinstance(
            error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.InvalidURL
        ):
            return self._account.unreachable()
        if isinstance(error, httpx.TimeoutException):
            return self._account.silent()
        if isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
            return self._account.unusable_key()
        return self._account.broken_off()
