"""Word error, by what words mean rather than by how they are spelled."""

from collections.abc import Sequence

import jiwer

from agents.domain.numbers import digits
from agents.domain.text import normalise

_SPELLED = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint"}


def word_error(said_texts: Sequence[str], heard: Sequence[str]) -> float:
    """Percent of words wrong; numbers as figures, without case, punctuation and sounds of hesitation."""
    return 100 * float(jiwer.wer([_even(text) for text in said_texts], [_even(text) for text in heard]))


def _even(text: str) -> str:
    words = digits(normalise(text.replace("-", " "))).replace("$", "").split()
    return " ".join(_SPELLED.get(word, word) for word in words)
