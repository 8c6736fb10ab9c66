"""What one call tells is known on the next: two calls through the real services, and whose facts they are."""

from datetime import timedelta

import pytest
from django.db import connection

from agents.domain.types import Disposition
from calls.domain.status import CallStatus
from calls.models import Call, Lead
from calls.services import persons, remembering
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.talks import held

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LATER = NOW + timedelta(days=2)
MUCH_LATER = NOW + timedelta(days=42)
WHO = (
    "Hi Dana, this is Ava, an AI assistant calling for Summit Realty on a recorded line. "
    "You can say stop or press nine at any time."
)
NEW = f"{WHO} I am calling about your home on Elm Street. Are you still thinking about selling?"


@pytest.fixture
def lead() -> Lead:
    campaign = make.campaign(agent_name="Ava")
    return make.lead(campaign, interest="sell", address="12 Elm St, Denver, CO", email="dana@example.com")


def first_call(lead: Lead) -> Call:
    lines = ("yes", "got a new job", "about two months", "I'm busy now, call me on Thursday at noon")
    call, texts = held(lead, *lines, at=NOW)
    assert texts[0] == NEW
    assert (call.disposition, call.told) == ("callback_requested", ["interested", "motivation", "timeline"])
    return call


def reopened(lead: Lead) -> Lead:
    Lead.objects.filter(pk=lead.pk).update(status="open")
    lead.refresh_from_db()
    return lead


def test_a_call_back_goes_on_where_the_talk_ended(lead: Lead) -> None:
    first_call(lead)
    call, texts = held(lead, "four fifty", "no", at=LATER)
    assert texts == [
        f"{WHO} You asked me to call you back today about your home on Elm Street. What price do you have in mind?",
        "Understood. Are you already working with another agent?",
        "Got it. Is there a mortgage on the home, or is it paid off?",
    ]
    assert (call.facts["timeline"], call.facts["price"], call.told) == ("2", "450000", ["agent", "price"])
    known = {fact.name: (fact.value, fact.at.date(), fact.call.pk == call.pk) for fact in remembering.known_of(lead)}
    assert known == {
        "agent": ("none", LATER.date(), True),
        "interested": ("yes", NOW.date(), False),
        "motivation": ("job", NOW.date(), False),
        "price": ("450000", LATER.date(), True),
        "timeline": ("2", NOW.date(), False),
    }


def test_what_is_old_is_confirmed(lead: Lead) -> None:
    first_call(lead)
    call, texts = held(lead, "yes", "yes", "yes", at=MUCH_LATER)
    assert texts[0].endswith("about your home on Elm Street. Are you still thinking about selling?")
    assert texts[1] == "Great. Last time you told us your reason for a move. Is that still right?"
    assert texts[2] == "Got it. Last time you said about two months. Is that still right?"
    assert (call.facts["timeline"], call.told) == ("2", ["interested", "motivation", "timeline"])
    assert {fact.at.date() for fact in remembering.known_of(lead)} == {MUCH_LATER.date()}


def test_an_age_is_counted_from_when_it_was_told(lead: Lead) -> None:
    """Calls on which a fact was merely known do not make it younger."""
    first_call(lead)
    held(lead, "I'm busy", "in two weeks", at=NOW + timedelta(days=21))
    history = remembering.history_of(make.call(reopened(lead), at=MUCH_LATER), now=MUCH_LATER)
    assert dict(history.facts) == {}
    assert dict(history.stale) == {"interested": "yes", "motivation": "job", "timeline": "2"}


def test_an_objection_is_met_where_it_was_left(lead: Lead) -> None:
    held(lead, "yes", "just looking", "call me on Thursday at noon", at=NOW)
    _, texts = held(lead, "just looking", at=LATER)
    assert texts[1] == "Of course. Would a short talk with an agent be useful, with no obligation?"
    history = remembering.history_of(make.call(reopened(lead), at=MUCH_LATER), now=MUCH_LATER)
    assert dict(history.objections) == {}


@pytest.mark.parametrize("how", ["email", "link"])
def test_another_record_of_the_same_person_knows_it_too(lead: Lead, how: str) -> None:
    first_call(lead)
    fields = {"email": "Dana@Example.com"} if how == "email" else {}
    other = make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St", **fields)
    if how == "link":
        persons.link([lead.pk, other.pk], by="mia", now=NOW)
        other.refresh_from_db()
    _, texts = held(other, at=LATER)
    assert "We last spoke on Tuesday, November tenth about your home on Elm Street. What price" in texts[0]
    assert {fact.call.lead_id for fact in remembering.known_of(other)} == {lead.pk}


def test_nobody_else_does(lead: Lead) -> None:
    """Another lead, and the same person for another seller."""
    first_call(lead)
    stranger = make.lead(lead.campaign, interest="sell", address="12 Elm St")
    elsewhere = make.campaign(company_name="Peak Homes", agent_name="Ava")
    other = make.lead(elsewhere, interest="sell", address="12 Elm St", email=lead.email)
    assert held(stranger, at=LATER)[1] == [NEW]
    assert held(other, at=LATER)[1] == [NEW.replace("Summit Realty", "Peak Homes")]
    assert remembering.known_of(stranger) == remembering.known_of(other) == []


def test_an_address_of_many_links_nobody(lead: Lead) -> None:
    first_call(lead)
    others = [make.lead(lead.campaign, email=lead.email) for _ in range(persons.MOST_NUMBERS)]
    assert list(persons.same_person(others[0])) == [others[0]]


def test_the_person_is_found_without_reading_every_lead(lead: Lead) -> None:
    others = [make.lead(lead.campaign) for _ in range(20)]
    persons.link([lead.pk, others[0].pk], by="mia", now=NOW)
    lead.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # so few leads are quickest read whole
    calls = Call.objects.filter(lead__in=persons.same_person(lead).order_by().values("pk"))
    assert set(persons.same_person(lead)) == {lead, others[0]}
    for plan in (persons.same_person(lead).explain(analyze=True), calls.explain(analyze=True)):
        assert "Rows Removed by Filter" not in plan
        assert "Seq Scan" not in plan


def test_who_stands_in_tells_nothing_of_the_lead(lead: Lead) -> None:
    lines = ("She's not here, this is her husband, and we want to sell in three months", "Thursday at noon")
    call, _ = held(lead, *lines, at=NOW)
    assert (call.disposition, call.stood_in) == ("callback_requested", True)
    assert remembering.known_of(lead) == []
    assert held(lead, at=LATER)[1] == [NEW]


def test_a_wrong_number_tells_nothing_of_the_lead(lead: Lead) -> None:
    call, _ = held(lead, "yes", "three months", "oh, you have the wrong number", at=NOW)
    assert call.disposition == Disposition.WRONG_NUMBER
    assert call.told != []
    assert remembering.known_of(lead) == []


def test_a_call_of_before_told_which_facts_it_was_given(lead: Lead) -> None:
    """Calls that ended before that was kept told all that stands with them."""
    make.call(
        lead,
        CallStatus.DONE,
        at=NOW,
        disposition="hung_up",
        facts={"timeline": "3"},
        answered_at=NOW,
        ended_at=NOW,
    )
    assert [(fact.name, fact.value) for fact in remembering.known_of(lead)] == [("timeline", "3")]
