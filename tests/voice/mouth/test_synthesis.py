"""The local voices: clauses, processes, and what is said ahead."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from agents.domain.standing import standing_phrases
from voice.speech.keeping import prepare
from voice.speech.phrases import PhraseCache
from voice.speech.ports import Speech, SpeechError
from voice.speech.synthesis import LocalSynthesiser, clauses, sentences


class Child:
    """A model process that says what a text is, once it may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def run(self, method: str, *args: Any) -> Any:
        if method == "who":
            return "joe"
        self.asked.append(args[0])
        if self.fault is not None:
            raise self.fault
        await self.gate.wait()
        return bytes(2 * len(args[0]))


def voice(*children: Child, cache: PhraseCache | None = None) -> LocalSynthesiser:
    return LocalSynthesiser(children, cache)  # type: ignore[arg-type]


class TestClauses:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("", []),
            ("  ", []),
            ("One.", ["One."]),
            ("One. Two? Three!", ["One.", "Two?", "Three!"]),
            ("Call Mr. Smith at 5 p.m. Thursday. Fine?", ["Call Mr. Smith at 5 p.m. Thursday.", "Fine?"]),
            ("It has 1500 sq. ft. Nice, right?", ["It has 1500 sq. ft. Nice, right?"]),
            ("It costs 3.50 a day. ok then", ["It costs 3.50 a day. ok then"]),
            ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
            ("Line one.\n\nLine two.", ["Line one.", "Line two."]),
        ],
    )
    def test_sentences(self, text: str, parts: list[str]) -> None:
        assert sentences(text) == parts

    @pytest.mark.parametrize(
        "parts",
        [
            ["Great, thanks.", "How soon would you like to move?"],
            ["Hi Maria,", "this is Ava, an AI assistant calling for Summit Realty on a recorded line.", "Say stop."],
            ["Great,", "I have you down for Thursday at two in the afternoon, and Kate will meet you there.", "Bye."],
            [
                "I understand,",
                "but I would still like to ask one more thing.",
                "May I, or is it a bad time for you now?",
            ],
            ["Which area are you looking in,", "and what budget do you have in mind?"],
            ["Would it be within three months, six months, or a year?"],
            ["The home at 1245 Tejon St, Denver, CO 80202, is listed at $1,250,000, right?"],
            ["I have Tuesday, December first at ten A M or Wednesday, December second at two P M."],
            ["You would have to be there on May 5, 2026, which is a Tuesday,", "at ten A M."],
            [
                "I have removed this number because you asked us to",
                "and we will not call you on any of our lines ever.",
            ],
            ["We can talk about the price", "— it depends on the state of the house."],
        ],
    )
    def test_a_long_first_sentence_begins_where_a_person_would_breathe(self, parts: list[str]) -> None:
        assert clauses(" ".join(parts)) == parts

    def test_a_short_first_sentence_stays_whole(self) -> None:
        short = "Great, see you on Thursday. And then a second sentence, which is a lot longer than the first."
        assert clauses(short) == sentences(short)

    def test_what_has_no_place_to_breathe_stays_whole(self) -> None:
        whole = "A sentence without any place to breathe that goes on and on until it ends at last."
        assert clauses(whole) == [whole]


class TestSpeech:
    async def test_a_repeated_sentence_is_synthesised_once(self) -> None:
        child = Child()
        joe = voice(child)
        assert (joe.component, joe.available, joe.holds("a"), await joe.identity()) == (
            "tts.local",
            True,
            False,
            "joe",
        )
        assert [await joe.speech(text) for text in ("a", "a", "bb")] == [
            Speech(bytes(2), cached=False),
            Speech(bytes(2), cached=True),
            Speech(bytes(4), cached=False),
        ]
        assert child.asked == ["a", "bb"]
        assert joe.holds("a")

    @pytest.mark.parametrize("text", ["", "—", "... !"])
    async def test_signs_alone_are_not_said(self, text: str) -> None:
        child = Child()
        assert voice(child).holds(text)
        assert await voice(child).speech(text) == Speech(b"", cached=True)
        assert child.asked == []

    async def test_the_process_with_the_fewest_jobs_speaks(self) -> None:
        children = [Child(), Child()]
        joe = voice(*children)
        for child in children:
            child.gate.clear()
        jobs = [asyncio.create_task(joe.speech(text)) for text in ("one", "two", "three")]
        await asyncio.sleep(0)
        assert ([child.asked for child in children], joe.busy) == ([["one", "three"], ["two"]], True)
        children[1].gate.set()
        await jobs[1]
        assert not joe.busy
        await joe.speech("four")
        assert children[1].asked == ["two", "four"]
        jobs[0].cancel()
        jobs[2].cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.wait_for(joe.idle(), 1)

    async def test_words_that_come_in_every_call_outlast_others_once_they_are_told_to(self) -> None:
        joe = voice(Child(), cache=PhraseCache(passing_bytes=3))
        await joe.speech("aa")
        await joe.speech("aa", keep=True)
        for text in ("bb", "cc"):
            await joe.speech(text)
        assert [joe.holds(text) for text in ("aa", "bb", "cc")] == [True, False, True]


class TestAhead:
    async def test_phrases_are_said_clause_by_clause_and_kept(self) -> None:
        child = Child()
        joe = voice(child, cache=PhraseCache(passing_bytes=6))
        await joe.speech("Fine.")
        with capture_logs() as logs:
            await prepare(joe, ["Fine. It is 5.", "Fine."])
        assert child.asked == ["Fine.", "It is five."]
        for text in ("bb", "cc", "dddd"):
            await joe.speech(text)
        assert [joe.holds(text) for text in ("Fine.", "It is five.", "bb")] == [True, True, False]
        assert [(log["event"], log["made"]) for log in logs] == [("phrases.prepared", 1)]

    async def test_a_call_comes_first(self) -> None:
        child = Child()
        joe = voice(child)
        child.gate.clear()
        call = asyncio.create_task(joe.speech("A call speaks."))
        await asyncio.sleep(0)
        ahead = asyncio.create_task(prepare(joe, ["Ahead."]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert child.asked == ["A call speaks."]
        child.gate.set()
        await asyncio.gather(call, ahead)
        assert child.asked == ["A call speaks.", "Ahead."]

    async def test_a_voice_that_fails_is_told_and_left_alone(self) -> None:
        child = Child()
        child.fault = SpeechError("The model failed twice.")
        with capture_logs() as logs:
            await prepare(voice(child), ["One.", "Two."])
        assert child.asked == ["One."]
        assert [(log["event"], log["reason"]) for log in logs] == [
            ("phrases.not_prepared", "The model failed twice.")
        ]

    def test_the_words_of_every_call_have_no_blank_to_fill(self) -> None:
        phrases = standing_phrases()
        assert "Are you still thinking about selling?" in phrases[:3]
        assert "Have you signed an agreement with them?" in phrases
        assert len(phrases) == len(set(phrases)) > 50
        assert not [text for text in phrases if "{" in text or not text.strip()]
