"""Which words over ours let us speak on, and which are ours."""

import pytest

from agents.domain.types import Expect
from voice.domain.endpointing import DATES, NUMBERS, OPEN, UNFINISHED, USUAL, Patience, patience_for
from voice.domain.overlap import is_backchannel, is_echo

SAID = "You can say stop or press nine at any time. Are you still thinking about selling?"


@pytest.mark.parametrize(
    "text",
    ["Mm-hmm.", "mhm", "Uh-huh.", "Hmm", "Right.", "Okay, okay.", "Yeah.", "Yes.", "I see.", "Oh, okay.", "Got it."],
)
def test_signs_of_listening(text: str) -> None:
    assert is_backchannel(text, 0.5)
    assert not is_backchannel(text, 2.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No.",
        "Stop.",
        "Yeah, stop calling.",
        "Right now?",
        "I",
        "Who is this?",
        "okay okay okay okay okay",
        "What?",
    ],
)
def test_words_that_want_an_answer(text: str) -> None:
    assert not is_backchannel(text, 0.5)


@pytest.mark.parametrize(
    ("text", "sounds", "echo"),
    [
        ("Are you still thinking about selling?", False, True),
        ("you still thinking about", False, True),
        ("are you thinking of selling", True, True),
        ("stop", False, False),
        ("stop", True, True),
        ("selling", False, False),
        ("No, I am not thinking about it.", False, False),
        ("", True, False),
    ],
)
def test_our_own_words(text: str, sounds: bool, echo: bool) -> None:
    assert is_echo(text, SAID, sounds_like_us=sounds) is echo


def test_nothing_was_said() -> None:
    assert not is_echo("anything", "", sounds_like_us=True)


@pytest.mark.parametrize(
    ("text", "expects", "patience"),
    [
        ("Yes, I am.", None, USUAL),
        ("Yes, I am.", Expect.NUMBER, USUAL),
        ("", Expect.NUMBER, OPEN),
        ("About four hundred", Expect.NUMBER, NUMBERS),
        ("450", Expect.NUMBER, NUMBERS),
        ("four hundred or so", Expect.NUMBER, DATES),
        ("Thursday", Expect.DATE, DATES),
        ("in 3 months", Expect.DATE, DATES),
        ("whenever you like", Expect.DATE, OPEN),
        ("It is 555", None, NUMBERS),
        ("I have two", None, OPEN),
        ("I have two.", None, USUAL),
        ("Really?", None, USUAL),
        ("He said \u201cno.\u201d", None, USUAL),
        ("Well...", None, OPEN),
        ("Well, if you ask me,", None, OPEN),
        ("I would like to sell it and", None, UNFINISHED),
        ("We\u2019re looking at the", None, UNFINISHED),
    ],
)
def test_how_long_we_wait(text: str, expects: Expect | None, patience: Patience) -> None:
    assert patience_for(text, expects) == patience
