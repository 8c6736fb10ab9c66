"""How a campaign's names and streets sound: respellings in place of words, before a text is said."""

import re
import unicodedata
from collections.abc import Callable, Mapping

_PUNCTUATION = " -'’.,"
_FIRST, _LAST = 0xE000, 0xF8FF
PRIVATE = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")
"""Characters without a meaning of their own."""


class Lexicon:
    """``words`` maps what is written to how it sounds: {"Tejon": "tay hone"}.

    A word is found whole and in any case, the longest first, so that "Cherry Creek North" comes before "Cherry
    Creek". What has been respelled is not looked at again.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._sounds = {" ".join(written.lower().split()): sounds.strip() for written, sounds in words.items()}
        known = [written for written, sounds in self._sounds.items() if written and sounds]
        longest_first = (r"\s+".join(map(re.escape, one.split())) for one in sorted(known, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE) if known else None

    def applied(self, text: str, *, say: Callable[[str], str] = lambda text: text) -> str:
        """``text`` as it is to be said; ``say`` words the rest of it, and sees a sign for each word of ours.

        The signs are those of ``PRIVATE``, which stand for names: so the street of "12 Tejon St" is known for one.
        """
        if self._pattern is None:
            return say(text)
        sounds: list[str] = []

        def marked(found: re.Match[str]) -> str:
            sounds.append(self._sounds[" ".join(found[0].lower().split())])
            return chr(_FIRST + len(sounds) - 1)

        signs = say(self._pattern.sub(marked, PRIVATE.sub("", text), count=_LAST - _FIRST))
        return PRIVATE.sub(lambda found: say(sounds[ord(found[0]) - _FIRST]), signs)


def why_unsayable(respelling: str) -> str:
    """One sentence on what no voice can say in ``respelling``; "" where all is well."""
    odd = [char for char in dict.fromkeys(respelling) if not _sayable(char)]
    if odd:
        return (
            f"No voice can say {' '.join(odd)}: write the word as it sounds, in plain letters, such as tay hone for "
            f"Tejon."
        )
    if respelling.strip() and not any(char.isalnum() for char in respelling):
        return "This has no letters to say: write the word as it sounds, such as tay hone for Tejon."
    return ""


def _sayable(char: str) -> bool:
    """Plain and accented Latin letters, figures, and the signs that stand between words."""
    base = unicodedata.normalize("NFD", char)[0]
    return char in _PUNCTUATION or (base.isascii() and base.isalnum())
