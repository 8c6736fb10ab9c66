"""Names and streets that the call may be about, put where the recogniser wrote something that sounds like them.

Its words are compared with them after the fact, by letters and Soundex classes, and only where it had to spell a word
out and was not sure of it: what it knows as a word stays (measured in docs/recognition.md).
"""

import re
from collections.abc import Callable, Iterator, Sequence

from rapidfuzz.distance import Indel

Word = tuple[str, float]

_ALIKE = 0.8
_ALIKE_STREET = 0.72  # where the word for its kind was heard
_UNSURE = 0.65  # of the least likely word that would be replaced
_SHORTEST = 5  # letters; shorter names sound like too many other words
_CLASSES = str.maketrans("bfpvcgjkqsxzdtlmnr", "111122222222334556", "aeiouhwy")
_REPEATED = re.compile(r"(.)\1+")
_BEFORE, _AFTER = re.compile(r"^\W*"), re.compile(r"\W*$")
_STREET = re.compile(
    r".+ (street|avenue|road|lane|drive|court|boulevard|way|place|circle|terrace|parkway|trail|square)", re.IGNORECASE
)


def corrected(words: Sequence[Word], hints: Sequence[str], common: Callable[[str], bool]) -> tuple[Word, ...]:
    """``words`` with each hint in the place of what sounds like it; a word that was put is as likely as it is alike.

    ``common`` tells words that the recogniser knows.
    """
    found = list(words)
    for hint in hints:
        match = max(_matches(found, hint, common), default=None)
        if match is None:
            continue
        alike, start, end = match
        found[start:end] = _put(hint, found[start:end], alike)
    return tuple(found)


def _matches(words: Sequence[Word], hint: str, common: Callable[[str], bool]) -> Iterator[tuple[float, int, int]]:
    """(likeness, start, end) of what may be meant by ``hint``; none where it is there as it is."""
    wanted, wanted_words = _letters(hint), " ".join(map(_letters, hint.split()))
    if len(wanted) < _SHORTEST or f" {wanted_words} " in f" {' '.join(_letters(word) for word, _ in words)} ":
        return
    count = len(hint.split())
    kind = _STREET.fullmatch(hint)
    street = kind[1].lower() if kind else ""
    letters = [_letters(word) for word, _ in words]
    for start in range(len(words)):
        for end in range(start + max(1, count - 1), min(len(words), start + count + 1) + 1):
            said = letters[start:end]
            # A number before a name is a house's: no window takes it in.
            if (street and said[-1] != street) or any(one.isdigit() or not one for one in said):
                continue
            if any(likelihood < _UNSURE and not common(word) for word, likelihood in words[start:end]):
                ending = -len(street) or None
                alike = _alike("".join(said)[:ending], wanted[:ending])
                if alike >= (_ALIKE_STREET if street else _ALIKE):
                    yield alike, start, end


def _alike(said: str, wanted: str) -> float:
    """0 to 1, by spelling and by sound alike."""
    return (Indel.normalized_similarity(said, wanted) + Indel.normalized_similarity(_code(said), _code(wanted))) / 2


def _code(letters: str) -> str:
    """Soundex classes of all consonants, the first letter too."""
    return _REPEATED.sub(r"\1", letters.translate(_CLASSES))


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _put(hint: str, replaced: Sequence[Word], alike: float) -> list[Word]:
    """``hint`` with the punctuation that stood around what it replaces."""
    before, after = _BEFORE.findall(replaced[0][0])[0], _AFTER.findall(replaced[-1][0])[0]
    parts = hint.split()
    parts[0], parts[-1] = before + parts[0], parts[-1] + after
    return [(part, round(alike, 3)) for part in parts]
