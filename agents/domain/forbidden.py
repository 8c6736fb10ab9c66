"""What no text of ours may say, whoever wrote it: promises, prices, that a person speaks, forbidden questions."""

import re

from agents.domain.entities import money
from agents.domain.numbers import digits
from agents.domain.text import normalise

_PERCENT = re.compile(r"\d+(?:\.\d+)? ?(?:%|percent)")
_SUM = re.compile(r"\$ ?\d|\b\d[\d.]* ?(?:k|grand|thousand|million|dollars?|bucks|usd)\b")
_PROMISE = re.compile(
    r"\b(?:guarante\w+|promis\w+|assure you|no risk|risk ?free|top dollar"
    r"|(?:best|highest|lowest|top) (?:price|offer|rate)"
    r"|(?:definitely|certainly|surely) (?:sell|get|find|be)|will (?:definitely|certainly|surely)"
    r"|(?:sell|sold|close) (?:\w+ ){0,3}(?:fast|quickly|within|in (?:a|an|\d+) (?:days?|weeks?|months?))"
    r"|(?:you will|youll) (?:get|make|earn|save)|save you)\b"
)
_A_PERSON = re.compile(
    r"\b(?:im|i am|this is) (?:a |an )?(?:real |live |actual )?(?:person|human|man|woman)\b"
    r"|\bnot (?:a |an )?(?:robot|bot|machine|ai|recording|computer)\b"
)
_PROTECTED = re.compile(
    r"\b(?:race|racial|skin colou?r|religio\w*|church|mosque|synagogue|nationality|immigra\w+|citizens?|ethnic\w*"
    r"|pregnan\w*|kids|children|disab\w+|handicap\w*|gay|lesbian|gender|sexual\w*|married|divorc\w*|single parent"
    r"|how old are you|your age)\b"
)
_SECRET = re.compile(
    r"\b(?:social security|ssn|credit card|debit card|card number|account number|routing number|bank account|password"
    r"|pin code|date of birth|birth ?day|drivers? license)\b"
)
_WRONG = (
    (_PROMISE, "promises something", "say what an agent can look at or talk about instead"),
    (_A_PERSON, "says that a person speaks", "never deny that this is an AI assistant"),
    (_PROTECTED, "touches on what the Fair Housing Act protects", "leave it out: it may neither be asked nor used"),
    (_SECRET, "asks for what must not be said on a recorded call", "leave it out"),
)


def wrong_with(text: str) -> list[str]:
    """What ``text`` may not say, as sentences that say what to change; none for one that may be spoken."""
    words = normalise(text)
    found = [f"It {what} ({match[0]!r}): {how}." for pattern, what, how in _WRONG if (match := pattern.search(words))]
    figures = digits(words)
    named = _PERCENT.search(figures) or _SUM.search(figures)
    if named or money(text) is not None:
        shown = f" ({named[0]!r})" if named else ""
        found.append(f"It names a price or a rate{shown}: leave the figure to an agent.")
    return found
