"""What the gates are told about a lead, and what is kept of their words."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from calls.domain.compliance import DialRules, LeadFacts
from calls.domain.rules import Window
from calls.domain.status import CallStatus
from calls.models import Consent, Decision, Lead, Suppression
from calls.services import gates
from calls.services.rules import book_at
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER


def facts_of(lead: Lead, *, now: datetime) -> LeadFacts:
    return gates.facts_of(lead, now=now, book=book_at(now))


def kinds(lead: Lead) -> list[str]:
    return [consent.kind for consent in facts_of(lead, now=NOW).consents]


def test_a_lead_as_the_gates_see_it() -> None:
    lead = make.lead(phone="+13035550142", attempts=2)
    facts = facts_of(lead, now=NOW)
    assert (facts.country, facts.states, facts.zones) == ("US", ("CO",), ("America/Denver",))
    assert (facts.suppressed, [one.kind for one in facts.consents], facts.called_at) == ("", ["written"], ())
    assert (facts.attempts, facts.promised) == (2, False)


@pytest.mark.parametrize(
    ("fields", "country", "states", "zones"),
    [
        (
            {"phone": "+13055550142", "state": "CA"},
            "US",
            ("CA", "FL"),
            ("America/Los_Angeles", "America/New_York"),
        ),
        ({"phone": "+13055550142", "state": "FL"}, "US", ("FL",), ("America/New_York", "America/Chicago")),
        ({"phone": "+13055550142", "state": "CA", "zone": "America/Denver"}, "US", ("CA", "FL"), ("America/Denver",)),
        ({"phone": "+18005550142", "state": "CO"}, "US", ("CO",), ("America/Denver",)),
        ({"phone": "+16245550142", "state": "CO"}, "US", ("CO",), ("America/Denver",)),
        ({"phone": "+16245550142"}, "", (), ()),
        ({"phone": "+17875550142"}, "US", ("PR",), ("America/Puerto_Rico",)),
        ({"phone": "+16045550142"}, "CA", (), ("America/Vancouver",)),
        ({"phone": "+442079460142"}, "GB", (), ("Europe/London",)),
    ],
    ids=["moved", "same state", "own zone", "toll-free", "new code", "nowhere", "territory", "Canada", "Britain"],
)
def test_where_a_lead_is(
    fields: dict[str, Any], country: str, states: tuple[str, ...], zones: tuple[str, ...]
) -> None:
    facts = facts_of(make.lead(**fields), now=NOW)
    assert (facts.country, facts.states, facts.zones) == (country, states, zones)


def test_a_toll_free_number_without_an_address_is_anywhere() -> None:
    decision = gates.ask(make.lead(phone="+18005550142"), now=NOW)
    assert [verdict.gate for verdict in decision.verdicts if not verdict.passed] == ["place"]


def test_written_consent_counts_among_others() -> None:
    lead = make.lead(consent="oral")
    assert kinds(lead) == ["oral"]
    Consent.objects.create(lead=lead, kind="written", source="form", given_at=NOW)
    assert kinds(lead) == ["written", "oral"]
    assert kinds(make.lead(consent="")) == []


def test_a_number_on_the_list_is_seen() -> None:
    lead = make.lead()
    Suppression.objects.create(phone=lead.phone, source="admin", created_at=NOW)
    assert facts_of(lead, now=NOW).suppressed == "*"


def test_calls_to_the_number_are_counted_in_whatever_campaign() -> None:
    lead, other = make.lead(phone="+13035550142"), make.lead(phone="+13035550142")
    rang = [NOW - timedelta(hours=hours) for hours in (1, 2, 3, 4)]
    make.call(lead, CallStatus.DONE, dialed_at=rang[0])
    make.call(other, CallStatus.DONE, dialed_at=rang[1])
    make.call(other, CallStatus.FAILED, dialed_at=rang[2], carrier_call_id="CA1")
    make.call(lead, CallStatus.UNKNOWN, dialed_at=rang[3])
    make.call(lead, CallStatus.FAILED, dialed_at=NOW - timedelta(hours=5))  # the carrier had not taken it
    make.call(lead, CallStatus.CANCELED)
    make.call(lead, CallStatus.DONE, dialed_at=NOW - timedelta(days=1))
    make.call(make.lead(), CallStatus.DONE, dialed_at=NOW - timedelta(hours=1))
    assert sorted(facts_of(lead, now=NOW).called_at) == sorted(rang)


def test_a_promise_is_seen() -> None:
    assert facts_of(make.lead(commitment_at=NOW), now=NOW).promised


def test_the_campaigns_rules() -> None:
    campaign = make.campaign(opens_at=time(10), closes_at=time(17, 30), weekdays=[0, 4], max_attempts=3)
    assert gates.rules_of(campaign) == DialRules((Window((0, 4), time(10), time(17, 30)),), 3)


def test_a_decision_is_kept_with_every_word() -> None:
    lead = make.lead(attempts=6)
    night = datetime(2026, 11, 11, 5, 0, tzinfo=UTC)
    gates.keep(gates.ask(lead, now=night), lead, now=night)
    decision = Decision.objects.get()
    assert (decision.at, decision.result, decision.reason) == (night, "never", "All 6 attempts are used.")
    assert (decision.rules_version, decision.call_id) == (book_at(night).version, None)
    assert [(verdict["gate"], verdict["reason"]) for verdict in decision.verdicts if not verdict["passed"]] == [
        ("attempts", "All 6 attempts are used."),
        ("hours", "Outside the allowed hours."),
    ]
    assert decision.verdicts[8]["saw"] == {"attempts": 6, "allowed": 6, "promised": False}
    assert decision.verdicts[-2]["until"] == "2026-11-11T15:00:00+00:00"
