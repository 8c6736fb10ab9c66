"""Numbers that must not stay in a record: payment cards with what belongs to them, and social security numbers.

Found in what was said, spoken as digits or as words, also over several turns of the person. Without a word about a
card, 13 to 19 digits must pass the check of ISO/IEC 7812 (Luhn) and begin like a card; with one, 12 digits are
enough, since a recogniser errs.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Span = tuple[float, float]
CARD, CODE, EXPIRY, SSN = "card number", "security code", "expiry date", "social security number"
DETAIL = "card detail"
_REMEMBERED = 6
_CARD_DIGITS = range(13, 20)
_SURE_CARD_DIGITS = 12


def _words(text: str) -> list[str]:
    return text.split()


_TOKEN = re.compile(r"\$?\d{1,3}(?:,\d{3})+(?:\.\d+)?|\$\s?\d[\d.]*|\d+|[a-z']+|%")
_NEUTRAL = frozenset(_words("uh um er erm hm mm okay ok so then dash space point it's is its yes"))
_UNITS = dict(zip(_words("zero one two three four five six seven eight nine"), "0123456789", strict=True))
_UNITS |= {"oh": "0", "o": "0", "nought": "0"}
_TEENS = dict(
    zip(
        _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
        map(str, range(10, 20)),
        strict=True,
    )
)
_TENS = dict(
    zip(_words("twenty thirty forty fifty sixty seventy eighty ninety"), map(str, range(20, 100, 10)), strict=True)
)
_TENS["fourty"] = "40"
_TIMES = {"double": 2, "triple": 3}
_MONTHS = frozenset(_words("january february march april may june july august september october november december"))
_ABOUT = (
    (CARD, re.compile(r"\b(?:card|visa|master ?card|amex|american express|discover|debit|credit card)\b")),
    (CODE, re.compile(r"\b(?:cv[vc]2?|c v [vc]|security code|verification code|digits? on the back|back of)\b")),
    (EXPIRY, re.compile(r"\b(?:expir\w*|exp date|valid (?:until|thru|through))\b")),
    (SSN, re.compile(r"\b(?:social|ssn|s s n|social security)\b")),
)


@dataclass(slots=True)
class _Said:
    """One turn of the person; ``masks`` are places in ``text`` and what stands there instead."""

    text: str
    span: Span
    seq: int = 0
    masks: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def shown(self) -> str:
        shown, end = self.text, len(self.text)
        for start, stop, what in sorted(set(self.masks), reverse=True):
            if stop <= end:
                shown, end = f"{shown[:start]}[{what}]{shown[stop:]}", start
        return shown


@dataclass(frozen=True, slots=True)
class _Digits:
    """Some digits that were said: ``value`` at the places ``start`` to before ``end`` of a turn's text."""

    turn: int
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Found:
    """``text`` is the turn as it may be kept. ``spans`` are turns with such numbers, in seconds on the clock;
    ``earlier`` the new texts of earlier turns that have part of one, by their number."""

    text: str
    spans: tuple[Span, ...] = ()
    kinds: frozenset[str] = frozenset()
    earlier: dict[int, str] = field(default_factory=dict)


class SensitiveWatch:
    """Follows one conversation. What is remembered of it is the last few turns."""

    def __init__(self) -> None:
        self._said: list[_Said] = []
        self._asked: frozenset[str] = frozenset()
        self._after_card = 0

    def agent(self, text: str) -> None:
        """Our side spoke: it may have asked for such a number."""
        about = _about(text)
        self._asked = about or (self._asked if len(text.split()) <= 4 else frozenset())

    def lead(self, text: str, span: Span) -> Found:
        """The person said ``text`` at ``span``, in seconds on the clock."""
        self._said = [*self._said[-_REMEMBERED + 1 :], _Said(text, span)]
        about = self._asked | _about(text) | (frozenset({CODE, EXPIRY}) if self._after_card else frozenset())
        before = [one.shown for one in self._said]
        kinds: set[str] = set()
        for run in _runs(self._said):
            if run[-1].turn == len(self._said) - 1:  # others were judged when they were said
                kinds |= self._judge(run, about)
        self._after_card = 3 if CARD in kinds else max(0, self._after_card - 1)
        self._asked = frozenset(self._asked | _about(text))
        if not kinds:
            return Found(text)
        changed = [one for one, was in zip(self._said, before, strict=True) if one.shown != was]
        earlier = {one.seq: one.shown for one in changed if one.seq}
        return Found(self._said[-1].shown, tuple(one.span for one in changed if one.masks), frozenset(kinds), earlier)

    def guessed(self, text: str) -> str:
        """``text`` as ``lead`` would show it, were it said now; nothing is remembered of it."""
        return copy.deepcopy(self).lead(text, (0.0, 0.0)).text

    def numbered(self, text: str, seq: int) -> None:
        """The person's last turn, shown as ``text``, is the call's turn ``seq``."""
        if self._said and not self._said[-1].seq and self._said[-1].shown == text:
            self._said[-1].seq = seq

    def _judge(self, run: Sequence[_Digits], about: frozenset[str]) -> set[str]:
        """Mask what is a number of the kinds that must not stay; which kinds were found."""
        if (card := _card(run, sure=CARD in about)) is not None:
            self._mask(run[card[0] : card[1]], CARD)
            rest = [run[: card[0]], run[card[1] :]]
            details = (about | {CODE, EXPIRY}) - {CARD}
            return {CARD}.union(*(self._judge(part, details) for part in rest if part))
        count = sum(len(one.value) for one in run)
        text = self._said[run[-1].turn].text
        spelled = re.fullmatch(r"\d{3}-\d{2}-\d{4}", text[run[0].start : run[-1].end])
        if (count == 9 and (SSN in about or spelled)) or (count == 4 and SSN in about):
            what = SSN
        elif count in (3, 4) and CODE in about and EXPIRY not in about:
            what = CODE
        elif 3 <= count <= 6 and EXPIRY in about:
            what = EXPIRY if CODE not in about or count > 4 else DETAIL
        else:
            return set()
        self._mask(run, what)
        return {what}

    def _mask(self, run: Sequence[_Digits], what: str) -> None:
        for turn in {one.turn for one in run}:
            mine = [one for one in run if one.turn == turn]
            said = self._said[turn]
            start = mine[0].start
            month = re.search(r"([a-z]+)\W+$", said.text[:start].lower())
            if what in (EXPIRY, DETAIL) and month and month[1] in _MONTHS:
                start = month.start()
            said.masks.append((start, mine[-1].end, what))


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _about(text: str) -> frozenset[str]:
    folded = text.lower()
    return frozenset(kind for kind, words in _ABOUT if words.search(folded))


def _card(run: Sequence[_Digits], *, sure: bool) -> tuple[int, int] | None:
    """The places of a card's number in ``run``, the longest; None where there is none."""
    best: tuple[int, tuple[int, int]] | None = None
    for first in range(len(run)):
        digits = ""
        for last in range(first, len(run)):
            digits += run[last].value
            if len(digits) > _CARD_DIGITS.stop - 1:
                break
            if (
                len(digits) in _CARD_DIGITS
                and digits[0] in "23456"
                and luhn(digits)
                and (best is None or len(digits) > best[0])
            ):
                best = len(digits), (first, last + 1)
    if best is None and sure and sum(len(one.value) for one in run) >= _SURE_CARD_DIGITS:
        return 0, len(run)
    return None if best is None else best[1]


def _runs(said: Sequence[_Said]) -> Iterator[list[_Digits]]:
    """Digits that were said one after the other, over the turns' ends too. What is masked by now takes no part."""
    run: list[_Digits] = []
    for turn, heard in enumerate(said):
        masked = [range(start, stop) for start, stop, _ in heard.masks]
        for one in _tokens(turn, heard.text):
            if one.value and not any(one.start in place for place in masked):
                run.append(one)
            elif run:
                yield run
                run = []
    if run:
        yield run


def _tokens(turn: int, text: str) -> Iterator[_Digits]:
    """What was said as digits; with an empty value what ends a run of them. Fillers are left out."""
    words = list(_TOKEN.finditer(text.lower()))
    place = 0
    while place < len(words):
        word, start = words[place][0], words[place].start()
        place += 1
        times = 1
        if word in _TIMES and place < len(words) and (words[place][0] in _UNITS or words[place][0].isdecimal()):
            times, word = _TIMES[word], words[place][0]
            place += 1
        value = word if word.isdecimal() else _UNITS.get(word) or _TEENS.get(word) or _TENS.get(word, "")
        if word in _TENS and place < len(words) and _UNITS.get(words[place][0], "0") != "0":
            value = value[0] + _UNITS[words[place][0]]
            place += 1
        if word in _NEUTRAL:
            continue
        yield _Digits(turn, start, words[place - 1].end(), value * times)
