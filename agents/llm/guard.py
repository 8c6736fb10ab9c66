"""Which of a model's words may be spoken: few, plain, whole, and about nothing that a person has to answer for."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from agents.domain.numbers import digits
from agents.domain.text import normalise, sentences

MAX_WORDS = 25
_FEWEST_WORDS = 2
_PLAIN = re.compile(r"[A-Za-z ,.!'\u2019-]+")
_ABBREVIATION = re.compile(r"\b[A-Z]{2,}\b")
_SPOKEN_CAPITALS = frozenset({"AI", "OK"})
_RULES: dict[str, re.Pattern[str]] = {
    reason: re.compile("|".join(patterns))
    for reason, patterns in tomllib.loads(Path(__file__).with_name("guard.toml").read_text(encoding="utf-8"))[
        "forbidden"
    ].items()
}


def speakable(text: str) -> str:
    """The whole statements with which ``text`` begins, of 25 words at most; "" where it begins with none.

    What follows is left out: a question, since ours comes next; a sentence that was cut off; one too many.
    """
    kept, words = list[str](), 0
    for sentence in sentences(" ".join(text.split()).strip('"')):
        words += len(sentence.split())
        if words > MAX_WORDS or not sentence.endswith((".", "!")):
            break
        kept.append(sentence)
    return " ".join(kept)


def refused(text: str) -> str:
    """Why ``text`` may not be spoken, in one word; "" where it may."""
    words = normalise(text)
    if len(words.split()) < _FEWEST_WORDS:
        return "empty"
    if len(text.split()) > MAX_WORDS or not text.endswith((".", "!")):
        return "unfinished"
    if any(sign.isdigit() for sign in text) or _counts(words):
        return "number"
    if not _PLAIN.fullmatch(text) or set(_ABBREVIATION.findall(text)) - _SPOKEN_CAPITALS:
        return "signs"
    return touches(text, _RULES)


def touches(text: str, reasons: Iterable[str]) -> str:
    """The first of ``reasons``, of those in ``guard.toml``, that ``text`` gives; "" for none."""
    words = normalise(text)
    # Fillers are left out of normalised words, and may not hide what stands between them.
    spoken = " ".join(re.findall(r"[a-z]+", text.lower().replace("'", "").replace("\u2019", "")))
    return next((why for why in reasons if _RULES[why].search(words) or _RULES[why].search(spoken)), "")


def _counts(words: str) -> bool:
    """Whether a number is named in words; "one" alone may stand for a person or a thing."""
    figures = [word for word in digits(words).split() if any(sign.isdigit() for sign in word)]
    return any(word != "1" for word in figures) or len(figures) > 1
