"""What becomes of words on their way: hesitation in the mouth, errors in the ear. Seeded, so every run replays.

Recognition errors change no word that carries the meaning of an answer (numbers, names, yes and no): whoever heard
"in months" could not know better than the agent. They are of the kinds that small recognisers make on a telephone:
short words that fall out, and words that become others of the same sound.
"""

import random
import re
from collections.abc import Mapping
from enum import StrEnum


class Noise(StrEnum):
    """``CLEAN`` as written; ``TALK`` with fillers and words said twice; ``LINE`` with recognition errors as well."""

    CLEAN = "clean"
    TALK = "talk"
    LINE = "line"


_MIX = (Noise.CLEAN, Noise.TALK, Noise.TALK, Noise.LINE)
_FILLERS = ("uh,", "um,", "you know,", "er,", "hmm,")
_OPENERS = ("Uh,", "Um,", "Well,", "Hmm,", "So,", "Oh,")
_SWALLOWED = frozenset({"a", "an", "the", "i", "i'm", "is", "of", "it", "so", "well", "that's", "it's", "be", "for"})
_TWICE = frozenset({"a", "the", "i", "in", "it", "is", "we", "of", "to", "my", "and", "was"})
_MISHEARD: Mapping[str, tuple[str, ...]] = {
    "calling": ("calling", "coloring", "collin"),
    "call": ("call", "cold"),
    "list": ("list", "lest"),
    "selling": ("sailing", "selling"),
    "house": ("how's", "house"),
    "probably": ("probly",),
    "going": ("gone",),
    "maybe": ("may be",),
    "already": ("all ready",),
    "interested": ("interest it", "interested"),
    "number": ("number", "lumber"),
    "are": ("our", "are"),
    "their": ("there",),
    "we're": ("were",),
    "you're": ("your",),
    "would": ("wood", "would"),
    "works": ("work", "works"),
    "thinking": ("thinkin",),
    "looking": ("lookin",),
    "remove": ("remove", "removed"),
}
_WANT_TO = re.compile(r"\bwant to(?: to)?\b")
_FILLER_RATE, _TWICE_RATE, _OPENER_RATE = 0.05, 0.08, 0.25
_SWALLOWED_RATE, _MISHEARD_RATE = 0.12, 0.25


def level(rng: random.Random) -> Noise:
    """The noise of one call."""
    return rng.choice(_MIX)


def heard(text: str, noise: Noise, rng: random.Random) -> str:
    """``text`` as it reaches the agent."""
    if noise is Noise.CLEAN or not text.strip():
        return text
    spoken = _hesitant(text, rng)
    return _misheard(spoken, rng) if noise is Noise.LINE else spoken


def _hesitant(text: str, rng: random.Random) -> str:
    words: list[str] = []
    for place, word in enumerate(text.split()):
        if place and rng.random() < _FILLER_RATE:
            words.append(rng.choice(_FILLERS))
        words.append(word)
        if word.lower() in _TWICE and rng.random() < _TWICE_RATE:
            words.append(word if word == "I" else word.lower())
    return " ".join([rng.choice(_OPENERS), *words] if rng.random() < _OPENER_RATE else words)


def _misheard(text: str, rng: random.Random) -> str:
    words: list[str] = []
    for word in _WANT_TO.sub(lambda said: "wanna" if rng.random() < _MISHEARD_RATE else said[0], text).split():
        bare = word.strip(".,?!").lower()
        if bare in _SWALLOWED and rng.random() < _SWALLOWED_RATE:
            continue
        if bare in _MISHEARD and rng.random() < _MISHEARD_RATE:
            words.append(word.lower().replace(bare, rng.choice(_MISHEARD[bare])))
        else:
            words.append(word)
    return " ".join(words) or text
