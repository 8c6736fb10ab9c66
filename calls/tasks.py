"""Celery's entry points. A task parses, stamps the time, makes one call."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from calls.carrier import dialer
from calls.services import (
    adding,
    alerting,
    analysing,
    calendar,
    carrier_prices,
    costs,
    dispatching,
    keeping_caller_ids,
    placing,
    recordings,
    resuming,
    scheduling,
    storing,
    sweeping,
    watching_queues,
)
from calls.workers import heartbeat
from voice.ports import CarrierError


@shared_task(name="calls.dispatch")
def dispatch(*, campaign_id: int | None = None, **_newer: object) -> None:
    dispatching.dispatch(now=timezone.now(), campaign_id=campaign_id)


@shared_task(name="calls.place")
def place(*, call_id: str, **_newer: object) -> None:
    from voice.worker import plane, state_of_drain

    lines = plane()
    owner = heartbeat.start(lines.healthy)
    placing.place(UUID(call_id), plane=lines, dialer=dialer(), owner=owner, clock=timezone.now, stop=state_of_drain)


@shared_task(name="calls.resume")
def resume(*, call_id: str, **_newer: object) -> None:
    from voice.worker import plane

    lines = plane()
    owner = heartbeat.start(lines.healthy)
    resuming.resume(UUID(call_id), plane=lines, dialer=dialer(), owner=owner, clock=timezone.now)


@shared_task(name="calls.hang_up", autoretry_for=(CarrierError,), max_retries=3, retry_backoff=1)
def hang_up(*, carrier_call_id: str, **_newer: object) -> None:
    dialer().hang_up(carrier_call_id)


@shared_task(name="calls.run_schedule")
def run_schedule(*, schedule_id: int, **_newer: object) -> None:
    scheduling.run(schedule_id, now=timezone.now())


@shared_task(name="calls.keep_calendar")
def keep_calendar(**_newer: object) -> None:
    calendar.keep(now=timezone.now())


@shared_task(name="calls.analyse")
def analyse(*, call_id: str, **_newer: object) -> None:
    analysing.analyse(UUID(call_id), now=timezone.now())


@shared_task(name="calls.add_to_analyses")
def add_to_analyses(**_newer: object) -> None:
    adding.add_alone(clock=timezone.now)


@shared_task(name="calls.sweep")
def sweep(**_newer: object) -> None:
    sweeping.sweep(dialer=dialer(), now=timezone.now())


@shared_task(name="calls.fold_costs")
def fold_costs(**_newer: object) -> None:
    costs.fold()


@shared_task(name="calls.ask_prices")
def ask_prices(**_newer: object) -> None:
    carrier_prices.ask_prices(dialer=dialer(), now=timezone.now())


@shared_task(name="calls.watch_caller_ids")
def watch_caller_ids(**_newer: object) -> None:
    keeping_caller_ids.look_after(dialer=dialer(), now=timezone.now())


@shared_task(name="calls.watch_queues")
def watch_queues(**_newer: object) -> None:
    watching_queues.watch_queues(now=timezone.now())


@shared_task(name="calls.watch_money")
def watch_money(**_newer: object) -> None:
    alerting.watch_money(now=timezone.now())


@shared_task(name="calls.store_recordings")
def store_recordings(**_newer: object) -> None:
    storing.store_recordings(now=timezone.now())


@shared_task(name="calls.erase_recordings")
def erase_recordings(**_newer: object) -> None:
    recordings.erase_over(now=timezone.now())
