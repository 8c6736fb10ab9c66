"""How long a silence has to last before it is the end of a turn. Pure: figures and words in, silences out.

The steps were tuned on recorded speech as a telephone carries it (``bench/turns.py``, docs/turns.md).
"""

import re
from dataclasses import dataclass

from agents.domain.types import Expect
from voice.domain.overlap import words_in


@dataclass(frozen=True, slots=True)
class Step:
    """After ``silence_s`` of silence the turn is over where it sounds so with a likelihood of ``sure`` at least."""

    silence_s: float
    sure: float


@dataclass(frozen=True, slots=True)
class Patience:
    """Steps in the order of their silences; after ``longest_s`` the turn is over however it sounded."""

    steps: tuple[Step, ...]
    longest_s: float


_STEPS = (Step(0.096, 0.95), Step(0.2, 0.6), Step(0.35, 0.5))
USUAL = Patience(_STEPS, 0.5)
OPEN = Patience((*_STEPS, Step(0.5, 0.5)), 1.0)
"""For words that were written down without the end of a sentence."""
SHORT = Patience((Step(0.2, 0.0),), 0.2)
"""For sounds without words, and for "mm-hm" while we speak."""
UNFINISHED = Patience((Step(0.7, 0.9),), 1.3)
"""For words that nobody ends with: "and", "um", "the"."""
NUMBERS = Patience((Step(0.7, 0.8), Step(1.1, 0.5)), 1.6)
"""Digits come in groups, and amounts with a look at the paper."""
DATES = Patience((Step(0.35, 0.9), Step(0.7, 0.7)), 1.3)

_ENDED = re.compile(r"(?<!\.)[.!?](?!\.)\W*$")  # three dots are no end
_WORD = re.compile(r"[a-z']+|\d+")
_DANGLING = words_in("and but or because if the a an my our their um uh er erm i'm of between")
_NUMBER_WORDS = words_in(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
    "double triple dollars grand k"
)
_DATE_WORDS = words_in(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december today tomorrow tonight morning afternoon evening noon week weeks month "
    "months year years spring summer fall autumn winter am pm next first second third"
)
_DIGITS_IN_A_ROW = 3  # of these nobody asked for a number, and one is being given all the same


def patience_for(text: str, expects: Expect | None) -> Patience:
    """The patience that ``text``, heard so far, deserves as an answer to a question that ``expects`` something."""
    words = _WORD.findall(text.lower().replace("\u2019", "'"))
    if not words:
        return OPEN
    numbers = sum(_is_number(word) for word in words)
    if _is_number(words[-1]) and (expects is Expect.NUMBER or _trailing_numbers(words) >= _DIGITS_IN_A_ROW):
        return NUMBERS
    if words[-1] in _DANGLING:
        return UNFINISHED
    if expects is Expect.NUMBER and numbers:
        return DATES
    if expects is Expect.DATE and (numbers or any(word in _DATE_WORDS for word in words)):
        return DATES
    return USUAL if _ENDED.search(text) else OPEN


def _is_number(word: str) -> bool:
    return word.isdigit() or word in _NUMBER_WORDS


def _trailing_numbers(words: list[str]) -> int:
    """Digits and number words at the end; written digits count one by one."""
    count = 0
    for word in reversed(words):
        if not _is_number(word):
            break
        count += len(word) if word.isdigit() else 1
    return count
