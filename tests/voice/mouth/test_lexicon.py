"""A campaign's words as they sound."""

import pytest

from voice.speech.lexicon import Lexicon, why_unsayable
from voice.speech.spoken import spoken

WORDS = {"Tejon": "tay hone", "Cherry Creek": "cherry crick", "Cherry Creek North": "the north end", "Lee": ""}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("12 Tejon St", "12 tay hone St"),
        ("TEJON, tejon's", "tay hone, tay hone's"),
        ("Tejones and Metejon", "Tejones and Metejon"),
        ("Cherry Creek North or cherry  creek.", "the north end or cherry crick."),
        ("Ms. Lee", "Ms. Lee"),
        ("", ""),
    ],
)
def test_words_are_found_whole_in_any_case_and_the_longest_first(written: str, said: str) -> None:
    assert Lexicon(WORDS).applied(written) == said


def test_what_was_respelled_is_not_looked_at_again() -> None:
    assert Lexicon({"A": "B", "B": "C", "St.": "saint", "a+b": "sum"}).applied("A, B, St. and a+b") == (
        "B, C, saint and sum"
    )


def test_a_respelled_street_is_still_one() -> None:
    said = Lexicon({"Tejon": "tay hone", "I-25": "eye 25"}).applied("1245 Tejon St, near I-25.\ue000", say=spoken)
    assert said == "twelve forty five tay hone Street, near eye twenty five."


def test_without_words_a_text_stays() -> None:
    assert Lexicon({}).applied("Tejon") == "Tejon"


@pytest.mark.parametrize(
    ("respelling", "problem"),
    [
        ("tay hone", ""),
        ("Peña-Núñez, 3rd", ""),
        ("", ""),
        (
            "təˈhoʊn",
            "No voice can say ə ˈ ʊ: write the word as it sounds, in plain letters, such as tay hone for Tejon.",
        ),
        (
            "[tejon]",
            "No voice can say [ ]: write the word as it sounds, in plain letters, such as tay hone for Tejon.",
        ),
        ("--", "This has no letters to say: write the word as it sounds, such as tay hone for Tejon."),
    ],
)
def test_what_no_voice_can_say_is_told(respelling: str, problem: str) -> None:
    assert why_unsayable(respelling) == problem
