"""Whether what a model says of a call is borne out by it. In doubt it is not: the rules have said it already.

Words cannot be proved true by rules. What is caught is what models make up: numbers, dates, names, quotes, and ends
that the call did not have.
"""

import re
from collections.abc import Sequence
from functools import cached_property

from agents.after.phrases import pattern
from agents.after.types import Said
from agents.domain.numbers import digits
from agents.domain.text import normalise, sentences
from agents.domain.types import Disposition
from agents.llm.guard import touches

MOST_SENTENCES, MOST_WORDS = 3, 70
"""Of a summary."""
MOST_POINT_WORDS = 30
_SHORT = 3
"""Letters of a word that shows nothing: a quote has to have a longer one, or be all that was said."""
_UNREADABLE = ("trait", "web", "rude")
"""What of the guard's list no record of a call may hold either; the rest may be told to a colleague."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MEASURED = re.compile(r"(\d+(?:\.\d+)?) (month|year|week|day|hour|minute|bedroom|bathroom|percent|acre|room)s?\b")
_NO_NUMBER = re.compile(r"\b(?:no one|one of|one another|(?:at )?first)\b")
_WHEN = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|june|july|august|september"
    r"|october|november|december|today|tonight|tomorrow|yesterday|weekends?|mornings?|afternoons?|evenings?|noon"
    r"|midnight|spring|summer|autumn|winter)\b"
)
_WEIGHTY = re.compile(
    r"\b(?:sold|bought|sign(?:ed|s)|agree[ds]?|promis\w+|inherit\w*|mortgage\w*|cash|loans?|approv\w+|foreclos\w*"
    r"|renovat\w*|retir\w+|invest\w*|debts?|tenants?|lawyers?|lend\w+)\b"
)
_STEM = 5
_CAPITAL = re.compile(r"\b[A-Z][A-Za-z'\u2019-]*")
_OPENING = (
    "a after agent ai all although an and asked assistant because before both but buyer call caller during for he "
    "her his home homeowner however i if in interested it lead neither no not nothing on only open owner person "
    "potential seller she since so some somebody someone that the their then there they this to unclear wants was "
    "when while with"
)
_OPENERS = frozenset(_OPENING.split())
"""Words that may begin a sentence of a summary without being a name."""
_DENIED = re.compile(
    r"\b(?:no|not|never|without|nothing|nobody|declin\w+|refus\w+|didnt|hasnt|wasnt|isnt)(?: \w+){0,4} $"
)
_ALSO = {Disposition.DO_NOT_CALL: Disposition.NOT_INTERESTED}
"""Who asks not to be called is not interested either."""
_ENDS = {
    end: pattern("ends", end.value)
    for end in (
        Disposition.APPOINTMENT,
        Disposition.CALLBACK_REQUESTED,
        Disposition.DO_NOT_CALL,
        Disposition.NOT_INTERESTED,
        Disposition.TRANSFERRED,
        Disposition.VOICEMAIL,
        Disposition.WRONG_NUMBER,
    )
}
"""How it may be said that a call ended so."""


class Ground:
    """What was said and is known of one call. ``turns`` are as the model saw them, ``known`` is in words."""

    def __init__(self, turns: Sequence[Said], known: str, *, company: str, disposition: Disposition) -> None:
        self._turns, self._disposition = turns, disposition
        texts = [*(said.text for said in turns), known, company]
        self._text = " ".join(normalise(text) for text in texts)

    def turn_of(self, quote: str, *, theirs: bool = False) -> int | None:
        """The turn in which ``quote`` stands, of the person where ``theirs``; None for none, or one that shows
        nothing."""
        quoted = normalise(quote)
        if not quoted:
            return None
        for said in self._turns:
            words = normalise(said.text)
            if (theirs and said.of_us) or f" {quoted} " not in f" {words} ":
                continue
            if quoted == words or any(len(word) > _SHORT for word in quoted.split()):
                return said.seq
        return None

    def refuses_summary(self, text: str) -> str:
        """Why ``text`` is no summary of this call, in one word; "" where it may be one."""
        parts = sentences(text)
        if not normalise(text):
            return "empty"
        if len(parts) > MOST_SENTENCES or len(text.split()) > MOST_WORDS:
            return "long"
        openers = [found[0] for part in parts if (found := _CAPITAL.match(part))]
        if any(word.lower() not in _OPENERS and not self._has(word) for word in openers):
            return "name"
        return self._unfounded(text) or self._ends_otherwise(normalise(text))

    def refuses_point(self, text: str) -> str:
        """Why ``text`` may not stand as a point, in one word; "" where it may."""
        if not normalise(text):
            return "empty"
        if len(sentences(text)) > 1 or len(text.split()) > MOST_POINT_WORDS:
            return "long"
        return self._unfounded(text) or self._ends_otherwise(normalise(text))

    def _unfounded(self, text: str) -> str:
        words = normalise(text)
        figures = digits(_NO_NUMBER.sub(" ", words))
        if (
            not set(_NUMBER.findall(figures)) <= self._numbers
            or not set(_MEASURED.findall(figures)) <= self._measures
        ):
            return "number"
        if any(not self._has(found) for found in _WHEN.findall(words)):
            return "date"
        inside = [name[0] for part in sentences(text) for name in _CAPITAL.finditer(part) if name.start() > 0]
        if any(not self._has(word) and word not in ("AI", "I") for word in inside):
            return "name"
        if any(f" {found[:_STEM]}" not in f" {self._text}" for found in _WEIGHTY.findall(words)):
            return "fact"
        return touches(text, _UNREADABLE)

    def _ends_otherwise(self, words: str) -> str:
        """Whether an end is told that the call did not have."""
        true = (self._disposition, _ALSO.get(self._disposition))
        told = ((end, found.start()) for end, words_for in _ENDS.items() for found in words_for.finditer(words))
        return "outcome" if any(end not in true and not _DENIED.search(words[:at]) for end, at in told) else ""

    def _has(self, word: str) -> bool:
        """Whether each word of ``word`` stands somewhere, in the singular or the plural."""
        there = self._words
        bare = [one.removesuffix("s") for one in normalise(re.sub(r"['\u2019]s\b", "", word)).split()]
        return all(one in there for one in bare)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word.removesuffix("s") for word in self._text.split())

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(_NUMBER.findall(digits(self._text)))

    @cached_property
    def _measures(self) -> frozenset[tuple[str, str]]:
        return frozenset(_MEASURED.findall(digits(self._text)))
