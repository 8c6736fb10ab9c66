"""The premium voice against the simulated ElevenLabs, over real sockets."""

import asyncio
import audioop
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from agents.breaker import Breaker, ProviderError, Resting
from simulator.elevenlabs.studio import Account
from tests.simulator.provider import KEY, VOICE, Provider, provider, tone
from tests.simulator.world import web
from tests.voice.speech import ToneSynthesiser
from voice.domain.types import Tier, TierChanged, Used
from voice.media.mulaw import encoded
from voice.metering import Meter
from voice.speech.elevenlabs import ElevenLabsSynthesiser
from voice.speech.elevenlabs_errors import ElevenLabsError
from voice.speech.loudness import levelled
from voice.speech.phrases import PhraseCache
from voice.speech.ports import Speech, SpeechError
from voice.tiers import TieredVoice

TEXT = "Good morning, this is Ava."
RESTING = "ElevenLabs failed a moment ago and is left alone; the local voice speaks."


@pytest.fixture(autouse=True, params=[True, False], ids=["socket", "http"])
def by_socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to the provider hold all that is asked of one."""
    monkeypatch.setitem(WAY, "by_socket", request.param)
    return bool(request.param)


WAY = {"by_socket": True}


def pcm_of(text: str) -> bytes:
    return levelled(audioop.ulaw2lin(tone(text), 2))


def alike(pcm: bytes, text: str) -> bool:
    """The tone of ``text``, whole and at our loudness; a gain that was set by its beginning is a little off."""
    expected = np.frombuffer(pcm_of(text), "<i2").astype(int)
    samples = np.frombuffer(pcm, "<i2").astype(int)
    return len(samples) == len(expected) and bool(np.abs(samples - expected).max(initial=0) < 200)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def voice(url: str, **options: Any) -> AsyncIterator[ElevenLabsSynthesiser]:
    given = {"api_key": KEY, "voice_id": VOICE, "model": "eleven_flash_v2_5", **WAY, **options}
    one = ElevenLabsSynthesiser(url=url, component="elevenlabs.flash_v2_5", **given)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


@pytest.fixture
async def one() -> AsyncIterator[Provider]:
    async with provider() as found:
        yield found


async def refused(voice: ElevenLabsSynthesiser, text: str = TEXT) -> str:
    """The sentence of the error; neither it nor the log may hold the key."""
    with capture_logs() as entries, pytest.raises(SpeechError) as caught:
        await voice.speech(text)
    assert KEY not in repr(entries)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


class TestSpeaking:
    async def test_a_text_is_spoken_as_the_telephone_needs_it(self, one: Provider, by_socket: bool) -> None:
        async with voice(one.url) as ava:
            assert (ava.available, ava.component) == (True, "elevenlabs.flash_v2_5")
            assert not ava.holds(TEXT)
            speech = await ava.speech(TEXT)
            assert (alike(speech.pcm, TEXT), speech.cached) == (True, False)
        (asked,) = one.studio.asked
        assert (asked.voice_id, asked.model_id, asked.output_format, asked.text, asked.status) == (
            VOICE,
            "eleven_flash_v2_5",
            "ulaw_8000" if by_socket else "pcm_8000",
            TEXT,
            200,
        )

    async def test_what_was_said_is_not_paid_again(self, one: Provider) -> None:
        async with voice(one.url) as ava:
            first, again = await ava.speech(TEXT, keep=True), await ava.speech(TEXT)
            assert ava.holds(TEXT)
        assert (alike(again.pcm, TEXT), again.cached) == (True, True)
        assert encoded(again.pcm) == encoded(first.pcm)  # on the wire, the same to the last byte
        assert one.studio.billed[0] == len(TEXT)

    async def test_memory_is_bounded_and_keeps_the_phrases_of_every_call(self, one: Provider) -> None:
        room = len(pcm_of("aaaa"))  # of two, as mu-law
        async with voice(one.url, cache=PhraseCache(kept_bytes=room, passing_bytes=room)) as ava:
            await ava.speech("kept", keep=True)
            for text in ("aaaa", "bbbb", "cccc"):
                await ava.speech(text)
            assert [ava.holds(text) for text in ("kept", "aaaa", "bbbb", "cccc")] == [True, False, True, True]
            assert not (await ava.speech("aaaa")).cached
        assert [asked.text for asked in one.studio.asked] == ["kept", "aaaa", "bbbb", "cccc", "aaaa"]

    @pytest.mark.parametrize("text", ["", " ", "—", "... !"])
    async def test_a_text_without_sounds_costs_nothing(self, one: Provider, text: str) -> None:
        async with voice(one.url) as ava:
            assert ava.holds(text)
            assert await ava.speech(text) == Speech(b"", cached=True)
        assert one.studio.asked == []

    async def test_one_connection_serves_one_sentence_after_the_other(self, one: Provider) -> None:
        async with voice(one.url) as ava:
            for number in range(5):
                await ava.speech(f"Sentence number {number}.")
        assert len(one.studio.asked) == 5
        assert len(set(one.connections)) == 1

    async def test_sentences_of_several_calls_go_side_by_side(self, one: Provider) -> None:
        one.faults(latency_ms=[200, 200])
        texts = [f"This is call {number}." for number in range(8)]
        async with voice(one.url) as ava, asyncio.timeout(1.2):
            spoken = await asyncio.gather(*(ava.speech(text) for text in texts))
        assert all(alike(speech.pcm, text) for speech, text in zip(spoken, texts, strict=True))

    async def test_our_count_is_what_the_provider_bills(self, one: Provider) -> None:
        counted = 0
        async with voice(one.url) as ava:
            for text in ("Hi, it's Ava — from “Summit”.", "¿Qué tal?", TEXT, TEXT, "", "  Two  spaces. "):
                speech = await ava.speech(text)
                counted += 0 if speech.cached else len(text)
            one.faults(silent=1)
            waiting = asyncio.create_task(ava.speech("Cut off by the person."))
            await one.until_live(1)
            waiting.cancel()
            counted += len("Cut off by the person.")
            await one.until_live(0)
        assert one.studio.billed[0] == counted == 29 + 9 + 26 + 15 + 22

    async def test_before_its_start_and_after_its_stop_it_is_not_there(self, one: Provider) -> None:
        async with voice(one.url) as ava:
            await ava.speech("kept", keep=True)
        await ava.stop()
        new = ElevenLabsSynthesiser(api_key=KEY, url=one.url, voice_id=VOICE, model="eleven_v3", component="x")
        for absent in (ava, new):
            assert not absent.available
            assert await refused(absent) == "ElevenLabs is asked before the voice worker started or after it stopped."
        assert (await ava.speech("kept")).cached
        assert len(one.studio.asked) == 1


KEY_REFUSED = "ElevenLabs refuses the API key: set ELEVENLABS_API_KEY to one that may use text to speech."
MAY_NOT_SPEND = "The ElevenLabs account or key may not spend more: add credits, pay its invoice, or raise its plan."
TOO_MANY = "ElevenLabs gets too many requests at once: lower VOICE_LINES or raise the account's plan."
NO_VOICE = "ElevenLabs does not know the voice {voice}: set ELEVENLABS_VOICE_ID to one of the account's voices."
SILENT = "ElevenLabs was silent for 0.3 s: check this machine's network, or choose a faster ELEVENLABS_MODEL."
NOT_ALLOWED = (
    f"The ElevenLabs account may not use the voice {VOICE} with eleven_flash_v2_5: change ELEVENLABS_VOICE_ID or "
    f"ELEVENLABS_MODEL, or raise its plan."
)


class TestFailures:
    """Each asks once: nobody on a phone waits for a second try."""

    @pytest.mark.parametrize(
        ("fault", "sentence", "rests"),
        [
            ("wrong_key", KEY_REFUSED, True),
            ("unpaid", MAY_NOT_SPEND, True),
            ("too_many", TOO_MANY, False),
            ("out_of_order", "ElevenLabs is out of order ({internal}): see status.elevenlabs.io.", False),
            ("silent", SILENT, False),
            ("stalls", SILENT, False),
            ("broken_off", "The answer from {url} was broken off: check this machine's network.", False),
            ("cut_short", "The answer from {url} was broken off: check this machine's network.", False),
            (
                "empty",
                f"ElevenLabs sent no audio: check that the voice {VOICE} (ELEVENLABS_VOICE_ID) speaks with "
                f"eleven_flash_v2_5 (ELEVENLABS_MODEL).",
                False,
            ),
        ],
    )
    async def test_each_says_what_to_change(
        self, one: Provider, fault: str, sentence: str, rests: bool, by_socket: bool
    ) -> None:
        one.faults(**{fault: {"rate": 1, "at_most": 1}})
        async with voice(one.url, stall_s=0.3) as ava:
            assert await refused(ava) == sentence.format(
                url=one.url, internal="websocket 1011" if by_socket else "HTTP 500"
            )
            assert ava.available is not rests
            assert len(one.studio.asked) == 1
            assert not ava.holds(TEXT)
            if not rests:
                assert alike((await ava.speech(TEXT)).pcm, TEXT)
        await one.until_live(0)

    async def test_another_accounts_key_is_refused(self, one: Provider) -> None:
        async with voice(one.url, api_key="sk_other") as ava:
            assert await refused(ava) == KEY_REFUSED
            assert not ava.available

    async def test_an_unknown_voice_is_named(self, one: Provider) -> None:
        async with voice(one.url, voice_id="nobody") as ava:
            assert await refused(ava) == NO_VOICE.format(voice="nobody")
            assert not ava.available

    async def test_an_unknown_model_is_named(self, one: Provider) -> None:
        async with voice(one.url, model="eleven_v9") as ava:
            assert await refused(ava) == (
                "ElevenLabs does not know the model eleven_v9: choose another ELEVENLABS_MODEL."
            )
            assert not ava.available

    async def test_a_quota_that_is_used_up_is_a_matter_of_money(self) -> None:
        async with provider(credits=13) as one, voice(one.url) as ava:
            assert alike((await ava.speech(TEXT)).pcm, TEXT)
            assert await refused(ava, "One more.") == MAY_NOT_SPEND
            assert not ava.available

    async def test_the_plans_limit_on_requests_at_once_is_told(self, one: Provider) -> None:
        one.studio.account = Account(KEY, concurrency=1)
        one.faults(silent={"rate": 1, "at_most": 1})
        async with voice(one.url) as ava:
            waiting = asyncio.create_task(ava.speech("The one that waits."))
            await one.until_live(1)
            assert await refused(ava) == TOO_MANY
            waiting.cancel()

    async def test_nobody_listens_at_the_address(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            async with voice(url) as ava:
                assert await refused(ava) == (
                    f"ElevenLabs cannot be reached at {url}: check ELEVENLABS_URL and this machine's network."
                )
                assert ava.available

    @pytest.mark.parametrize("url", ["http://127.0.0.1:port", "ftp://127.0.0.1"])
    async def test_an_address_that_is_none_cannot_be_reached(self, url: str) -> None:
        async with voice(url) as ava:
            assert (await refused(ava)).startswith(f"ElevenLabs cannot be reached at {url}: check ELEVENLABS_URL")

    @pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}ü"])
    async def test_a_key_that_no_header_can_hold_is_not_shown(self, one: Provider, key: str) -> None:
        async with voice(one.url, api_key=key) as ava:
            assert await refused(ava) == "ELEVENLABS_API_KEY holds what no HTTP header can: copy the key anew."
            assert not ava.available
        assert one.studio.asked == []

    async def test_a_worker_that_stops_breaks_off_what_is_on_the_way(self, one: Provider) -> None:
        one.faults(silent=1)
        async with voice(one.url) as ava:
            waiting = asyncio.create_task(ava.speech(TEXT))
            await one.until_live(1)
        with pytest.raises(SpeechError):
            await asyncio.wait_for(waiting, 3)
        await one.until_live(0)


Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


class TestOddAnswers:
    """What the simulator never says, but the API, a proxy or another server may."""

    @pytest.mark.parametrize(
        ("status", "body", "sentence", "rests"),
        [
            (400, '{"detail": {"type": "authentication_error", "code": "invalid_api_key"}}', KEY_REFUSED, True),
            (401, f'{{"detail": {{"status": "invalid_api_key", "message": "{KEY}"}}}}', KEY_REFUSED, True),
            (401, '{"detail": {"status": "missing_permissions"}}', KEY_REFUSED, True),
            (400, '{"detail": {"status": "quota_exceeded", "message": "x"}}', MAY_NOT_SPEND, True),
            (401, '{"detail": {"type": "payment_required", "code": "payment_issue"}}', MAY_NOT_SPEND, True),
            (402, '{"detail": {"code": "paid_plan_required"}}', NOT_ALLOWED, True),
            (402, "", MAY_NOT_SPEND, True),
            (403, '{"detail": {"code": "voice_access_denied"}}', NOT_ALLOWED, True),
            (400, '{"detail": {"status": "voice_not_found"}}', NO_VOICE.format(voice=VOICE), True),
            (
                404,
                "<html>Not here</html>",
                "No text to speech is found at {url}: set ELEVENLABS_URL to the address of the API.",
                True,
            ),
            (
                422,
                '{"detail": [{"loc": ["body", "text"], "msg": "Field required", "type": "missing"}]}',
                "ElevenLabs does not take the request (HTTP 422): check ELEVENLABS_VOICE_ID, ELEVENLABS_MODEL and "
                "ELEVENLABS_URL.",
                False,
            ),
            (
                400,
                '{"detail": {"code": "invalid_parameters"}}',
                "ElevenLabs does not take the request (HTTP 400, invalid_parameters): check ELEVENLABS_VOICE_ID, "
                "ELEVENLABS_MODEL and ELEVENLABS_URL.",
                False,
            ),
            (
                307,
                '{"detail": {"code": "No Code!"}}',
                "ElevenLabs does not take the request (HTTP 307): check ELEVENLABS_VOICE_ID, ELEVENLABS_MODEL and "
                "ELEVENLABS_URL.",
                False,
            ),
            (429, '{"detail": {"code": "rate_limit_exceeded"}}', TOO_MANY, False),
            (503, "[]", "ElevenLabs is out of order (HTTP 503): see status.elevenlabs.io.", False),
            (
                200,
                "{}",
                "A page answers at {url}, no audio: set ELEVENLABS_URL to the address of the API.",
                False,
            ),
        ],
    )
    async def test_its_meaning_is_found(self, status: int, body: str, sentence: str, rests: bool) -> None:
        content = body.encode(errors="surrogateescape")
        app: Answer = Response(content, status, media_type="application/json")
        async with web(app) as url, voice(url) as ava:
            assert await refused(ava) == sentence.format(url=url)
            assert ava.available is not rests

    async def test_an_error_that_is_no_text_is_a_broken_answer(self) -> None:
        async with web(Response(b"\xff", 500, media_type="application/json")) as url:
            async with voice(url, by_socket=False) as ava:
                assert await refused(ava) == f"The answer from {url} was broken off: check this machine's network."
            async with voice(url, by_socket=True) as ava:
                assert await refused(ava) == ("ElevenLabs is out of order (HTTP 500): see status.elevenlabs.io.")

    async def test_half_a_sample_is_no_end(self) -> None:
        app: Answer = Response(pcm_of(TEXT)[:-1], media_type="audio/pcm")
        async with web(app) as url, voice(url, by_socket=False) as ava:
            assert await refused(ava) == f"The answer from {url} was broken off: check this machine's network."

    async def test_audio_without_end_is_cut(self) -> None:
        app: Answer = Response(bytes(180_000 * 16 + 2), media_type="audio/pcm")
        async with web(app) as url, voice(url, by_socket=False) as ava:
            assert await refused(ava) == f"More audio comes from {url} than any text needs: check ELEVENLABS_URL."

    async def test_a_trickle_ends_at_the_limit(self) -> None:
        async def trickle(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"audio/pcm")]})
            while True:
                await send({"type": "http.response.body", "body": bytes(2048), "more_body": True})
                await asyncio.sleep(0.1)

        async with web(_until_left(trickle)) as url, voice(url, stall_s=0.3, limit_s=0.5, by_socket=False) as ava:
            assert await refused(ava) == (
                "ElevenLabs took more than 0.5 s: check this machine's network, or choose a faster ELEVENLABS_MODEL."
            )


def _until_left(app: Answer) -> Answer:
    """``app``, ended when its client goes away."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        task = asyncio.ensure_future(app(scope, receive, send))
        while (await receive())["type"] != "http.disconnect":
            pass
        task.cancel()

    return handle


class TestBreaker:
    async def test_three_failures_in_a_row_leave_the_provider_alone_for_half_a_minute(self, one: Provider) -> None:
        clock = Clock()
        one.faults(out_of_order=1)
        async with voice(one.url, clock=clock) as ava:
            for _ in range(3):
                assert ava.available
                await refused(ava)
            assert not ava.available
            assert await refused(ava) == RESTING
            clock.now += 29.9
            assert await refused(ava) == RESTING
            assert len(one.studio.asked) == 3
            clock.now += 0.1
            assert ava.available
            await refused(ava)  # the trial fails: another half minute
            assert not ava.available
            clock.now += 30
            one.faults()
            with capture_logs() as entries:
                assert alike((await ava.speech(TEXT)).pcm, TEXT)
            assert [entry["event"] for entry in entries if entry["log_level"] == "info"][-1] == "speech.premium_back"
            assert ava.available
        assert len(one.studio.asked) == 5

    async def test_a_success_between_starts_the_count_anew(self, one: Provider) -> None:
        async with voice(one.url) as ava:
            for number in range(3):
                one.faults(out_of_order={"rate": 1, "at_most": 2})
                await refused(ava)
                await refused(ava)
                await ava.speech(f"Number {number}.")
            assert ava.available

    async def test_one_failure_that_needs_a_person_is_enough_and_is_told_once(
        self, one: Provider, by_socket: bool
    ) -> None:
        one.faults(unpaid={"rate": 1, "at_most": 1})
        async with voice(one.url, clock=Clock()) as ava:
            with capture_logs() as entries, pytest.raises(ElevenLabsError):
                await ava.speech(TEXT)
            ours = [entry for entry in entries if entry["event"].startswith("speech.")]
            assert ours[0].pop("after_ms") >= 0
            assert ours == [
                {
                    "event": "speech.premium_failed",
                    "log_level": "warning",
                    "reason": MAY_NOT_SPEND,
                    "status": 1008 if by_socket else 402,
                    "code": "insufficient_credits",
                    "chars": len(TEXT),
                },
                {"event": "speech.premium_rests", "log_level": "error", "reason": MAY_NOT_SPEND},
            ]
            assert await refused(ava) == RESTING
            assert len(one.studio.asked) == 1

    async def test_memory_speaks_on_while_the_provider_rests(self, one: Provider) -> None:
        async with voice(one.url, clock=Clock()) as ava:
            await ava.speech("kept", keep=True)
            one.faults(wrong_key=1)
            await refused(ava)
            speech = await ava.speech("kept")
            assert (alike(speech.pcm, "kept"), speech.cached) == (True, True)

    async def test_an_interruption_is_no_failure(self, one: Provider) -> None:
        one.faults(silent=1)
        async with voice(one.url) as ava:
            for _ in range(4):
                waiting = asyncio.create_task(ava.speech(TEXT))
                await one.until_live(1)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await one.until_live(0)
            assert ava.available
            one.faults()
            assert alike((await ava.speech(TEXT)).pcm, TEXT)
        assert [asked.cut for asked in one.studio.asked] == [True] * 4 + [False]

    async def test_one_trial_at_a_time_and_a_cancelled_one_makes_room(self, one: Provider) -> None:
        clock = Clock()
        one.faults(wrong_key={"rate": 1, "at_most": 1}, silent=1)
        async with voice(one.url, clock=clock) as ava:
            await refused(ava)
            clock.now += 30
            trial = asyncio.create_task(ava.speech(TEXT))
            await one.until_live(1)
            assert not ava.available
            assert await refused(ava) == RESTING
            trial.cancel()
            await one.until_live(0)
            assert ava.available
            one.faults()
            assert alike((await ava.speech(TEXT)).pcm, TEXT)
            assert ava.available

    def test_who_asked_before_it_opened_neither_closes_it_nor_makes_it_rest_longer(self) -> None:
        clock = Clock()
        breaker = Breaker(clock, failures=1)
        early, late = breaker.attempt(), breaker.attempt()
        early.__enter__()
        late.__enter__()
        with pytest.raises(ProviderError), breaker.attempt():
            raise ProviderError
        assert not early.__exit__(None, None, None)
        assert breaker.open
        clock.now += 20
        error = ProviderError()
        assert not late.__exit__(ProviderError, error, None)
        clock.now += 10
        assert breaker.available
        with breaker.attempt():
            assert not breaker.available
            with pytest.raises(Resting), breaker.attempt():
                pytest.fail("a second trial was let through")
        assert (breaker.available, breaker.open) == (True, False)


class TestMeter:
    """What the call's meter counts of the premium voice is what the provider bills."""

    async def test_every_character_once_whatever_happens_to_the_clause(self, one: Provider, by_socket: bool) -> None:
        events: list[Used | TierChanged] = []
        meter = Meter({}, events.append)
        async with voice(one.url) as ava:
            speaks = TieredVoice(ToneSynthesiser(), ava, meter=meter, emit=events.append)
            speaks.begin(Tier.PREMIUM)
            for text in (TEXT, "How about Thursday?", TEXT, "..."):
                pcm = await speaks.speech(text, keep=False, ahead_s=0.0)
                assert pcm == b"" if text == "..." else alike(pcm, text)
            one.faults(stalls=1, stall_s=0.2)
            interrupted = asyncio.create_task(speaks.speech("You were saying?", keep=False, ahead_s=0.0))
            await one.until_live(1)
            interrupted.cancel()
            await one.until_live(0)
            one.faults(broken_off=1)
            await speaks.speech("Spoken by the local voice.", keep=False, ahead_s=0.0)
        (premium, local) = meter.total()
        characters = (
            len(TEXT) + len("How about Thursday?") + len("You were saying?") + len("Spoken by the local voice.")
        )
        assert one.studio.billed[0] == characters == int(premium.quantity)
        assert (premium.component, premium.unit) == ("elevenlabs.flash_v2_5", "char")
        # By the websocket, half of it was heard already: the local voice goes on with the next word.
        rest = "the local voice." if by_socket else "Spoken by the local voice."
        assert (local.component, int(local.quantity)) == ("tts.local", len(rest))
        (change,) = [event for event in events if isinstance(event, TierChanged)]
        assert change.reason == (
            f"The premium voice failed, so the local voice speaks on: The answer from {one.url} was broken off: "
            f"check this machine's network."
        )
