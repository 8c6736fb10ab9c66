"""Whose voice speaks: the premium one as long as it may and can, then the local one for good."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.voice.speech import CHAR_MS, PremiumTone, ToneSynthesiser, pitches, tone
from voice import tiers
from voice.domain.types import Tier, TierCause, TierChanged, Usage, Used
from voice.media.pacer import PACKET
from voice.metering import Meter
from voice.speech.phrases import Frequency
from voice.speech.ports import Piece, SpeechError
from voice.tiers import TieredVoice

LOCAL_HZ, PREMIUM_HZ = 440, 880
TEXT, NEXT = "Good morning.", "How about Thursday?"


@dataclass
class Call:
    """A call's voice, with all that it emitted in order."""

    premium: PremiumTone | None = field(default_factory=PremiumTone)
    local: ToneSynthesiser = field(default_factory=ToneSynthesiser)
    events: list[Used | TierChanged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = Meter({}, self.events.append)
        self.voice = TieredVoice(self.local, self.premium, meter=self.meter, emit=self.events.append)

    async def says(self, text: str, *, ahead_s: float = 0.0) -> float:
        """The pitch in which ``text`` is spoken, whole."""
        pcm = await self.voice.speech(text, keep=False, ahead_s=ahead_s)
        assert len(pcm) == len(text) * 25 * 16
        (hz,) = pitches(pcm)
        return hz

    @property
    def changes(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, TierChanged)]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "PATIENCE_S", 0.1)


async def test_the_local_voice_speaks_unless_told_otherwise() -> None:
    call = Call()
    assert await call.says(TEXT) == LOCAL_HZ
    call.voice.begin(Tier.LOCAL)
    assert await call.says(NEXT) == LOCAL_HZ
    assert await call.says(NEXT) == LOCAL_HZ  # from memory now
    assert call.premium is not None
    assert (call.premium.asked, call.events) == ([], [])
    assert call.meter.take() == (Usage("tts.local", "char", Decimal(len(TEXT + NEXT)), 1),)


async def test_a_premium_clause_is_told_before_it_is_asked_for() -> None:
    told_when_asked: list[list[Any]] = []

    class Watched(PremiumTone):
        async def speech(self, text: str, *, keep: bool = False) -> Any:
            told_when_asked.append(list(call.events))
            return await super().speech(text, keep=keep)

    call = Call(Watched())
    call.voice.begin(Tier.PREMIUM)
    for text in (TEXT, NEXT, TEXT):
        assert await call.says(text) == PREMIUM_HZ
    first = Used((Usage("elevenlabs.flash_v2_5", "char", Decimal(len(TEXT)), 1),))
    second = Used((Usage("elevenlabs.flash_v2_5", "char", Decimal(len(NEXT)), 2),))
    assert told_when_asked == [[first], [first, second], [first, second]]  # the third came from memory
    assert call.events == [first, second]
    assert call.meter.take() == ()
    assert call.local.said == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            SpeechError("The key is refused."),
            "The premium voice failed, so the local voice speaks on: The key is refused.",
        ),
        (ValueError("a bug"), "The premium voice is broken, see the log: the local voice speaks on."),
    ],
)
async def test_a_fault_of_the_provider_is_answered_by_the_local_voice(fault: Exception, reason: str) -> None:
    call = Call(PremiumTone({NEXT: fault}))
    call.voice.begin(Tier.PREMIUM)
    with capture_logs() as logs:
        assert [await call.says(text) for text in (TEXT, NEXT, TEXT)] == [PREMIUM_HZ, LOCAL_HZ, LOCAL_HZ]
    assert call.changes == [reason]
    assert call.events[-1] == TierChanged(Tier.LOCAL, reason, TierCause.FAULT)
    assert call.voice.tier is Tier.LOCAL
    assert [log["event"] for log in logs] == ([] if isinstance(fault, SpeechError) else ["speech.premium_broken"])
    # The clause that failed is counted for both: the provider was asked, and the local voice spoke.
    assert {one.component: one.quantity for one in call.meter.total()} == {
        "elevenlabs.flash_v2_5": len(TEXT + NEXT),
        "tts.local": len(NEXT + TEXT),
    }


@pytest.mark.usefixtures("patience")
async def test_a_late_provider_is_not_waited_for() -> None:
    came = asyncio.Event()
    call = Call(PremiumTone({TEXT: came}))
    call.voice.begin(Tier.PREMIUM)
    began = asyncio.get_running_loop().time()
    assert await call.says(TEXT) == LOCAL_HZ
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.1, abs=0.08)
    assert call.changes == ["The premium voice did not answer within 0.1 s: the local voice speaks on."]
    came.set()  # the request goes on, so that the provider's breaker learns how it ended
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert call.premium is not None
    assert call.premium.holds(TEXT)
    assert await call.says(TEXT) == LOCAL_HZ


@pytest.mark.usefixtures("patience")
async def test_a_provider_has_the_time_until_our_earlier_words_are_spoken() -> None:
    came = asyncio.Event()
    call = Call(PremiumTone({TEXT: came}))
    call.voice.begin(Tier.PREMIUM)
    asyncio.get_running_loop().call_later(0.3, came.set)
    assert await call.says(TEXT, ahead_s=2.0) == PREMIUM_HZ
    assert call.changes == []


@pytest.mark.usefixtures("patience")
async def test_an_interruption_is_no_failure_and_its_clause_is_paid_once() -> None:
    came = asyncio.Event()
    call = Call(PremiumTone({TEXT: came}))
    call.voice.begin(Tier.PREMIUM)
    first = asyncio.create_task(call.says(TEXT))
    await asyncio.sleep(0.02)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    again = asyncio.create_task(call.says(TEXT))
    await asyncio.sleep(0.02)
    came.set()
    assert await again == PREMIUM_HZ
    assert call.premium is not None
    assert call.premium.asked == [TEXT]
    assert call.events == [Used((Usage("elevenlabs.flash_v2_5", "char", Decimal(len(TEXT)), 1),))]
    assert call.voice.tier is Tier.PREMIUM


async def test_a_provider_that_is_left_alone_is_not_asked() -> None:
    call = Call()
    call.voice.begin(Tier.PREMIUM)
    assert await call.says(TEXT) == PREMIUM_HZ
    assert call.premium is not None
    call.premium.available = False
    assert await call.says(NEXT) == LOCAL_HZ
    assert call.changes == ["The premium voice is not available: the local voice speaks on."]
    call.premium.available = True
    assert await call.says(TEXT) == LOCAL_HZ  # no second change of voice
    assert call.premium.asked == [TEXT]


async def test_a_call_cannot_begin_with_a_voice_that_is_not_there() -> None:
    resting = PremiumTone()
    resting.available = False
    calls = [Call(None), Call(resting)]
    for call in calls:
        call.voice.begin(Tier.PREMIUM)
        assert await call.says(TEXT) == LOCAL_HZ
    assert [call.events for call in calls] == [
        [TierChanged(Tier.LOCAL, "This machine has no premium voice: the local voice speaks.", TierCause.ABSENT)],
        [TierChanged(Tier.LOCAL, "The premium voice failed a moment ago: the local voice speaks.", TierCause.FAULT)],
    ]


async def test_money_lowers_the_voice_once() -> None:
    call = Call()
    call.voice.begin(Tier.PREMIUM)
    call.voice.lower("The budget is nearly spent.")
    call.voice.lower("The budget is nearly spent.")
    assert await call.says(TEXT) == LOCAL_HZ
    assert call.events == [TierChanged(Tier.LOCAL, "The budget is nearly spent.")]


async def test_a_local_voice_that_fails_is_a_speech_error() -> None:
    class Broken(ToneSynthesiser):
        async def speech(self, text: str, *, keep: bool = False) -> Any:
            raise SpeechError("The model failed twice.")

    call = Call(PremiumTone({TEXT: SpeechError("Away.")}), Broken())
    call.voice.begin(Tier.PREMIUM)
    with pytest.raises(SpeechError, match="The model failed twice"):
        await call.says(TEXT)


# What is said, and how it comes.


class Halting(PremiumTone):
    """A premium voice that speaks word by word, and after ``words`` of them fails by ``fault`` or waits for it."""

    def __init__(self, words: int, fault: Exception | asyncio.Event) -> None:
        super().__init__()
        self._words, self._fault = words, fault

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[Piece]:
        self.asked.append(text)
        said = 0
        for number, word in enumerate(text.split()):
            if number == self._words:
                if isinstance(self._fault, Exception):
                    raise self._fault
                await self._fault.wait()
            part = f"{' ' if said else ''}{word}"
            said += len(part)
            yield Piece(tone(len(part) * CHAR_MS, PREMIUM_HZ), said)


CLAUSE = "How about Thursday at noon?"


async def test_a_voice_that_fails_within_a_clause_is_followed_by_the_other_from_the_next_word() -> None:
    call = Call(Halting(3, SpeechError("The line broke.")))
    call.voice.begin(Tier.PREMIUM)
    pieces = [pcm async for pcm in call.voice.stream(CLAUSE, keep=False, ahead_s=0.0)]
    assert pitches(b"".join(pieces)) == [PREMIUM_HZ, LOCAL_HZ]
    assert all(len(pcm) % (2 * PACKET) == 0 for pcm in pieces[:-1])  # no silence within, on its way to the carrier
    assert call.local.said == ["at noon?"]
    assert sum(map(len, pieces)) == (len(CLAUSE) - 1) * CHAR_MS * 16  # without the space between the two
    assert call.changes == ["The premium voice failed, so the local voice speaks on: The line broke."]
    assert {one.component: one.quantity for one in call.meter.total()} == {
        "elevenlabs.flash_v2_5": len(CLAUSE),
        "tts.local": len("at noon?"),
    }


async def test_a_voice_that_stalls_within_a_clause_is_waited_for_until_its_words_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stalled = asyncio.Event()
    call = Call(Halting(3, stalled))
    monkeypatch.setattr(tiers, "STALL_S", 0.1)
    call.voice.begin(Tier.PREMIUM)
    clock = asyncio.get_running_loop().time
    times = [clock()]
    pitch: list[float] = []
    async for pcm in call.voice.stream(CLAUSE, keep=False, ahead_s=1.0):
        times.append(clock())
        pitch += pitches(pcm)
    assert pitch[0] == PREMIUM_HZ
    assert pitch[-1] == LOCAL_HZ
    # A second is still to be played, and 18 letters of 25 ms; half a second before that ends, the local voice begins.
    assert times[-1] - times[0] == pytest.approx(1.0 + 18 * CHAR_MS / 1000 - 0.5, abs=0.4)
    assert call.changes == ["The premium voice fell silent for 0.9 s: the local voice speaks on."]
    stalled.set()
    await asyncio.sleep(0.01)


async def test_a_stall_with_nothing_to_play_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "STALL_S", 0.1)
    stalled = asyncio.Event()
    call = Call(Halting(1, stalled))
    call.voice.begin(Tier.PREMIUM)
    began = asyncio.get_running_loop().time()
    await call.voice.speech("How are you?", keep=False, ahead_s=0.0)
    assert 0.09 < asyncio.get_running_loop().time() - began < tiers.PATIENCE_S
    assert call.local.said == ["are you?"]
    stalled.set()


async def test_only_signs_that_are_left_are_not_said_again() -> None:
    class Abrupt(PremiumTone):
        async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[Piece]:
            yield Piece(tone(100, PREMIUM_HZ), len(text) - 1)
            raise SpeechError("The line broke.")

    call = Call(Abrupt())
    call.voice.begin(Tier.PREMIUM)
    assert pitches(await call.voice.speech(TEXT, keep=False, ahead_s=0.0)) == [PREMIUM_HZ]
    assert call.local.said == []


async def test_the_audio_is_heard_as_it_comes() -> None:
    more = asyncio.Event()
    call = Call(Halting(2, more))
    call.voice.begin(Tier.PREMIUM)
    stream = call.voice.stream(CLAUSE, keep=False, ahead_s=0.0)
    first = [await anext(stream), await anext(stream)]
    assert all(first)
    more.set()
    rest = [pcm async for pcm in stream]
    assert pitches(b"".join([*first, *rest])) == [PREMIUM_HZ]
    assert call.changes == []


async def test_words_are_said_by_the_lexicon_and_without_figures_while_the_text_stays() -> None:
    call = Call()
    call.voice = TieredVoice(
        call.local,
        call.premium,
        meter=call.meter,
        emit=call.events.append,
        lexicon={"Tejon": "tay hone"},
    )
    await call.voice.speech("1245 Tejon St is listed at $425,000.", keep=False, ahead_s=0.0)
    said = "twelve forty five tay hone Street is listed at four hundred twenty five thousand dollars."
    assert call.local.said == [said]
    assert call.voice.holds("1245 TEJON St is listed at $425,000.")
    assert call.meter.total()[0].quantity == len(said)


async def test_what_comes_up_in_three_calls_is_kept_but_nothing_with_a_leads_name() -> None:
    frequency, kept = Frequency(calls=3), list[list[str]]()
    for _ in range(3):
        call = Call()
        call.voice = TieredVoice(
            call.local,
            None,
            meter=call.meter,
            emit=call.events.append,
            frequency=frequency,
            personal=frozenset({"maria"}),
        )
        for text in ("Is it paid off?", "Is it paid off?", "Hi Maria,"):
            await call.voice.speech(text, keep=False, ahead_s=0.0)
        kept.append(call.local.kept)
    assert kept == [[], [], ["Is it paid off?"]]


async def test_a_clause_that_is_asked_for_again_to_stay_is_kept() -> None:
    came = asyncio.Event()
    call = Call(PremiumTone({TEXT: came}))
    call.voice.begin(Tier.PREMIUM)
    first = asyncio.create_task(call.voice.speech(TEXT, keep=False, ahead_s=0.0))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(call.voice.speech(TEXT, keep=True, ahead_s=0.0))
    await asyncio.sleep(0.01)
    came.set()
    assert await first == await second
    assert call.premium is not None
    assert (call.premium.asked, call.premium.kept) == ([TEXT], [TEXT])
