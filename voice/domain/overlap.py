"""Words over our own: those that only say "I am listening", and those that are ours, come back from their phone."""

import re
from difflib import SequenceMatcher


def words_in(text: str) -> frozenset[str]:
    """The words of ``text``, which has nothing but them."""
    return frozenset(text.split())


_WORD = re.compile(r"[a-z0-9']+")
_SOUNDS = re.compile(r"\b(?:m+[ -]?h+m+|mm+|h+m+|uh[ -]?huh|a+h+|o+h+|huh|um[ -]?hum)\b")
_LISTENING = words_in(
    "yeah yep yup yes ya okay ok right sure alright all fine good great cool nice wow really exactly absolutely true "
    "i see got it gotcha understood of course correct indeed"
)
_PAIRED = {"i": "see", "all": "right", "got": "it", "of": "course"}
_LONGEST_WORDS = 4
_LONGEST_S = 1.6

_ALIKE = 0.8
_FEW = 3  # words: fewer may be said by anybody at the same time


def is_backchannel(text: str, voice_s: float) -> bool:
    """Whether ``text``, which took ``voice_s``, lets us speak on: "mm-hm", "right", "okay, okay", "yeah, I see"."""
    if voice_s > _LONGEST_S:
        return False
    words = words_of(_SOUNDS.sub(" yeah ", text.lower()))
    if not 0 < len(words) <= _LONGEST_WORDS or not set(words) <= _LISTENING:
        return False
    return all(
        first not in _PAIRED or _PAIRED[first] == second
        for first, second in zip(words, [*words[1:], ""], strict=True)
    )


def likeness(text: str, said: str) -> float:
    """How much of ``text`` is in ``said`` word by word and in this order, 0 to 1."""
    heard, ours = words_of(text), words_of(said)
    if not heard or not ours:
        return 0.0
    blocks = SequenceMatcher(None, ours, heard, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(heard)


def is_echo(text: str, said: str, *, sounds_like_us: bool) -> bool:
    """Whether ``text`` is what we ``said`` a moment before.

    Three words of ours in a row are enough; fewer only where the sound is ours too. Words that sound like ours may be
    understood badly, so that half of them is enough then.
    """
    alike = likeness(text, said)
    return alike >= (0.5 if sounds_like_us else _ALIKE) and (sounds_like_us or len(words_of(text)) >= _FEW)


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))
