"""What speech recognition wrote, made even: one spelling, no fillers, no noise."""

import re
import unicodedata
from functools import lru_cache

from agents.domain.numbers import NUMBER

_HALLUCINATIONS = re.compile(
    r"\b(?:thank(?:s| you)(?: so much)? for (?:watching|listening)|please (?:like and )?subscribe(?: to .*)?"
    r"|subtitles by .*|like and subscribe|see you in the next video)\b",
)
_NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪")
_MERIDIEM = re.compile(r"\b([ap])\s?\.\s?m\b\.?")
_MERIDIEM_APART = re.compile(r"(?<=\d )([ap]) m\b")
_GROUPED_DIGITS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_YES_SOUNDS = re.compile(r"\b(?:uh[ -]?huh|mm+[ -]?hmm?|mhm+|mmhm+|um[ -]?hum|yah|ya)\b")
_NO_SOUNDS = re.compile(r"\b(?:uh[ -]uh|nuh[ -]uh|unh[ -]unh)\b")
_SPOKEN_ZERO = re.compile(
    r"(?<=\b(?:one|two|six|ten) )oh\b|(?<=\b(?:four|five|nine) )oh\b|(?<=\b(?:three|seven|eight) )oh\b"
    r"|(?<=\bpoint )oh\b|(?<=\d )oh\b"
)
"""Behind a number "oh" is a zero: "four oh five"."""
_FILLERS = re.compile(r"\b(?:u[hm]+|umm+|uhm+|er+m?|hm+|mm+|ah+|eh|oh|you know|i mean|basically|honestly|actually)\b")
_PAUSE = re.compile(
    r"(?P<before>,?)\s+(?:(?<![-\w])(?<!\buh\s)(?<!\bmm\s)(?<!nuh\s)(?:u[hm]+|er+m?|hm+)(?![\s-]*(?:huh|uh|hum)\b)\b,?"
    r"|(?<!do )(?<!let )you know,)(?=\s)",
    re.IGNORECASE,
)
"""A filler in the midst of words, with the comma behind it: "Cherry, uh, Creek", "I, you know, guess so"."""
_LIKE = re.compile(
    r"(?<!\bi )(?<!\bwe )(?<!\byou )(?<!\bthey )(?<!\bwould )(?<!'d )(?<!\bdon't )(?<!\blook )(?<!\blooks )"
    rf"\blike (?=(?:about |maybe |around )?(?:\$?\d|(?:{NUMBER}|half"
    r"|an? (?:couple|few|million|hundred|year|month|week))\b))",
    re.IGNORECASE,
)
"""The filler before an amount, not the verb."""
_STUTTER = re.compile(rf"\b(?!(?:{NUMBER}|no|bye|uh)\b)([a-z']+)(?:[\s,]+\1\b)+", re.IGNORECASE)
_OPENER = re.compile(
    r"^\s*((?:yes|yeah|no|ok|okay)[\s,]+)?"
    r"(?:(?:so|u[hm]+(?![\s-]*(?:huh|uh)\b)|er|hmm+"
    r"|well(?! (?:kept|maintained|cared|over|under|built|below|above)))[\s,]+)+",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[.?!;,:]+(?=\s|$)|[\n\r]+|\s+[-\u2013\u2014]+\s+")
_KEPT = re.compile(r"[^a-z0-9$.:% /]+|(?<!\d)/|/(?!\d)")
_STRAY = re.compile(r"(?<!\d)[.:]|[.:](?!\d)")
_SPACES = re.compile(r" +")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
_REMEMBERED = 64
"""Texts kept as made even: a turn is read by many, each from its words."""
_ONE_WORD = (
    (re.compile(r"\bdo not\b"), "dont"),
    (re.compile(r"\bdoes not\b"), "doesnt"),
    (re.compile(r"\bdid not\b"), "didnt"),
    (re.compile(r"\b(?:can not|cannot)\b"), "cant"),
    (re.compile(r"\bwill not\b"), "wont"),
    (re.compile(r"\bis not\b"), "isnt"),
    (re.compile(r"\b(would|could|should|must|have|has|had) not\b"), r"\1nt"),
    (re.compile(r"\baint\b"), "isnt"),
    (re.compile(r"\bi am\b"), "im"),
    (re.compile(r"\bokay\b"), "ok"),
    (re.compile(r"\bany more\b"), "anymore"),
    (re.compile(r"\ball ready\b"), "already"),
    (re.compile(r"\bmay be\b"), "maybe"),
    (re.compile(r"\b(morning|afternoon|evening|night|weekend)s\b"), r"\1"),
)


@lru_cache(maxsize=_REMEMBERED)
def clauses(text: str) -> tuple[str, ...]:
    """``text`` cut at its punctuation, each piece normalised; pieces that hold no word are left out."""
    folded = unicodedata.normalize("NFKD", text).lower().replace("\u2019", "'")
    if not folded.isascii():
        folded = "".join(letter for letter in folded if not unicodedata.combining(letter))
    folded = _NOISE.sub(" ", folded)
    folded = _MERIDIEM.sub(r"\1m ", folded)
    folded = _GROUPED_DIGITS.sub("", folded)
    pieces = (_even(piece) for piece in _BREAK.split(folded))
    return tuple(piece for piece in pieces if piece)


def normalise(text: str) -> str:
    """Lower-case words, one space apart: no accents, apostrophes, fillers or noises; "do not" is "dont".

    A dot or colon stays between digits only (1.2, 3:30). Sounds of assent and dissent become yes and no.
    """
    return " ".join(clauses(text))


def fluent(text: str) -> str:
    """``text`` without what people say while they look for words: "so", "well", a word said twice, a "like"."""
    flowing = _PAUSE.sub(r"\g<before>", _OPENER.sub(r"\1", text))
    return _STUTTER.sub(r"\1", _LIKE.sub("", flowing))


def sentences(text: str) -> list[str]:
    """Our own words cut after each full stop, question mark and exclamation mark; one empty one for no words."""
    return _SENTENCE_END.split(text.strip())


def _even(piece: str) -> str:
    piece = _KEPT.sub(" ", piece.replace("'", ""))
    piece = _YES_SOUNDS.sub(" yes ", piece)
    piece = _NO_SOUNDS.sub(" no ", piece)
    piece = _STRAY.sub(" ", piece)
    piece = _SPOKEN_ZERO.sub("zero", piece)
    piece = _FILLERS.sub(" ", piece)
    piece = _SPACES.sub(" ", piece).strip()
    piece = _MERIDIEM_APART.sub(r"\1m", piece)
    for words, word in _ONE_WORD:
        piece = words.sub(word, piece)
    return _SPACES.sub(" ", _HALLUCINATIONS.sub(" ", piece)).strip()
