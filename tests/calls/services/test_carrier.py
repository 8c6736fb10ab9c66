"""News from the carrier: late, doubled, out of order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from uuid import uuid4

import pytest

from calls.domain.status import CallStatus
from calls.models import Call, CallEvent
from calls.services import carrier
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import update
from voice.domain.types import CarrierStatus, CarrierUpdate

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER + timedelta(seconds=30)
SID = "CA" + "1" * 32
UNANSWERED = [
    (CarrierStatus.BUSY, "busy", "done"),
    (CarrierStatus.NO_ANSWER, "no_answer", "done"),
    (CarrierStatus.FAILED, "failed", "failed"),
    (CarrierStatus.CANCELED, "failed", "failed"),
]


@pytest.mark.parametrize("status", [CallStatus.DIALING, CallStatus.UNKNOWN])
@pytest.mark.parametrize(("news", "disposition", "ended"), UNANSWERED)
def test_a_call_that_nobody_answered_is_finished(
    status: CallStatus, news: CarrierStatus, disposition: str, ended: str
) -> None:
    call = make.call(make.lead(attempts=1), status)
    assert carrier.apply(call.pk, update(news), now=NOW)
    call.refresh_from_db()
    assert (call.status, call.disposition, call.ended_by, call.cost) == (ended, disposition, "carrier", Decimal(0))
    assert (call.summary, call.ended_at) == (f"The carrier ended the call: {news}.", NOW)
    kinds = [event.kind for event in call.events.order_by("pk")]
    assert kinds == [f"carrier.{news}", "call.finished", "lead.next_attempt"]


@pytest.mark.parametrize(
    ("news", "code", "disposition", "lead_status"),
    [
        (CarrierStatus.FAILED, "13224", "bad_number", "closed"),
        (CarrierStatus.FAILED, "21421", "bad_number", "closed"),
        (CarrierStatus.FAILED, "31002", "failed", "open"),
        (CarrierStatus.BUSY, "13224", "busy", "open"),
    ],
)
def test_a_number_that_the_carrier_does_not_know_is_not_tried_again(
    news: CarrierStatus, code: str, disposition: str, lead_status: str
) -> None:
    call = make.call(make.lead(attempts=1), CallStatus.DIALING)
    assert carrier.apply(call.pk, replace(update(news), error_code=code), now=NOW)
    call.refresh_from_db()
    assert (call.disposition, call.lead.status) == (disposition, lead_status)
    assert call.events.get(kind=f"carrier.{news}").fields == {"error_code": code}


@pytest.mark.parametrize("news", [news for news, _, _ in UNANSWERED])
@pytest.mark.parametrize("status", sorted(set(CallStatus) - {CallStatus.DIALING, CallStatus.UNKNOWN}))
def test_such_news_changes_no_other_call(status: CallStatus, news: CarrierStatus) -> None:
    call = make.call(status=status, carrier_call_id=SID)
    was = Call.objects.filter(pk=call.pk).values().get()
    assert carrier.apply(call.pk, update(news), now=NOW)
    assert Call.objects.filter(pk=call.pk).values().get() == was
    assert [event.kind for event in CallEvent.objects.all()] == [f"carrier.{news}"]


@pytest.mark.parametrize("status", sorted(CallStatus))
@pytest.mark.parametrize(
    "news",
    [CarrierStatus.INITIATED, CarrierStatus.RINGING, CarrierStatus.IN_PROGRESS, CarrierStatus.COMPLETED],
)
def test_other_news_is_only_kept(status: CallStatus, news: CarrierStatus) -> None:
    call = make.call(status=status, carrier_call_id=SID)
    was = Call.objects.filter(pk=call.pk).values().get()
    assert carrier.apply(call.pk, update(news, duration_s=61), now=NOW)
    assert Call.objects.filter(pk=call.pk).values().get() == was
    event = CallEvent.objects.get()
    assert (event.kind, event.at, event.status, event.fields) == (f"carrier.{news}", NOW, "", {"duration_s": 61})


def test_the_carriers_id_is_kept_once() -> None:
    call = make.call(status=CallStatus.UNKNOWN)
    carrier.apply(call.pk, update(CarrierStatus.RINGING), now=NOW)
    carrier.apply(call.pk, update(CarrierStatus.IN_PROGRESS, carrier_call_id="CA" + "2" * 32), now=NOW)
    call.refresh_from_db()
    assert call.carrier_call_id == SID


def test_a_machine_is_kept() -> None:
    call = make.call(status=CallStatus.LIVE)
    heard = CarrierUpdate(SID, None, NOW, answered_by="machine_end_beep")
    assert carrier.apply(call.pk, heard, now=NOW)
    assert not carrier.apply(call.pk, heard, now=NOW)
    call.refresh_from_db()
    assert (call.status, call.answered_by, call.carrier_call_id) == ("live", "machine_end_beep", SID)
    event = CallEvent.objects.get()
    assert (event.kind, event.fields) == ("carrier.machine", {"answered_by": "machine_end_beep"})


ORDERS = list(permutations([CarrierStatus.INITIATED, CarrierStatus.RINGING, CarrierStatus.BUSY]))


@pytest.mark.parametrize("order", ORDERS)
def test_in_whatever_order_and_however_often(order: tuple[CarrierStatus, ...]) -> None:
    call = make.call(make.lead(attempts=1), CallStatus.DIALING)
    news = [carrier.apply(call.pk, update(status), now=NOW) for status in order + order]
    assert news == [True, True, True, False, False, False]
    call.refresh_from_db()
    assert (call.status, call.disposition) == ("done", "busy")
    assert call.events.filter(kind="call.finished").count() == 1
    call.lead.refresh_from_db()
    assert call.lead.next_attempt_at == NOW + timedelta(minutes=10)
    assert call.events.filter(kind="lead.next_attempt").count() == 1


def test_a_call_that_is_not_ours() -> None:
    with pytest.raises(Call.DoesNotExist):
        carrier.apply(uuid4(), update(CarrierStatus.BUSY), now=NOW)
