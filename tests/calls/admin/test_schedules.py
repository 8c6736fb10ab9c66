"""Schedules in their list and on their page; stopping with calls hung up."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from calls.models import Call, Campaign, Halt, Schedule, ScheduleRun
from calls.services import ending
from tests.calls.admin import world

URL = "/admin/calls/schedule/"
RUNS = {"runs-TOTAL_FORMS": 0, "runs-INITIAL_FORMS": 0}


def form(campaign: Campaign, **changes: object) -> dict[str, object]:
    usual = {"campaign": campaign.pk, "action": "start_anew", "weekdays": ["0", "1", "2", "3", "4"], "at": "09:00"}
    return {**usual, "zone": "America/Denver", "enabled": "on", **RUNS, **changes}


def test_a_schedule_is_added_listed_changed_and_deleted(as_manager: Client, campaign: Campaign) -> None:
    assert "No campaign moves by itself." in as_manager.get(URL).content.decode()
    assert as_manager.post(f"{URL}add/", form(campaign)).status_code == 302
    made = Schedule.objects.get()
    assert (made.action, made.weekdays, made.zone, made.task_id) == (
        "start_anew",
        [0, 1, 2, 3, 4],
        "America/Denver",
        PeriodicTask.objects.get().pk,
    )
    now = timezone.now()
    ScheduleRun.objects.create(schedule=made, slot=now - timedelta(days=1), at=now, result="Started; 2 leads.")
    listed = as_manager.get(URL).content.decode()
    assert "Mon to Fri at 09:00, America/Denver" in listed
    assert "Started; 2 leads." in listed
    page = as_manager.get(f"{URL}{made.pk}/change/").content.decode()
    assert "Started; 2 leads." in page
    once = {"weekdays": [], "at": "", "once_at": "2099-07-01T09:30", "runs-INITIAL_FORMS": 0}
    assert as_manager.post(f"{URL}{made.pk}/change/", form(campaign, **once)).status_code == 302
    made.refresh_from_db()
    assert made.once_at is not None
    assert made.once_at.isoformat() == "2099-07-01T15:30:00+00:00"
    assert 'value="2099-07-01T09:30"' in as_manager.get(f"{URL}{made.pk}/change/").content.decode()
    assert as_manager.post(f"{URL}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not PeriodicTask.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"at": ""}, "at", "Say when: a time of day with its weekdays, or one date and time."),
        ({"weekdays": []}, "weekdays", "Choose at least one day of the week."),
        ({"zone": "EST5"}, "zone", "EST5 is no IANA time zone: write one such as America/Denver."),
        (
            {"at": "", "weekdays": [], "once_at": "2026-01-31T09:30"},
            "once_at",
            "2026-01-31 16:30 UTC is over: choose a later time.",
        ),
    ],
)
def test_a_wrong_schedule_says_what_to_change(
    as_manager: Client, campaign: Campaign, changes: dict[str, Any], field: str, sentence: str
) -> None:
    response = as_manager.post(f"{URL}add/", form(campaign, **changes))
    assert response.context["adminform"].form.errors == {field: [sentence]}
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("move", "status", "said"),
    [
        ("pause_now", "paused", "Autumn sellers is paused; its calls are being hung up."),
        ("finish_now", "finished", "Autumn sellers is finished; its calls are being hung up."),
        ("hang_up", "running", "The calls of Autumn sellers are being hung up."),
    ],
)
def test_the_buttons_that_hang_up(  # noqa: PLR0917 - fixtures
    as_manager: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, move: str, status: str, said: str
) -> None:
    Campaign.objects.update(status="running")
    ended: list[int] = []
    monkeypatch.setattr(ending, "hang_up", lambda calls, *, at: ended.append(calls.count()))
    world.calls(world.leads(campaign, 2))
    reply = as_manager.post(f"/admin/calls/campaign/{campaign.pk}/move/{move}/")
    assert [str(one) for one in get_messages(reply.wsgi_request)] == [said]
    assert ended == [2]
    assert Campaign.objects.get().status == status


def test_the_kill_switch_hangs_up_if_asked(
    as_manager: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def hang_up(calls: QuerySet[Call], *, at: datetime) -> int:
        ended.append(calls.count())
        return 2

    monkeypatch.setattr(ending, "hang_up", hang_up)
    switch = "/admin/calls/halt/switch/"
    as_manager.post(switch, {"reason": "wrong company"})
    assert (Halt.objects.count(), ended) == (1, [])
    reply = as_manager.post(switch, {"end_calls": "1"})
    assert [str(one) for one in get_messages(reply.wsgi_request)] == ["2 calls are being hung up."]
    as_manager.post(switch, {"release": "1"})
    as_manager.post(switch, {"reason": "again", "hang_up": "on"})
    assert (Halt.objects.count(), ended) == (2, [0, 0])
