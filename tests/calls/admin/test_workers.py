"""Voice workers as managers see them, and what a campaign's page says when one is missing."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client

from billing.models import Trouble
from billing.services import telling
from calls.domain.status import CallStatus
from calls.models import VoiceWorker
from calls.services import workers
from tests.calls import factories as make
from tests.calls.admin.test_pages import text
from tests.calls.factories import NOON_IN_DENVER as NOW

pytestmark = pytest.mark.django_db
LIST = "/admin/calls/voiceworker/"


def rows(client: Client) -> list[list[str]]:
    found = client.get(LIST).context["cl"].result_list
    return [[one.owner, one.standing, ", ".join(one.queues), str(one.lines), str(one.calls)] for one in found]


def test_the_list_shows_state_queues_and_live_calls(as_manager: Client, settings: LazySettings) -> None:
    for owner in ("live", "draining", "silent"):
        workers.announce(owner, queues=["calls.local", "calls.gpu"], lines=4, draining=owner == "draining")
    VoiceWorker.objects.filter(owner="silent").update(seen_at=Now() - timedelta(seconds=settings.CALL_LEASE_S))
    for status in (CallStatus.LIVE, CallStatus.CLAIMED, CallStatus.DONE):
        make.call(status=status, owner="live")
    queues = "calls.gpu, calls.local"
    assert rows(as_manager) == [
        ["silent", "silent", queues, "4", "0"],
        ["draining", "draining", queues, "4", "0"],
        ["live", "live", queues, "4", "2"],
    ]
    page = text(as_manager, LIST)
    assert f"live {queues} 4 2" in page.replace(" live live ", " live ")


def test_without_a_worker_the_list_says_what_to_do(as_manager: Client) -> None:
    assert "No voice worker has announced itself: nothing can be dialed." in text(as_manager, LIST)


def test_a_worker_is_to_be_read_alone(as_manager: Client) -> None:
    workers.announce("a", queues=["calls.local"], lines=4, draining=False)
    assert as_manager.get(f"{LIST}a/change/").status_code == 200
    assert as_manager.get(f"{LIST}add/").status_code == 403
    assert as_manager.post(f"{LIST}a/delete/", {"post": "yes"}).status_code == 403
    assert VoiceWorker.objects.count() == 1


def test_a_worker_that_takes_fewer_calls_says_why_and_shows_its_figures(as_manager: Client) -> None:
    told = "The event loop is 130 ms late, more than 80 ms."
    figures = {"talking": 3, "lag_p99_ms": 130.5}
    workers.announce("busy", queues=["calls.local"], lines=4, draining=False, offered=0, why=told, measured=figures)
    workers.announce("full", queues=["calls.local"], lines=4, draining=False, offered=4)
    assert f"0: {told}" in text(as_manager, LIST)
    assert "talking 3, lag_p99_ms 130.5" in text(as_manager, f"{LIST}busy/change/")
    assert told not in text(as_manager, f"{LIST}full/change/")


def test_a_running_campaign_says_which_worker_it_misses(as_manager: Client) -> None:
    campaign = make.campaign(needs="gpu")
    url = f"/admin/calls/campaign/{campaign.pk}/change/"
    sentence = "No voice worker serves calls.gpu: start one with -Q calls.gpu, see docs/operations.md."
    assert f"Nothing is dialed: {sentence}" in text(as_manager, url)
    workers.announce("a", queues=["calls.gpu"], lines=1, draining=False)
    assert sentence not in text(as_manager, url)


def test_an_alert_without_a_budget_is_shown_in_the_banner_the_list_and_on_its_page(as_manager: Client) -> None:
    alert = telling.tell_trouble(Trouble.QUEUE_UNSERVED, "calls.gpu", "No voice worker serves it.", value=2, at=NOW)
    assert alert is not None
    page = text(as_manager, "/admin/billing/alert/")
    assert page.count("No voice worker serves it.") == 2
    page = text(as_manager, f"/admin/billing/alert/{alert.pk}/change/")
    assert "2 calls waiting" in page
    assert as_manager.post(f"/admin/billing/alert/{alert.pk}/acknowledge/").status_code == 302
    alert.refresh_from_db()
    assert alert.acknowledged_at is not None
