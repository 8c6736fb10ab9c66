"""How a campaign's names and streets sound: respellings in place of words, before a text is said."""

import re
import unicodedata
from collections.abc import Mapping

_PUNCTUATION = " -'’.,"


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

    def applied(self, text: str) -> str:
        """``text`` as it is to be said."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._sounds[" ".join(found[0].lower().split())], text)


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
