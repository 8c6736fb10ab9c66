"""Leads over the REST API: who is taken, who is called, and a sentence for every mistake."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls.models import Campaign, Consent, Inquiry, Lead, LeadList, Suppression
from calls.services import doorbell
from calls.services.opting_out import lift, suppress
from integrations import tokens
from integrations.models import ApiToken
from tests.calls import factories as make

pytestmark = pytest.mark.django_db
URL = "/api/v1/leads"
PHONE = "+13035550142"
CONSENT = {"kind": "written", "source": "Home value form", "given_at": "2026-03-04T15:30:00-07:00"}


@pytest.fixture
def token() -> str:
    return tokens.make(ApiToken(name="CRM", scope="leads"), by="mia", now=timezone.now())


@pytest.fixture
def campaign() -> Campaign:
    return make.campaign(name="Sellers")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The campaigns of which dispatch was asked for at once."""
    ids: list[int] = []
    monkeypatch.setattr(doorbell, "dispatch", ids.append)
    return ids


def post(body: object, token: str, url: str = URL) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client(enforce_csrf_checks=True).post(url, data, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_an_inquiry_becomes_a_lead_that_is_due_at_once(
    token: str, campaign: Campaign, asked: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    body = {
        "campaign": "sellers",
        "phone": "(303) 555-0142",
        "external_id": "form-7781",
        "list": "Home value form",
        "name": "Dana Reed",
        "email": "dana@example.com",
        "interest": "seller",
        "address": "12 Maple St",
        "state": "co",
        "zone": "america/denver",
        "source": "web",
        "last_transaction_at": "2025-11-02",
        "consent": {**CONSENT, "scope": "seller", "seller": "Summit Realty", "expires_at": "2027-03-04"},
    }
    before = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        status, said = post(body, token)
    lead = Lead.objects.get()
    at = lead.next_attempt_at
    assert before <= at <= timezone.now()
    assert (status, said) == (
        201,
        {
            "fate": "created",
            "lead": lead.pk,
            "phone": PHONE,
            "status": "open",
            "next_attempt_at": at.isoformat(),
        },
    )
    assert (lead.campaign, lead.priority, lead.last_inquiry_at, lead.attempts) == (campaign, 1, at, 0)
    assert (lead.name, lead.email, lead.interest, lead.state) == ("Dana Reed", "dana@example.com", "sell", "CO")
    assert (lead.zone, lead.source, lead.address) == ("America/Denver", "web", "12 Maple St")
    assert lead.last_transaction_at == datetime(2025, 11, 2, tzinfo=UTC)
    consent = Consent.objects.get()
    assert (consent.lead, consent.kind, consent.source) == (lead, "written", "Home value form")
    assert (consent.scope, consent.seller) == ("seller", "Summit Realty")
    assert (consent.given_at, consent.expires_at) == (
        datetime(2026, 3, 4, 22, 30, tzinfo=UTC),
        datetime(2027, 3, 4, tzinfo=UTC),
    )
    listed = LeadList.objects.get()
    assert (listed.campaign, listed.name, lead.list) == (campaign, "Home value form", listed)
    inquiry = Inquiry.objects.get()
    assert (inquiry.lead, inquiry.external_id, inquiry.by, inquiry.at) == (lead, "form-7781", "CRM", at)
    assert asked == [campaign.pk]


def test_the_same_inquiry_again_changes_nothing(
    token: str, campaign: Campaign, asked: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    body = {"campaign": campaign.pk, "phone": PHONE, "external_id": "a", "name": "Dana"}
    first = post(body, token)[1]
    del first["note"]  # what keeps it from being called is told once
    rows = list(Lead.objects.values())
    with django_capture_on_commit_callbacks(execute=True):
        assert post({**body, "name": "Someone", "consent": CONSENT}, token) == (200, {**first, "fate": "known"})
    assert list(Lead.objects.values()) == rows
    assert (Inquiry.objects.count(), Consent.objects.count(), asked) == (1, 0, [])


def test_without_an_id_the_same_number_is_the_same_inquiry_for_ten_minutes(token: str, campaign: Campaign) -> None:
    body = {"campaign": "Sellers", "phone": PHONE}
    assert post(body, token)[0] == 201
    assert post(body, token)[1]["fate"] == "known"
    Inquiry.objects.update(at=timezone.now() - timedelta(minutes=10))
    assert post(body, token)[1]["fate"] == "updated"
    assert (Lead.objects.count(), Inquiry.objects.count()) == (1, 2)


def test_a_known_lead_is_brought_up_to_date_and_due_again(
    token: str, campaign: Campaign, asked: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    at = timezone.now() + timedelta(days=3)
    promised = at + timedelta(days=1)
    lead = make.lead(
        campaign,
        phone=PHONE,
        attempts=4,
        next_attempt_at=at,
        commitment_at=promised,
        name="Dana",
        state="CO",
        last_inquiry_at=at - timedelta(days=40),
    )
    with django_capture_on_commit_callbacks(execute=True):
        status, said = post({"campaign": "Sellers", "phone": PHONE, "name": "Dana Reed", "consent": CONSENT}, token)
    lead.refresh_from_db()
    assert (status, said["fate"], said["lead"], asked) == (200, "updated", lead.pk, [campaign.pk])
    assert (lead.name, lead.state, lead.attempts, lead.priority) == ("Dana Reed", "CO", 0, 1)
    assert lead.next_attempt_at == lead.cadence_from == lead.last_inquiry_at
    assert lead.commitment_at == promised
    assert lead.consents.count() == 2


@pytest.mark.parametrize(
    ("disposition", "opens"),
    [
        ("no_answer", True),
        ("voicemail", True),
        ("not_interested", True),
        ("", True),
        ("appointment", False),
        ("qualified", False),
        ("do_not_call", False),
        ("wrong_number", False),
        ("has_agent", False),
        ("bad_number", False),
    ],
)
def test_a_closed_lead_opens_unless_its_reason_forbids_it(
    token: str, campaign: Campaign, disposition: str, opens: bool
) -> None:
    lead = make.lead(campaign, phone=PHONE, status="closed", closed_reason="So it is.", disposition=disposition)
    said = post({"campaign": "Sellers", "phone": PHONE}, token)[1]
    lead.refresh_from_db()
    assert (said["fate"], said["status"]) == ("updated", "open" if opens else "closed")
    assert (lead.status, lead.closed_reason) == (("open", "") if opens else ("closed", "So it is."))
    assert ("note" in said) is not opens
    assert lead.last_inquiry_at is not None


def test_a_number_on_the_list_is_taken_and_closed(
    token: str, campaign: Campaign, asked: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    suppress(PHONE, source="api", said="stop", now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        status, said = post({"campaign": "Sellers", "phone": PHONE, "consent": CONSENT}, token)
    reason = "The number is on the do-not-call list."
    assert (status, said["status"], said["closed_reason"], said["note"]) == (201, "closed", reason, reason)
    lead = Lead.objects.get()
    assert (lead.status, lead.closed_reason, asked) == ("closed", reason, [])


@pytest.mark.parametrize("why", ["wrong number", "taken off the list", "an office's address"])
def test_who_shares_an_address_with_the_list_and_does_not_follow_is_called(
    why: str, token: str, campaign: Campaign
) -> None:
    for _ in range(11 if why.startswith("an office") else 1):
        other = make.lead(email="info@example.com")
    mine = make.lead(campaign, phone=PHONE, email="info@example.com") if why.startswith("taken") else None
    suppress(other.phone, source="wrong_number" if why.startswith("wrong") else "sms", said="no", now=timezone.now())
    if mine is not None:
        assert lift(PHONE, reason="signed form of 4 May", by="mia", now=timezone.now())
    said = post({"campaign": "Sellers", "phone": PHONE, "email": "info@example.com"}, token)[1]
    assert (said["fate"], said["status"]) == ("updated" if mine else "created", "open")
    assert Suppression.objects.get().phone == other.phone


def test_the_other_number_of_somebody_who_opted_out_follows(token: str, campaign: Campaign, asked: list[int]) -> None:
    make.lead(phone="+13035550199", email="Dana@example.com")
    suppress("+13035550199", source="voice", said="stop", now=timezone.now())
    said = post({"campaign": "Sellers", "phone": PHONE, "email": "dana@EXAMPLE.com"}, token)[1]
    assert (said["fate"], said["status"], asked) == ("created", "closed", [])
    assert set(Suppression.objects.values_list("phone", flat=True)) == {"+13035550199", PHONE}


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_a_campaign_that_does_not_run_takes_the_lead(token: str, status: str, asked: list[int]) -> None:
    make.campaign(name="Sellers", status=status)
    said = post({"campaign": "Sellers", "phone": PHONE}, token)[1]
    assert said["note"] == f"The campaign 'Sellers' is {status}: the lead waits until it is started."
    assert (Lead.objects.get().status, asked) == ("open", [])


def test_a_lead_without_consent_is_taken_and_told_that_it_is_not_called(token: str, campaign: Campaign) -> None:
    status, said = post({"campaign": "Sellers", "phone": PHONE}, token)
    no_consent = "There is no written consent to calls by an artificial voice."
    assert (status, said["fate"], said["note"]) == (201, "created", no_consent)


def test_a_list_that_is_off_and_a_country_that_is_barred_are_told(token: str, campaign: Campaign) -> None:
    LeadList.objects.create(campaign=campaign, name="Old", active=False)
    said = post({"campaign": "Sellers", "phone": PHONE, "list": "Old"}, token)[1]
    assert said["note"] == "The list 'Old' is switched off: the lead waits."
    said = post({"campaign": "Sellers", "phone": "+4930901820"}, token)[1]
    assert (said["fate"], said["note"]) == ("created", "Calls to DE are not allowed.")


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"phone": "x"}, "phone", "'x' is not a phone number: write digits only"),
        ({"phone": 3035550142}, "phone", "The field phone is wrong: input should be a valid string."),
        ({"campaign": "Buyers"}, "campaign", "There is no campaign 'Buyers': write its name or its number"),
        ({"campaign": 0}, "campaign", "There is no campaign 0: write its name or its number"),
        ({"campaign": 2**70}, "campaign", "There is no campaign 1180591620717411303424"),
        ({"campaign": "Done"}, "campaign", "The campaign 'Done' is finished: name one that is not."),
        ({"campaign": None}, "campaign", "The field campaign is wrong: input should be a valid"),
        ({"email": "dana"}, "email", '"dana" is not an e-mail address'),
        ({"interest": "rent"}, "interest", 'The interest is "rent": write sell or buy.'),
        ({"state": "Colrado"}, "state", 'The state is "Colrado": write its two letters'),
        ({"zone": "EST"}, "zone", 'The time zone is "EST": write an IANA name'),
        ({"priority": 0}, "priority", "The field priority is wrong: input should be greater than or equal to 1."),
        ({"name": "=cmd()"}, "name", 'The name begins with "=", which a spreadsheet runs as a formula'),
        ({"source": "x" * 81}, "source", "The source has 81 characters, at most 80 are kept"),
        ({"inquiry_at": "yesterday"}, "inquiry_at", 'The last inquiry is "yesterday": write it as 2026-03-04'),
        ({"inquiry_at": "2199-01-01"}, "inquiry_at", "The last inquiry is dated 2199-01-01, which is in the future"),
        ({"consent": {**CONSENT, "given_at": "2199-01-01"}}, "consent.given_at", "The consent is dated 2199-01-01"),
        ({"consent": {**CONSENT, "kind": "maybe"}}, "consent.kind", 'The consent kind is "maybe": write written or'),
        ({"consent": {"kind": "written"}}, "consent.source", "The field consent.source is wrong: field required."),
        ({"consent": {**CONSENT, "source": ""}}, "consent.source", "The consent is incomplete: fill consent_source"),
        ({"consent": {**CONSENT, "scope": "world"}}, "consent.scope", 'The consent scope is "world": write campaign'),
        ({"consent": {**CONSENT, "scope": "seller"}}, "consent.seller", "The consent is for one seller and names"),
        (
            {"consent": {**CONSENT, "expires_at": "2026-01-01"}},
            "consent.expires_at",
            "The consent expires on 2026-01-01, before it was given",
        ),
        ({"why": "x"}, "why", "The field why is wrong: extra inputs are not permitted."),
    ],
)
def test_a_mistake_is_told(token: str, campaign: Campaign, fields: dict[str, Any], field: str, sentence: str) -> None:
    make.campaign(name="Done", status="finished")
    status, said = post({"campaign": "Sellers", "phone": PHONE, **fields}, token)
    assert (status, said.get("field")) == (422, field)
    assert said["error"].startswith(sentence)
    assert not Lead.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ("{", 400, "The body is not JSON: send"),
        ([], 422, "The body is not a JSON object: send"),
        ({"campaign": "Sellers", "phone": PHONE, "name": "x" * 70_000}, 413, "The request is larger than 64 KiB"),
    ],
)
def test_a_body_that_cannot_be_read(token: str, body: object, status: int, sentence: str) -> None:
    answered, said = post(body, token)
    assert answered == status
    assert said["error"].startswith(sentence)


def test_an_id_belongs_to_one_number(token: str, campaign: Campaign) -> None:
    post({"campaign": "Sellers", "phone": PHONE, "external_id": "a"}, token)
    status, said = post({"campaign": "Sellers", "phone": "+13035550143", "external_id": "a"}, token)
    assert (status, said["field"]) == (422, "external_id")
    assert said["error"] == "The external_id 'a' was used for another number: give every inquiry one of its own."
    assert Lead.objects.count() == 1


def test_only_a_token_for_leads_adds_leads(campaign: Campaign) -> None:
    other = tokens.make(ApiToken(name="Lists"), by="mia", now=timezone.now())
    status, said = post({"campaign": "Sellers", "phone": PHONE}, other)
    assert (status, said["error"]) == (
        403,
        "This token may not do that: make one in the admin whose scope is 'add leads that want to be called'.",
    )
    assert not Lead.objects.exists()


def test_a_batch_has_a_fate_for_each(
    token: str, campaign: Campaign, asked: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    make.lead(campaign, phone="+13035550143")
    batch = [
        {"campaign": "Sellers", "phone": PHONE},
        {"campaign": "Sellers", "phone": "+13035550143"},
        {"campaign": "Sellers", "phone": "nobody"},
        {"campaign": "Buyers", "phone": "+13035550144"},
        "x",
        {"campaign": "Sellers", "phone": PHONE},
    ]
    with django_capture_on_commit_callbacks(execute=True):
        status, said = post({"leads": batch}, token, f"{URL}/batch")
    assert (status, {key: said[key] for key in ("created", "updated", "known", "rejected")}) == (
        200,
        {"created": 1, "updated": 1, "known": 1, "rejected": 3},
    )
    fates = [(one["fate"], one.get("phone"), one.get("field")) for one in said["leads"]]
    assert fates == [
        ("created", PHONE, None),
        ("updated", "+13035550143", None),
        ("rejected", None, "phone"),
        ("rejected", None, "campaign"),
        ("rejected", None, None),
        ("known", PHONE, None),
    ]
    assert asked == [campaign.pk, campaign.pk]


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_is_neither_empty_nor_endless(token: str, count: int) -> None:
    status, said = post({"leads": [{}] * count}, token, f"{URL}/batch")
    assert (status, said["field"]) == (422, "leads")
    assert said["error"].startswith("The field leads is wrong: list should have at")
