"""What a machine that answers a phone says, told from what a person says; and which key leads to a person. Pure."""

import re
from collections.abc import Collection
from enum import StrEnum

from agents.domain.phrases import compiled
from agents.domain.text import clauses, normalise


class Spoken(StrEnum):
    """Which machine's words these are. ``INTERCEPT`` is the network's announcement that a number is not in use."""

    VOICEMAIL = "voicemail"
    SCREENING = "screening"
    IVR = "ivr"
    INTERCEPT = "intercept"


MAX_KEYS = 2
"""Keys pressed into one menu, after which it leads nowhere."""

OPERATOR = "0"
_LONG = 12  # words; a person who picks up says less
_LIVE = 8
_HELLO = 4
_PHRASES = compiled("machines")
_KEYS = compiled("keys")
_DIGITS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "star": "*", "pound": "#",
}  # fmt: skip
_MISHEARD = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8", "oh": "0"}
"""What recognition makes of a digit behind "press"."""
_KEY = r"(?P<key>\d|" + "|".join((*_DIGITS, *_MISHEARD)) + r")"
_PRESS = rf"\b(?:press(?:ed)?|dial|hit|enter)(?: the)?(?: number| key)? {_KEY}\b"
_OFFER = re.compile(rf"(?P<what>(?:(?!\b(?:press(?:ed)?|dial|hit|enter)\b).)*){_PRESS}")
_OFFER_AFTER = re.compile(rf"{_PRESS}(?P<after>(?:(?!\b(?:or |and )?(?:press(?:ed)?|dial|hit|enter)\b).)*)")
_PURPOSE = re.compile(r"^(?:and |or |then |otherwise )*(?:for|to|if)\b")


def spoken_by(text: str) -> Spoken | None:
    """Whose words ``text`` is; None for a person's.

    An excuse that persons make too, such as "I'm not available", counts only beside the words of a greeting; so do
    these words by themselves if more follows, and none of it is for somebody who listens ("how can I help you?").
    """
    words = normalise(text)
    if _has("intercept", words):
        return Spoken.INTERCEPT
    if _has("screening", words):
        return Spoken.SCREENING
    if _has("taken_by_a_person", words):
        return None
    voicemail, menu = _has("voicemail", words), _has("menu", words)
    if menu and not (voicemail and _says_where_to_speak(words)):
        return Spoken.IVR
    if voicemail or _has("full", words) or _greets(words):
        return Spoken.VOICEMAIL
    return None


def answers_us(text: str) -> bool:
    """Whether this is said to somebody who listens: "who is this?", or a bare "hello"."""
    words = normalise(text)
    if _has("to_us", words) or _has("taken_by_a_person", words):
        return True
    return 0 < len(words.split()) <= _HELLO and _has("live", words)


def may_greet(text: str) -> bool:
    """Whether a greeting speaks so, and a person too: "Hi, this is Steve. Sorry I missed your call." It may go on."""
    words = normalise(text)
    return _has("greeting", words) or _has("excuse", words)


def asks_who_calls(text: str) -> bool:
    """Whether a screening service has come to its question."""
    return _has("asks", normalise(text))


def declines(text: str) -> bool:
    """Whether a screening service says that the person does not take the call, and no mailbox comes instead."""
    words = normalise(text)
    return _has("declined", words) and re.search(r"\b(?:message|tone|beep|voice ?mail)\b", words) is None


def holds_on(text: str) -> bool:
    """Whether a service asks us to wait, or thanks us for what we told it, and nobody has come since."""
    said = clauses(text)
    return _has("holds", " ".join(said)) and not picks_up(said[-1] if said else "")


def takes_no_message(text: str) -> bool:
    """A mailbox that is full or not set up."""
    return _has("full", normalise(text))


def picks_up(text: str) -> bool:
    """Whether this sounds like a person who comes to the phone: short, and addressed to somebody."""
    words = normalise(text)
    return 0 < len(words.split()) <= _LIVE and _has("live", words) and spoken_by(text) is None


def key_to_a_person(text: str, tried: Collection[str] = ()) -> str:
    """The key that a menu offers for reaching somebody; "" where it offers none that was not ``tried``.

    A key that agrees to something, costs, records or deletes is never chosen, nor one whose purpose is not known.
    """
    offers = _offers(text)
    refused = {key for key, what in offers if _KEYS["refused"].search(what)}
    for key, what in offers:
        if key not in refused and key not in tried and _KEYS["wanted"].search(what):
            return key
    return ""


def _offers(text: str) -> list[tuple[str, str]]:
    """Keys with what they are for: "for sales, press 1", "press 1 for sales", or several of one kind in a row."""
    offers: list[tuple[str, str]] = []
    purpose = ""
    for clause in clauses(text):
        if _PURPOSE.search(clause) or purpose:
            found = [(_digit(offer["key"]), f"{purpose} {offer['what']}") for offer in _OFFER.finditer(clause)]
            purpose = "" if found else clause
        else:
            found = [(_digit(offer["key"]), offer["after"]) for offer in _OFFER_AFTER.finditer(clause)]
        offers += found
    return offers


def _digit(word: str) -> str:
    return _DIGITS.get(word) or _MISHEARD.get(word, word)


def _has(section: str, words: str) -> bool:
    return _PHRASES[section].search(words) is not None


def _greets(words: str) -> bool:
    if not _has("greeting", words) or _has("to_us", words):
        return False
    return len(words.split()) >= _LONG or _has("excuse", words)


def _says_where_to_speak(words: str) -> bool:
    """A mailbox names keys too; one that has come to its tone, or to the end of a recording, is no menu."""
    return re.search(r"\b(?:tone|beep|finished recording)\b", words) is not None
