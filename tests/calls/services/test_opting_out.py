"""Stop means stop: at once, everywhere, and with the first evidence kept."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import LedgerEntry
from calls.domain.status import CallStatus
from calls.models import CallEvent, Suppression
from calls.services.opting_out import cancel, record_opt_out, suppress
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER + timedelta(seconds=30)
PHONE = "+13035550142"


@pytest.mark.parametrize("status", [CallStatus.QUEUED, CallStatus.CLAIMED])
def test_a_call_that_has_not_rung_is_canceled_and_its_money_given_back(status: CallStatus) -> None:
    call, other = make.call(make.lead(phone=PHONE), status), make.call(make.lead(), status)
    assert suppress(PHONE, source="admin", said="letter of 9 November", now=NOW)
    call.refresh_from_db()
    assert (call.status, call.status_at, call.ended_at) == ("canceled", NOW, NOW)
    assert list(LedgerEntry.objects.filter(reference=call.pk).values_list("kind", "amount")) == [
        ("hold", WORST_CASE),
        ("release", WORST_CASE),
    ]
    call.campaign.budget.refresh_from_db()
    assert (call.campaign.budget.total.held, call.campaign.budget.total.spent) == (Decimal(0), Decimal(0))
    call.lead.refresh_from_db()
    assert (call.lead.status, call.lead.closed_reason) == ("closed", "The number is on the do-not-call list.")
    assert [event.kind for event in CallEvent.objects.all()] == ["call.canceled_opt_out"]
    other.refresh_from_db()
    assert other.status == status.value


@pytest.mark.parametrize("status", [CallStatus.DIALING, CallStatus.LIVE, CallStatus.UNKNOWN, CallStatus.DONE])
def test_a_call_that_may_have_rung_goes_its_way(status: CallStatus) -> None:
    call = make.call(make.lead(phone=PHONE), status)
    assert suppress(PHONE, source="admin", said="", now=NOW)
    call.refresh_from_db()
    assert call.status == status.value
    assert not cancel(call.pk, at=NOW, why="test.canceled")
    assert not CallEvent.objects.exists()
    assert LedgerEntry.objects.count() == 1


def test_the_first_evidence_stays() -> None:
    call = make.call(make.lead(phone=PHONE), CallStatus.LIVE)
    assert record_opt_out(call, "stop calling me", now=NOW)
    assert not record_opt_out(call, "9", now=NOW + timedelta(seconds=1))
    assert not suppress(PHONE, source="admin", said="letter", now=NOW + timedelta(days=1))
    entry = Suppression.objects.get()
    assert (entry.source, entry.said, entry.call_id, entry.created_at) == ("voice", "stop calling me", call.pk, NOW)


def test_a_lead_that_came_after_the_entry_is_closed_by_the_next() -> None:
    suppress(PHONE, source="import", said="", now=NOW)
    late = make.lead(phone=PHONE)
    suppress(PHONE, source="admin", said="", now=NOW)
    late.refresh_from_db()
    assert late.status == "closed"


@pytest.mark.parametrize(("said", "source"), [("9", "key"), (" 9 ", "key"), ("99", "voice"), ("nein", "voice")])
def test_how_it_came(said: str, source: str) -> None:
    record_opt_out(make.call(status=CallStatus.LIVE), said, now=NOW)
    assert Suppression.objects.get().source == source


def test_a_long_speech_is_kept_as_far_as_there_is_room() -> None:
    record_opt_out(make.call(status=CallStatus.LIVE), "never again " * 40, now=NOW)
    assert len(Suppression.objects.get().said) == 300


def test_an_older_claim_cannot_cancel() -> None:
    call = make.call(status=CallStatus.CLAIMED, fence=2)
    assert not cancel(call.pk, at=NOW, why="test.canceled", fence=1)
    assert cancel(call.pk, at=NOW, why="test.canceled", fence=2)
