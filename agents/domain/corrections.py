"""Words taken back: "five fifty, no wait, four fifty", "not Tuesday but Wednesday", "sorry, I meant Thursday".

A turn is cut where the person corrects themselves. Whatever is looked for is taken from the last piece that names it,
so the later value wins; a value that is denied ("not five fifty") is left out altogether.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from agents.domain.numbers import NUMBER
from agents.domain.text import normalise

FoundT = TypeVar("FoundT")

_MONTH = r"(?:jan|febr)uary|march|april|may|june|july|august|(?:septem|octo|novem|decem)ber"
_DAY = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|tomorrow|today"
    rf"|(?:(?:{_MONTH}) )?(?:the )?\d{{1,2}}(?:st|nd|rd|th)(?: of (?:{_MONTH}|this month))?"
)
_VALUE = rf"(?:{NUMBER}|\$?\d[\d,.]*(?:k|m)?|{_DAY})"
_UNIT = r"(?:day|week|month|year|hour|minute|bed ?room|bath ?room|bed|bath|br|ba)s?|thousand|million|grand|k"
_GAP = r"[,.;\s]+"
_STRONG = (
    rf"(?:oh )?(?:no{_GAP})*(?:wait{_GAP}no(?=\W+\w)|no{_GAP}wait|scratch that|strike that|forget that"
    rf"|on second thoughts?"
    rf"|or rather|correction|let me (?:correct|rephrase) (?:that|myself)|my mistake|my bad|i misspoke"
    rf"|i meant?(?: to say)?"
    rf"|make (?:that|it)(?= (?:{_VALUE}|the|a)\b)|no{_GAP}(?:actually|sorry|i mean)|well{_GAP}no"
    rf"|(?<=\w )change that to)"
)
_WEAK = r"oh wait|actually|sorry|excuse me|instead"
_BARE_NO = rf"(?<=[\w,.] )no[,.]? (?=(?:{_VALUE})\b)"
_REPAIR = re.compile(rf"\b(?:{_STRONG}|{_WEAK})\b|{_BARE_NO}", re.IGNORECASE)
_CORRECTS = re.compile(
    rf"\b{_STRONG}\b|\bactually\b|\bsorry{_GAP}(?:it s |it'?s )?(?:{_VALUE})\b|\binstead\b|\b(?:would|d|'d) rather\b"
    rf"|{_BARE_NO}|\bnot (?:{_VALUE}|sell\w*|buy\w*)\b|(?<!you )\b(?:is|are|our|my|the) (?:\w+ )?(?:really|now)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    rf"(?:\b(?:not|instead of|rather than|except|any (?:day|time) but|(?:ca|wo)n'?t (?:do|make)(?: it)?(?: on)?"
    rf"|(?:have|got) (?:a conflict|plans|something)|(?:am|i'?m|is|are|we'?re) (?:busy|away|booked|out|not available)"
    rf"|(?:don'?t|do not|never) (?:call|ring|phone|come)(?: me| us| here| by)?)"
    rf"(?: on| at| for)? (?:(?:{NUMBER}|\$?\d[\d,.]*k?)(?:[ -](?:{NUMBER}|\d+))*(?: (?:{_UNIT}))?\b|(?:{_DAY})\b))"
    rf"(?:[,.]? but(?= ))?",
    re.IGNORECASE,
)
_BARE = re.compile(rf"^(?:maybe |like |about |more (?:like )?|its |it is )*((?:{NUMBER}|\d+)(?: (?:{NUMBER}|\d+))*)$")
_WITH_UNIT = re.compile(rf"\b(?:{NUMBER}|\d+) ?({_UNIT})\b")


class Said(NamedTuple):
    """``pieces`` of a turn, cut at its self-corrections, oldest first; never none. ``corrects``: it corrects
    something, be it in this very turn or of one before."""

    pieces: tuple[str, ...]
    corrects: bool

    def latest(self, read: Callable[[str], FoundT | None]) -> FoundT | None:
        """What ``read`` finds in the last piece that holds any."""
        return next((found for piece in reversed(self.pieces) if (found := read(piece)) is not None), None)


def said(text: str) -> Said:
    """``text`` without what is denied, cut where it is corrected. A bare number takes the unit of the one before:
    "three months, no wait, six" is six months."""
    kept = _DENIED.sub(" ", text)
    pieces: list[str] = []
    for piece in _REPAIR.split(kept):
        words = normalise(piece)
        bare = _BARE.match(words)
        unit = _WITH_UNIT.search(normalise(pieces[-1])) if bare and pieces else None
        pieces.append(f"{words} {unit[1]}" if unit else piece)
    held = tuple(piece for piece in pieces if normalise(piece)) or (kept,)
    return Said(held, bool(_CORRECTS.search(text)))
