"""A queue without a worker is told of once, at every place where alerts are, until a worker is back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import TestCase

from billing.models import Alert
from billing.services import mailing
from calls.domain.queues import GPU, LOCAL, PREMIUM
from calls.models import Call, CallEvent, VoiceWorker
from calls.services import workers
from calls.services.watching_queues import TOLD_AFTER, watch_queues, why_unserved
from integrations.models import Delivery, Endpoint
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW

pytestmark = pytest.mark.django_db
SENTENCE = "No voice worker serves calls.gpu: start one with -Q calls.gpu, see docs/operations.md."


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def look(after_s: int) -> None:
    assert watch_queues(now=NOW + timedelta(seconds=after_s))


def test_waiting_calls_without_a_worker_are_told_of_once_after_a_while() -> None:
    for _ in range(2):
        make.call(make.lead(make.campaign(needs="gpu")), queue=GPU)
    look(0)
    look(29)
    assert not Alert.objects.exists()
    look(30)
    look(40)
    alert = Alert.objects.get()
    assert (alert.kind, alert.level, alert.text) == ("queue_unserved", "critical", SENTENCE)
    assert (alert.budget, alert.rule) == (None, None)
    assert (int(alert.value), alert.at) == (2, NOW + TOLD_AFTER)
    assert alert.ended_at is None


def test_a_running_campaign_is_enough_and_a_worker_ends_it() -> None:
    make.campaign(needs="gpu")
    look(0)
    look(30)
    workers.announce("a", queues=[GPU], lines=1, draining=False)
    look(40)
    alert = Alert.objects.get()
    assert (int(alert.value), alert.ended_at) == (0, NOW + timedelta(seconds=40))
    workers.withdraw("a")
    look(50)
    look(79)
    assert Alert.objects.count() == 1
    look(80)
    assert Alert.objects.filter(ended_at=None).count() == 1
    assert Alert.objects.count() == 2


def test_a_worker_that_was_away_for_a_moment_is_not_told_of() -> None:
    make.campaign(needs="gpu")
    look(0)
    workers.announce("a", queues=[GPU], lines=1, draining=False)
    look(10)
    workers.withdraw("a")
    look(29)
    look(58)
    assert not Alert.objects.exists()


def test_it_is_mailed_and_goes_to_the_webhooks(settings: LazySettings) -> None:
    settings.ALERT_EMAILS = ["manager@example.com"]
    Endpoint.objects.create(url="https://example.com/hook")
    make.call(make.lead(make.campaign(needs="gpu")), queue=GPU)
    look(0)
    with TestCase.captureOnCommitCallbacks() as after:
        look(30)
    assert len(after) == 1
    assert mailing.send_due(now=NOW + TOLD_AFTER) == 1
    (message,) = mail.outbox
    alert = Alert.objects.get()
    assert message.subject == "CRITICAL: no voice worker"
    assert message.body.splitlines()[:2] == [SENTENCE, ""]
    assert "Budget" not in message.body
    delivery = Delivery.objects.get()
    assert (delivery.event_type, delivery.payload["type"]) == ("operations.alert", "operations.alert")
    assert delivery.payload["data"] == {
        "id": alert.pk,
        "level": "critical",
        "kind": "queue_unserved",
        "held_up": 1,
        "text": SENTENCE,
    }


def test_calls_that_another_queue_serves_as_well_go_there_and_nobody_is_told(settings: LazySettings) -> None:
    auto = make.call(make.lead(make.campaign(tier="auto")), queue=PREMIUM, tier="premium", rung_at=NOW)
    no_gpu_any_more = make.call(queue=GPU)
    workers.announce("a", queues=[LOCAL], lines=1, draining=False)
    look(0)
    assert set(Call.objects.values_list("queue", flat=True)) == {PREMIUM, GPU}
    look(30)
    rows = Call.objects.order_by("pk").values_list("queue", "tier", "rung_at").distinct()
    assert list(rows) == [(LOCAL, "local", None)] * len(rows)
    assert set(CallEvent.objects.values_list("call_id", "kind")) == {
        (auto.pk, "call.changed_queue"),
        (no_gpu_any_more.pk, "call.changed_queue"),
    }
    assert not Alert.objects.exists()


def test_a_call_that_promises_the_premium_voice_waits_for_it() -> None:
    call = make.call(make.lead(make.campaign(tier="premium")), queue=PREMIUM, tier="premium")
    workers.announce("a", queues=[LOCAL], lines=1, draining=False)
    look(0)
    look(30)
    call.refresh_from_db()
    assert (call.queue, call.tier) == (PREMIUM, "premium")
    assert Alert.objects.get().crossing == "queue_unserved calls.premium"


def test_without_any_worker_no_call_moves() -> None:
    call = make.call(queue=GPU)
    look(0)
    look(30)
    call.refresh_from_db()
    assert call.queue == GPU
    assert {alert.crossing for alert in Alert.objects.all()} == {
        "queue_unserved calls.gpu",
        "queue_unserved calls.local",
    }


def test_workers_that_are_long_gone_are_forgotten() -> None:
    for owner in ("gone", "silent", "live"):
        workers.announce(owner, queues=[LOCAL], lines=1, draining=False)
    VoiceWorker.objects.filter(owner="gone").update(seen_at=Now() - timedelta(minutes=61))
    VoiceWorker.objects.filter(owner="silent").update(seen_at=Now() - timedelta(minutes=59))
    look(0)
    assert {worker.owner for worker in VoiceWorker.objects.all()} == {"silent", "live"}


def test_a_campaign_says_which_worker_it_misses() -> None:
    campaign = make.campaign(needs="gpu")
    assert why_unserved(campaign) == SENTENCE
    workers.announce("a", queues=[GPU], lines=1, draining=False)
    assert why_unserved(campaign) == ""
