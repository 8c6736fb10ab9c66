"""ElevenLabs by websocket: what comes first, where it is cut, and what an odd server gets."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from simulator.elevenlabs.studio import SteadySpeech
from tests.simulator.provider import KEY, VOICE, Provider, provider, tone
from voice.media.mulaw import decoded
from voice.speech import elevenlabs_socket
from voice.speech.elevenlabs import ElevenLabsSynthesiser
from voice.speech.elevenlabs_errors import Account, ElevenLabsError
from voice.speech.elevenlabs_socket import SocketTransport
from voice.speech.loudness import TARGET_DBOV, active_level
from voice.speech.ports import BYTES_PER_MS, Piece

TEXT = "How about Thursday at noon?"


@asynccontextmanager
async def line(url: str, **options: Any) -> AsyncIterator[SocketTransport]:
    one = SocketTransport(Account(KEY, url, VOICE, "eleven_flash_v2_5", **options))
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


@pytest.fixture
async def one() -> AsyncIterator[Provider]:
    async with provider() as found:
        yield found


class TestPieces:
    async def test_the_first_words_are_there_while_the_rest_is_still_made(self, one: Provider) -> None:
        one.faults(stalls=1, stall_s=0.3)
        clock = asyncio.get_running_loop().time
        began, times = clock(), list[float]()
        async with line(one.url) as transport:
            async for _ in transport.pieces(TEXT):
                times.append(clock() - began)
        assert times[0] < 0.25
        assert times[-1] >= 0.3

    async def test_each_ends_between_two_words_and_all_are_the_text(self, one: Provider) -> None:
        async with line(one.url) as transport:
            pieces = [piece async for piece in transport.pieces(TEXT)]
        assert len(pieces) > 3
        assert b"".join(piece.pcm for piece in pieces) == decoded(tone(TEXT))
        assert all(TEXT[piece.said] == " " for piece in pieces[:-1])
        assert pieces[-1].said == len(TEXT)
        heard_ms = 0.0
        for piece in pieces:  # a character takes 60 ms
            heard_ms += len(piece.pcm) / BYTES_PER_MS
            assert heard_ms == pytest.approx(piece.said * 60, abs=2)

    async def test_what_was_said_before_a_break_is_told(self, one: Provider) -> None:
        one.faults(broken_off=1)
        pieces: list[Piece] = []

        async def listen(transport: SocketTransport) -> None:
            async for piece in transport.pieces(TEXT):
                pieces.append(piece)  # noqa: PERF401 - what came before the error counts

        async with line(one.url) as transport:
            with pytest.raises(ElevenLabsError, match="was broken off"):
                await listen(transport)
        assert TEXT[: pieces[-1].said] == "How about"

    async def test_one_connection_serves_text_after_text(self, one: Provider) -> None:
        async with line(one.url) as transport:
            for text in ("One.", "Two.", "Three."):
                assert [piece.said async for piece in transport.pieces(text)] == [len(text)]
        assert len(one.connections) == 1
        assert [asked.text for asked in one.studio.asked] == ["One.", "Two.", "Three."]

    async def test_a_connection_that_stood_too_long_is_not_used(
        self, one: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(elevenlabs_socket, "_KEPT_S", 0.0)
        async with line(one.url) as transport:
            for text in ("One.", "Two."):
                assert [piece.said async for piece in transport.pieces(text)] == [len(text)]
        assert len(set(one.connections)) == 2

    async def test_a_text_that_is_given_up_leaves_nothing_to_the_next(self, one: Provider) -> None:
        async with line(one.url) as transport:
            given_up = transport.pieces(TEXT)
            await anext(given_up)
            await given_up.aclose()
            pcm = b"".join([piece.pcm async for piece in transport.pieces("Yes.")])
        assert pcm == decoded(tone("Yes."))
        assert len(set(one.connections)) == 2


Answer = Callable[[ServerConnection, str], Awaitable[None]]


@asynccontextmanager
async def odd(answer: Answer) -> AsyncIterator[str]:
    """A server that does ``answer`` for every text."""

    async def talk(socket: ServerConnection) -> None:
        async for message in socket:
            asked = json.loads(message)
            if asked.get("flush"):
                await answer(socket, asked["context_id"])

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def audio(context: str | None, mulaw: bytes, chars: str | None = None, starts: Iterable[float] = ()) -> str:
    alignment = None if chars is None else {"chars": list(chars), "charStartTimesMs": list(starts)}
    return json.dumps({"audio": base64.b64encode(mulaw).decode(), "contextId": context, "alignment": alignment})


def final(context: str) -> str:
    return json.dumps({"isFinal": True, "contextId": context, "audio": None})


async def said(url: str, text: str = "Hi there.") -> list[Piece]:
    async with line(url, stall_s=0.3) as transport:
        return [piece async for piece in transport.pieces(text)]


class TestOddServers:
    async def test_other_contexts_are_not_heard(self) -> None:
        async def answer(socket: ServerConnection, context: str) -> None:
            await socket.send(audio("another", bytes(800)))
            await socket.send(final("another"))
            await socket.send(audio(context, b"\x7f" * 1600))
            await socket.send(final(context))

        async with odd(answer) as url:
            assert await said(url) == [Piece(decoded(b"\x7f" * 1600), 9)]

    async def test_the_space_that_opens_a_context_may_be_told_as_well(self) -> None:
        async def answer(socket: ServerConnection, context: str) -> None:
            await socket.send(audio(context, bytes(1600), " Hi the", [0, 20, 40, 60, 80, 100, 120]))
            await socket.send(audio(context, bytes(800), "re. ", [0, 20, 40, 60]))
            await socket.send(final(context))

        async with odd(answer) as url:
            first, rest = await said(url)
        assert (first.said, len(first.pcm)) == (2, 60 * BYTES_PER_MS)
        assert (rest.said, len(first.pcm + rest.pcm)) == (9, 4800)

    @pytest.mark.parametrize(
        ("chars", "starts"), [(None, []), ("Something else.", list(range(15))), ("Hi th", [0, 20])]
    )
    async def test_without_times_that_fit_the_text_comes_whole(self, chars: str | None, starts: list[float]) -> None:
        async def answer(socket: ServerConnection, context: str) -> None:
            await socket.send(audio(context, bytes(800), chars, starts))
            await socket.send(audio(context, bytes(800)))
            await socket.send(final(context))

        async with odd(answer) as url:
            (piece,) = await said(url)
        assert (piece.said, len(piece.pcm)) == (9, 3200)

    @pytest.mark.parametrize(
        ("messages", "sentence"),
        [
            (["hello"], "A page answers at"),
            (["[]"], "A page answers at"),
            (['{"audio": "!!!"}', '{"isFinal": true}'], "ElevenLabs sent no audio"),
            (['{"error": "quota_exceeded", "message": "x", "code": 1008}'], "may not spend more"),
            (['{"error": "Not a code!", "code": 1008}'], "does not take the request (websocket 1008)"),
            ([], "was silent for 0.3 s"),
        ],
    )
    async def test_each_is_told_for_what_it_is(self, messages: list[str], sentence: str) -> None:
        async def answer(socket: ServerConnection, _context: str) -> None:
            for message in messages:
                await socket.send(message)

        async with odd(answer) as url:
            with pytest.raises(ElevenLabsError) as caught:
                await said(url)
        assert sentence in str(caught.value)
        assert KEY not in str(caught.value)

    @pytest.mark.parametrize(
        ("code", "reason", "sentence"),
        [
            (1008, "This request exceeds your quota of 10000.", "may not spend more"),
            (1008, "Invalid API key", "refuses the API key"),
            (1008, "A voice with voice_id x does not exist", "does not know the voice"),
            (1008, "Too many concurrent requests", "too many requests at once"),
            (1008, "We are sorry, something went wrong.", "does not take the request (websocket 1008)"),
            (1011, "", "is out of order (websocket 1011)"),
            (1000, "", "was broken off"),
        ],
    )
    async def test_a_close_is_told_by_its_reason(self, code: int, reason: str, sentence: str) -> None:
        async def answer(socket: ServerConnection, _context: str) -> None:
            await socket.close(code, reason)

        async with odd(answer) as url:
            with pytest.raises(ElevenLabsError) as caught:
                await said(url)
        assert sentence in str(caught.value)

    async def test_sound_without_end_is_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(elevenlabs_socket, "_LONGEST_MULAW", 8000)

        async def answer(socket: ServerConnection, context: str) -> None:
            for _ in range(11):
                await socket.send(audio(context, bytes(800)))

        async with odd(answer) as url:
            with pytest.raises(ElevenLabsError, match="More audio comes from"):
                await said(url)

    async def test_a_trickle_ends_at_the_limit_of_the_whole(self) -> None:
        async def answer(socket: ServerConnection, context: str) -> None:
            while True:
                await socket.send(audio(context, bytes(80)))
                await asyncio.sleep(0.05)

        async with odd(answer) as url:
            ava = ElevenLabsSynthesiser(
                api_key=KEY, url=url, voice_id=VOICE, model="eleven_flash_v2_5", component="x", limit_s=0.3
            )
            await ava.start()
            with pytest.raises(ElevenLabsError, match=r"took more than 0\.3 s"):
                await ava.speech("Hi there.")
            await ava.stop()


@pytest.mark.slow
async def test_the_premium_voice_is_as_loud_as_the_others() -> None:
    texts = ["Are you still thinking about selling the place?", "How about Thursday?", "Thank you, and goodbye."]
    async with provider(speech=SteadySpeech()) as one:
        ava = ElevenLabsSynthesiser(
            api_key=KEY, url=one.url, voice_id=VOICE, model="eleven_flash_v2_5", component="x", stall_s=20, limit_s=30
        )
        await ava.start()
        levels = [active_level((await ava.speech(text)).pcm) for text in texts]
        await ava.stop()
    assert all(level is not None for level in levels)
    assert sum(level or 0 for level in levels) / len(levels) == pytest.approx(TARGET_DBOV, abs=1.0)
