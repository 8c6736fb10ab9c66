"""Alerts by mail: sent at once by a task, and by Beat until the mail server takes them or too many attempts failed.

An attempt takes its alert by moving ``mail_due_at`` to the end of a lease and holds no transaction while it talks
with the server; a worker that dies leaves an alert that is due again.
"""

import smtplib
from datetime import datetime, timedelta
from email.utils import parseaddr

import structlog
from celery import current_app
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from kombu.exceptions import OperationalError
from kombu.pools import producers

from billing.models import Alert

log = structlog.get_logger(__name__)
LEASE = timedelta(minutes=5)
"""Well above what a mail server that answers each step late may take."""
RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
_BATCH = 50
_IMPATIENT = {"max_retries": 0, "socket_timeout": 1, "socket_connect_timeout": 1}


def is_configured() -> bool:
    return bool(settings.ALERT_EMAILS)


def ring(alert_id: int) -> None:
    """Ask a worker to send at once. A broker that is away is not waited for: Beat asks every minute."""
    if not is_configured():
        return
    connection = current_app.connection_for_write(transport_options=_IMPATIENT)
    try:
        with producers[connection].acquire(block=True) as producer:
            current_app.send_task("billing.send_alerts", producer=producer, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("alert.mail_not_rung", alert_id=alert_id, error=str(error))


def send_due(*, now: datetime, backend: BaseEmailBackend | None = None) -> int:
    """Mail the alerts that are due, one by one, until the server fails; how many it took."""
    if not is_configured():
        return 0
    connection = backend or get_connection()
    sent = 0
    try:
        for _ in range(_BATCH):
            alert = _claim(now=now)
            if alert is None or not _send(alert, connection, now=now):
                break
            sent += 1
    finally:
        connection.close()
    return sent


@transaction.atomic
def _claim(*, now: datetime) -> Alert | None:
    """The alert that waits longest and that nobody else is sending."""
    due = Alert.objects.filter(mail_due_at__lte=now).order_by("mail_due_at", "pk").select_related("budget")
    alert = due.select_for_update(skip_locked=True, of=("self",)).first()
    if alert is None:
        return None
    Alert.objects.filter(pk=alert.pk).update(mail_attempts=F("mail_attempts") + 1, mail_due_at=now + LEASE)
    alert.mail_attempts += 1
    alert.mail_due_at = now + LEASE
    return alert


def _send(alert: Alert, connection: BaseEmailBackend, *, now: datetime) -> bool:
    """One attempt, and its end written down unless the alert was taken meanwhile; whether the server took it."""
    ours = Alert.objects.filter(pk=alert.pk, mail_attempts=alert.mail_attempts, mailed_at__isnull=True)
    fields = {"alert_id": alert.pk, "attempts": alert.mail_attempts}
    try:
        connection.open()
        connection.send_messages([message_of(alert)])
    except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: an address or header that cannot be
        connection.close()
        _put_off(alert, error, now=now)
        return False
    ours.update(mailed_at=now, mail_due_at=None, mail_error="")
    log.info("alert.mailed", **fields)
    return True


def _put_off(alert: Alert, error: Exception, *, now: datetime) -> None:
    ours = Alert.objects.filter(pk=alert.pk, mail_attempts=alert.mail_attempts, mailed_at__isnull=True)
    told = f"{type(error).__name__}: {error}"
    if alert.mail_attempts > len(RETRY_AFTER):
        text = f"Gave up after {alert.mail_attempts} attempts. {told}"
        ours.update(mail_due_at=None, mail_error=text[:300])
        log.error("alert.mail_given_up", alert_id=alert.pk, attempts=alert.mail_attempts, error=told)
        return
    wait = RETRY_AFTER[alert.mail_attempts - 1]
    ours.update(mail_due_at=now + wait, mail_error=told[:300])
    log.warning(
        "alert.mail_failed",
        alert_id=alert.pk,
        attempts=alert.mail_attempts,
        retry_s=wait.total_seconds(),
        error=told,
    )


def message_of(alert: Alert) -> EmailMessage:
    """The mail. Its Message-ID is the alert's, so that a copy from a lost worker is known as one."""
    subject, links = f"{alert.get_level_display()}: {alert.get_kind_display()}", ""
    if alert.budget is not None:
        subject += f", {' '.join(alert.budget.name.split())}"
        links = f"Budget: {settings.PUBLIC_URL}{reverse('admin:billing_budget_change', args=[alert.budget_id])}\n"
    page = settings.PUBLIC_URL + reverse("admin:billing_alert_change", args=[alert.pk])
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return EmailMessage(
        subject=subject,
        body=f"{alert.text}\n\n{links}Alert: {page}\nTold at {alert.at:%Y-%m-%d %H:%M} UTC.\n",
        to=settings.ALERT_EMAILS,
        headers={"Message-ID": f"<alert-{alert.pk}.{alert.at.timestamp():.0f}@{domain}>"},
    )
