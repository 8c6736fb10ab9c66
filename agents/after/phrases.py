"""The phrases of ``phrases.toml``, compiled."""

import re
import tomllib
from pathlib import Path

_PHRASES: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8")
)


def pattern(section: str, name: str) -> re.Pattern[str]:
    """The alternatives of one entry as one pattern over normalised words."""
    return re.compile("|".join(_PHRASES[section][name]))
