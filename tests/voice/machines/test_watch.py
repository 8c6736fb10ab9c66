"""The watch over one call: what is told, when, and what it costs once that is done."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tests.voice.speech import silence, tone
from voice.domain.machines import Kind
from voice.machines.watch import END_SILENCE_S, MachineWatch
from voice.speech.ports import RATE, Guess, Hearing, SpeechError

GREETING = "You have reached Tom. Please leave a message after the beep."
IOS = "Hi, if you record your name and reason for calling, I'll see if this person is available."
PACKET_S = 0.02


@dataclass
class Reader:
    """A recogniser that reads ``text`` in anything, or fails."""

    text: str = ""
    fault: SpeechError | None = None
    asked_s: list[float] = field(default_factory=list)
    busy: bool = False

    async def hear(self, pcm: bytes, *, voiced_ms: int, hints: object = (), guess: Guess | None = None) -> Hearing:
        self.asked_s.append(round(len(pcm) / 2 / RATE, 1))
        if self.fault is not None:
            raise self.fault
        return Hearing(self.text, 0.9, 1.0)

    async def turn_ended(self, pcm: bytes) -> float:
        raise AssertionError("nobody asks")


class Line:
    """A watch that is fed by hand: voice, silence and tones, 20 ms at a time."""

    def __init__(self, reader: Reader | None = None, *, watches: bool = True) -> None:
        self.told: list[str] = []
        self.now = 100.0
        self.opened = False
        self.reader = reader or Reader()
        self.voice_at = 0.0
        self.watch = MachineWatch(
            "call-1",
            self.told.append,
            recogniser=self.reader,
            last_voice=lambda: self.voice_at,
            opened=lambda: self.opened,
            clock=lambda: self.now,
            watches=watches,
        )

    async def voice(self, seconds: float) -> None:
        await self._feed(silence(seconds * 1000), voiced=True)

    async def quiet(self, seconds: float) -> None:
        await self._feed(silence(seconds * 1000), voiced=False)

    async def tone(self, seconds: float, hz: float = 1000) -> None:
        await self._feed(tone(seconds * 1000, hz), voiced=False)

    async def _feed(self, pcm: bytes, *, voiced: bool) -> None:
        step = round(PACKET_S * RATE) * 2
        for at in range(0, len(pcm), step):
            began = self.now
            self.now += PACKET_S
            if voiced:
                self.voice_at = self.now
            self.watch.feed(pcm[at : at + step], began)
            await asyncio.sleep(0)

    @property
    def kind(self) -> Kind | None:
        return self.watch.verdict.kind if self.watch.verdict else None


async def test_a_person_is_never_told_of() -> None:
    line = Line()
    await line.quiet(0.4)
    await line.voice(0.6)
    line.watch.heard("Hello?")
    await line.quiet(2.0)

    assert (line.kind, line.watch.over, line.told) == (Kind.PERSON, True, [])
    assert line.reader.asked_s == []


async def test_after_a_verdict_nothing_is_looked_at() -> None:
    line = Line()
    await line.voice(0.6)
    line.watch.heard("Hello?")
    await line.quiet(2.0)
    line.watch.carrier("machine_end_beep")
    line.watch.heard(GREETING)
    line.watch.guessed(GREETING)
    line.watch.feed(b"no audio at all", 0.0)

    assert (line.kind, line.told) == (Kind.PERSON, [])


@pytest.mark.parametrize("name", ["machine_start", "machine_end_beep", "fax"])
async def test_the_carrier_alone_hangs_up_on_nobody_who_said_hello(name: str) -> None:
    line = Line()
    await line.voice(0.6)
    line.watch.carrier(name)
    await line.quiet(0.4)
    line.watch.heard("Hello?")
    await line.quiet(2.0)

    assert (line.kind, line.told) == (Kind.PERSON, [])


@pytest.mark.parametrize("name", ["machine_start", "machine_end_beep", "fax"])
async def test_the_carrier_alone_hangs_up_on_nobody_who_listens(name: str) -> None:
    line = Line()
    await line.quiet(1.0)
    line.watch.carrier(name)
    await line.quiet(12.0)

    assert (line.kind, line.told) == (Kind.PERSON, [])


@pytest.mark.parametrize("name", ["machine_start", "machine_end_silence"])
async def test_the_carrier_is_believed_of_music(name: str) -> None:
    line = Line()
    await line.tone(3.8)
    line.watch.carrier(name)
    assert (line.kind, line.told) == (None, [])
    await line.tone(4.3)
    assert (line.kind, line.told) == (Kind.VOICEMAIL, [name]), "it plays on"
    await line.quiet(END_SILENCE_S + 0.1)

    assert line.told == ([name, "machine_end_silence"] if name == "machine_start" else [name])


async def test_our_own_echo_is_no_music() -> None:
    line = Line(Reader("an AI assistant calling for Summit Realty"))
    line.watch._any_voice = lambda: line.now
    line.watch._is_ours = lambda text, start, end: True
    line.watch.carrier("machine_start")
    await line.tone(8.0)

    assert (line.kind, line.told) == (None, [])


async def test_a_long_greeting_is_read_on_behind_what_was_read() -> None:
    texts = iter(["Welcome.", "Welcome to us.", "Welcome to our old company.", "For opening hours,", "Press one."])

    class Slices(Reader):
        async def hear(
            self, pcm: bytes, *, voiced_ms: int, hints: object = (), guess: Guess | None = None
        ) -> Hearing:
            self.asked_s.append(round(len(pcm) / 2 / RATE, 1))
            return Hearing(next(texts), 0.9, 1.0)

    line = Line(Slices())
    await line.voice(16.3)

    assert line.reader.asked_s == [pytest.approx(wanted, abs=0.2) for wanted in (2.5, 4.5, 8.0, 4.0, 8.0)]
    assert line.watch._evidence.words == "Welcome to our old company. Press one."
    assert (line.kind, line.told) == (Kind.IVR, ["machine_likely", "ivr"])


async def test_a_new_speech_is_read_from_its_beginning() -> None:
    line = Line(Reader("so there we were"))
    await line.voice(8.4)
    await line.quiet(1.0)
    await line.voice(3.0)

    assert line.reader.asked_s[-2:] == [pytest.approx(8.0, abs=0.2), pytest.approx(2.5, abs=0.2)]
    assert line.watch._evidence.words == "so there we were"


async def test_what_may_be_our_echo_is_read_but_does_not_hold_us() -> None:
    line = Line(Reader("You can say stop or press nine at any time."))
    line.watch._is_ours = lambda text, start, end: text.startswith("You can say")
    line.watch._any_voice = lambda: line.now
    await line.quiet(5.0)
    assert (line.kind, line.told) == (None, [])
    assert len(line.reader.asked_s) == 2
    line.reader.text = GREETING
    await line.quiet(3.3)

    assert (line.kind, line.told[0]) == (Kind.VOICEMAIL, "machine_start")


@pytest.mark.parametrize("name", ["human", "unknown"])
async def test_the_carriers_person_changes_nothing(name: str) -> None:
    line = Line()
    await line.quiet(1.0)
    line.watch.carrier(name)

    assert (line.kind, line.told) == (None, [])


async def test_a_greeting_without_a_pause_holds_us_and_is_read_while_it_lasts() -> None:
    line = Line(Reader(GREETING))
    await line.quiet(0.5)
    await line.voice(2.4)
    assert line.reader.asked_s == []
    await line.voice(0.4)

    assert line.reader.asked_s == [pytest.approx(2.5, abs=0.15)]
    assert (line.kind, line.told) == (Kind.VOICEMAIL, ["machine_likely", "machine_start"])
    assert line.watch.verdict is not None
    assert line.watch.verdict.at_s == pytest.approx(3.0, abs=0.2)
    assert line.watch.heard_s == pytest.approx(2.5, abs=0.15)


async def test_who_talks_long_without_a_machines_words_is_let_go() -> None:
    line = Line(Reader("so there we were"))
    await line.voice(5.0)
    line.watch.heard("so there we were in the middle of nowhere")
    await line.quiet(2.0)

    assert line.reader.asked_s == [pytest.approx(2.5, abs=0.15), pytest.approx(4.6, abs=0.15)]
    assert (line.kind, line.told) == (Kind.PERSON, ["machine_likely", "person"])


async def test_a_speech_that_cannot_be_read_waits_for_its_turns() -> None:
    line = Line(Reader(fault=SpeechError("The model is away.")))
    await line.voice(3.0)
    assert (line.kind, line.told) == (None, ["machine_likely"])
    line.watch.heard(GREETING)

    assert (line.kind, line.told) == (Kind.VOICEMAIL, ["machine_likely", "machine_start"])


async def test_nobody_is_held_who_heard_our_opening() -> None:
    line = Line()
    await line.quiet(8.0)
    line.opened = True
    await line.voice(3.5)

    assert line.told == []


async def test_the_beep_ends_the_greeting() -> None:
    line = Line()
    await line.voice(2.0)
    line.watch.heard(GREETING)
    await line.quiet(0.4)
    assert line.told == ["machine_start"]
    await line.tone(0.4)
    await line.quiet(5.0)

    assert line.told == ["machine_start", "machine_end_beep"]


async def test_without_a_beep_a_silence_ends_it() -> None:
    line = Line()
    await line.voice(2.0)
    line.watch.heard(GREETING)
    await line.quiet(END_SILENCE_S - 0.2)
    assert line.told == ["machine_start"]
    await line.quiet(0.4)

    assert line.told == ["machine_start", "machine_end_silence"]


async def test_a_greeting_that_goes_on_ends_again() -> None:
    line = Line()
    await line.voice(2.0)
    line.watch.heard(GREETING)
    await line.quiet(3.0)
    await line.voice(1.5)
    await line.quiet(0.4)
    await line.tone(0.4)
    await line.quiet(0.2)

    assert line.told == ["machine_start", "machine_end_silence", "machine_end_beep"]


async def test_a_beep_before_the_words_are_known_counts() -> None:
    line = Line()
    await line.voice(0.9)
    await line.quiet(0.2)
    await line.tone(0.4)
    await line.quiet(0.2)
    line.watch.heard("Leave a message.")

    assert line.told == ["machine_end_beep"]


async def test_a_tone_before_the_greeting_is_not_its_end() -> None:
    line = Line()
    await line.tone(0.4)
    await line.quiet(0.3)
    await line.voice(2.0)
    line.watch.heard(GREETING)

    assert line.told == ["machine_start"]


async def test_the_carriers_beep_counts_once_it_is_a_voicemail() -> None:
    line = Line()
    await line.voice(2.0)
    line.watch.heard(GREETING)
    line.watch.carrier("machine_end_beep")
    assert line.told == ["machine_start"], "somebody speaks still"
    await line.quiet(0.5)
    line.watch.carrier("machine_end_beep")
    await line.tone(0.4)
    await line.quiet(0.3)

    assert line.told == ["machine_start", "machine_end_beep"]


async def test_a_fax() -> None:
    line = Line()
    await line.quiet(0.5)
    await line.tone(3.0, 2100)

    assert (line.kind, line.told, line.watch.over) == (Kind.FAX, ["fax"], True)


async def test_special_information_tones_hold_us_until_the_words_are_known() -> None:
    line = Line()
    for hz in (950, 1400, 1800):
        await line.tone(0.33, hz)
    await line.quiet(0.3)
    assert line.told == ["machine_likely"]
    await line.voice(1.0)
    line.watch.heard("The number you have dialed is not in service.")

    assert line.told == ["machine_likely", "intercept"]


async def test_screening_and_the_mailbox_after_it() -> None:
    line = Line()
    await line.voice(1.5)
    line.watch.guessed(IOS)
    assert line.told == ["screening"]
    await line.quiet(0.3)
    await line.tone(0.3)
    await line.quiet(4.0)
    assert line.told == ["screening"], "a tone after its question is no mailbox's"
    await line.voice(1.5)
    line.watch.heard(GREETING)
    await line.quiet(0.3)
    await line.tone(0.4)
    await line.quiet(0.2)

    assert line.told == ["screening", "machine_start", "machine_end_beep"]


async def test_a_service_is_watched_for_two_minutes() -> None:
    line = Line()
    await line.voice(1.5)
    line.watch.heard("For sales, press 1.")
    await line.quiet(125)

    assert (line.told, line.watch.over) == (["ivr"], True)


async def test_a_call_without_a_watch() -> None:
    line = Line(watches=False)
    line.watch.carrier("machine_start")
    await line.voice(5.0)
    line.watch.heard(GREETING)

    assert (line.kind, line.told) == (None, [])


async def test_a_call_that_ends_while_its_greeting_is_read() -> None:
    class Slow(Reader):
        async def hear(
            self, pcm: bytes, *, voiced_ms: int, hints: object = (), guess: Guess | None = None
        ) -> Hearing:
            await asyncio.Event().wait()
            raise AssertionError("never")

    line = Line(Slow())
    await line.voice(3.0)
    await line.watch.close()

    assert (line.kind, line.watch.over) == (None, True)


async def test_a_greeting_that_was_taken_for_our_echo_holds_us() -> None:
    line = Line(Reader("so there we were in the garden"))
    line.watch._any_voice = lambda: line.now
    await line.quiet(2.8)

    assert line.told == ["machine_likely"]


async def test_our_own_words_hold_nobody() -> None:
    line = Line(Reader("an AI assistant calling for Summit Realty"))
    line.watch._any_voice = lambda: line.now
    line.watch._is_ours = lambda text, start, end: text.startswith("an AI") and start < end
    await line.quiet(11.0)

    assert (line.kind, line.told) == (None, [])
