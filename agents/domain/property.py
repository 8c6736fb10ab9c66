"""What a home is like: kind, rooms, condition. Of a seller it is the home they own, of a buyer the one they want."""

import re
from typing import NamedTuple

from agents.domain.numbers import digits
from agents.domain.phrases import compiled

_TYPES = compiled("property_types")
_CONDITIONS = compiled("conditions")
_WHERE_THEY_LIVE = re.compile(
    r"\b(?:live|living|lived|renting|rented|rent|leasing|out of|leave|leaving|from) (?:(?:in|an?|my|our|this|the"
    r"|at) )*"
    r"(?:\w+ ){0,2}(?:apartment|condo|studio|flat|house|townhouse|trailer)s?\b"
)
"""The home of a buyer today is not the one they want."""
_HALF = re.compile(r"\b(\d) and a half\b")
_BEDS = re.compile(r"(?<![\d.])(\d{1,2})(?: (?:or|to) (\d))? ?(?:more )?(?:bed ?rooms?|beds?|bdrms?|brs?)\b")
_BATHS = re.compile(r"(?<![\d.])(\d(?:\.5)?) ?(?:full )?(?:bath ?rooms?|baths?|ba)\b")
_STUDIO = re.compile(r"\bstudio\b")


class Property(NamedTuple):
    """``kind`` and ``condition`` are keys of ``phrases.toml``; ``bedrooms`` is 0 for a studio; ``bathrooms`` as said,
    halves too ("2.5"). None for what is not told."""

    kind: str | None = None
    bedrooms: int | None = None
    bathrooms: str | None = None
    condition: str | None = None


NOTHING_TOLD = Property()


def described(text: str, *, wanted: bool = False) -> Property:
    """What normalised ``text`` tells of the home; ``wanted``: of one to buy, so where they live now is left out."""
    words = _HALF.sub(r"\1.5", digits(text))
    about = _WHERE_THEY_LIVE.sub(" ", words) if wanted else words
    beds, baths = _BEDS.search(words), _BATHS.search(words)
    studio = 0 if _STUDIO.search(about) else None
    return Property(
        kind=next((kind for kind, pattern in _TYPES.items() if pattern.search(about)), None),
        bedrooms=int(beds[2] or beds[1]) if beds else studio,
        bathrooms=baths[1] if baths else None,
        condition=next((kind for kind, pattern in _CONDITIONS.items() if pattern.search(words)), None),
    )
