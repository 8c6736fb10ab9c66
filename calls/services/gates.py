"""Gathers what the gates look at, and keeps what they said."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from calls.domain import gates as domain
from calls.domain.compliance import (
    CampaignFacts,
    Dial,
    DialRules,
    LeadFacts,
    ListUse,
    Never,
    Verdict,
    Wait,
    hours_verdict,
)
from calls.domain.rules import RuleBook, Window
from calls.models import Campaign, Decision, Lead
from calls.services import abandoning, halting
from calls.services.facts import Records, place_of, seller_of, zones_of
from calls.services.rules import book_at

__all__ = [
    "Decided", "as_kept", "ask", "ask_all", "ask_campaign", "facts_of", "is_open", "keep", "keep_all", "place_of",
    "rules_of", "seller_of", "zones_of",
]  # fmt: skip
Decided = Dial | Wait | Never


def ask(lead: Lead, *, now: datetime, call_id: UUID | None = None) -> Decided:
    """May the lead be called now, by the law and by its campaign? ``call_id`` is the call that asks, if there is."""
    return ask_all([lead], lead.campaign, now=now, call_id=call_id)[0]


def is_open(lead: Lead, *, now: datetime) -> bool:
    """Whether the hours where the lead lives, the law's and the campaign's, allow a call at ``now``."""
    rules = rules_of(lead.campaign)
    return hours_verdict(place_of(lead), now=now, rules=rules, book=book_at(now)).passed


def ask_all(
    leads: Sequence[Lead], campaign: Campaign, *, now: datetime, call_id: UUID | None = None
) -> list[Decided]:
    """The same of many leads of one campaign, in their order: each that may be called counts for those after it."""
    book, rules = book_at(now), rules_of(campaign)
    records = Records(leads, campaign, now=now, book=book, call_id=call_id)
    seen, decided = _campaign_facts(campaign, now=now, book=book, call_id=call_id), list[Decided]()
    for lead in leads:
        decision = domain.decide(records.of(lead, seen), now=now, rules=rules, book=book)
        decided.append(decision)
        if isinstance(decision, Dial):
            seen = replace(seen, others=seen.others + 1)
            records.count(lead, now=now)
    return decided


def ask_campaign(campaign: Campaign, *, now: datetime) -> tuple[Verdict, ...]:
    """What keeps every lead of the campaign waiting; empty where nothing does."""
    book = book_at(now)
    facts = LeadFacts("", (), (), campaign=_campaign_facts(campaign, now=now, book=book, call_id=None))
    return domain.ask_campaign(facts, now=now, rules=rules_of(campaign), book=book)


def facts_of(lead: Lead, *, now: datetime, book: RuleBook, call_id: UUID | None = None) -> LeadFacts:
    """The lead as the gates see it, read from the records."""
    seen = _campaign_facts(lead.campaign, now=now, book=book, call_id=call_id)
    return Records([lead], lead.campaign, now=now, book=book, call_id=call_id).of(lead, seen)


def _campaign_facts(campaign: Campaign, *, now: datetime, book: RuleBook, call_id: UUID | None) -> CampaignFacts:
    answered, abandoned = abandoning.counts(campaign.pk, now=now, book=book)
    others = campaign.calls.unfinished()
    if call_id is not None:
        others = others.exclude(pk=call_id)
    return CampaignFacts(
        halting.reason(), answered, abandoned, others.count() if abandoned else 0, campaign.max_concurrency
    )


def rules_of(campaign: Campaign) -> DialRules:
    """The campaign's own rules."""
    return DialRules(
        windows=tuple(Window(tuple(one.weekdays), one.opens_at, one.closes_at) for one in campaign.windows.all()),
        max_attempts=campaign.max_attempts,
        lists=ListUse(campaign.public_lists),
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
        closed_on=frozenset(campaign.closed_on),
        skips_holidays=campaign.skips_holidays,
    )


def keep(decision: Decided, lead: Lead, *, now: datetime, call_id: UUID | None = None) -> Decision:
    """Write down the decision with every verdict."""
    return keep_all([(decision, lead, call_id)], now=now)[0]


def keep_all(decisions: Iterable[tuple[Decided, Lead, UUID | None]], *, now: datetime) -> list[Decision]:
    """Write down decisions on leads, each with the call that it is about, if there is."""
    version = book_at(now).version
    return Decision.objects.bulk_create(
        Decision(
            lead=lead,
            call_id=call_id,
            at=now,
            result=type(decision).__name__.lower(),
            reason="" if isinstance(decision, Dial) else decision.reason[:300],
            verdicts=[as_kept(verdict) for verdict in decision.verdicts],
            rules_version=version,
        )
        for decision, lead, call_id in decisions
    )


def as_kept(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the record has it: what is empty is left out, but for what every one has."""
    kept: dict[str, Any] = {
        "gate": verdict.gate,
        "passed": verdict.passed,
        "reason": verdict.reason,
        "saw": verdict.saw,
    }
    if verdict.rules:
        kept["rules"] = list(verdict.rules)
    if verdict.until is not None:
        kept["until"] = verdict.until.astimezone(UTC).isoformat()
    return kept
