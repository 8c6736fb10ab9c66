"""Celery's entry points. A task stamps the time and makes one call."""

from celery import shared_task
from django.utils import timezone

from integrations import services, tracing
from integrations.calendars import keeping


@shared_task(name="integrations.deliver")
def deliver(**_newer: object) -> None:
    services.deliver_alone(now=timezone.now())


@shared_task(name="integrations.export_traces")
def export_traces(**_newer: object) -> None:
    tracing.export_alone(now=timezone.now())


@shared_task(name="integrations.keep_calendars")
def keep_calendars(**_newer: object) -> None:
    keeping.keep_alone(now=timezone.now())
