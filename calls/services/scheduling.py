"""Campaigns that start, pause, finish and begin anew by themselves.

Celery Beat's row for a schedule is only its alarm clock: it is written with the schedule, in one transaction, and its
task asks which planned instants (slots) are due and not dealt with. Each slot is one row of ``ScheduleRun``, written
in the transaction of its effect, so that many beats, a doubled message or a late one have no second effect. A look
every minute finds what no alarm told of: a beat that was down, a clock that was changed.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import structlog
from django.db import transaction
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTask

from calls.domain.recurring import Plan, wrong_with
from calls.models import Campaign, Schedule, ScheduleRun
from calls.services import campaigns
from calls.services.campaigns import CampaignError

log = structlog.get_logger(__name__)
TASK = "calls.run_schedule"
MADE_UP_FOR = timedelta(hours=1)
"""A slot that nobody looked at for longer is noted as missed."""
Action = Schedule.Action


class ScheduleError(Exception):
    """The schedule cannot be kept like this; ``wrong`` says by field what to change."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(" ".join(wrong.values()))
        self.wrong = dict(wrong)


def plan_of(schedule: Schedule) -> Plan:
    return Plan(schedule.once_at, schedule.at, tuple(schedule.weekdays), schedule.zone)


def wrong_fields(plan: Plan, *, now: datetime, is_new: bool = True) -> dict[str, str]:
    """By field, what is wrong with a plan. One that is not new may lie in the past: it was dealt with."""
    return wrong_with(plan, zones=available_timezones(), now=now, is_new=is_new)


@transaction.atomic
def save(schedule: Schedule, *, now: datetime) -> None:
    """Write the schedule and Beat's row for it, together. Raises ScheduleError, with nothing written.

    What was planned before ``now`` is no slot any more: an edit makes up for nothing.
    """
    before = Schedule.objects.filter(pk=schedule.pk).values_list("once_at", flat=True).first()
    if wrong := wrong_fields(plan_of(schedule), now=now, is_new=schedule.pk is None or schedule.once_at != before):
        raise ScheduleError(wrong)
    schedule.since = now
    schedule.save()
    schedule.task = _alarm(schedule, schedule.task or PeriodicTask(), now=now)
    schedule.save(update_fields=["task"])
    log.info("schedule.saved", schedule_id=schedule.pk, campaign_id=schedule.campaign_id, enabled=schedule.enabled)


def forget(sender: type[Schedule], instance: Schedule, **_signal: Any) -> None:
    """After a schedule was deleted, in its transaction, its campaign's end included: Beat's row goes as well."""
    for task in PeriodicTask.objects.filter(pk=instance.task_id):
        task.delete()  # one by one: Beat is told by the signal


def run(schedule_id: int, *, now: datetime) -> int:
    """Deal with every slot of the schedule that is due: once, whoever asks; returns how many were dealt with here."""
    campaign_id = Schedule.objects.filter(pk=schedule_id).values_list("campaign", flat=True).first()
    if campaign_id is None:
        return 0
    with transaction.atomic():
        # In the order of the admin's page, which writes the campaign before its schedules.
        Campaign.objects.select_for_update(no_key=True).only("pk").get(pk=campaign_id)
        schedule = Schedule.objects.select_for_update(no_key=True).filter(pk=schedule_id, enabled=True).first()
        if schedule is None:
            return 0
        return sum(_take(schedule, slot, now=now) for slot in due_slots(schedule, now=now))


def catch_up(*, now: datetime) -> int:
    """Deal with every slot that no alarm told of; how many."""
    enabled = Schedule.objects.filter(enabled=True)
    late = [one.pk for one in enabled if due_slots(one, now=now)]
    return sum(run(pk, now=now) for pk in late)


def due_slots(schedule: Schedule, *, now: datetime) -> list[datetime]:
    """The planned instants up to ``now`` that nobody has dealt with, since the last edit or the last slot."""
    last = schedule.runs.values_list("slot", flat=True).first()
    return plan_of(schedule).slots(max(schedule.since, last or schedule.since), now)


def _take(schedule: Schedule, slot: datetime, *, now: datetime) -> bool:
    taken, is_mine = ScheduleRun.objects.get_or_create(schedule=schedule, slot=slot, defaults={"at": now})
    if not is_mine:
        return False
    taken.result = _missed(slot, now) if now - slot > MADE_UP_FOR else _carry_out(schedule, now=now)
    taken.save(update_fields=["result"])
    log.info("schedule.ran", schedule_id=schedule.pk, slot=slot.isoformat(), late_s=int((now - slot).total_seconds()))
    return True


def _missed(slot: datetime, now: datetime) -> str:
    return (
        f"Missed: nothing looked at it until {now:%Y-%m-%d %H:%M} UTC, more than an hour late. "
        "Check that beat and a worker run; do by hand what it was to do."
    )


def _carry_out(schedule: Schedule, *, now: datetime) -> str:
    """What it came to, or why it could not be done, as a sentence."""
    try:
        with transaction.atomic():
            return _EFFECTS[Action(schedule.action)](schedule.campaign_id, now)[:500]
    except CampaignError as refused:
        return str(refused)[:500]


def _start(campaign_id: int, now: datetime) -> str:
    campaigns.start(campaign_id, now=now)
    return "Started."


def _start_anew(campaign_id: int, now: datetime) -> str:
    count = campaigns.start_anew(campaign_id, now=now)
    return f"Started; {count} {'lead is' if count == 1 else 'leads are'} open again."


def _pause(campaign_id: int, now: datetime) -> str:
    campaigns.pause(campaign_id, now=now)
    return "Paused."


def _finish(campaign_id: int, now: datetime) -> str:
    campaigns.finish(campaign_id, now=now)
    return "Finished."


_EFFECTS: Mapping[Schedule.Action, Callable[[int, datetime], str]] = {
    Action.START: _start,
    Action.START_ANEW: _start_anew,
    Action.PAUSE: _pause,
    Action.FINISH: _finish,
}


def _alarm(schedule: Schedule, task: PeriodicTask, *, now: datetime) -> PeriodicTask:
    """Beat's row, as the schedule now is. Beat is told of the change by the row's own signal."""
    task.name = f"{schedule.get_action_display()[:60]}, campaign {schedule.campaign_id}, schedule {schedule.pk}"
    task.task, task.kwargs = TASK, json.dumps({"schedule_id": schedule.pk})
    task.crontab = task.clocked = None
    task.one_off = schedule.once_at is not None
    if schedule.once_at is not None:
        task.clocked = _same_or_new(ClockedSchedule, clocked_time=schedule.once_at)
    elif schedule.at is not None:
        days = ",".join(str((day + 1) % 7) for day in sorted(schedule.weekdays))  # of cron, where 0 is Sunday
        task.crontab = _same_or_new(
            CrontabSchedule,
            minute=str(schedule.at.minute),
            hour=str(schedule.at.hour),
            day_of_week=days,
            day_of_month="*",
            month_of_year="*",
            timezone=schedule.zone,
        )
    over = schedule.once_at is not None and schedule.once_at <= now
    task.enabled = schedule.enabled and not over
    task.last_run_at, task.total_run_count = None, 0
    task.save()
    return task


def _same_or_new(model: Any, **fields: object) -> Any:
    """Nothing in Beat's tables keeps two rows from being alike."""
    return model.objects.filter(**fields).first() or model.objects.create(**fields)
