"""Quality checks, each with its place: bad calls fail them, our own standing words never do."""

from dataclasses import replace

import pytest

from agents.after.checks import checked
from agents.after.measures import measured
from agents.after.phrases import pattern
from agents.after.types import CheckName, Said, Verdict
from agents.after.unanswered import unanswered
from agents.domain.standing import standing_phrases
from agents.domain.text import normalise, sentences
from agents.domain.types import Disposition, Outcome
from tests.agents.after import OPENING, analysed, check, script
from tests.agents.people import SELLER

FIRST = f"A: {OPENING}"
PASS, FAIL, NONE = Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE


def verdict(
    name: CheckName, *lines: str, disposition: Disposition = Disposition.HUNG_UP, cut: tuple[int, ...] = ()
) -> tuple[Verdict, tuple[int, ...]]:
    found = check(analysed(script(*lines, cut=cut), disposition), name)
    return found.verdict, found.turns


@pytest.mark.parametrize(
    ("lines", "cut", "expected"),
    [
        ((FIRST, "L: yes"), (), (PASS, ())),
        (("A: Hi Maria, are you selling?", "L: yes", "A: Good."), (), (FAIL, (1,))),
        (("A: Are you selling?", "L: yes", FIRST), (), (FAIL, (1,))),
        (("A: Hi Maria, this is Ava, an AI", "L: yes?", "A: How soon?"), (1,), (FAIL, (1,))),
        (("A: Hi Maria, this is Ava, an AI", "L: stop", "A: Understood. Goodbye."), (1,), (NONE, ())),
        (("A: Hi Maria, this is Ava, an AI",), (1,), (NONE, ())),
        (("L: hello?",), (), (NONE, ())),
    ],
)
def test_the_disclosure_is_heard_whole(
    lines: tuple[str, ...], cut: tuple[int, ...], expected: tuple[Verdict, tuple[int, ...]]
) -> None:
    assert verdict(CheckName.DISCLOSURE, *lines, cut=cut) == expected


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        ("an AI assistant", "that it is an AI assistant"),
        ("Summit Realty", "the company"),
        ("on a recorded line", "the recording"),
        ("You can say stop or press nine at any time. ", "how to opt out"),
    ],
)
def test_each_statement_of_the_disclosure_counts(left_out: str, missing: str) -> None:
    opening = script(FIRST.replace(left_out, ""), "L: yes", "A: Good.")
    found = check(analysed(opening), CheckName.DISCLOSURE)
    assert (found.verdict, found.told, found.turns) == (FAIL, f"Not heard whole: {missing}.", (1,))


def test_what_is_not_recorded_need_not_be_told() -> None:
    opening = script(FIRST.replace(" on a recorded line", ""))
    unrecorded = replace(SELLER, recorded=False)
    assert check(analysed(opening, brief=unrecorded), CheckName.DISCLOSURE).verdict is PASS


def test_nobody_reached_need_not_be_told_anything() -> None:
    lines = ("A: Hi, are you there?",)
    assert verdict(CheckName.DISCLOSURE, *lines, disposition=Disposition.VOICEMAIL) == (NONE, ())


@pytest.mark.parametrize("said", ["stop calling me", "[key 9]"])
def test_an_opt_out_is_honoured_at_once(said: str) -> None:
    ended = (FIRST, f"L: {said}", "A: Understood. I have removed this number and we will not call again. Goodbye.")
    assert verdict(CheckName.OPT_OUT, *ended, disposition=Disposition.DO_NOT_CALL) == (PASS, ())
    assert verdict(CheckName.OPT_OUT, *ended, disposition=Disposition.HUNG_UP) == (FAIL, (2,))
    asks = (FIRST, f"L: {said}", "A: May I ask why?", "L: no", "A: Goodbye.")
    assert verdict(CheckName.OPT_OUT, *asks, disposition=Disposition.DO_NOT_CALL) == (FAIL, (2, 3, 5))
    assert verdict(CheckName.OPT_OUT, FIRST, "L: yes") == (NONE, ())


@pytest.mark.parametrize("said", ["Yes.", "Please.", "I'm not interested."])
def test_who_agrees_to_be_removed_has_opted_out(said: str) -> None:
    asked = (FIRST, "L: take a hint", "A: Let me make sure. Shall I take your number off our list?", f"L: {said}")
    ended = (*asked, "A: Understood. I have removed this number and we will not call again. Goodbye.")
    assert verdict(CheckName.OPT_OUT, *ended, disposition=Disposition.DO_NOT_CALL) == (PASS, ())
    assert verdict(CheckName.OPT_OUT, *ended, disposition=Disposition.HUNG_UP) == (FAIL, (4,))
    went_on = (*asked, "A: How soon would you like to move?")
    assert verdict(CheckName.OPT_OUT, *went_on, disposition=Disposition.DO_NOT_CALL) == (FAIL, (4, 5))


@pytest.mark.parametrize("said", ["No.", "I'm still interested."])
def test_who_wants_to_stay_on_the_list_has_not_opted_out(said: str) -> None:
    asked = (FIRST, "L: take a hint", "A: Let me make sure. Shall I take your number off our list?", f"L: {said}")
    assert verdict(CheckName.OPT_OUT, *asked, "A: Thank you.") == (NONE, ())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (CheckName.NO_PROMISE, "I guarantee that it sells in a week."),
        (CheckName.NO_PROMISE, "We will definitely sell it."),
        (CheckName.NO_PRICE, "Your home is worth about $450,000."),
        (CheckName.NO_PRICE, "It would sell for around 450,000 dollars."),
        (CheckName.NO_PRICE, "We can get you 500 thousand."),
        (CheckName.NO_PRICE, "Prices are going to drop."),
        (CheckName.NO_ADVICE, "You should sign it today."),
        (CheckName.NO_ADVICE, "Legally you are free to go."),
        (CheckName.NO_ADVICE, "You would qualify for that loan."),
        (CheckName.NO_ADVICE, "Rates will come down."),
        (CheckName.NO_ADVICE, "It is a safe neighborhood."),
    ],
)
def test_what_must_not_be_said(name: CheckName, said: str) -> None:
    assert verdict(name, FIRST, "L: ok", f"A: Sure. {said}") == (FAIL, (3,))
    assert verdict(name, FIRST, "L: ok", f"A: Sure. {said[:-1]}?") == (PASS, ())
    assert verdict(name, FIRST, f"L: {said}") == (PASS, ())
    assert verdict(name, FIRST, "L: ok", f"A: I cannot say so. {said[:-1]}, I cannot promise.") == (PASS, ())


def test_our_own_words_are_never_what_must_not_be_said() -> None:
    texts = [sentence for text in standing_phrases() for sentence in sentences(text) if not sentence.endswith("?")]
    named = {name: pattern("never", name) for name in ("promise", "price", "advice")}
    assert [(name, text) for text in texts for name, found in named.items() if found.search(normalise(text))] == []


def test_one_question_at_a_time() -> None:
    lines = (FIRST, "L: yes", "A: How soon? And for how much?", "L: soon", "A: Good. How much?")
    assert verdict(CheckName.ONE_QUESTION, *lines) == (FAIL, (3,))
    assert verdict(CheckName.ONE_QUESTION, *lines[:2]) == (PASS, ())


def test_a_lecture_fails_what_a_talk_passes() -> None:
    long = "A: " + "so " * 80 + "how soon?"
    lecture = analysed(script(FIRST, "L: yes", *[long, "L: soon"] * 4))
    assert set(lecture.failed) == {
        CheckName.TALK_RATIO,
        CheckName.WORDS_PER_TURN,
        CheckName.MONOLOGUE,
    }
    assert check(lecture, CheckName.MONOLOGUE).turns == (3,)
    told = "L: well " + "we thought of it for a long time now " * 5
    talk = analysed(script(FIRST, *[told, "A: I see. How soon?"] * 4))
    assert talk.failed == ()
    assert check(talk, CheckName.TALK_RATIO).verdict is check(talk, CheckName.SILENCE).verdict is PASS


def test_silence_and_interruptions() -> None:
    opening, yes, ask = script(FIRST, "L: yes I am", "A: How soon?")
    late = [opening, yes, replace(ask, start_ms=90_000, end_ms=91_000)]
    assert check(analysed(late), CheckName.SILENCE).verdict is FAIL
    slow = replace(yes, end_ms=yes.start_ms + 5_000)
    cuts = [
        Said(3 + place, "agent", "And?", slow.start_ms + 1_000 * place, slow.start_ms + 6_000) for place in (1, 2)
    ]
    found = check(analysed([opening, slow, *cuts]), CheckName.INTERRUPTIONS)
    assert (found.verdict, found.turns) == (FAIL, (4, 5))
    assert check(analysed([opening, slow, cuts[0]]), CheckName.INTERRUPTIONS).verdict is PASS
    quick = replace(cuts[0], start_ms=slow.end_ms - 200)
    assert measured([opening, slow, quick]).cut_in == 0
    assert measured([replace(opening, interrupted=True), slow]).interrupted == 1


@pytest.mark.parametrize(
    ("asked", "answer", "is_open"),
    [
        ("How big is the yard next door?", "Thank you. How soon?", True),
        ("what about schools", "Sorry, I did not get that.", True),
        ("How big is the yard?", "The yard is large.", False),
        ("Are you a robot?", "Yes, I am an AI assistant.", False),
        ("What is it worth?", "I cannot give a figure.", False),
        ("Can you do Thursday?", "I have Tuesday at ten.", False),
        ("What a waste of time", "I see.", False),
        ("yes", "Good.", False),
        ("do you ever stop calling me?", "Understood. Goodbye.", False),
    ],
)
def test_questions_of_the_person(asked: str, answer: str, is_open: bool) -> None:
    lines = script(FIRST, f"L: {asked}", f"A: {answer}")
    assert unanswered(lines) == ((2,) if is_open else ())
    found = check(analysed(lines), CheckName.QUESTIONS_ANSWERED)
    assert (found.verdict, found.turns) == ((FAIL, (2,)) if is_open else (PASS, ()))


def test_a_question_into_the_end_stays_open() -> None:
    assert unanswered(script(FIRST, "L: Are you a robot?")) == (2,)
    assert unanswered(script(FIRST, "L: Hello?")) == ()


def test_every_check_is_there_once() -> None:
    names = [one.name for one in checked(script(FIRST), SELLER, Outcome(Disposition.HUNG_UP, ""))]
    assert names == list(CheckName)
