"""The shipped rules, and people and questions for the gates."""

from datetime import UTC, datetime, time
from typing import Any

from calls.domain.compliance import ConsentFacts, ConsentScope, DialRules, LeadFacts, Never, Verdict, Wait
from calls.domain.gates import decide
from calls.domain.rules import EVERY_DAY, RuleBook, Window
from calls.services.rule_file import read_rules, rule_of
from calls.services.rules import DEFAULT_RULES

NOON = datetime(2026, 11, 10, 19, 0, tzinfo=UTC)
"""A Tuesday, noon in Denver."""
SHIPPED = read_rules(DEFAULT_RULES)
BOOK = RuleBook.of(SHIPPED, version="shipped", at=NOON)
ALWAYS = DialRules((Window(EVERY_DAY, time(0), time(23, 59, 59)),), max_attempts=6)


def written(**fields: Any) -> ConsentFacts:
    given = {"kind": "written", "scope": ConsentScope.CAMPAIGN, "given_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return ConsentFacts(**{**given, **fields})


def coloradan(**fields: Any) -> LeadFacts:
    """Somebody in Denver who agreed in writing."""
    known = {"country": "US", "states": ("CO",), "zones": ("America/Denver",), "number": "+13035550142"}
    return LeadFacts(**{**known, "consents": (written(),), **fields})


def replaced(key: str, **terms: Any) -> RuleBook:
    """The shipped book in which one rule says something else."""
    one = next(rule for rule in SHIPPED if rule.key == key)
    head = {"key": key, "kind": one.kind, "place": one.place, "mark": "O", "source": "a test"}
    new = rule_of({**head, **one.params, **terms, "effective_from": one.valid_from})
    return RuleBook.of([new if rule.key == key else rule for rule in SHIPPED], version="changed", at=NOON)


def without(*keys: str) -> RuleBook:
    return RuleBook.of([rule for rule in SHIPPED if rule.key not in keys], version="fewer", at=NOON)


def verdict(
    gate: str, facts: LeadFacts, *, rules: DialRules = ALWAYS, book: RuleBook = BOOK, now: datetime = NOON
) -> Verdict:
    """What one gate says."""
    decision = decide(facts, now=now, rules=rules, book=book)
    return next(one for one in decision.verdicts if one.gate == gate)


def stopped_by(
    facts: LeadFacts, *, rules: DialRules = ALWAYS, book: RuleBook = BOOK, now: datetime = NOON
) -> list[str]:
    """The gates that are closed, each with whether it stays so."""
    decision = decide(facts, now=now, rules=rules, book=book)
    assert isinstance(decision, Wait | Never) or all(one.passed for one in decision.verdicts)
    return [f"{one.gate}: {'wait' if one.until else 'never'}" for one in decision.verdicts if not one.passed]
