"""The media socket, alone and against an independent simulator of the same protocol."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from streamdouble.api import run_scenario
from streamdouble.scenario import Dtmf, Say, Scenario
from streamdouble.session import SessionConfig
from twilio.request_validator import RequestValidator

from simulator import audio
from tests.simulator.world import SID, TOKEN, Socket, application, carrier, everybody, human, sockets

Behaviour = Callable[[Socket], Awaitable[None]]


async def speaks_marks_and_clears(socket: Socket) -> None:
    """A short tone and its mark; then a long one with two marks, cleared at once."""
    await socket.speak(0.2)
    await socket.send("mark", mark={"name": "first"})
    await socket.until("mark", 1)
    await socket.speak(3)
    await socket.send("mark", mark={"name": "second"})
    await socket.send("mark", mark={"name": "third"})
    await socket.send("clear")


def shape(value: Any) -> Any:
    """A message with its values replaced by their types."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    return type(value).__name__


async def ours() -> Socket:
    presser = human(rules=[{"silence_s": 1.0, "presses": "9", "then": "hang_up"}])
    async with sockets(speaks_marks_and_clears) as media, carrier(everybody(presser)) as one:
        await one.over(await one.ring(twiml=media.twiml(token="t")))
        await asyncio.wait_for((await media.first()).closed.wait(), 5)
        return media.all[0]


async def theirs() -> Socket:
    scenario = Scenario(name="keys", steps=[Say(Path("-"), [audio.SILENCE] * 60), Dtmf("9")])
    async with sockets(speaks_marks_and_clears) as media:
        config = SessionConfig(custom_parameters={"token": "t"}, quiet_period_s=0.2, response_timeout_s=1)
        await run_scenario(media.url, scenario, config=config)
        await asyncio.wait_for((await media.first()).closed.wait(), 5)
        return media.all[0]


@pytest.mark.slow
async def test_an_independent_simulator_sends_the_same_messages() -> None:
    mine, reference = await asyncio.gather(ours(), theirs())
    events = [message["event"] for message in mine.messages if message["event"] != "media"]
    assert events == ["connected", "start", "mark", "mark", "mark", "dtmf", "stop"]
    # Twilio: clear "will empty all buffered audio and cause any received mark messages to be sent back". The
    # reference lets these marks go instead.
    theirs_are = [message["event"] for message in reference.messages if message["event"] != "media"]
    assert theirs_are == ["connected", "start", "mark", "dtmf", "stop"]
    assert [m["mark"]["name"] for m in mine.of("mark")] == ["first", "second", "third"]
    assert [m["mark"]["name"] for m in reference.of("mark")] == ["first"]
    for event in {*events, "media"}:
        assert {str(shape(message)) for message in map(_sorted, mine.of(event))} == {
            str(shape(message)) for message in map(_sorted, reference.of(event))
        }, event
    for socket in (mine, reference):
        assert [int(m["sequenceNumber"]) for m in socket.messages[1:]] == list(range(1, len(socket.messages)))
        assert [(m["media"]["chunk"], m["media"]["timestamp"]) for m in socket.of("media")] == [
            (str(index + 1), str(index * 20)) for index in range(len(socket.of("media")))
        ]
        assert socket.of("start")[0]["start"]["customParameters"] == {"token": "t"}
        assert socket.of("dtmf")[0]["dtmf"] == {"track": "inbound_track", "digit": "9"}
        assert socket.of("connected")[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}


def _sorted(value: Any) -> Any:
    """With every mapping in the order of its keys."""
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


async def test_the_handshake_is_signed_and_says_who_calls() -> None:
    async with sockets() as media, carrier(everybody(human())) as one:
        sid = await one.ring(twiml=media.twiml(token="t&amp;u", line="7"))
        socket = await media.first()
        assert RequestValidator(TOKEN).validate(media.url, {}, socket.signature)
        start = socket.of("start")[0]["start"]
        assert (start["accountSid"], start["callSid"], start["tracks"]) == (SID, sid, ["inbound"])
        assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        assert start["customParameters"] == {"token": "t&u", "line": "7"}


async def test_frames_come_every_20_ms_without_drift_and_silence_is_noise() -> None:
    async with sockets() as media, carrier(everybody(human())) as one:
        await one.ring(twiml=media.twiml())
        socket = await media.first()
        loop = asyncio.get_running_loop()
        await socket.until("media", 5)
        began, count = loop.time(), len(socket.of("media"))
        await asyncio.sleep(1.5)
        rate = (len(socket.of("media")) - count) / (loop.time() - began)
        assert 48.5 < rate < 51.5
        payloads = [base64.b64decode(message["media"]["payload"]) for message in socket.of("media")]
        assert {len(payload) for payload in payloads} == {audio.FRAME}
        assert not any(map(audio.audible, payloads))
        assert audio.SILENCE not in payloads


async def test_a_mark_comes_back_when_the_audio_before_it_has_been_played() -> None:
    took: list[float] = []

    async def agent(socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await socket.speak(0.6)
        await socket.send("mark", mark={"name": "played"})
        await socket.until("mark")
        took.append(loop.time() - began)

    async with sockets(agent) as media, carrier(everybody(human())) as one:
        await one.ring(twiml=media.twiml())
        await (await media.first()).until("mark")
        await asyncio.sleep(0.05)
    assert len(took) == 1
    assert 0.55 < took[0] < 0.9


async def test_the_person_hears_nothing_more_after_a_clear() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(4)
        await asyncio.sleep(0.4)
        await socket.send("clear")

    async with sockets(agent) as media, carrier(everybody(human()), understands=["one"]) as one:
        sid = await one.ring(twiml=media.twiml())
        async with asyncio.timeout(5):
            while not (await one.seen(sid))["heard"]:
                await asyncio.sleep(0.05)
        seen = await one.seen(sid)
        (heard,) = seen["heard"]
        assert 0.2 < _seconds(heard) < 0.8
        assert (seen["media"]["clears"], seen["media"]["frames_in"], seen["media"]["bytes_in"]) == (1, 200, 32000)
        assert (seen["media"]["gaps"], seen["media"]["late"]) == (0, 0)


def _seconds(utterance: dict[str, str]) -> float:
    from datetime import datetime

    start, end = (datetime.fromisoformat(utterance[name]) for name in ("start_at", "end_at"))
    return (end - start).total_seconds()


async def test_a_hole_in_the_speech_is_a_gap_with_late_frames() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(0.2)
        await asyncio.sleep(0.35)
        await socket.speak(0.2)

    async with sockets(agent) as media, carrier(everybody(human())) as one:
        sid = await one.ring(twiml=media.twiml())
        await (await media.first()).until("media", 40)
        stats = (await one.seen(sid))["media"]
        assert (stats["gaps"], stats["frames_in"]) == (1, 20)
        assert 3 <= stats["late"] <= 12


@pytest.mark.slow
async def test_the_person_answers_after_700_ms_and_the_agents_latency_is_measured() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(0.3)
        await socket.until("media", 10)
        async with asyncio.timeout(5):
            while not _last_is_voice(socket):
                await asyncio.sleep(0.01)
            while _last_is_voice(socket):
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.5)
        await socket.speak(0.3)

    who = human(rules=[{"hears": "selling", "says": "Yes.", "after_s": 0.1}])
    async with sockets(agent) as media, carrier(everybody(who), understands=["Still selling?", "x"]) as one:
        sid = await one.ring(twiml=media.twiml())
        async with asyncio.timeout(8):
            while len((await one.seen(sid))["heard"]) < 2:
                await asyncio.sleep(0.02)
        seen = await one.seen(sid)
    assert [line["text"] for line in seen["said"]] == ["Yes."]
    (waited_ms,) = seen["answer_ms"]
    assert 480 <= waited_ms <= 700


def _last_is_voice(socket: Socket) -> bool:
    return audio.audible(base64.b64decode(socket.of("media")[-1]["media"]["payload"]))


async def test_nobody_says_hello_into_a_sentence_that_has_begun() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(0.8)

    who = human(greeting="Hello?")
    async with sockets(agent) as media, carrier(everybody(who)) as one:
        sid = await one.ring(twiml=media.twiml())
        await (await media.first()).until("media", 40)
        assert (await one.seen(sid))["said"] == []


async def test_the_next_verb_runs_when_the_application_closes_the_socket() -> None:
    async def agent(socket: Socket) -> None:
        await socket.connection.close()

    async with application(resume="<Response><Hangup/></Response>") as app:
        async with sockets(agent) as media, carrier(everybody(human())) as one:
            seen = await one.over(await one.ring(twiml=media.twiml(f"<Redirect>{app.url}/resume</Redirect>")))
        assert [asked.path for asked in app.asked] == ["/resume"]
        assert (seen["media"]["sockets"], seen["errors"], seen["ended_by"]) == (1, [], "application")


async def test_connect_asks_its_action_and_the_stream_tells_its_status() -> None:
    async def agent(socket: Socket) -> None:
        await socket.connection.close()

    async with application(next="<Response/>") as app, sockets(agent) as media, carrier(everybody(human())) as one:
        stream = f'<Stream url="{media.url}?x=1" name="main" statusCallback="{app.url}/stream"/>'
        await one.over(
            await one.ring(twiml=f'<Response><Connect action="{app.url}/next">{stream}</Connect></Response>')
        )
        told = await app.expect("/stream", 2)
        sid = media.all[0].sid
        assert [(one.fields["StreamEvent"], one.fields["StreamSid"]) for one in told] == [
            ("stream-started", sid),
            ("stream-stopped", sid),
        ]
        assert [asked.fields["StreamSid"] for asked in app.at("/next")] == [sid]
        assert media.all[0].url == "/media"


async def test_a_socket_that_cannot_be_opened_leaves_a_word_and_goes_on() -> None:
    async with carrier(everybody(human())) as one:
        document = '<Response><Connect><Stream url="ws://127.0.0.1:9/media"/></Connect></Response>'
        seen = await one.over(await one.ring(twiml=document))
        assert (seen["media"]["sockets"], [error["code"] for error in seen["errors"]]) == (0, [31920])


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        '{"event": "media"}',
        '{"event": "media", "streamSid": "MZ0", "media": {"payload": ""}}',
        '{"event": "sing", "streamSid": "{sid}"}',
        '{"event": "media", "streamSid": "{sid}", "media": {"payload": "?"}}',
        '{"event": "mark", "streamSid": "{sid}"}',
    ],
)
async def test_nonsense_on_the_socket_is_noted_and_the_call_goes_on(message: str) -> None:
    async def agent(socket: Socket) -> None:
        await socket.connection.send(message.replace("{sid}", socket.sid))
        await socket.send("mark", mark={"name": "still here"})

    async with sockets(agent) as media, carrier(everybody(human())) as one:
        sid = await one.ring(twiml=media.twiml())
        assert (await (await media.first()).until("mark"))[0]["mark"]["name"] == "still here"
        seen = await one.seen(sid)
        assert ([error["code"] for error in seen["errors"]], seen["status"]) == ([31951], "in-progress")


async def test_hanging_up_at_the_carrier_stops_the_stream_first() -> None:
    async with sockets() as media, carrier(everybody(human())) as one:
        sid = await one.ring(twiml=media.twiml())
        socket = await media.first()
        await asyncio.to_thread(one.twilio.calls(sid).update, status="completed")
        await asyncio.wait_for(socket.closed.wait(), 5)
        assert socket.messages[-1]["stop"] == {"accountSid": SID, "callSid": sid}


async def test_talking_over_the_agent_and_hanging_up_in_mid_sentence() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(6)

    rude = human(
        rules=[{"barge_in": True, "after_s": 0.5, "says": "Stop calling me.", "once": True}],
        hangs_up_mid_sentence={"after_s": 1.5},
    )
    async with sockets(agent) as media, carrier(everybody(rude)) as one:
        seen = await one.over(await one.ring(twiml=media.twiml()))
    assert [line["text"] for line in seen["said"]] == ["Stop calling me."]
    assert (seen["ended_by"], seen["heard"], seen["duration_s"]) == ("person", [], 2)


@pytest.mark.slow
async def test_a_person_listens_on_when_the_agent_goes_on() -> None:
    async def agent(socket: Socket) -> None:
        await socket.speak(0.3)
        await asyncio.sleep(1.4)
        await socket.speak(0.3)

    who = human(
        rules=[
            {"hears": "^one two$", "says": "Both.", "then": "hang_up"},
            {"hears": "one", "says": "One.", "after_s": 2},
        ]
    )
    async with sockets(agent) as media, carrier(everybody(who), understands=["one", "two"]) as one:
        seen = await one.over(await one.ring(twiml=media.twiml()))
    assert [line["text"] for line in seen["said"]] == ["Both."]
    assert (seen["ended_by"], [line["text"] for line in seen["heard"]]) == ("person", ["one", "two"])
