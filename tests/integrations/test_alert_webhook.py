"""An alert on money is written down with it, and arrives signed at a real receiver."""

import json
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from billing.models import Alert
from integrations.models import Delivery, Endpoint
from integrations.services import deliver_due
from tests.billing.money import LATER, NOW, budget, only, spend, watch
from tests.integrations.receiver import Receiver, answer, signature_of

pytestmark = pytest.mark.django_db


def test_an_alert_arrives_signed_and_once(endpoint: Endpoint, receiver: Receiver) -> None:
    Endpoint.objects.create(url="http://127.0.0.1:9/", active=False)
    only(("share", "emergency", "0.98"))
    november = budget(day_limit="10")
    spend("9.9", november)
    watch()
    watch(NOW + LATER)
    delivery = Delivery.objects.get()
    assert (delivery.call, delivery.event_type, delivery.next_attempt_at) == (None, "budget.alert", NOW)
    assert deliver_due(now=NOW + LATER) == 1
    (request,) = receiver.received
    assert request.headers["webhook-signature"] == signature_of(request, endpoint.secret)
    alert = Alert.objects.get()
    assert json.loads(request.body) == {
        "type": "budget.alert",
        "timestamp": NOW.isoformat(),
        "data": {
            "id": alert.pk,
            "level": "emergency",
            "kind": "share",
            "budget": "November",
            "budget_id": november.pk,
            "currency": "USD",
            "period": "day",
            "value": "0.990000",
            "threshold": "0.980000",
            "text": alert.text,
            "stops_dialing": True,
        },
    }
    assert deliver_due(now=NOW + timedelta(days=1)) == 0


def test_what_is_of_no_period_says_so(endpoint: Endpoint) -> None:
    only(("call_cost", "warning", "1"))
    spend("3", budget())
    watch()
    data = Delivery.objects.get().payload["data"]
    assert (data["period"], data["stops_dialing"], data["value"]) == ("", False, "3.000000")


def test_two_alerts_are_two_deliveries(endpoint: Endpoint, receiver: Receiver) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10", day_limit="10"))
    receiver.behave = answer(503)
    watch()
    assert deliver_due(now=NOW) == 2
    assert [one.state for one in Delivery.objects.all()] == ["waiting", "waiting"]


def test_an_alert_that_is_rolled_back_is_not_told(endpoint: Endpoint) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    with transaction.atomic():
        watch()
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert watch(now=datetime.fromisoformat("2026-11-10T19:00:30+00:00")) == [("share", "warning")]
