"""Numbers taken out of what was said."""

import re

NUMBER = "[number]"
_DIGITS = re.compile(r"\+?\d(?:[\s().\-/]*\d){3,}")
_WORD = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_SPOKEN = re.compile(rf"\b{_WORD}\b(?:[\s,.\-]+{_WORD}\b){{3,}}", re.IGNORECASE)


def masked(text: str) -> str:
    """``text`` without any row of four digits or more, written or spoken one by one."""
    return _SPOKEN.sub(NUMBER, _DIGITS.sub(NUMBER, text))
