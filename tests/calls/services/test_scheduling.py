"""Schedules with Beat's rows: one effect a slot, what it came to, what is made up for, on PostgreSQL."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest
from django.db import transaction
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from calls.domain.status import CallStatus
from calls.models import Campaign, Lead, Schedule, ScheduleRun, Suppression
from calls.models.campaign import CampaignStatus
from calls.services import scheduling
from calls.services.scheduling import ScheduleError
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SLOT = NOW + timedelta(hours=2)


def schedule(of: Campaign, action: str = "pause", **fields: object) -> Schedule:
    """Tuesdays at 14:00 in Denver, two hours from now."""
    weekly = {"at": time(14), "weekdays": [1], "zone": "America/Denver"}
    made = Schedule(campaign=of, action=action, **(fields or weekly))
    scheduling.save(made, now=NOW)
    return made


def status(of: Campaign) -> str:
    return Campaign.objects.values_list("status", flat=True).get(pk=of.pk)


def results() -> list[tuple[datetime, str]]:
    return list(ScheduleRun.objects.order_by("slot").values_list("slot", "result"))


def test_a_weekly_schedule_has_its_row_of_beat() -> None:
    one = schedule(make.campaign(), "start", at=time(9, 30), weekdays=[6, 0, 4], zone="America/Denver")
    task = PeriodicTask.objects.get()
    assert (task.pk, task.task, task.kwargs) == (
        one.task_id,
        "calls.run_schedule",
        f'{{"schedule_id": {one.pk}}}',
    )
    assert (task.enabled, task.one_off, task.clocked) == (True, False, None)
    cron = task.crontab
    assert cron is not None
    assert (cron.minute, cron.hour, cron.day_of_week, str(cron.timezone)) == ("30", "9", "1,5,0", "America/Denver")


def test_an_edit_changes_the_row_and_tells_beat() -> None:
    one = schedule(make.campaign())
    before = PeriodicTasks.last_change()
    one.once_at, one.at, one.weekdays = NOW + DAY, None, []
    scheduling.save(one, now=NOW + MINUTE)
    task = PeriodicTask.objects.get()
    assert (task.crontab, task.one_off, task.enabled) == (None, True, True)
    assert task.clocked is not None
    assert task.clocked.clocked_time == NOW + DAY
    assert PeriodicTasks.last_change() > before
    one.enabled = False
    scheduling.save(one, now=NOW + MINUTE)
    assert not PeriodicTask.objects.get().enabled


def test_schedules_alike_share_a_crontab() -> None:
    first, second = schedule(make.campaign()), schedule(make.campaign())
    assert first.task is not None
    assert second.task is not None
    assert first.task.crontab == second.task.crontab


@pytest.mark.parametrize("delete", [lambda one: one.delete(), lambda one: one.campaign.delete()])
def test_with_a_schedule_goes_beats_row(delete: Callable[[Schedule], object]) -> None:
    one = schedule(make.campaign())
    delete(one)
    assert not PeriodicTask.objects.exists()
    assert scheduling.run(one.pk or 0, now=SLOT) == 0


def test_a_schedule_that_cannot_be_kept_is_not() -> None:
    with pytest.raises(ScheduleError, match="Choose at least one day of the week") as refused:
        schedule(make.campaign(), at=time(9), weekdays=[], zone="UTC")
    assert refused.value.wrong == {"weekdays": "Choose at least one day of the week."}
    with pytest.raises(ScheduleError, match="2026-11-10 18:00 UTC is over"):
        schedule(make.campaign(), once_at=NOW - timedelta(hours=1))
    assert not Schedule.objects.exists()
    assert not PeriodicTask.objects.exists()


def test_neither_is_written_without_the_other() -> None:
    campaign = make.campaign()
    with transaction.atomic():
        schedule(campaign)
        transaction.set_rollback(True)
    assert not Schedule.objects.exists()
    assert not PeriodicTask.objects.exists()


def test_a_slot_has_one_effect_however_often_it_is_told() -> None:
    campaign = make.campaign()
    one = schedule(campaign)
    assert scheduling.run(one.pk, now=SLOT - timedelta(seconds=1)) == 0
    assert status(campaign) == "running"
    assert scheduling.run(one.pk, now=SLOT) == 1
    assert status(campaign) == "paused"
    Campaign.objects.update(status=CampaignStatus.RUNNING)
    assert scheduling.run(one.pk, now=SLOT + MINUTE) == 0
    assert scheduling.catch_up(now=SLOT + MINUTE) == 0
    assert status(campaign) == "running"
    assert results() == [(SLOT, "Paused.")]
    assert scheduling.run(one.pk, now=SLOT + 7 * DAY) == 1
    assert [slot for slot, _ in results()] == [SLOT, SLOT + 7 * DAY]


def test_a_slot_that_is_late_is_made_up_for_within_an_hour() -> None:
    campaign = make.campaign()
    schedule(campaign)
    assert scheduling.catch_up(now=SLOT + timedelta(hours=1)) == 1
    assert results() == [(SLOT, "Paused.")]
    assert status(campaign) == "paused"


def test_older_slots_are_noted_as_missed() -> None:
    campaign = make.campaign()
    schedule(campaign, at=time(14), weekdays=[0, 1, 2], zone="America/Denver")
    assert scheduling.catch_up(now=SLOT + DAY + timedelta(minutes=61)) == 2
    missed = "Missed: nothing looked at it until 2026-11-11 22:01 UTC, more than an hour late."
    assert [(slot, result[:80]) for slot, result in results()] == [(SLOT, missed), (SLOT + DAY, missed)]
    assert status(campaign) == "running"


def test_an_edit_and_a_break_make_up_for_nothing() -> None:
    campaign = make.campaign()
    one = schedule(campaign)
    one.enabled = False
    scheduling.save(one, now=NOW + MINUTE)
    assert scheduling.run(one.pk, now=SLOT) == scheduling.catch_up(now=SLOT) == 0
    one.enabled = True
    scheduling.save(one, now=SLOT + MINUTE)
    assert scheduling.catch_up(now=SLOT + 2 * MINUTE) == 0
    assert (status(campaign), results()) == ("running", [])


def test_once_is_once() -> None:
    campaign = make.campaign()
    one = schedule(campaign, "finish", once_at=SLOT)
    assert scheduling.run(one.pk, now=SLOT + MINUTE) == 1
    assert scheduling.run(one.pk, now=SLOT + 300 * DAY) == 0
    assert (status(campaign), results()) == ("finished", [(SLOT, "Finished.")])
    scheduling.save(one, now=SLOT + DAY)  # still what it was
    assert not PeriodicTask.objects.get().enabled


def test_why_it_could_not_start_is_kept() -> None:
    campaign = make.campaign(name="Autumn", status=CampaignStatus.PAUSED)
    one = schedule(campaign, "start")
    scheduling.run(one.pk, now=SLOT)
    assert results() == [(SLOT, "'Autumn' cannot start: it has no open lead: import some.")]
    assert status(campaign) == "paused"


def test_start() -> None:
    campaign = make.campaign(status=CampaignStatus.PAUSED)
    make.lead(campaign)
    scheduling.run(schedule(campaign, "start").pk, now=SLOT)
    assert (status(campaign), results()) == ("running", [(SLOT, "Started.")])


USED_UP = "All 6 attempts are used; the last one ended with: no answer."


@pytest.mark.parametrize(
    ("fields", "is_opened"),
    [
        ({"closed_reason": USED_UP, "disposition": "no_answer"}, True),
        ({"closed_reason": "All 6 attempts are used.", "disposition": "voicemail"}, True),
        (
            {
                "closed_reason": "1 call ended with voicemail; the campaign allows no more.",
                "disposition": "voicemail",
            },
            True,
        ),
        ({"closed_reason": "The person is not interested.", "disposition": "not_interested"}, False),
        ({"closed_reason": "The person has signed with another agent.", "disposition": "has_agent"}, False),
        ({"closed_reason": "An appointment is booked.", "disposition": "appointment"}, False),
        ({"closed_reason": "The number is on the do-not-call list.", "disposition": "no_answer"}, False),
    ],
)
def test_who_is_called_anew(fields: dict[str, str], is_opened: bool) -> None:
    campaign = make.campaign(status=CampaignStatus.PAUSED)
    make.lead(campaign)
    closed = make.lead(campaign, status="closed", attempts=6, **fields)
    scheduling.run(schedule(campaign, "start_anew").pk, now=SLOT)
    closed.refresh_from_db()
    now_is = (closed.status, closed.attempts, closed.closed_reason, closed.cadence_from)
    assert now_is == (("open", 0, "", SLOT) if is_opened else ("closed", 6, fields["closed_reason"], None))
    said = "Started; 1 lead is open again." if is_opened else "Started; 0 leads are open again."
    assert (status(campaign), results()) == ("running", [(SLOT, said)])


def test_nobody_who_talked_or_is_listed_is_called_anew() -> None:
    campaign = make.campaign()
    talked, listed = (
        make.lead(campaign, status="closed", attempts=6, closed_reason=USED_UP, disposition="no_answer")
        for _ in range(2)
    )
    make.call(talked, CallStatus.DONE, disposition="callback_requested", held=None)
    Suppression.objects.create(phone=listed.phone, source="voice", created_at=NOW)
    scheduling.run(schedule(campaign, "start_anew").pk, now=SLOT)
    assert set(Lead.objects.values_list("status", "attempts")) == {("closed", 6)}
    assert results() == [(SLOT, "Started; 0 leads are open again.")]


def test_a_finished_campaign_is_not_begun_anew() -> None:
    campaign = make.campaign(name="Autumn", status=CampaignStatus.FINISHED)
    make.lead(campaign, status="closed", attempts=6, closed_reason=USED_UP, disposition="no_answer")
    scheduling.run(schedule(campaign, "start_anew").pk, now=SLOT)
    assert Lead.objects.get().status == "closed"
    assert results() == [(SLOT, "'Autumn' is finished: nobody in it is called again.")]


def test_leads_stay_closed_where_the_campaign_cannot_start() -> None:
    campaign = make.campaign(status=CampaignStatus.PAUSED)
    campaign.windows.all().delete()
    make.lead(campaign, status="closed", attempts=6, closed_reason=USED_UP, disposition="no_answer")
    scheduling.run(schedule(campaign, "start_anew").pk, now=SLOT)
    assert Lead.objects.get().status == "closed"
    assert results()[0][1].endswith("cannot start: it has no calling window: add one.")


@pytest.mark.django_db(transaction=True)
def test_of_many_beats_one_has_the_effect() -> None:
    """Six messages at once, from as many beats, on real connections."""
    campaign = make.campaign()
    one = schedule(campaign)
    taken = at_once(6, lambda _: scheduling.run(one.pk, now=SLOT))
    assert sorted(taken) == [0, 0, 0, 0, 0, 1]
    assert (status(campaign), results()) == ("paused", [(SLOT, "Paused.")])


def test_the_database_knows_a_slot_once() -> None:
    one = schedule(make.campaign())
    ScheduleRun.objects.create(schedule=one, slot=SLOT, at=SLOT, result="Paused.")
    with pytest.raises(Exception, match="one_effect_per_slot"), transaction.atomic():
        ScheduleRun.objects.create(schedule=one, slot=SLOT, at=SLOT, result="Paused.")
