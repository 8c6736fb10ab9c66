"""Opens and ends alerts, and does what follows from one: webhooks, a stop of dialing, mail."""

from collections.abc import Collection
from datetime import datetime
from decimal import ROUND_DOWN
from functools import partial

import structlog
from django.db import IntegrityError, transaction

from billing.domain.alert_texts import Payer, advice
from billing.domain.alerting import Level, Reading
from billing.domain.money import MICRO
from billing.models import Alert, AlertRule, Budget, Trouble
from billing.services import mailing, stops
from billing.signals import alert_told

log = structlog.get_logger(__name__)
_GUARD = "one_open_alert_per_crossing"
_TEXT_LENGTH = 500


def crossing_of(budget: Budget, reading: Reading, level: Level) -> str:
    """One threshold of one thing. The rule's key is no part of it: a rule that is made anew tells nothing anew."""
    return f"{reading.kind} {level} budget {budget.pk} {reading.place}"


@transaction.atomic
def tell(budget: Budget, payer: Payer, reading: Reading, row: AlertRule, *, at: datetime) -> Alert | None:
    """Open the alert with all that follows from it, or none of it; None where another watcher was first."""
    level = Level(row.level)
    text = f"{reading.says(row.threshold)} {advice(reading.kind, level, payer, until=reading.until)}"
    alert = Alert(
        rule=row,
        budget=budget,
        balance_id=reading.balance_id,
        crossing=crossing_of(budget, reading, level),
        kind=reading.kind.value,
        level=level.value,
        text=text[:_TEXT_LENGTH],
        value=reading.value.quantize(MICRO, rounding=ROUND_DOWN),
        threshold=row.threshold,
        at=at,
        mail_due_at=at if mailing.is_configured() else None,
    )
    if not _tell(alert):
        return None
    if level is Level.EMERGENCY:
        # Last, since calls that begin or end wait for the budget's row until the commit.
        stops.stop(budget, reading.says(row.threshold), None, at, until=reading.until)
    return alert


@transaction.atomic
def tell_trouble(trouble: Trouble, place: str, text: str, *, value: int, at: datetime) -> Alert | None:
    """Open the alert of something beside money that stops dialing; None where it is open already."""
    alert = Alert(
        crossing=f"{trouble} {place}",
        kind=trouble.value,
        level=Level.CRITICAL.value,
        text=text[:_TEXT_LENGTH],
        value=value,
        threshold=0,
        at=at,
        mail_due_at=at if mailing.is_configured() else None,
    )
    return alert if _tell(alert) else None


def end_trouble(trouble: Trouble, *, besides: Collection[str], at: datetime) -> None:
    """The trouble is over at every place but these."""
    still = [f"{trouble} {place}" for place in besides]
    over = Alert.objects.filter(kind=trouble.value, ended_at__isnull=True).exclude(crossing__in=still)
    end(list(over.values_list("pk", flat=True)), at=at)


def end(alerts: Collection[int], *, at: datetime) -> None:
    """Their values are below their thresholds again: the next crossing is told."""
    if alerts and Alert.objects.filter(pk__in=alerts, ended_at__isnull=True).update(ended_at=at):
        log.info("alert.ended", alert_ids=sorted(alerts))


def _tell(alert: Alert) -> bool:
    """Open it and let everybody know; False where it is open already."""
    if not _opened(alert):
        return False
    alert_told.send(Alert, alert=alert, now=alert.at)
    transaction.on_commit(partial(mailing.ring, alert.pk), robust=True)
    log.warning(
        "alert.told",
        alert_id=alert.pk,
        budget_id=alert.budget_id,
        kind=alert.kind,
        alert_level=alert.level,
        text=alert.text,
    )
    return True


def _opened(alert: Alert) -> bool:
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
    except IntegrityError as error:
        if _GUARD not in str(error):
            raise
        return False
    return True
