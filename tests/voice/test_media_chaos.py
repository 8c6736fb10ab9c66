"""The media path when the network or the carrier misbehaves, and another call that goes on undisturbed beside it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from agents.domain.types import EndedBy, Reply
from tests.voice.carrier import Carrier, Packet, carried, frame, packets
from tests.voice.conftest import PlaneMaker, open_line
from tests.voice.dialogues import ScriptedDialogue
from tests.voice.phone import answered
from tests.voice.speech import CHAR_MS, ScriptedRecogniser, silence, spoken, tone
from voice.domain.types import Report
from voice.media import link, mulaw, socket
from voice.plane import VoicePlane

OPENING = "Acme calling about the house on Elm Street and this call is recorded"
HEARD = tone(len(OPENING) * CHAR_MS)
WORDS = spoken("Stop calling me.")
BEFORE = silence(200)
SPEECH = BEFORE + WORDS + silence(600)


def played(pcm: bytes) -> bytes:
    """What a phone hears of ``pcm``: whole packets of 40 ms, by mu-law."""
    return mulaw.decoded(mulaw.encoded(pcm + bytes(-len(pcm) % 640)))


@contextlib.asynccontextmanager
async def bystander(plane: VoicePlane) -> AsyncIterator[None]:
    """Another call on the same plane: it hears its opening whole and without a gap, and ends in good order."""
    watch = open_line(plane, call_id="bystander")
    async with answered(watch.line.stream) as phone:
        await phone.spoken_to()
        yield
        await phone.quiet(0.1)
        assert phone.pcm == played(HEARD)
        began, before = phone.heard[0][0], 0.0
        for at, payload in phone.heard:
            assert at - began <= before + 1  # s: the machine may be busy, the call must not stand still
            before += len(payload) / 8000
        assert phone.cleared == []
        await phone.stop()
        assert await phone.gone() == 1000
    report = await watch.report()
    assert (report.ended_by, report.cut_off) == (EndedBy.LEAD, False)


@contextlib.asynccontextmanager
async def strained(
    make_plane: PlaneMaker,
    recogniser: ScriptedRecogniser | None = None,
    *,
    receive_buffer: int | None = None,
) -> AsyncIterator[tuple[Carrier, Callable[[], asyncio.Future[Report]]]]:
    """A call whose carrier is ours to spoil, and its report to come; a bystander talks all the while."""
    dialogue = ScriptedDialogue(opening=Reply(OPENING, agent="conversation", fixed=True))
    plane = await make_plane(dialogue, recogniser)
    watch = open_line(plane)
    async with bystander(plane), carried(watch.line.stream, receive_buffer=receive_buffer) as carrier:
        yield carrier, lambda: asyncio.ensure_future(watch.report())


def cut(report: Report) -> tuple[EndedBy, bool]:
    return report.ended_by, report.cut_off


def understood(recogniser: ScriptedRecogniser, sent: bytes, *, share: float = 1.0) -> None:
    """The words were understood at once and whole, as they stand in ``sent``: ``share`` of what was said."""
    pcm = recogniser.asked[-1]
    start = sent.find(pcm)
    assert start >= 0
    assert start <= len(BEFORE) * share
    assert start + len(pcm) >= len(BEFORE + WORDS) * share


def shuffled(sent: list[Packet]) -> list[Packet]:
    """Every third packet two places late."""
    order = sorted(range(len(sent)), key=lambda n: n + 2.5 * (n % 3 == 0 and n > 0))
    return [sent[n] for n in order]


def doubled(sent: list[Packet]) -> list[Packet]:
    return [packet for packet in sent for _ in range(2)]


def late_twice(sent: list[Packet]) -> list[Packet]:
    """In order, and once more half a second later."""
    return [packet for n in range(len(sent)) for packet in (sent[n], *sent[max(0, n - 25) : max(0, n - 24)])]


def whole(sent: list[Packet]) -> list[Packet]:
    return sent


class TestPackets:
    @pytest.mark.parametrize(
        ("spoil", "burst"), [(whole, 1), (whole, 10), (shuffled, 1), (doubled, 2), (late_twice, 2)]
    )
    async def test_what_arrives_in_any_way_is_heard_as_it_was_said(
        self, make_plane: PlaneMaker, spoil: Callable[[list[Packet]], list[Packet]], burst: int
    ) -> None:
        recogniser = ScriptedRecogniser("Stop calling me.")
        async with strained(make_plane, recogniser) as (carrier, report):
            await carrier.stream(spoil(packets(SPEECH)), burst=burst)
            await carrier.stop()
            assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, played(SPEECH))

    async def test_what_is_lost_is_left_out(self, make_plane: PlaneMaker) -> None:
        recogniser = ScriptedRecogniser("Stop calling me.")
        kept = [packet for n, packet in enumerate(packets(SPEECH)) if n % 10 != 9]
        async with strained(make_plane, recogniser) as (carrier, report):
            await carrier.stream(kept)
            await carrier.stop()
            assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, b"".join(mulaw.decoded(packet.coded) for packet in kept), share=0.9)

    @pytest.mark.parametrize("sizes", [[1], [1, 2, 3, 5, 100, 7], [400, 37, 1200]])
    async def test_messages_may_come_in_any_pieces(self, make_plane: PlaneMaker, sizes: list[int]) -> None:
        recogniser = ScriptedRecogniser("Stop calling me.")
        data = b"".join(frame(packet.text.encode()) for packet in packets(SPEECH))
        async with strained(make_plane, recogniser) as (carrier, report):
            await carrier.spoken_to.wait()
            await carrier.pieces(data, sizes)
            await carrier.stop()
            assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, played(SPEECH))

    async def test_fragments_are_put_together(self, make_plane: PlaneMaker) -> None:
        recogniser = ScriptedRecogniser("Stop calling me.")
        async with strained(make_plane, recogniser) as (carrier, report):
            for packet in packets(SPEECH):
                await carrier.connection.send([packet.text[:50], packet.text[50:]])
                await asyncio.sleep(0.01)
            await carrier.connection.ping()
            await carrier.stop()
            assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, played(SPEECH))


GARBAGE: list[str | bytes] = [
    "", "{", "null", "7", '"x"', "[]", "{}", "[" * 20_000, '{"event": 7}', '{"event": "hello"}',
    '{"event": "media"}', '{"event": "media", "media": 7}', '{"event": "media", "media": {}}',
    '{"event": "media", "media": {"payload": 7}}', '{"event": "media", "media": {"payload": "###"}}',
    '{"event": "media", "media": {"payload": ""}}', '{"event": "media", "media": {"payload": "AAA"}}',
    '{"event": "media", "media": {"payload": "AAAA", "timestamp": "soon"}}',
    '{"event": "media", "media": {"payload": "AAAA", "timestamp": 1e999}}',
    '{"event": "media", "media": {"payload": "AAAA", "timestamp": "%s"}}' % ("9" * 400),
    '{"event": "media", "media": {"payload": "AAAA", "timestamp": []}}',
    '{"event": "media", "media": {"payload": "AAAA", "track": "outbound"}}',
    '{"event": "dtmf"}', '{"event": "dtmf", "dtmf": {"digit": "Z"}}', '{"event": "dtmf", "dtmf": {"digit": 9}}',
    '{"event": "dtmf", "dtmf": {"digit": []}}', '{"event": "mark"}', '{"event": "mark", "mark": {"name": "no such"}}',
    b"\x00\xff", b'{"event": "media"}',
]  # fmt: skip


class TestGarbage:
    async def test_odd_messages_are_passed_over(self, make_plane: PlaneMaker) -> None:
        recogniser = ScriptedRecogniser("Stop calling me.")
        with capture_logs() as logs:
            async with strained(make_plane, recogniser) as (carrier, report):
                await carrier.spoken_to.wait()
                for odd in GARBAGE:
                    await carrier.connection.send(odd)
                await carrier.stream(packets(SPEECH))
                await carrier.stop()
                assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, played(SPEECH))
        assert [log["event"] for log in logs if log["log_level"] != "info"] == ["media.malformed"]

    async def test_random_bytes_in_frames_are_passed_over(self, make_plane: PlaneMaker) -> None:
        chance = random.Random(7)
        recogniser = ScriptedRecogniser("Stop calling me.")
        async with strained(make_plane, recogniser) as (carrier, report):
            await carrier.spoken_to.wait()
            for _ in range(200):
                carrier.connection.transport.write(frame(chance.randbytes(chance.randrange(2000))))
            await carrier.stream(packets(SPEECH))
            await carrier.stop()
            assert cut(await report()) == (EndedBy.LEAD, False)
        understood(recogniser, played(SPEECH))

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(100), 1009),  # a terabyte is announced
            (b"\x81\xff" + (70_000).to_bytes(8, "big") + bytes(70_004), 1009),
            (b"\x81\x05hello", 1002),  # not masked
            (b"\xf1\x80\0\0\0\0", 1002),  # of no extension that was agreed on
            (b"\x83\x80\0\0\0\0", 1002),  # of no kind that there is
            (b"\x80\x80\0\0\0\0", 1002),  # goes on with nothing
        ],
    )
    async def test_a_broken_protocol_ends_the_call_as_cut_off(
        self, make_plane: PlaneMaker, raw: bytes, code: int
    ) -> None:
        async with strained(make_plane) as (carrier, report):
            await carrier.spoken_to.wait()
            carrier.connection.transport.write(frame(packets(silence(20))[0].text.encode()) + raw)
            assert await carrier.gone() == code
            assert cut(await report()) == (EndedBy.FAULT, True)


class TestEnds:
    async def test_a_stop_in_mid_speech_is_followed_by_nothing(self, make_plane: PlaneMaker) -> None:
        async with strained(make_plane) as (carrier, report):
            await carrier.stream(packets(silence(400)))
            assert 0 < carrier.heard < len(HEARD) // 2 // 2
            await carrier.stop()
            assert await carrier.gone() == 1000
            assert cut(await report()) == (EndedBy.LEAD, False)
            assert set(carrier.events) == {"media"}
            assert carrier.heard < 6400  # 0.4 s and what is sent ahead of it

    @pytest.mark.parametrize(("end", "outcome"), [("close", (EndedBy.LEAD, False)), ("abort", (EndedBy.FAULT, True))])
    async def test_a_socket_that_is_closed_in_order_is_a_hang_up_and_any_other_is_none(
        self, make_plane: PlaneMaker, end: str, outcome: tuple[EndedBy, bool]
    ) -> None:
        async with strained(make_plane) as (carrier, report):
            await carrier.stream(packets(silence(100)))
            if end == "close":
                await carrier.connection.close()
            else:
                carrier.connection.transport.abort()
            assert cut(await report()) == outcome

    async def test_a_carrier_that_vanishes_is_noticed(
        self, make_plane: PlaneMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "SILENT_S", 2)
        loop = asyncio.get_running_loop()
        with capture_logs() as logs:
            async with strained(make_plane) as (carrier, report):
                await carrier.stream(packets(silence(100)))
                carrier.freeze()  # no FIN, no reset, no answer
                began = loop.time()
                assert cut(await report()) == (EndedBy.FAULT, True)
                assert 0.9 < loop.time() - began < 4
        broken = [log for log in logs if log["log_level"] == "warning"]
        assert [(log["event"], log["reason"]) for log in broken] == [("media.broken", "the carrier sends nothing")]

    async def test_a_carrier_that_stops_reading_is_left(
        self, make_plane: PlaneMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "MOST_WAITING", 4096)
        monkeypatch.setattr(socket, "_SEND_BUFFER", 4096)
        with capture_logs() as logs:
            async with strained(make_plane, receive_buffer=2048) as (carrier, report):
                carrier.freeze()
                streaming = asyncio.create_task(carrier.stream(packets(silence(20_000))))
                assert cut(await report()) == (EndedBy.FAULT, True)
                streaming.cancel()
                await asyncio.gather(streaming, return_exceptions=True)
        broken = [log for log in logs if log["event"] == "media.broken"]
        assert [log["reason"] for log in broken] == ["the carrier reads nothing"]
