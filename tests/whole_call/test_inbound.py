"""Somebody was called and did not answer, calls our number back, talks with the agent with real speech, and books."""

import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from billing.models import Budget, CallCost
from billing.services.auditing import audit
from calls.models import Appointment, Call, CallerId, CallingWindow, Campaign, Decision
from calls.services import campaigns
from calls.services.gates import rules_of
from calls.services.importing import import_leads
from calls.services.rules import book_at
from reautomation.demo.place import CALLER_ENDING, place_for
from tests.whole_call.installation import ACCOUNT_SID, AUTH_TOKEN, Installation, installation

pytestmark = [pytest.mark.whole_call, pytest.mark.timeout(400)]
PEOPLE = Path(__file__).parent / "inbound_people.yaml"
ENDING = "0301"


@pytest.fixture
def house(django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    # Not below pytest's own folder: PostgreSQL's user may not enter that once another run has begun.
    with (
        TemporaryDirectory(prefix="inbound-") as folder,
        django_db_blocker.unblock(),
        installation(Path(folder), PEOPLE, VOICE_RING_TIMEOUT_S="15") as house,
    ):
        yield house


def test_a_missed_call_is_called_back_and_booked(house: Installation) -> None:
    ours, theirs = called_in_vain(house)
    missed = Call.objects.get()
    sid = calls_in(house, ours, theirs)
    house.until("the caller has talked", lambda: seen(house, sid)["status"] == "completed", within_s=150)
    house.until(
        "the call is written down", lambda: Call.objects.filter(disposition="appointment").exists(), within_s=20
    )

    call = Call.objects.get(direction="inbound")
    assert (call.carrier_call_id, call.lead, call.attempt, call.status) == (sid, missed.lead, 0, "done")
    assert (call.to_number, call.from_number, call.dialed_at, call.ended_by) == (theirs, ours, None, "agent")
    said = list(call.turns.filter(speaker="agent").values_list("text", flat=True))
    assert said[0].startswith(
        "Hi Kim, thanks for calling back, this is Ava, an AI assistant of Summit Realty on a recorded line. "
        "You can say stop or press nine at any time. We called about your home on Maple Street."
    )
    assert [text for text in said if text.startswith("Great. You are booked for ")] == [said[-1]]
    assert call.turns.filter(speaker="lead").count() >= 3
    assert call.disclosed_at is not None
    assert Appointment.objects.get().call == call
    lead = call.lead
    assert (lead.attempts, lead.status, lead.disposition) == (1, "closed", "appointment")
    recording = call.recordings.get()
    # From the end of the announcement on, which was disclosed at that moment.
    assert abs(recording.started_at - call.disclosed_at) < timedelta(milliseconds=2)
    assert recording.duration_ms > 10_000
    assert [one.result for one in Decision.objects.filter(call_id=call.pk)] == ["answer"]
    components = {line["component"] for line in CallCost.objects.get(reference=call.pk).lines}
    assert "twilio.media_streams" in components
    assert "twilio.amd" not in components
    assert audit() == []

    judged = seen(house, sid)
    assert (judged["ended_by"], judged["errors"]) == ("application", [])
    assert len(house.carrier.calls()) == 2
    page = house.page(f"/admin/calls/lead/{lead.pk}/change/")
    assert f"The lead called {ours}." in page
    assert "the lead called" in house.page(f"/admin/calls/call/{call.pk}/change/")


def called_in_vain(house: Installation) -> tuple[str, str]:
    """Call the lead, who does not answer; our number and theirs."""
    budget = Budget.objects.create(name="Budget", limit=Decimal(5))
    campaign = Campaign.objects.create(name="Sellers", budget=budget)
    CallingWindow.objects.create(campaign=campaign)
    place = place_for(timezone.now(), rules_of(campaign), book_at(timezone.now()))
    ours, theirs = place.prefix + CALLER_ENDING, place.prefix + ENDING
    campaign.caller_ids.add(CallerId.objects.create(number=ours))
    head = "phone,name,interest,address,source,consent_kind,consent_source,consent_at"
    row = f"{theirs},Kim Stone,sell,12 Maple Street,website,written,Form,2026-09-14"
    done = import_leads(campaign.pk, "leads.csv", io.BytesIO(f"{head}\n{row}".encode()), now=timezone.now())
    assert done.imported == 1
    campaigns.start(campaign.pk, now=timezone.now())
    missed = Call.objects.filter(disposition="no_answer")
    house.until("nobody answers", missed.exists, within_s=60)
    return ours, theirs


def calls_in(house: Installation, ours: str, theirs: str) -> str:
    """Have the person call our number; the carrier's id of the call."""
    carrier = f"http://127.0.0.1:{house.carrier.port}"
    voice = f"{house.url}/webhooks/twilio/voice"
    bought = httpx.post(
        f"{carrier}/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers.json",
        data={"PhoneNumber": ours, "VoiceUrl": f"{voice}#rc=5&rp=all"},
        auth=(ACCOUNT_SID, AUTH_TOKEN),
    )
    assert bought.status_code == 201
    answer = httpx.post(f"{carrier}/simulator/calls", json={"from": theirs, "to": ours})
    assert answer.status_code == 201
    return str(answer.json()["sid"])


def seen(house: Installation, sid: str) -> dict[str, object]:
    return next(call for call in house.carrier.calls() if call["sid"] == sid)
