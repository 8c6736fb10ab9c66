"""Does the person object to being recorded? Decided by phrases alone, and in doubt for them."""

import re

from agents.domain.text import clauses, fluent

_RECORD = r"record(?:ing|ed|s)?|tape|taping|taped"
_OBJECTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:dont|do not|not|never|stop|quit|cease|end|turn off|switch off|shut off|cancel|no|without|pause|delete"
        rf"|erase)(?: (?:you|want|like|wish|consent|agree|permit|allow|give|my|permission|please|to|be|being|get"
        rf"|getting|this|that|the|it|me|us|our|your|call|on|any|a|for|with|of|conversation|ok|okay|comfortable"
        rf"|happy))*"
        rf" (?:{_RECORD})\b(?! (?:studio|label|store|deal|price|high|low|of))",
        rf"\b(?:turn|switch|shut) (?:the |that |this |your )*(?:{_RECORD})(?: \w+)? off\b",
        rf"\b(?:object|opposed|decline|refuse) (?:to )?(?:being |be |the |this |your |any |a )*(?:{_RECORD})\b",
        rf"\b(?:{_RECORD}) (?:is |this is |me is )?(?:not (?:ok|okay|allowed|fine|legal)|illegal)\b",
        r"\boff the record(?:ing)?\b",
        rf"\b(?:why|who said you could|you cant|you cannot|you may not|mustnt) (?:\w+ ){{0,3}}(?:{_RECORD})"
        r"(?: \w+){0,3} without\b",
        rf"\byou (?:cant|cannot|may not|must not|mustnt) (?:be )?(?:{_RECORD})\b",
        rf"\brather (?:not|you not|you didnt|you did not) (?:be )?(?:{_RECORD})\b",
    )
)
_NO_OBJECTION = re.compile(
    rf"\b(?:dont|do not|wouldnt|would not) (?:\w+ )?(?:mind|care|object)(?: \w+){{0,4}} (?:{_RECORD})\b"
    rf"|\bno (?:problem|worries|objection|objections|issue)(?: \w+){{0,4}} (?:{_RECORD})\b"
    rf"|\bnot (?:a problem|an issue)(?: \w+){{0,4}} (?:{_RECORD})\b"
)
_STOPS_IT = re.compile(
    rf"\b(?:please )?(?:stop|quit|cease|end|dont|do not) (?:the |this |that |your |my )*(?:{_RECORD})"
    r"(?: (?:me|us|this|the|my|our|it|call|conversation|please|now))*"
)


def objects_to_recording(text: str) -> bool:
    """True when any clause of ``text``, or the whole of it, asks not to be recorded."""
    pieces = clauses(fluent(text))
    candidates = (*pieces, " ".join(pieces)) if len(pieces) > 1 else pieces
    return any(_objects(words) for words in candidates)


def beside_recording(text: str) -> str:
    """``text`` without the words that speak of ending the recording: a "stop recording" asks for no end of calls."""
    return ", ".join(_STOPS_IT.sub(" ", piece).strip() for piece in clauses(fluent(text)))


def _objects(words: str) -> bool:
    return any(phrase.search(_NO_OBJECTION.sub(" ", words)) for phrase in _OBJECTIONS)
