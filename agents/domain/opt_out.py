"""Has the person told us to stop calling? Decided by phrases alone, and in doubt for them.

A missed opt-out breaks the law and the promise of the opening ("say stop"); a needless one costs a lead. So every
imperative "stop" counts unless its words clearly speak of something else (renting, a bus, stopping by), and what
speech recognition commonly makes of "calling", "list" and "number" counts too. Fuzzy words (rapidfuzz, 0 to 100) are
accepted only inside a frame that leaves no other sense, such as "stop ... me".
"""

import re

from rapidfuzz import fuzz

from agents.domain.phrases import compiled, word_list
from agents.domain.text import clauses, fluent

_ASKS = compiled("opt_out")["asks"]
_NEVER_PHRASES = re.compile(
    r"\b(?:dont|doesnt|didnt|wont) stop\b(?! calling)|^(?:please )?dont stop calling$|\bnon ?stop\b|\bstop ?over\b"
)
_CALL_SOUNDS = ("call", "calling", "calls", "caller", "collin", "coloring", "cowling", "culling", "cold", "coal")
_TRAILERS = frozenset({"again", "anymore", "ever", "no"})
_OWN = frozenset({"me", "us", "my", "this", "here"})


_BARE = re.compile(
    rf"^(?:(?:honey|sweetie|sweetheart|babe|darling|kids|guys) )?{word_list('polite')}stop(?: please| now| ok| it"
    rf"| this| that)*"
    r"(?: (?!call|phon|ring|dial|contact|bother|bug|harass|text)\w+)?$"
)
_TO_ANOTHER = re.compile(
    r"\bnot you\b|\b(?:my|the|our) (?:dogs?|cats?|puppy|kids?|baby|son|daughter|boys?|girls?|children)\b"
    r"|^(?:honey|sweetie|sweetheart|babe|darling)\b"
)
_ASIDE = re.compile(
    r"\b(?:hold on|hang on|one (?:sec|second|moment)|just a (?:sec|second|moment)|sorry|excuse me|wait)\b"
)
_ASKS_US = re.compile(r"\b(?:say (?:that|it) again|repeat (?:that|it)|what (?:was|did you|is your)|go on|go ahead)\b")


def opts_out(text: str) -> bool:
    """True when any clause of ``text``, or the whole of it, asks not to be called again.

    A bare "stop" is not meant for us where the same breath excuses itself and names whom it is for ("stop, hold on,
    my dog"), or asks us to say something again.
    """
    text = fluent(text)
    pieces = tuple(piece for piece in clauses(text) if not (_BARE.search(piece) and _beside_us(text)))
    candidates = (*pieces, " ".join(pieces)) if len(pieces) > 1 else pieces
    return any(_plain(words) or _misheard(words.split()) for words in candidates)


def _beside_us(text: str) -> bool:
    words = " ".join(clauses(text))
    aside = _ASIDE.search(words) is not None
    return aside and (_TO_ANOTHER.search(words) is not None or _ASKS_US.search(words) is not None)


def _plain(words: str) -> bool:
    if _NEVER_PHRASES.search(words):
        words = _NEVER_PHRASES.sub(" ", words)
    return _ASKS.search(words) is not None


def _misheard(words: list[str]) -> bool:
    """The frames "stop calling me", "don't call me again", "take me off your list", "lose my number", misheard."""
    for place, word in enumerate(words):
        second, third, fourth = (*words[place + 1 : place + 4], "", "", "")[:3]
        if third in _OWN and _like(word, "stop", 75) and (second.endswith("ing") or _sounds_like_call(second)):
            return word not in {"shop", "step", "start", "keep"} or _sounds_like_call(second)
        if (
            word in {"dont", "never", "not"}
            and third in _OWN
            and _sounds_like_call(second)
            and _TRAILERS & set(words[place + 3 :])
        ):
            return True
        if (
            third in {"off", "of"}
            and second in {"me", "us"}
            and _like(word, "take", 75)
            and _like_list(words[place:])
        ):
            return True
        if _like(word, "remove", 72) and (
            (second in {"my", "me", "this"} and _like(third, "number", 67)) or (second == "me" and third == "from")
        ):
            return word != "move" or (third == "from" and _like_list([fourth, *words[place + 3 :]]))
        if (
            word in {"lose", "loose", "lewis", "lewes", "los"}
            and second in {"my", "me"}
            and _like(third, "number", 67)
        ):
            return True
    return False


def _sounds_like_call(word: str) -> bool:
    return bool(word) and any(_like(word, call, 80) for call in _CALL_SOUNDS)


def _like(word: str, other: str, floor: float) -> bool:
    return fuzz.ratio(word, other) >= floor


def _like_list(words: list[str]) -> bool:
    return any(_like(word, "list", 75) for word in words)
