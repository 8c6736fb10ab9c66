"""The phrases of ``phrases.toml``, compiled."""

import re
import tomllib
from pathlib import Path

_PHRASES: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8")
)


_LEAD = r"^(?:(?:ok|alright|right|and|but|yes|hey|hi|hello|sorry|please) )*"
"""What people say before the words that a phrase begins with."""


def compiled(section: str, *, led: bool = False) -> dict[str, re.Pattern[str]]:
    """The entries of ``section`` in their order, each as one pattern over normalised words.

    ``led``: a phrase for the beginning of a turn may stand behind an "okay", a "sorry" and the like.
    """
    return {name: _pattern(alternatives, led) for name, alternatives in _PHRASES[section].items()}


def word_list(name: str) -> str:
    """The word list ``name``, as a part of a pattern."""
    return str(_PHRASES["words"][name])


def _pattern(alternatives: list[str], led: bool) -> re.Pattern[str]:
    pattern = "|".join(f"{_LEAD}{one[1:]}" if led and one.startswith("^") else one for one in alternatives)
    for word, words in _PHRASES["words"].items():
        pattern = pattern.replace(f"{{{word}}}", str(words))
    return re.compile(pattern)
