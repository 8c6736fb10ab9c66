"""The lines of a process: who gets one, who may talk on it, and how each ends."""

import asyncio
import json
import threading
import time
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from agents.domain.types import Disposition, EndedBy
from tests.voice.conftest import PlaneMaker, Watch, open_line
from tests.voice.dialogues import BYE, ScriptedDialogue, brief
from tests.voice.money import ScriptedSpending
from tests.voice.phone import answered, connected, start
from voice.domain.types import Ended, Live, Signal, SignalKind, VoiceConfig
from voice.line import PhoneLine, carrier_value
from voice.plane import VoicePlane
from voice.ports import NoLine


async def health(plane: VoicePlane) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"http://127.0.0.1:{plane.port}/healthz")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


async def test_lines_are_reserved_and_given_back(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    assert await health(plane) == {"lines": 2, "free": 2, "draining": False}
    first, second = open_line(plane), open_line(plane, call_id="call-2")
    assert await health(plane) == {"lines": 2, "free": 0, "draining": False}
    with pytest.raises(NoLine, match="All 2 lines are taken"):
        plane.open_line(brief("call-3"), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    assert first.line.stream.url == f"ws://127.0.0.1:{plane.port}/media"
    assert len(first.line.stream.token) >= 40
    assert first.line.stream.token != second.line.stream.token
    first.line.close()
    first.line.close()
    report = await first.report()
    assert (report.outcome.disposition, report.ended_by) == (Disposition.FAILED, EndedBy.AGENT)
    assert report.answered_at is None
    assert list(first.line.events()) == []
    assert plane.health().free == 1
    third = open_line(plane, call_id="call-3")
    for watch in (second, third):
        watch.line.close()
        await watch.report()
    assert plane.health().free == 2


async def test_one_line_for_one_call(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    with pytest.raises(NoLine, match="Call call-1 has a line here already"):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    watch.line.close()
    await watch.report()


async def test_a_draining_plane_takes_no_call_and_finishes_those_it_has(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ScriptedDialogue(opening=BYE))
    watch = open_line(plane)
    plane.drain()
    with pytest.raises(NoLine, match="draining"):
        plane.open_line(brief("call-2"), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    assert await health(plane) == {"lines": 2, "free": 1, "draining": True}
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT


async def test_nobody_answers(make_plane: PlaneMaker) -> None:
    plane = await make_plane(ring_margin_s=0.1)
    began = time.monotonic()
    watch = open_line(plane, ring_timeout_s=1)
    report = await watch.report(within_s=3)
    assert time.monotonic() - began == pytest.approx(1.1, abs=0.3)
    assert (report.outcome.disposition, report.ended_by) == (Disposition.NO_ANSWER, EndedBy.CARRIER)
    assert (report.answered_at, report.disclosed_at, report.recording, report.usage) == (None, None, None, ())
    assert [type(event) for event in watch.events] == [Ended]
    with pytest.raises(AssertionError):  # the token died with the line
        await _accepted(plane, watch.line.stream.token)


@pytest.mark.parametrize(
    ("value", "disposition"),
    [
        ("busy", Disposition.BUSY),
        ("no-answer", Disposition.NO_ANSWER),
        ("failed", Disposition.FAILED),
        ("failed:21211", Disposition.BAD_NUMBER),
        ("failed:31000", Disposition.FAILED),
        ("canceled", Disposition.FAILED),
        ("completed", Disposition.HUNG_UP),
    ],
)
async def test_the_carrier_ends_the_ring(make_plane: PlaneMaker, value: str, disposition: Disposition) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    for unimportant in ("ringing", "in-progress", "nonsense"):
        watch.line.signal(Signal("call-1", SignalKind.CARRIER, unimportant))
    watch.line.signal(Signal("call-1", SignalKind.MACHINE, "machine_start"))
    plane.deliver(Signal("another", SignalKind.CARRIER, "busy"))
    watch.line.signal(Signal("call-1", SignalKind.CARRIER, value))
    report = await watch.report(within_s=2)
    assert (report.outcome.disposition, report.ended_by) == (disposition, EndedBy.CARRIER)
    assert report.answered_at is None
    assert watch.events == [Ended(report)]


def test_a_carrier_value_carries_the_error() -> None:
    from voice.domain.types import CarrierStatus

    assert carrier_value(CarrierStatus.FAILED, "21211") == "failed:21211"
    assert carrier_value(CarrierStatus.BUSY) == "busy"


async def test_a_signal_between_the_socket_and_the_session_is_not_lost(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    seat = plane._seats["call-1"]
    arrive = seat.arrive

    def arrive_and_hang_up(*args: Any) -> bool:
        taken = arrive(*args)
        seat.signal(Signal("call-1", SignalKind.HANG_UP))
        return taken

    seat.arrive = arrive_and_hang_up  # type: ignore[method-assign,assignment]
    async with answered(watch.line.stream) as phone:
        assert await phone.gone() == 1000
    assert (await watch.report()).ended_by is EndedBy.AGENT


async def _accepted(plane: VoicePlane, token: str | None) -> None:
    async with connect(plane.media_url, compression=None) as socket:
        await socket.send(json.dumps(connected()))
        await socket.send(json.dumps(start(token)))
        await socket.wait_closed()
        assert socket.close_code != 1008


async def _send(socket: ClientConnection, *messages: Any) -> None:
    for message in messages:
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["garbage"], 1007, "not JSON"),
        ([deep(20_000)], 1007, "too deep JSON"),
        (["[]"], 1007, "not a message"),
        (["7"], 1007, "not a message"),
        ([{"event": "start"}], 1007, "no connected message"),
        ([{}], 1007, "no connected message"),
        ([connected(), {"event": "media"}], 1007, "no start message"),
        ([connected(), connected()], 1007, "no start message"),
        ([connected(), {"event": "start"}], 1007, "malformed start message"),
        ([connected(), {"event": "start", "start": {"streamSid": ""}}], 1007, "malformed start message"),
        ([connected(), start("x", customParameters={"token": 7})], 1007, "malformed start message"),
        ([connected(), start("x", mediaFormat={"encoding": "audio/opus"})], 1003, "not mu-law at 8 kHz"),
        ([connected(), start("x", mediaFormat={"sampleRate": 16000})], 1003, "not mu-law at 8 kHz"),
        ([b"\x00\x01"], 1003, "binary message"),
        ([connected(), b"{}"], 1003, "binary message"),
        ([connected(), start("wrong")], 1008, "unknown or used token"),
        ([connected(), start(None)], 1008, "unknown or used token"),
        ([], 1008, "no handshake in time"),
        ([connected()], 1008, "no handshake in time"),
    ],
)
async def test_a_stranger_is_refused_and_nothing_changes(
    make_plane: PlaneMaker, messages: list[Any], code: int, reason: str
) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    with capture_logs() as logs:
        async with connect(plane.media_url, compression=None) as socket:
            await _send(socket, *messages)
            async with asyncio.timeout(3):
                await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (code, reason)
    assert [(log["event"], log["reason"]) for log in logs] == [("media.refused", reason)]
    assert watch.events == []
    assert plane.health().free == 1
    await _still_answers(watch)


@pytest.mark.parametrize("first", [[], [connected()]])
async def test_a_message_that_is_too_big_is_refused(make_plane: PlaneMaker, first: list[Any]) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    with capture_logs() as logs:
        async with connect(plane.media_url, compression=None) as socket:
            await _send(socket, *first, "x" * (64 * 1024 + 1))
            await socket.wait_closed()
            assert socket.close_code == 1009
        await asyncio.sleep(0.1)
    assert [(log["event"], log["reason"]) for log in logs] == [("media.refused", "message too big")]
    assert watch.events == []
    await _still_answers(watch)


async def test_somebody_who_leaves_during_the_handshake_is_noted(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    with capture_logs() as logs:
        async with connect(plane.media_url, compression=None) as socket:
            await _send(socket, connected())
        await asyncio.sleep(0.1)
    assert [(log["event"], log["reason"]) for log in logs] == [("media.refused", "closed before it started")]


async def test_a_token_opens_one_socket(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        async with connect(plane.media_url, compression=None) as socket:
            await _send(socket, connected(), start(watch.line.stream.token))
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1008, "unknown or used token")
        watch.line.close()
        assert await phone.gone() == 1000
    assert [type(event) for event in watch.events].count(Live) == 1
    await watch.report()


@pytest.mark.parametrize("signature", [None, "forged"])
async def test_a_handshake_without_twilios_signature_is_refused(
    make_plane: PlaneMaker, signature: str | None
) -> None:
    plane = await make_plane(auth_token="secret")
    watch = open_line(plane)
    headers = {"X-Twilio-Signature": signature} if signature else None
    with capture_logs() as logs, pytest.raises(InvalidStatus, match="403"):
        await connect(plane.media_url, compression=None, additional_headers=headers)
    assert [(log["event"], log["reason"]) for log in logs] == [("media.refused", "bad signature")]
    assert watch.events == []
    good = RequestValidator("secret").compute_signature(plane.media_url, {})
    async with answered(watch.line.stream, headers={"X-Twilio-Signature": good}) as phone:
        await phone.spoken_to()
    assert (await watch.report()).ended_by is EndedBy.LEAD


async def _still_answers(watch: Watch) -> None:
    """The line is as it was: who has its token is heard."""
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
    assert (await watch.report()).ended_by is EndedBy.LEAD


@pytest.mark.parametrize("payload", ["###", 7])
async def test_odd_messages_in_a_call_are_passed_over(make_plane: PlaneMaker, payload: Any) -> None:
    plane = await make_plane(ScriptedDialogue(opening=BYE))
    watch = open_line(plane)
    with capture_logs() as logs:
        async with answered(watch.line.stream) as phone:
            for odd in ("{", "[]", '"x"', b"\x00", json.dumps({"event": "media", "media": {"payload": payload}})):
                await phone.socket.send(odd)
            assert await phone.gone() == 1000
        assert (await watch.report()).ended_by is EndedBy.AGENT
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["media.malformed"]


async def test_an_oversized_message_breaks_the_call_off(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    watch = open_line(plane)
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        await phone.socket.send("x" * 70_000)
        assert await phone.gone() == 1009
    report = await watch.report()
    assert (report.ended_by, report.cut_off) == (EndedBy.FAULT, True)


async def test_stopping_ends_what_is_live(make_plane: PlaneMaker) -> None:
    plane = await make_plane()
    talking, ringing = open_line(plane), open_line(plane, call_id="call-2")
    async with answered(talking.line.stream) as phone:
        await phone.spoken_to()
        await asyncio.to_thread(plane.stop)
        assert await phone.gone() in (1000, 1012)
    first, second = await talking.report(), await ringing.report()
    assert first.ended_by is second.ended_by is EndedBy.FAULT
    assert first.answered_at is not None
    assert second.answered_at is None
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("voice-plane", "voice-bell")]
    with pytest.raises(NoLine):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    plane.stop()


async def test_a_plane_that_cannot_start_says_why_and_leaves_nothing(make_plane: PlaneMaker) -> None:
    running = await make_plane()
    with pytest.raises(OSError, match="in use"):
        await make_plane(media_port=running.port)
    assert [thread.name for thread in threading.enumerate()].count("voice-plane") == 1


def test_a_plane_that_was_not_started_has_no_line(config: VoiceConfig) -> None:
    from tests.voice.dialogues import always

    plane = VoicePlane(config, always(ScriptedDialogue()))
    with pytest.raises(NoLine, match="not running"):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())


async def test_a_dialogue_that_cannot_begin_takes_no_line(config: VoiceConfig, make_plane: PlaneMaker) -> None:
    plane = await make_plane()

    def broken(*_: object, **__: object) -> ScriptedDialogue:
        raise RuntimeError("no such agent")

    plane._dialogues = broken
    with pytest.raises(RuntimeError, match="no such agent"):
        plane.open_line(brief(), ring_timeout_s=1, max_length_s=1, spending=ScriptedSpending())
    assert plane.health().free == 2


def test_a_line_reports_a_fault_when_the_loop_is_silent() -> None:
    """Whatever the plane does, whoever waits on a line is told in the end."""
    hung_up = threading.Event()
    from voice.domain.types import StreamTarget

    line = PhoneLine("c", StreamTarget("", ""), deadline_s=0.1, deliver=lambda _: None, hang_up=hung_up.set)
    began = time.monotonic()
    (event,) = line.events()
    assert isinstance(event, Ended)
    assert (event.report.ended_by, event.report.outcome.disposition) == (EndedBy.FAULT, Disposition.FAILED)
    assert time.monotonic() - began < 1.0
    assert hung_up.is_set()
    line.put(Live(event.report.ended_at))
    assert list(line.events()) == []
