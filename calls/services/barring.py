"""Numbers that the rules of today forbid to call at all: told when a lead comes, decided when its turn comes."""

from datetime import datetime

from calls.domain import phone
from calls.domain.compliance import Asked, DialRules, LeadFacts
from calls.domain.gates import country, prefix
from calls.domain.rules import RuleBook


def why_barred(number: str, *, now: datetime, rules: DialRules, book: RuleBook) -> str:
    """The gates' sentence about the country or the prefix of the E.164 ``number``; empty where it may be called."""
    facts = LeadFacts(phone.country_of(number), (), (), number=number)
    asked = Asked(facts, now, rules, book)
    verdicts = (gate(asked) for gate in (country, prefix))
    return next((verdict.reason for verdict in verdicts if not verdict.passed), "")
