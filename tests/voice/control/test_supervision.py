"""A supervisor's socket beside a call's: what it hears and reads, what it may say, and that it disturbs nobody."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest import mock

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agents.domain.types import Heard, HeardKind, OptOut, Reply
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue, opt_out
from tests.voice.phone import answered, mulaw
from tests.voice.redis_server import Server
from tests.voice.speech import ScriptedRecogniser, pitches, spoken, tone
from voice import bell
from voice.domain.types import Acted, Answer, Controlled, Signal, SignalKind
from voice.passes import LASTS_S, Grant, Passes, hashed
from voice.supervision import Pass, Supervision
from voice.turns import TurnTaking, utc_now

SPEECH, TOKEN = "Hold on.", "a-token"


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    spoken(SPEECH)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.kill()


async def admitted(plane: Any, redis: str, *, takes_over: bool = False, token: str = TOKEN) -> str:
    """The URL to come to, once the line has the token."""
    await asyncio.to_thread(plane._bell.listening.wait, 5)
    grant = Grant(sha256=hashed(token), takes_over=takes_over).model_dump_json()
    answer = await asyncio.to_thread(bell.ask, redis, Signal("call-1", SignalKind.SUPERVISE, grant, by="kim"))
    assert answer == Answer(True, url=plane.media_url.replace("/media", "/supervise"))
    return answer.url


class Desk:
    """The supervisor's end."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.got: list[dict[str, Any]] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                self.got.append(json.loads(text))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [one[kind] for one in self.got if one["event"] == kind]

    def audio(self, track: str) -> bytes:
        return b"".join(base64.b64decode(one["payload"]) for one in self.events("media") if one["track"] == track)

    async def wait(self, kind: str, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while len(found := [one for one in self.got if one["event"] == kind]) < count:
                await asyncio.sleep(0.02)
        return found[count - 1]

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def talk(self, pcm: bytes) -> None:
        """In real time, 20 ms a message."""
        for at in range(0, len(pcm), 320):
            payload = base64.b64encode(mulaw(pcm[at : at + 320].ljust(320, b"\0"))).decode()
            await self.send(event="media", media={"payload": payload})
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def desk(url: str, token: str = TOKEN) -> AsyncIterator[Desk]:
    async with connect(url, compression=None) as socket:
        await socket.send(json.dumps({"event": "start", "token": token}))
        yield Desk(socket)


def told(watch: Watch) -> list[tuple[str, str]]:
    return [(event.what, event.by) for event in watch.events if isinstance(event, Controlled)]


async def test_they_hear_both_sides_and_read_along(make_plane: PlaneMaker, redis: str) -> None:
    dialogue = ScriptedDialogue(Reply("How nice."), BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("I want to sell."), redis_url=redis)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        url = await admitted(plane, redis)
        async with desk(url) as one:
            start = (await one.wait("start"))["start"]
            assert (start["callId"], start["mode"], start["mayTakeOver"]) == ("call-1", "listen", False)
            await phone.quiet()
            await phone.say(spoken(SPEECH))
            await phone.answer()
            await one.wait("turn", 3)
            await phone.stop()
            await one.wait("stop")
        report = await watch.report()
    assert [(turn["speaker"], turn["text"]) for turn in one.events("turn")][-2:] == [
        ("lead", "I want to sell."),
        ("agent", "How nice."),
    ]
    assert len(one.audio("inbound")) > 8_000
    assert len(one.audio("outbound")) > 2_000
    assert told(watch) == [("supervised", "kim")]
    assert report.cut_off is False


async def test_nobody_listens_to_a_person_before_the_opening_was_heard(make_plane: PlaneMaker, redis: str) -> None:
    opening = Reply("This is Acme, an AI assistant, on a recorded line about your home. How are you?", fixed=True)
    dialogue = ScriptedDialogue(opening=opening)
    plane = await make_plane(dialogue, ScriptedRecogniser("I want to sell."), redis_url=redis)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        url = await admitted(plane, redis)
        async with desk(url) as one:
            await phone.spoken_to()
            await one.wait("media", 20)
            assert one.audio("outbound")
            assert not one.audio("inbound")
            await phone.quiet()
            await phone.say(spoken(SPEECH))
            await one.wait("turn", 2)
            await phone.stop()
        await watch.report()
    assert one.audio("inbound")


async def test_a_token_is_good_once_and_for_one_call(make_plane: PlaneMaker, redis: str) -> None:
    plane = await make_plane(redis_url=redis)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        url = await admitted(plane, redis)
        for token in ("another", ""):
            async with desk(url, token) as stranger:
                await stranger.socket.wait_closed()
                assert (stranger.socket.close_code, stranger.got) == (1008, [])
        async with desk(url) as first:
            await first.wait("start")
            async with desk(url) as second:
                await second.socket.wait_closed()
                assert (second.socket.close_code, second.got) == (1008, [])
        await phone.hang_up()
    await watch.report()
    assert told(watch) == [("supervised", "kim")]


async def test_who_takes_over_is_heard_and_the_agent_is_mute_until_they_give_it_back(
    make_plane: PlaneMaker, redis: str
) -> None:
    dialogue = ScriptedDialogue(Reply("It's me again."), BYE)
    recogniser = ScriptedRecogniser("This is Kim, the manager.", "Oh, hello Kim.")
    plane = await make_plane(dialogue, recogniser, redis_url=redis, silence_prompt_s=60.0)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet(0.6)
        url = await admitted(plane, redis, takes_over=True)
        async with desk(url) as one:
            await one.wait("start")
            await one.send(event="takeover")
            await one.wait("mode")
            before = len(phone.pcm)
            await one.talk(tone(1000, 700) + spoken(SPEECH) + bytes(24_000))
            assert 600 < pitches(phone.pcm[before : before + 8000])[0] < 800
            await phone.say(spoken(SPEECH))
            await asyncio.sleep(1.2)
            assert dialogue.heard == []
            await one.send(event="release")
            await phone.answer()
        await phone.hang_up()
    await watch.report()
    assert dialogue.heard[0] == (HeardKind.BACK, "takeover")
    spoke = [(turn.speaker.value, turn.agent, turn.text) for turn in watch.turns[1:]]
    assert spoke == [
        ("agent", "supervisor", "This is Kim, the manager."),
        ("lead", "", "Oh, hello Kim."),
        ("agent", "", "It's me again."),
    ]
    assert told(watch) == [("supervised", "kim"), ("takeover", "kim"), ("release", "kim")]


async def test_a_supervisor_who_is_cut_off_gives_the_line_back_and_an_opt_out_counts_meanwhile(
    make_plane: PlaneMaker, redis: str
) -> None:
    dialogue = ScriptedDialogue(opt_out, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("Stop calling me."), redis_url=redis, silence_prompt_s=60.0)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet(0.6)
        url = await admitted(plane, redis, takes_over=True)
        async with desk(url) as one:
            await one.wait("start")
            await one.send(event="takeover")
            await one.wait("mode")
            await phone.say(spoken(SPEECH))
            await asyncio.sleep(1.2)
            one.socket.transport.abort()
        await phone.gone()
        await watch.report()
    acts = [event.act for event in watch.events if isinstance(event, Acted)]
    assert acts[0] == OptOut("Stop calling me.")
    assert [heard for heard, _ in dialogue.heard] == [HeardKind.SPEECH, HeardKind.BACK]
    assert ("release", "kim") in told(watch)


async def test_a_goodbye_that_was_being_made_is_not_said_over_who_takes_the_line(make_plane: PlaneMaker) -> None:
    def meanwhile(_: Heard) -> Reply:
        turns().step_aside()
        return BYE

    def turns() -> TurnTaking:
        session = plane._seats["call-1"].session
        assert session is not None
        return session._turns

    dialogue = ScriptedDialogue(meanwhile, BYE)
    plane = await make_plane(dialogue, ScriptedRecogniser("No, thank you."), silence_prompt_s=60.0)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet(0.6)
        await phone.say(spoken(SPEECH))
        await asyncio.sleep(2.5)
        assert (len(dialogue.heard), phone.closed_at) == (1, None)
        back = Heard("takeover", utc_now(), HeardKind.BACK)
        plane._loop.call_soon_threadsafe(turns().step_back, back)  # type: ignore[union-attr]  # it runs
        await phone.gone()
    await watch.report()
    assert [turn.text for turn in watch.turns[1:]] == ["No, thank you.", "Goodbye."]


async def test_who_may_listen_only_and_what_is_nonsense(make_plane: PlaneMaker, redis: str) -> None:
    plane = await make_plane(redis_url=redis)
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.quiet(0.6)
        url = await admitted(plane, redis)
        async with desk(url) as one:
            await one.wait("start")
            await one.send(event="takeover")
            await one.send(event="dance")
            await one.socket.send("{")
            await one.send(event="media", media={"payload": "AAAA"})
            await one.wait("error", 3)
        await phone.hang_up()
    await watch.report()
    assert [error["error"] for error in one.got if error["event"] == "error"] == [
        "This token may listen only.",
        "The event is none of media, takeover and release.",
        "Send one JSON object a message.",
    ]
    assert told(watch) == [("supervised", "kim")]


async def test_the_end_of_a_call_gives_the_agent_no_line_back_while_the_supervisor_is_heard_out() -> None:
    over, asked = asyncio.Event(), iter([{"type": "websocket.receive", "text": '{"event": "takeover"}'}])

    async def receive() -> dict[str, Any]:
        if (message := next(asked, None)) is None:
            await over.wait()
            return {"type": "websocket.disconnect"}
        return message

    async def long_transcription() -> None:
        over.set()
        await asyncio.sleep(0.1)

    socket, turns = mock.AsyncMock(receive=receive), mock.Mock()
    ears = mock.Mock(heard_s=1.0, finish=long_transcription, close=mock.AsyncMock())
    supervision = Supervision(
        "call-1",
        turns,
        mock.Mock(),
        mock.Mock(),
        ears=lambda _said: ears,
        why_not=lambda: "",
        began=lambda: None,
        emit=lambda _event: None,
        clock=lambda: 0.0,
    )
    granted = Pass("call-1", "kim", takes_over=True, until=60.0)
    attending = asyncio.create_task(supervision.attend(socket, granted))
    async with asyncio.timeout(5):
        while not supervision.taken_over:
            await asyncio.sleep(0)
        await supervision.close()
        await attending
    assert [name for name, *_ in turns.method_calls] == ["step_aside"]
    assert (supervision.taken_over, supervision.heard_s) == (False, 1.0)


def test_a_pass_does_not_last() -> None:
    now = [0.0]
    passes = Passes(clock=lambda: now[0])
    for token in ("a", "b"):
        passes.issue(Signal("call-1", SignalKind.SUPERVISE, Grant(sha256=hashed(token)).model_dump_json(), by="kim"))
    granted = passes.redeem("a")
    assert granted is not None
    assert (granted.call_id, granted.by, granted.takes_over) == ("call-1", "kim", False)
    assert passes.redeem("a") is None
    now[0] = LASTS_S
    assert passes.redeem("b") is None
