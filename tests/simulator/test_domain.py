"""The carrier's pure parts: calls, TwiML, signatures, rate, buffers, audio."""

import io
import wave
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from twilio.request_validator import RequestValidator

from simulator import audio
from simulator.domain import twiml
from simulator.domain.call import Call, Status, formatted, observation, resource
from simulator.domain.signing import signature
from simulator.domain.twiml import Dial, Gather, Hangup, Pause, Play, Redirect, Reject, Say, Stream, TwimlError
from simulator.exchange import CallRate
from simulator.line import Bridge, Playback, Quiet
from simulator.media import PlayoutBuffer
from simulator.party import Ear

T0 = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def call() -> Call:
    return Call(
        sid="CA" + "0" * 32, account_sid="AC" + "0" * 32, to="+13035550101", from_="+442071838750", created_at=T0
    )


def moved(*steps: tuple[Status, float]) -> Call:
    one = call()
    for status, at_s in steps:
        assert one.move(status, T0 + timedelta(seconds=at_s))
    return one


ANSWERED = ((Status.INITIATED, 1), (Status.RINGING, 2), (Status.IN_PROGRESS, 5))


@pytest.mark.parametrize(
    ("talk_s", "duration", "price"), [(0.1, 1, "-0.01400"), (60, 60, "-0.01400"), (60.5, 61, "-0.02800")]
)
def test_a_call_costs_by_the_started_minute(talk_s: float, duration: int, price: str) -> None:
    one = moved(*ANSWERED, (Status.COMPLETED, 5 + talk_s))
    assert (one.duration_s, one.price) == (duration, price)
    assert one.rings == [T0 + timedelta(seconds=2)]
    assert [status.value for status, _ in one.history] == [
        "queued",
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]


@pytest.mark.parametrize("end", [Status.BUSY, Status.NO_ANSWER, Status.FAILED, Status.CANCELED])
def test_a_call_that_nobody_answered_costs_nothing(end: Status) -> None:
    one = moved(*ANSWERED[:2], (end, 9))
    assert (one.duration_s, one.price, one.answered_at) == (0, None, None)
    assert resource(one)["duration"] == "0"


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ((), Status.RINGING),
        (ANSWERED, Status.CANCELED),
        (ANSWERED, Status.BUSY),
        ((*ANSWERED, (Status.COMPLETED, 9)), Status.COMPLETED),
        (((Status.CANCELED, 1),), Status.INITIATED),
    ],
)
def test_a_status_that_cannot_follow_changes_nothing(steps: tuple[tuple[Status, float], ...], wrong: Status) -> None:
    one = moved(*steps)
    before = observation(one)
    assert not one.move(wrong, T0 + timedelta(hours=1))
    assert observation(one) == before


def test_the_resource_reads_like_twilios() -> None:
    one = moved(*ANSWERED, (Status.COMPLETED, 9))
    shown = resource(one)
    assert shown["start_time"] == "Fri, 20 Nov 2026 17:00:01 +0000"
    assert shown["end_time"] == "Fri, 20 Nov 2026 17:00:09 +0000"
    assert (shown["to_formatted"], shown["from_formatted"]) == ("(303) 555-0101", "+442071838750")
    assert resource(moved((Status.INITIATED, 1)))["status"] == "queued"
    assert formatted("+13035550101") == "(303) 555-0101"


@pytest.mark.parametrize("fields", [{}, {"B": "2", "A": "ä"}])
def test_the_signature_is_the_one_twilios_library_expects(fields: dict[str, str]) -> None:
    url = "https://example.org/hook?call=7"
    assert RequestValidator("token").validate(url, fields, signature(url, fields, "token"))
    assert not RequestValidator("token").validate(url, fields, signature(url, fields, "tokem"))


def test_every_verb_is_read() -> None:
    document = """<?xml version="1.0"?>
    <Response>
      <Connect action="/next" method="GET"><Stream url="wss://host/media" name="m" statusCallback="/s">
        <Parameter name="token" value="t"/><Parameter name="empty"/></Stream></Connect>
      <Say loop="2">Hello</Say><Play>/a.wav</Play><Pause length="3"/><Redirect method="GET">/r</Redirect>
      <Dial action="/d" timeout="9" timeLimit="60" callerId="+13035550000">+13035550102</Dial>
      <Dial><Number>+13035550103</Number></Dial>
      <Gather numDigits="1" timeout="2" action="/g"><Say>Press</Say></Gather>
      <Reject reason="busy"/><Hangup/>
    </Response>"""
    assert twiml.parse(document) == (
        Stream("wss://host/media", {"token": "t", "empty": ""}, "m", "/s", "/next", "GET"),
        Say("Hello", 2),
        Play("/a.wav"),
        Pause(3),
        Redirect("/r", "GET"),
        Dial("+13035550102", "/d", "POST", 9, 60, "+13035550000"),
        Dial("+13035550103"),
        Gather((Say("Press"),), "/g", "POST", 2, 1),
        Reject("busy"),
        Hangup(),
    )


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "not well-formed XML"),
        ("<Response>", "not well-formed XML"),
        ("<Answer/>", "the root element is <Answer>"),
        ("<Response><Sing/></Response>", "<Sing> is not a verb"),
        ("<Response><Connect/></Response>", "exactly one <Stream>"),
        ('<Response><Connect><Stream url="https://a/b"/></Connect></Response>', "not a ws or wss URL"),
        ('<Response><Connect><Stream url="wss://a"><Sing/></Stream></Connect></Response>', "only <Parameter"),
        ("<Response><Say> </Say></Response>", "<Say> is empty"),
        ('<Response><Pause length="long"/></Response>', "length='long' is not a whole number"),
        ('<Response><Redirect method="PUT">/a</Redirect></Response>', "neither GET nor POST"),
        ("<Response><Gather><Hangup/></Gather></Response>", "only <Say>, <Play> and <Pause>"),
    ],
)
def test_a_document_that_cannot_be_carried_out_says_why(document: str, why: str) -> None:
    with pytest.raises(TwimlError, match=why):
        twiml.parse(document)


def test_the_call_rate_is_one_second_deep() -> None:
    rate = CallRate(2)
    assert [rate.take(at) for at in (100, 100, 100, 100.4, 100.5, 100.6, 101.0)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    slow = CallRate(0.5)
    assert [slow.take(at) for at in (100, 101, 102, 103)] == [True, False, True, False]


def test_marks_come_back_when_what_was_before_them_has_been_played() -> None:
    buffer = PlayoutBuffer()
    buffer.mark("at once")
    buffer.add(b"\x01" * 200)
    buffer.mark("after")
    assert buffer.reached() == ["at once"]
    assert buffer.take() == b"\x01" * 160
    assert buffer.reached() == []
    assert buffer.take() == b"\x01" * 40 + b"\xff" * 120
    assert buffer.reached() == ["after"]
    assert (buffer.take(), buffer.reached()) == (None, [])


def test_clear_forgets_the_audio_and_returns_every_mark() -> None:
    buffer = PlayoutBuffer()
    buffer.add(b"\x01" * 1600)
    buffer.mark("one")
    buffer.mark("two")
    buffer.clear()
    assert (buffer.take(), buffer.reached(), buffer.reached()) == (None, ["one", "two"], [])
    buffer.add(b"\x02" * 160)
    assert buffer.take() == b"\x02" * 160


def test_an_utterance_ends_after_700_ms_of_silence() -> None:
    ear, loud = Ear(), audio.beep(0.02)
    heard = [loud] * 50 + [None] * 10 + [audio.SILENCE] * 10 + [loud] * 30 + [None] * 40
    ends = [(tick, ended) for tick, frame in enumerate(heard) if (ended := ear.tick(tick, frame))]
    assert [(tick, ended[:2]) for tick, ended in ends] == [(134, (0, 100))]
    assert len(ends[0][1][2]) == 105 * audio.FRAME


def test_a_click_is_not_speech_and_nobody_listens_longer_than_a_minute() -> None:
    ear, loud = Ear(), audio.beep(0.02)
    assert [ear.tick(tick, frame) for tick, frame in enumerate([None, loud, None] * 20)] == [None] * 60
    ends = [tick for tick in range(100, 3200) if ear.tick(tick, loud)]
    assert ends == [3100]


def test_comfort_noise_is_at_minus_60_dbfs() -> None:
    noise = np.concatenate([audio.to_samples(frame, 16000) for frame in audio.comfort_noise(1.0)])
    level_db = 20 * np.log10(np.sqrt(np.mean(noise**2)))
    assert -63 < level_db < -57
    assert not any(audio.audible(frame) for frame in audio.comfort_noise())


def test_sounds_are_trimmed_to_what_can_be_heard() -> None:
    assert audio.trimmed(audio.SILENCE * 5 + audio.beep(0.1) + audio.SILENCE * 7) == audio.beep(0.1)
    assert audio.trimmed(audio.SILENCE * 3) == b""


def test_a_wav_file_is_played_at_8_khz() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(np.full((1600, 2), 8000, "<i2").tobytes())
    mulaw = audio.from_file(file.getvalue(), "audio/wav")
    assert len(mulaw) == 800
    assert abs(float(np.median(audio.to_samples(mulaw, 16000))) - 8000 / 32768) < 0.01
    assert audio.from_file(b"\x12\x13", "audio/basic; rate=8000") == b"\x12\x13"
    with pytest.raises(ValueError, match="neither WAV nor mu-law"):
        audio.from_file(b"ID3", "audio/mpeg")


def test_an_8_bit_wav_is_refused() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(b"\x80" * 80)
    with pytest.raises(ValueError, match="16-bit"):
        audio.from_file(file.getvalue(), "audio/wav")


def test_what_a_line_can_be_connected_to() -> None:
    one, two = Bridge.pair()
    one.push(b"a")
    assert (two.pull(), two.pull(), one.pull()) == (b"a", None, None)
    one.press("1")
    quiet = Quiet()
    quiet.push(b"a")
    quiet.press("1")
    assert quiet.pull() is None
    playback = Playback(b"\x01" * 170)
    playback.press("7")
    assert [playback.pull(), playback.pull()] == [b"\x01" * 160, b"\x01" * 10 + b"\xff" * 150]
    assert (playback.over.is_set(), playback.pull(), playback.over.is_set()) == (False, None, True)
    assert playback.keys.get_nowait() == "7"
