"""When a turn is over, and what belongs to it: real voice activity, scripted words, audio faster than real time."""

import asyncio
import time

import pytest

from tests.voice.speech import ScriptedRecogniser, silence, spoken
from voice.hearing import Ears, Turn
from voice.speech.vad import SileroModel

SPEECH = "I would like to know more."


class Listener:
    """Ears, and all that they told."""

    def __init__(self, recogniser: ScriptedRecogniser) -> None:
        self.turns: list[Turn | None] = []
        self.voices = 0
        self.faults: list[BaseException] = []
        self.ears = Ears(
            SileroModel(),
            recogniser,
            on_voice=self._voice,
            on_turn=self.turns.append,
            on_fault=self.faults.append,
        )

    def _voice(self) -> None:
        self.voices += 1

    @property
    def texts(self) -> list[str | None]:
        return [turn.text if turn else None for turn in self.turns]

    async def hear(self, pcm: bytes) -> None:
        """Feed ``pcm`` in packets, in no time, as if it had just ended."""
        at = time.monotonic() - len(pcm) / 16000
        for start in range(0, len(pcm), 320):
            packet = pcm[start : start + 320]
            self.ears.feed(packet, at)
            at += len(packet) / 16000
        await asyncio.sleep(0)


async def test_a_turn_is_over_when_it_sounds_so() -> None:
    listener = Listener(ScriptedRecogniser("Tell me more.", turn_ended=0.9))
    speech = spoken(SPEECH)
    await listener.hear(silence(300) + speech + silence(300))
    async with asyncio.timeout(1):
        await listener.ears.quiet()
    (turn,) = listener.turns
    assert turn is not None
    assert (turn.text, turn.confidence) == ("Tell me more.", 0.9)
    assert turn.ended - turn.started == pytest.approx(len(speech) / 16000, abs=0.2)
    assert turn.ended <= turn.stopped <= turn.decided
    assert listener.voices == 1
    assert listener.ears.last_voice == turn.ended
    assert 1.0 < listener.ears.heard_s < 2.5


async def test_an_unfinished_sentence_is_waited_for() -> None:
    recogniser = ScriptedRecogniser("I was thinking", turn_ended=0.1)
    listener = Listener(recogniser)
    await listener.hear(spoken(SPEECH) + silence(400))
    began = time.monotonic()
    async with asyncio.timeout(3):
        await listener.ears.quiet()
    assert recogniser.asked_again == 1
    assert listener.texts == ["I was thinking"]
    assert 0.5 < time.monotonic() - began < 1.2  # 1.0 s after the voice's end


async def test_who_speaks_on_is_heard_as_one_turn() -> None:
    recogniser = ScriptedRecogniser("I was thinking", "I was thinking of Thursday.", turn_ended=0.1)
    listener = Listener(recogniser)
    await listener.hear(spoken(SPEECH) + silence(400))
    await asyncio.sleep(0.1)
    assert listener.turns == []
    await listener.hear(spoken(SPEECH) + silence(400))
    async with asyncio.timeout(3):
        await listener.ears.quiet()
    assert listener.texts == ["I was thinking of Thursday."]
    assert len(recogniser.asked[-1]) > 1.8 * len(spoken(SPEECH))  # the whole turn, not its last part
    assert listener.voices == 2


async def test_a_guess_ahead_waits_where_others_are_served() -> None:
    recogniser = ScriptedRecogniser("Yes.")
    recogniser.busy = True
    listener = Listener(recogniser)
    await listener.hear(spoken(SPEECH) + silence(130))
    assert recogniser.asked == []
    await listener.hear(silence(200))
    async with asyncio.timeout(1):
        await listener.ears.quiet()
    assert listener.texts == ["Yes."]
    assert len(recogniser.asked) == 1


async def test_no_words_close_the_turn() -> None:
    listener = Listener(ScriptedRecogniser())
    await listener.hear(spoken(SPEECH) + silence(400))
    async with asyncio.timeout(1):
        await listener.ears.quiet()
    assert listener.turns == [None]
    assert not listener.ears.turn_open


async def test_somebody_who_never_pauses_is_heard_in_pieces() -> None:
    recogniser = ScriptedRecogniser("first piece", "second piece", "the rest")
    listener = Listener(recogniser)
    speech = b"".join(spoken(SPEECH) for _ in range(60_000 // (len(spoken(SPEECH)) // 16)))
    await listener.hear(speech)
    await asyncio.sleep(0.05)
    assert listener.texts == ["first piece", "second piece"]
    assert listener.ears.turn_open
    await listener.hear(silence(400))
    async with asyncio.timeout(2):
        await listener.ears.quiet()
    assert listener.texts == ["first piece", "second piece", "the rest"]
    assert [len(pcm) for pcm in recogniser.asked[:2]] == pytest.approx([400_000, 400_000], abs=700)
    ends = [turn.ended for turn in listener.turns if turn]
    starts = [turn.started for turn in listener.turns if turn]
    assert starts[1:] == pytest.approx(ends[:-1], abs=0.001)


async def test_a_long_turn_that_is_being_decided_on_is_heard_once() -> None:
    recogniser = ScriptedRecogniser("all of it", "all of it again", turn_ended=0.1)
    listener = Listener(recogniser)
    speech = (spoken(SPEECH) * 30)[: 24_850 * 16]
    await listener.hear(speech + silence(400))
    assert len(recogniser.asked) == 1
    async with asyncio.timeout(3):
        await listener.ears.quiet()
    await asyncio.sleep(0)
    assert listener.texts == ["all of it"]


async def test_the_end_of_the_call_ends_the_turn() -> None:
    listener = Listener(ScriptedRecogniser("Stop calling"))
    await listener.hear(spoken(SPEECH)[:12_000])
    assert listener.ears.turn_open
    assert listener.ears.last_voice == pytest.approx(time.monotonic(), abs=0.1)
    await listener.ears.finish()
    assert listener.texts == ["Stop calling"]
    await listener.ears.finish()
    assert len(listener.turns) == 1


async def test_a_fault_is_told() -> None:
    recogniser = ScriptedRecogniser()
    recogniser.fault = RuntimeError("broken")
    listener = Listener(recogniser)
    await listener.hear(spoken(SPEECH) + silence(400))
    await asyncio.sleep(0.05)
    assert listener.faults == [recogniser.fault]
    with pytest.raises(RuntimeError, match="broken"):
        await listener.ears.finish()


async def test_closing_leaves_no_task() -> None:
    recogniser = ScriptedRecogniser("x")
    recogniser.gate = asyncio.Event()
    listener = Listener(recogniser)
    before = asyncio.all_tasks()
    await listener.hear(spoken(SPEECH) + silence(400))
    assert asyncio.all_tasks() > before
    await listener.ears.close()
    assert asyncio.all_tasks() == before
    assert (listener.turns, listener.faults) == ([], [])


async def test_who_goes_on_at_once_is_not_heard_to_say_the_word_before_again() -> None:
    recogniser = ScriptedRecogniser("Yes.", "I would.")
    listener = Listener(recogniser)
    speech = spoken(SPEECH)
    await listener.hear(speech + silence(130))
    async with asyncio.timeout(1):
        await listener.ears.quiet()
    await listener.hear(silence(100) + speech + silence(300))
    async with asyncio.timeout(1):
        await listener.ears.quiet()
    assert listener.texts == ["Yes.", "I would."]
    last = recogniser.asked[-1]
    # Of what came before only the silence is in it.
    assert len(last) / 16 == pytest.approx(len(speech) / 16 + 230 + 96, abs=130)
    assert not any(last[: 100 * 16])
