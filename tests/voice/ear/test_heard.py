"""What may be believed of what a model wrote, and which names are put into it."""

import pytest

from voice.speech.heard import Heard, bare, believed
from voice.speech.hints import corrected

KNOWN = frozenset(
    [
        "on",
        "the",
        "house",
        "it's",
        "now",
        "is",
        "locked",
        "conference",
        "we",
        "live",
        "at",
        "road",
        "drive",
        "street",
        "avenue",
        "yes",
        "my",
        "husband",
    ]
)


def common(word: str) -> bool:
    return bare(word) in KNOWN


def heard(text: str, no_speech: float, score: float, likelihood: float = 0.5) -> Heard:
    return Heard(tuple((word, likelihood) for word in text.split()), no_speech, score)


@pytest.mark.parametrize(
    ("wrote", "voiced_ms", "believable"),
    [
        (("Yes.", 0.35, -0.5, 0.5), 400, True),
        (("you", 0.89, -1.28, 0.01), 400, False),  # what tiny.en writes into noise
        (("you", 0.89, -0.5, 0.01), 400, False),
        (("you", 0.89, -0.5, 0.4), 400, False),
        (("you", 0.6, -0.5, 0.4), 400, True),
        (("You.", 0.4, -0.5, 0.01), 400, True),
        (("Thank you.", 0.6, -0.8, 0.05), 800, False),
        (("Thank you.", 0.2, -0.3, 0.9), 800, True),
        (("Hm.", 0.2, -1.5, 0.1), 400, True),
        (("Yes.", 0.1, -0.1, 0.9), 96, False),
        ((".", 0.1, -0.1, 0.9), 400, False),
        (("", 0.1, -0.1, 0.9), 400, False),
        (("so good " * 20, 0.1, -0.2, 0.9), 1000, False),
        (("Stop calling me. " * 8, 0.1, -0.2, 0.9), 8000, True),  # who says it over and over takes time to
        (("no no no no", 0.1, -0.2, 0.9), 500, True),
    ],
)
def test_words_in_noise(wrote: tuple[str, float, float, float], voiced_ms: int, believable: bool) -> None:
    assert believed(heard(*wrote), voiced_ms=voiced_ms) is believable


def test_bare() -> None:
    assert bare("  No, I'm NOT --  really! ") == "no i'm not really"


def test_text_is_the_words() -> None:
    assert heard("Yes, I do.", 0.1, -0.1).text == "Yes, I do."


@pytest.mark.parametrize(
    ("said", "hints", "written"),
    [
        ("My husband is Jochen Villanueva.", ["Joaquin Villanueva"], "My husband is Joaquin Villanueva."),
        ("on Lajala Drive? Yes.", ["La Jolla Drive"], "on La Jolla Drive? Yes."),
        ("on T2-petola street.", ["Tchoupitoulas Street"], "on Tchoupitoulas Street."),
        ("We live at 10 yucalyptus Avenue", ["Eucalyptus Avenue"], "We live at 10 Eucalyptus Avenue"),
        ("(Jochen Villanueva)", ["Joaquin Villanueva"], "(Joaquin Villanueva)"),
        # Not what was said:
        ("The conference is now locked.", ["Siobhan Kowalczyk"], "The conference is now locked."),
        ("on Lajala Road", ["La Jolla Drive"], "on Lajala Road"),
        ("on Lajala Drive", ["Wisteria Lane", "Ann", ""], "on Lajala Drive"),
        ("Wisteria Lane, Visteria Lane", ["Wisteria Lane"], "Wisteria Lane, Visteria Lane"),
    ],
)
def test_names_that_are_expected(said: str, hints: list[str], written: str) -> None:
    words = tuple((word, 0.3) for word in said.split())
    assert " ".join(word for word, _ in corrected(words, hints, common)) == written


def test_what_the_model_was_sure_of_stays() -> None:
    words = (("Jochen", 0.9), ("Villanueva.", 0.9))
    assert corrected(words, ["Joaquin Villanueva"], common) == words


def test_a_word_that_was_put_is_as_likely_as_it_is_alike() -> None:
    words = (("is", 0.9), ("Jochen", 0.2), ("Villanueva.", 0.9))
    assert corrected(words, ["Joaquin Villanueva"], common) == (
        ("is", 0.9),
        ("Joaquin", 0.894),
        ("Villanueva.", 0.894),
    )
