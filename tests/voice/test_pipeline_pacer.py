"""When our packets go out, and what is measured of it."""

import asyncio
import time

import pytest

from tests.voice.speech import tone
from voice.media import mulaw
from voice.media.pacer import LEAD_S, PACKET, Outgoing, Pacer
from voice.media.ports import MediaStats
from voice.media.stats import MediaMeter

PACKET_MS = 40


class Wire:
    """Our side of one call, on a clock that stands until it is set."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.meter = MediaMeter(lambda: self.now)
        self.pacer = Pacer(self.meter, lambda: self.now)
        self.sent: list[tuple[float, bytes | str]] = []
        self.heard = b""
        self.looks = 0
        self.outgoing = self.join()

    def join(self) -> Outgoing:
        return Outgoing(self.pacer, send=self._send, mark=self._mark, look=self._look)

    def _send(self, coded: bytes, pcm: bytes) -> None:
        assert mulaw.decoded(coded) == mulaw.decoded(mulaw.encoded(pcm))
        self.sent.append((self.now, coded))
        self.heard += pcm

    def _mark(self, name: str) -> None:
        self.sent.append((self.now, name))

    def _look(self) -> None:
        self.looks += 1

    def run(self, until: float, step: float = 0.02) -> None:
        """Rounds of the pacer, by hand."""
        while self.now < until - 1e-9:
            self.now += step
            self.outgoing.flow(self.now, self.now, self.meter)

    @property
    def times(self) -> list[int]:
        """When packets went out, in ms since the start."""
        return [round((at - 100) * 1000) for at, what in self.sent if isinstance(what, bytes)]


def test_an_utterance_begins_at_once_and_keeps_ahead() -> None:
    wire = Wire()
    assert wire.outgoing.say(tone(400)) == 3200
    wire.run(101)
    assert wire.times == [0, 0, 0, 0, 40, 80, 120, 160, 200, 240]
    assert wire.heard == tone(400)
    stats = wire.meter.stats()
    assert (stats.packets_out, stats.underruns) == (10, 0)
    assert stats.lateness_p99_ms == pytest.approx(5)  # these rounds stand 20 ms apart


def test_clauses_follow_each_other_without_a_gap() -> None:
    wire = Wire()
    wire.outgoing.say(tone(80))
    wire.run(100.04)
    assert wire.outgoing.say(tone(60)) == 640  # filled up to whole packets
    assert wire.outgoing.say_mulaw(mulaw.encoded(tone(30))) == 320
    assert wire.outgoing.say(b"") == 0
    wire.run(101)
    assert wire.times == [0, 0, 40, 40, 40]
    assert wire.heard[: 60 * 16 + 80 * 16] == tone(80) + tone(60)
    assert len(wire.heard) == 5 * PACKET * 2


def test_marks_go_out_behind_their_clause() -> None:
    wire = Wire()
    wire.outgoing.mark("before")
    wire.outgoing.say(tone(200))
    wire.outgoing.mark("after")
    wire.outgoing.say(tone(40))
    wire.run(101)
    kinds = [what if isinstance(what, str) else "." for _, what in wire.sent]
    assert kinds == ["before", ".", ".", ".", ".", ".", "after", "."]


def test_nothing_follows_a_hush() -> None:
    wire = Wire()
    wire.outgoing.say(tone(1000))
    wire.outgoing.mark("never")
    wire.run(100.1)
    before = len(wire.sent)
    wire.outgoing.hush()
    wire.run(103)
    assert len(wire.sent) == before
    wire.outgoing.say(tone(40))  # and the next words wait for nothing
    assert wire.sent[before:] == [(wire.now, mulaw.encoded(tone(40)))]


def test_a_late_wake_up_is_caught_up_with() -> None:
    wire = Wire()
    wire.outgoing.say(tone(800))
    wire.run(100.04)
    wire.run(100.24, step=0.2)  # 200 ms without a round
    wire.run(101)
    assert wire.times == [0, 0, 0, 0, 40, *[240] * 5, *range(280, 641, 40)]
    stats = wire.meter.stats()
    assert (stats.packets_out, stats.underruns) == (20, 1)
    assert stats.lateness_p99_ms == pytest.approx(155, abs=6)


def test_a_standstill_is_not_caught_up_with() -> None:
    wire = Wire()
    wire.outgoing.say(tone(400))
    wire.run(103, step=3)
    assert wire.times == [0, 0, 0, 0, 3000, 3000, 3000, 3000]
    assert wire.meter.stats().underruns == 1


class TestPacer:
    async def test_one_timer_serves_all_calls(self) -> None:
        sent: list[tuple[int, float, bytes]] = []
        pacer = Pacer(MediaMeter())

        def call(number: int) -> Outgoing:
            def send(coded: bytes, _: bytes) -> None:
                sent.append((number, time.monotonic(), coded))

            return Outgoing(pacer, send=send, mark=lambda _: None, look=lambda: None)

        calls = [call(number) for number in range(5)]
        for one in calls:
            pacer.join(one)
            one.say(tone(400))
        began = time.monotonic()
        while len(sent) < 50:
            await asyncio.sleep(0.02)
        for number in range(5):
            times = [at - began for which, at, _ in sent if which == number]
            assert len(times) == 10
            for place, at in enumerate(times):
                assert at < max(0.0, place * PACKET_MS / 1000 - LEAD_S) + 0.1
        stats = pacer.meter.stats()
        assert (stats.calls, stats.packets_out, stats.underruns) == (5, 50, 0)
        for one in calls:
            pacer.part(one)
        assert pacer.meter.stats().calls == 0

    async def test_every_call_is_looked_at_each_second_until_it_parts(self) -> None:
        looks = [0, 0]
        pacer = Pacer(MediaMeter())

        def look(number: int) -> None:
            looks[number] += 1

        calls = [
            Outgoing(pacer, send=lambda _, __: None, mark=lambda _: None, look=lambda n=n: look(n))  # type: ignore[misc]
            for n in range(2)
        ]
        for one in calls:
            pacer.join(one)
        calls[0].say(tone(1200))  # one speaks, and is looked at all the same
        await asyncio.sleep(1.15)
        assert looks == [1, 1]
        for one in calls:
            pacer.part(one)
        await asyncio.sleep(1.05)
        assert looks == [1, 1]


class TestMeter:
    def test_ten_seconds_are_told(self) -> None:
        now = [100.0]
        meter = MediaMeter(lambda: now[0])
        assert meter.stats() == MediaStats()
        for number in range(100):
            meter.sent(100.0, number / 1000, underrun=number >= 98)
        meter.received(100.0, 50)
        meter.received(100.5, 50)
        meter.woke(100.0, 0.004)
        meter.calls = 3
        stats = meter.stats()
        assert (stats.calls, stats.packets_in, stats.packets_out, stats.underruns) == (3, 100, 100, 2)
        assert stats.lateness_p50_ms == pytest.approx(49.5)
        assert stats.lateness_p99_ms == pytest.approx(98.01)
        assert stats.lag_p99_ms == pytest.approx(4)
        now[0] = 111.5
        meter.received(111.5, 7)
        assert meter.stats() == MediaStats(calls=3, packets_in=7)
