"""Has the person told us to stop calling? Decided by rules alone, and in doubt for them.

A missed opt-out breaks the law and the promise of the opening ("say stop"); a needless one costs a lead. Nobody can
list what people say, so ``opt_out.toml`` is a small grammar: classes of words ("take", "my number", "off", "your
list"), and frames that they stand in. Words that look like a frame and mean something else ("don't call before noon",
"the bus stop") are blanked out, and whatever still fits a frame counts.

What speech recognition commonly makes of "calling", "list" and "number" counts too. Fuzzy words (rapidfuzz, 0 to 100)
are accepted only inside a frame that leaves no other sense, such as "stop ... me".

What no frame decides may be one still (``opt_out_doubt.toml``): then the person is asked.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz import fuzz

from agents.domain.text import clauses, fluent

_FILES = ("opt_out.toml", "opt_out_doubt.toml")
_GRAMMAR = [tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in _FILES]
_BREAK = " / "
"""Between two clauses."""
_BLANK = " _ "
"""In place of words that mean something else."""
_LOOKBEHIND = re.compile(r"\(\?<[!=][^)]*\)")


def _classes() -> dict[str, str]:
    """The classes of words, each with those that it names in place of their names."""
    words: dict[str, str] = {}
    for grammar in _GRAMMAR:
        for name, members in grammar["words"].items():
            words[name] = f"(?:{_filled(members, words)})"
    return words


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, members in words.items():
        pattern = pattern.replace(f"{{{name}}}", members)
    return pattern


def _over_clauses(pattern: str) -> str:
    """The pattern over clauses and the breaks between them; a lookbehind has a fixed width and keeps its spaces."""
    pattern = _LOOKBEHIND.sub(lambda found: found[0].replace(" ", "~"), pattern)
    for written, meant in (("ing", "ing?"), ("^", "(?:^|/ )"), ("$", "(?= /|$)"), (" ?", "(?: )?")):
        pattern = pattern.replace(written, meant)
    return pattern.replace(" ", "[ /]+").replace("~", " ")


def _compiled(section: str) -> tuple[re.Pattern[str], ...]:
    found = [frames for grammar in _GRAMMAR for frames in grammar.get(section, {}).values()]
    return tuple(re.compile(_over_clauses(_filled("|".join(frames), _WORDS))) for frames in found)


def _any_of(*names: str) -> re.Pattern[str]:
    """A word of one of the classes ``names``."""
    return re.compile(_over_clauses("|".join(rf"\b{_WORDS[name]}\b" for name in names)))


_WORDS = _classes()
_FRAMES = _compiled("asks")
_BENIGN = _compiled("benign")
_IDIOMS = _compiled("idioms")
_DOUBTS = _compiled("doubt")
_INVITING = _compiled("inviting")
_PLAIN = _compiled("plain")
_ENDING = _any_of("ending", "weary")
_REFUSING = _any_of("refusing")
_OF_CALLS = _any_of("calling", "ours_kept", "yours")
_OF_US = _any_of("calling", "ours_kept", "yours", "you_lot")
_NEAR_AN_END, _NEAR_A_NO = 5, 3
"""Most words between a word of calls and one that speaks of an end, or one that speaks against."""
_STOP_SOUNDS = frozenset({"shop", "step", "start", "keep"})
"""Words like "stop" that have a sense of their own: they count only before what sounds like "calling"."""
_CALL_SOUNDS = (
    "call", "calling", "calls", "caller", "collin", "coloring", "cowling", "culling", "cold", "coal", "caul", "cow",
    "core",
)  # fmt: skip
_TRAILERS = frozenset({"again", "anymore", "ever", "no"})
_OWN = frozenset({"me", "us", "my", "this", "here"})
_BARE = re.compile(
    _filled(
        r"^(?:{greet} )?{polite}(?:(?:stop|quit)(?: please| now| ok| it| this| that)*|knock it off|cut it out)"
        r"(?: (?!call|phon|ring|dial|contact|bother|bug|harass|text)\w+)?$",
        _WORDS,
    )
)
_TO_ANOTHER = re.compile(
    r"\bnot you\b|\b(?:my|the|our) (?:dogs?|cats?|puppy|kids?|baby|son|daughter|boys?|girls?|children)\b"
    r"|^(?:no |hey )*(?:honey|sweetie|sweetheart|babe|darling|mom|mommy|dad|daddy|kids|boys|girls)\b"
)
_ASIDE = re.compile(
    r"\b(?:hold on|hang on|one (?:sec|second|moment)|just a (?:sec|second|moment)|sorry|excuse me|wait"
    r"|on (?:a|the) (?:call|phone|line))\b"
)
_ASKS_US = re.compile(
    r"\b(?:say (?:that|it) again|repeat (?:that|it)|what (?:was|did you|day|time)|which (?:one|day|time)|go on"
    r"|go ahead|go back|did you say"
    r"|(?:didnt|couldnt|cant|dont) (?:hear|catch|get|understand) (?:you|that|it|what|the))\b"
)


def opts_out(text: str) -> bool:
    """True when any clause of ``text``, or several of them together, ask not to be called again.

    A bare "stop" is not meant for us where the same breath excuses itself and names whom it is for ("stop, hold on,
    my dog"), or asks us to say something again.
    """
    text = fluent(text)
    pieces = clauses(text)
    if _beside_us(" ".join(pieces)):
        pieces = tuple(piece for piece in pieces if not _BARE.search(piece))
    words = _BREAK.join(pieces)
    return _asks(words) and _asks(_without(_BENIGN, words))


def may_opt_out(text: str) -> bool:
    """True when ``text`` may ask not to be called again, and the person should be asked whether it does.

    Wide on purpose, for nobody can list what people say: words against something, or of its end, near words of calls,
    numbers, lists or us. To be read where ``opts_out`` finds nothing and the turn is not plainly something else.
    """
    words = _BREAK.join(clauses(fluent(text)))
    if any(frame.search(words) for frame in _INVITING):
        return False
    words = _without(_PLAIN, words)
    if any(frame.search(words) for frame in _IDIOMS):
        return True
    words = _without(_BENIGN, words)
    return (
        any(frame.search(words) for frame in _DOUBTS)
        or _near(words, _ENDING, _OF_US, _NEAR_AN_END)
        or _near(words, _REFUSING, _OF_CALLS, _NEAR_A_NO)
    )


def _near(words: str, sign: re.Pattern[str], of: re.Pattern[str], most: int) -> bool:
    """Whether a ``sign`` stands at most ``most`` words before or behind a word ``of`` calls."""
    signs, others = ([found.span() for found in pattern.finditer(words)] for pattern in (sign, of))
    return any(
        end <= behind and len(words[end:behind].replace(_BREAK, " ").split()) <= most
        for one in signs
        for other in others
        for (_, end), (behind, _) in ((one, other), (other, one))
    )


def _asks(words: str) -> bool:
    if any(frame.search(words) for frame in _FRAMES):
        return True
    pieces = words.split(_BREAK)
    candidates = (*pieces, " ".join(pieces)) if len(pieces) > 1 else pieces
    return any(_misheard(piece.split()) for piece in candidates)


def _without(senses: Sequence[re.Pattern[str]], words: str) -> str:
    for sense in senses:
        words = sense.sub(_BLANK, words)
    return words


def _beside_us(words: str) -> bool:
    to_another = _ASIDE.search(words) is not None and _TO_ANOTHER.search(words) is not None
    return to_another or _ASKS_US.search(words) is not None


def _misheard(words: Sequence[str]) -> bool:
    """The frames "stop calling me", "don't call me again", "take me off your list", "lose my number", misheard."""
    for place, word in enumerate(words):
        second, third, fourth = (*words[place + 1 : place + 4], "", "", "")[:3]
        if third in _OWN and _like(word, "stop", 75) and (second.endswith("ing") or _sounds_like_call(second)):
            return word not in _STOP_SOUNDS or _sounds_like_call(second)
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


def _like_list(words: Sequence[str]) -> bool:
    return any(_like(word, "list", 75) for word in words)
