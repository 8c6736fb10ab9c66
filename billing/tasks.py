"""Celery's entry points. A task stamps the time and makes one call."""

from celery import shared_task
from django.utils import timezone

from billing.services import mailing, pruning


@shared_task(name="billing.send_alerts")
def send_alerts(**_newer: object) -> None:
    mailing.send_due(now=timezone.now())


@shared_task(name="billing.prune")
def prune(**_newer: object) -> None:
    pruning.prune(now=timezone.now())
