"""What is asked of the models, once, and what of their answer is handed on."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from voice.speech.heard import Heard
from voice.speech.pool import ModelPool
from voice.speech.ports import Guess, Hearing, SpeechError
from voice.speech.recognition import WhisperRecogniser

SPEECH = b"speech" * 1000


def heard(text: str, no_speech: float = 0.1, score: float = -0.2) -> Heard:
    return Heard(tuple((word, 0.9) for word in text.split()), no_speech, score)


class Models:
    """A model process with scripted answers; it works when ``open`` is set."""

    def __init__(self, *answers: Heard | Exception, ended: Sequence[float] = (0.3,)) -> None:
        self._answers = {"hear": list(answers), "turn_ended": list(ended)}
        self.asked: list[tuple[str, bytes]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.hints: tuple[str, ...] = ()

    async def run(self, method: str, arguments: list[Any]) -> list[Any]:
        (argument,) = arguments
        pcm, self.hints = argument if method == "hear" else (argument, ())
        self.asked.append((method, pcm))
        await self.open.wait()
        answer = self._answers[method].pop(0)  # type: ignore[attr-defined]
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def recogniser(*models: Models) -> WhisperRecogniser:
    return WhisperRecogniser(ModelPool(models))  # type: ignore[arg-type]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("text", "asked"), [("Stop calling me!", False), ("I was thinking", True), ("Yes.", True)])
async def test_a_whole_answer_is_not_asked_about(text: str, asked: bool) -> None:
    models = Models(heard(text))
    hearing = await recogniser(models).hear(b"pcm", voiced_ms=500)
    words = tuple((word, 0.9) for word in text.split())
    assert hearing == Hearing(text, 0.819, 0.3 if asked else 1.0, words)
    assert [method for method, _ in models.asked] == (["hear", "turn_ended"] if asked else ["hear"])


async def test_nothing_understood_is_a_turn_without_words() -> None:
    models = Models(heard("you", 0.9, float("-inf")))
    assert await recogniser(models).hear(b"pcm", voiced_ms=500) == Hearing("", 0.0, 1.0)
    assert [method for method, _ in models.asked] == ["hear"]


async def test_names_to_expect_reach_the_model() -> None:
    models = Models(heard("Stop."))
    await recogniser(models).hear(b"pcm", voiced_ms=500, hints=["Wisteria Lane"])
    assert models.hints == ("Wisteria Lane",)


async def test_with_a_process_to_spare_the_ending_is_judged_beside_the_words() -> None:
    one, other = Models(heard("I was"), ended=()), Models(ended=(0.4,))
    one.open.clear()
    ears = recogniser(other, one)
    hearing = asyncio.create_task(ears.hear(b"pcm", voiced_ms=500))
    await settle()
    assert (one.asked, other.asked) == ([("hear", b"pcm")], [("turn_ended", b"pcm")])
    one.open.set()
    assert (await hearing).turn_ended == 0.4


async def test_the_same_speech_is_paid_for_once() -> None:
    models = Models(heard("I was thinking"), heard("of Thursday"), ended=(0.3, 0.7, 0.9))
    ears = recogniser(models)
    guess = await ears.hear(SPEECH, voiced_ms=500, guess=Guess())
    again = await ears.hear(SPEECH + bytes(800), voiced_ms=500)
    assert [(one.text, one.turn_ended) for one in (guess, again)] == [
        ("I was thinking", 0.3),
        ("I was thinking", 0.7),
    ]
    more = await ears.hear(SPEECH + SPEECH, voiced_ms=900)
    assert more.text == "of Thursday"
    assert [pcm for method, pcm in models.asked if method == "hear"] == [SPEECH, SPEECH + SPEECH]


async def test_other_audio_with_as_much_voice_is_heard_anew() -> None:
    models = Models(heard("One."), heard("Two."), ended=(0.9, 0.9))
    ears = recogniser(models)
    texts = [(await ears.hear(pcm, voiced_ms=500)).text for pcm in (b"one", b"two")]
    assert texts == ["One.", "Two."]


async def test_a_decision_joins_the_guess_that_runs_and_outlives_it() -> None:
    models = Models(heard("I was thinking"))
    models.open.clear()
    ears = recogniser(models)
    guess = asyncio.create_task(ears.hear(SPEECH, voiced_ms=500, guess=Guess()))
    await settle()
    decision = asyncio.create_task(ears.hear(SPEECH + bytes(800), voiced_ms=500))
    await settle()
    guess.cancel()
    await settle()
    models.open.set()
    assert (await decision).text == "I was thinking"
    assert guess.cancelled()
    assert [method for method, _ in models.asked] == ["hear", "turn_ended"]


async def test_a_guess_that_nobody_wants_any_more_is_not_worked_on() -> None:
    models = Models(heard("First."), heard("Again."), ended=(0.9, 0.9))
    models.open.clear()
    ears = recogniser(models)
    first = asyncio.create_task(ears.hear(b"first", voiced_ms=500))
    await settle()
    assert ears.busy
    guess = asyncio.create_task(ears.hear(b"speech", voiced_ms=300, guess=Guess()))
    await settle()
    guess.cancel()
    models.open.set()
    assert (await first).text == "First."
    assert [pcm for method, pcm in models.asked if method == "hear"] == [b"first"]
    assert (await ears.hear(b"speech", voiced_ms=300)).text == "Again."
    assert not ears.busy


@pytest.mark.parametrize(("sure", "order"), [(True, [b"first", b"guess", b"later"]), (False, [b"first", b"later"])])
async def test_a_guess_waits_for_all_others_until_it_is_sure(sure: bool, order: list[bytes]) -> None:
    models = Models(heard("First."), heard("Next."), heard("Last."), ended=(0.9, 0.9, 0.9))
    models.open.clear()
    ears, guess = recogniser(models), Guess()
    first = asyncio.create_task(ears.hear(b"first", voiced_ms=500))
    await settle()
    guessed = asyncio.create_task(ears.hear(b"guess", voiced_ms=300, guess=guess))
    await settle()
    if sure:
        guess.confirm()
    later = asyncio.create_task(ears.hear(b"later", voiced_ms=400))
    await settle()
    models.open.set()
    await asyncio.gather(first, later)
    assert [pcm for method, pcm in models.asked if method == "hear"][: len(order)] == order
    await guessed


async def test_the_end_of_a_guess_that_became_sure_waits_like_any_other() -> None:
    models = Models(heard("First."), heard("Next."), ended=(0.9, 0.9))
    models.open.clear()
    ears, guess = recogniser(models), Guess()
    guessed = asyncio.create_task(ears.hear(b"guess", voiced_ms=300, guess=guess))
    await settle()
    guess.confirm()
    models.open.set()
    other = asyncio.create_task(ears.hear(b"other", voiced_ms=400))
    await asyncio.gather(guessed, other)
    asked = models.asked
    assert asked.index(("turn_ended", b"guess")) < asked.index(("turn_ended", b"other"))


async def test_a_failure_is_not_kept() -> None:
    models = Models(SpeechError("failed twice"), heard("Yes, I do."), ended=(0.8,))
    ears = recogniser(models)
    with pytest.raises(SpeechError, match="failed twice"):
        await ears.hear(b"speech", voiced_ms=500)
    assert (await ears.hear(b"speech", voiced_ms=500)).text == "Yes, I do."


async def test_only_the_last_turns_are_remembered() -> None:
    models = Models(*(heard("Yes, I do.") for _ in range(66)), ended=[0.9] * 66)
    ears = recogniser(models)
    for turn in range(65):
        await ears.hear(f"turn {turn}".encode(), voiced_ms=500)
    await ears.hear(b"turn 0", voiced_ms=500)
    assert len([1 for method, _ in models.asked if method == "hear"]) == 66


async def test_the_ending_alone() -> None:
    assert await recogniser(Models(ended=(0.25,))).turn_ended(b"pcm") == 0.25
