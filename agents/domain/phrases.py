"""The phrases of ``phrases.toml``, compiled."""

import re
import tomllib
from pathlib import Path

_PHRASES: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8")
)


def compiled(section: str) -> dict[str, re.Pattern[str]]:
    """The entries of ``section`` in their order, each as one pattern over normalised words."""
    return {name: _pattern(alternatives) for name, alternatives in _PHRASES[section].items()}


def _pattern(alternatives: list[str]) -> re.Pattern[str]:
    pattern = "|".join(alternatives)
    for word, words in _PHRASES["words"].items():
        pattern = pattern.replace(f"{{{word}}}", str(words))
    return re.compile(pattern)
