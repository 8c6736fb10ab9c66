"""The simulated provider's websockets, spoken to as their documentation says."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.simulator.provider import CHAR_BYTES, KEY, VOICE, Provider, provider, tone

SEVERAL = "output_format=ulaw_8000&model_id=eleven_flash_v2_5&sync_alignment=true"


@pytest.fixture
async def one() -> AsyncIterator[Provider]:
    async with provider() as found:
        yield found


@asynccontextmanager
async def talk(
    one: Provider, way: str = "multi-stream-input", query: str = SEVERAL, key: str | None = KEY, voice: str = VOICE
) -> AsyncIterator[ClientConnection]:
    address = f"{one.url.replace('http', 'ws')}/v1/text-to-speech/{voice}/{way}?{query}"
    async with connect(address, additional_headers={"xi-api-key": key} if key else {}, proxy=None) as socket:
        yield socket


async def send(socket: ClientConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        await socket.send(json.dumps(message))


async def heard(socket: ClientConnection, *, until_final: int = 1) -> list[dict[str, Any]]:
    """What comes, until so many finals did."""
    answers: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while sum(bool(answer.get("isFinal")) for answer in answers) < until_final:
            answers.append(json.loads(await socket.recv()))
    return answers


def sound(answers: list[dict[str, Any]], context: str | None = None) -> bytes:
    return b"".join(
        base64.b64decode(one["audio"]) for one in answers if one["audio"] and one.get("contextId") == context
    )


async def closed(socket: ClientConnection) -> tuple[dict[str, Any] | None, int, str]:
    """The error that is told, and the close."""
    told = None
    async with asyncio.timeout(5):
        while True:
            try:
                told = json.loads(await socket.recv())
            except ConnectionClosed as end:
                return told, end.rcvd.code if end.rcvd else 0, end.rcvd.reason if end.rcvd else ""


class TestSeveral:
    async def test_contexts_are_spoken_side_by_side_and_end_when_they_are_closed(self, one: Provider) -> None:
        async with talk(one) as socket:
            for name, text in (("a", "Good morning."), ("b", "How about Thursday?")):
                await send(
                    socket,
                    {"text": " ", "context_id": name},
                    {"text": text, "context_id": name, "flush": True},
                    {"context_id": name, "close_context": True},
                )
            answers = await heard(socket, until_final=2)
        assert sound(answers, "a") == tone("Good morning.")
        assert sound(answers, "b") == tone("How about Thursday?")
        assert [one["contextId"] for one in answers if one["isFinal"]] == ["a", "b"]
        assert one.studio.billed == (13 + 19, 7 + 10)
        assert one.studio.live == 0

    async def test_every_letter_has_its_time(self, one: Provider) -> None:
        async with talk(one) as socket:
            await send(
                socket, {"text": " ", "context_id": "a"}, {"text": "Good day.", "context_id": "a", "flush": True}
            )
            await send(socket, {"context_id": "a", "close_context": True})
            answers = [answer for answer in await heard(socket) if answer["audio"]]
        starts: list[float] = []
        at_ms = 0.0
        for answer in answers:
            starts += [at_ms + start for start in answer["alignment"]["charStartTimesMs"]]
            at_ms += len(base64.b64decode(answer["audio"])) / 8
        assert "".join("".join(answer["alignment"]["chars"]) for answer in answers) == "Good day."
        assert starts == pytest.approx([60 * place for place in range(9)], abs=1)

    async def test_text_waits_for_its_schedule_unless_it_is_flushed(self, one: Provider) -> None:
        async with talk(one) as socket:
            opening = {"text": " ", "context_id": "a", "generation_config": {"chunk_length_schedule": [50, 60]}}
            await send(socket, opening, {"text": "x" * 49, "context_id": "a"}, {"text": "", "context_id": "a"})
            await asyncio.sleep(0.05)
            assert one.studio.asked == []
            await send(socket, {"text": "y", "context_id": "a"}, {"text": "z" * 59, "context_id": "a"})
            await send(socket, {"context_id": "a", "flush": True}, {"text": "dropped", "context_id": "a"})
            await send(socket, {"context_id": "a", "close_context": True})
            answers = await heard(socket)
        assert [len(asked.text) for asked in one.studio.asked] == [50, 59]
        assert len(sound(answers, "a")) == 109 * CHAR_BYTES

    async def test_automatic_text_does_not_wait(self, one: Provider) -> None:
        async with talk(one, query=f"{SEVERAL}&auto_mode=true") as socket:
            await send(socket, {"text": " ", "context_id": "a"}, {"text": "At once.", "context_id": "a"})
            await send(socket, {"context_id": "a", "close_context": True})
            assert sound(await heard(socket), "a") == tone("At once.")

    async def test_a_socket_can_be_told_to_end(self, one: Provider) -> None:
        async with talk(one) as socket:
            await send(socket, {"text": " ", "context_id": "a"}, {"text": "Yes.", "context_id": "a", "flush": True})
            await send(socket, {"close_socket": True})
            told, code, _ = await closed(socket)
        assert (told is not None and told["contextId"], code) == ("a", 1000)
        assert one.studio.billed[0] == 4

    async def test_signs_of_life_cost_nothing(self, one: Provider) -> None:
        async with talk(one) as socket:
            await send(socket, {"text": ""}, {"context_id": "nobody", "close_context": True}, {"close_socket": True})
            assert await closed(socket) == (None, 1000, "")
        assert one.studio.asked == []

    async def test_a_client_that_goes_frees_its_place_and_is_billed(self, one: Provider) -> None:
        one.faults(silent=1)
        async with talk(one) as socket:
            await send(socket, {"text": " ", "context_id": "a"}, {"text": "Hello.", "context_id": "a", "flush": True})
            await one.until_live(1)
        await one.until_live(0)
        (asked,) = one.studio.asked
        assert (asked.cut, asked.characters) == (True, 6)


class TestOne:
    async def test_a_text_in_pieces_is_one_answer(self, one: Provider) -> None:
        async with talk(one, "stream-input") as socket:
            await send(socket, {"text": " "}, {"text": "Good "}, {"text": "day. "}, {"text": ""})
            answers = await heard(socket)
            assert sound(answers) == tone("Good day. ")
            assert (await closed(socket))[1] == 1000
        assert "contextId" not in answers[0]

    async def test_times_are_told_only_where_they_are_asked_for(self, one: Provider) -> None:
        async with talk(one, "stream-input", query="output_format=pcm_8000") as socket:
            await send(socket, {"text": " "}, {"text": "Hi. ", "flush": True}, {"text": ""})
            answers = await heard(socket)
        assert all("alignment" not in answer for answer in answers)
        assert len(sound(answers)) == 2 * 4 * CHAR_BYTES


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"key": "sk_other"}, "invalid_api_key"),
            ({"key": None}, "missing_api_key"),
            ({"voice": "nobody"}, "voice_id_does_not_exist"),
            ({"query": "model_id=eleven_v9"}, "model_id_does_not_exist"),
            ({"query": "model_id=eleven_v3"}, "model_id_does_not_exist"),
            ({"query": "output_format=wav"}, "output_format_not_allowed"),
            ({"query": ""}, "unsupported_output_format"),
        ],
    )
    async def test_an_error_is_told_before_the_close(self, one: Provider, options: Any, error: str) -> None:
        async with talk(one, **options) as socket:
            await send(socket, {"text": " ", "context_id": "a"})
            told, code, reason = await closed(socket)
        assert told is not None
        assert (told["error"], told["code"], code) == (error, 1008, 1008)
        assert reason == told["message"][:120]
        assert one.studio.billed == (0, 0)

    @pytest.mark.parametrize(
        ("messages", "error"),
        [
            ([{"text": " ", "context_id": str(number)} for number in range(6)], "max_active_contexts"),
            (
                [{"text": " ", "voice_settings": {"speed": 1}}, {"text": "a", "voice_settings": {"speed": 2}}],
                "invalid_voice_settings",
            ),
            ([{"text": 5}], "invalid_message"),
        ],
    )
    async def test_what_the_protocol_forbids(self, one: Provider, messages: Any, error: str) -> None:
        async with talk(one) as socket:
            await send(socket, *messages)
            told, code, _ = await closed(socket)
        assert (told is not None and told["error"], code) == (error, 1008)

    async def test_who_says_nothing_is_sent_away(self, one: Provider) -> None:
        async with talk(one, query=f"{SEVERAL}&inactivity_timeout=0.1") as socket:
            told, code, _ = await closed(socket)
        assert (told is not None and told["error"], code) == ("input_timeout_exceeded", 1008)

    async def test_a_quota_is_told_when_it_is_used_up(self) -> None:
        async with provider(credits=2) as one, talk(one) as socket:
            await send(
                socket, {"text": " ", "context_id": "a"}, {"text": "Too long.", "context_id": "a", "flush": True}
            )
            told, code, _ = await closed(socket)
        assert (told is not None and told["error"], code) == ("quota_exceeded", 1008)
        assert [asked.status for asked in one.studio.asked] == [401]
