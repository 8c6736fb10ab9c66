"""Alerts go out over a real SMTP socket once, and wait for a server that refuses, hangs or is away."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import connection
from pytest_django import Settings
from structlog.testing import capture_logs

from billing import tasks
from billing.models import Alert
from billing.services import mailing
from billing.services.mailing import LEASE, RETRY_AFTER, send_due
from tests.billing.money import LATER, NOW, budget, only, spend, watch
from tests.billing.test_alerts_racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


class Mailbox:
    """What the server took, and what it answers to the message."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.answer = "250 OK"
        self.before: Callable[[], None] = lambda: None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.before()
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail: Any = message_from_bytes(content, policy=policy.default)
            self.mails.append((str(envelope.mail_from), list(envelope.rcpt_tos), mail))
        return self.answer


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    server.start()
    use(settings, server.port)
    yield mailbox
    server.stop()


def free_port() -> int:
    """The controller connects to the port that it was given, so it cannot be 0."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def use(settings: Settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 0.3
    settings.ALERT_EMAILS = ["mia@example.com", "ben@example.com"]
    settings.DEFAULT_FROM_EMAIL = "reautomation <money@example.com>"
    settings.PUBLIC_URL = "https://calls.example.com"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of this machine's Redis is nobody's here."""
    monkeypatch.setattr(mailing, "ring", lambda _: None)


def tell() -> Alert:
    only(("share", "warning", "0.75"))
    spend("8", budget("Sellers, autumn", limit="10"))
    assert watch() == [("share", "warning")]
    return Alert.objects.get()


def test_a_mail_says_what_is_and_where_to_look(mailbox: Mailbox) -> None:
    alert = tell()
    assert alert.mail_due_at == NOW
    assert send_due(now=NOW + LATER) == 1
    ((sender, receivers, mail),) = mailbox.mails
    assert (sender, receivers) == ("money@example.com", ["mia@example.com", "ben@example.com"])
    assert mail["From"] == "reautomation <money@example.com>"
    assert mail["Subject"] == "WARNING: share of a limit spent, Sellers, autumn"
    assert mail["Message-ID"] == f"<alert-{alert.pk}.{NOW.timestamp():.0f}@example.com>"
    assert mail.get_content().replace("\r\n", "\n") == (
        f"80.0 % of what budget 'Sellers, autumn' may spend in all is spent: 8.00 USD of 10.00 USD. Raise the limit "
        f"if dialing is to go on; when nothing is left, nothing is dialed.\n\n"
        f"Budget: https://calls.example.com/admin/billing/budget/{alert.budget_id}/change/\n"
        f"Alert: https://calls.example.com/admin/billing/alert/{alert.pk}/change/\n"
        f"Told at 2026-11-10 19:00 UTC.\n"
    )
    alert.refresh_from_db()
    assert (alert.mailed_at, alert.mail_attempts, alert.mail_error) == (NOW + LATER, 1, "")
    assert alert.mail_due_at is None
    assert send_due(now=NOW + timedelta(days=1)) == 0
    assert len(mailbox.mails) == 1


def test_a_refusal_is_kept_and_tried_again(mailbox: Mailbox) -> None:
    alert = tell()
    mailbox.answer = "554 this is spam"
    with capture_logs() as logs:
        assert send_due(now=NOW) == 0
    alert.refresh_from_db()
    error = "SMTPDataError: (554, b'this is spam')"
    assert (alert.mailed_at, alert.mail_due_at, alert.mail_error) == (None, NOW + timedelta(minutes=1), error)
    assert logs == [
        {
            "event": "alert.mail_failed",
            "log_level": "warning",
            "alert_id": alert.pk,
            "attempts": 1,
            "retry_s": 60.0,
            "error": error,
        }
    ]
    mailbox.answer = "250 OK"
    assert send_due(now=NOW + timedelta(seconds=59)) == 0
    assert send_due(now=NOW + timedelta(seconds=60)) == 1
    alert.refresh_from_db()
    assert (alert.mail_attempts, alert.mail_error, alert.mail_due_at) == (2, "", None)
    assert len(mailbox.mails) == 1


def test_a_server_that_hangs_costs_its_timeout_and_no_more(mailbox: Mailbox, settings: Settings) -> None:
    alert = tell()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.EMAIL_PORT = mute.getsockname()[1]
        assert send_due(now=NOW) == 0
    alert.refresh_from_db()
    error = "SMTPServerDisconnected: Connection unexpectedly closed: timed out"
    assert (alert.mail_error, alert.mail_attempts) == (error, 1)


def test_a_server_that_is_away_is_given_up_in_the_end(mailbox: Mailbox, settings: Settings) -> None:
    alert = tell()
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    now = NOW
    for wait in RETRY_AFTER:
        assert send_due(now=now) == 0
        alert.refresh_from_db()
        assert alert.mail_due_at == now + wait
        now += wait
    with capture_logs() as logs:
        assert send_due(now=now) == 0
    alert.refresh_from_db()
    assert (alert.mail_due_at, alert.mailed_at, alert.mail_attempts) == (None, None, 7)
    assert alert.mail_error.startswith("Gave up after 7 attempts. ConnectionRefusedError: ")
    assert [entry["event"] for entry in logs] == ["alert.mail_given_up"]
    settings.EMAIL_PORT = port
    assert send_due(now=now + timedelta(days=1)) == 0


def test_a_server_that_comes_back_gets_all_that_waited(mailbox: Mailbox, settings: Settings) -> None:
    only(("share", "warning", "0.75"))
    for number in range(3):
        spend("8", budget(f"Budget {number}", limit="10"))
    watch()
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    assert send_due(now=NOW) == 0
    assert sorted(Alert.objects.values_list("mail_attempts", flat=True)) == [0, 0, 1]  # one timeout a round
    settings.EMAIL_PORT = port
    assert send_due(now=NOW + timedelta(minutes=1)) == 3
    assert len({mail["Message-ID"] for _, _, mail in mailbox.mails}) == 3
    assert not Alert.objects.filter(mailed_at=None).exists()


def test_eight_workers_send_one_mail(mailbox: Mailbox) -> None:
    tell()
    assert sorted(at_once(8, lambda: send_due(now=NOW))) == [0] * 7 + [1]
    assert len(mailbox.mails) == 1


def test_a_worker_that_died_is_taken_over_after_its_lease(mailbox: Mailbox) -> None:
    alert = tell()
    Alert.objects.filter(pk=alert.pk).update(mail_attempts=1, mail_due_at=NOW + LEASE)
    assert send_due(now=NOW + LEASE - timedelta(seconds=1)) == 0
    assert send_due(now=NOW + LEASE) == 1


def test_no_transaction_waits_for_the_server(mailbox: Mailbox) -> None:
    tell()
    waiting = threading.Event()
    free: list[bool] = []

    def look() -> None:
        waiting.wait(5)

    mailbox.before = look
    watching = threading.Thread(target=lambda: free.append(_row_is_free(waiting)))
    watching.start()
    send_due(now=NOW)
    watching.join()
    assert free == [True]


def _row_is_free(waiting: threading.Event) -> bool:
    from django.db import transaction

    try:
        for _ in range(200):
            with transaction.atomic():
                row = Alert.objects.select_for_update(skip_locked=True).filter(mail_attempts=1).first()
            if row is not None:
                return True
        return False
    finally:
        waiting.set()
        connection.close()


def test_without_receivers_nothing_is_kept_for_later(mailbox: Mailbox, settings: Settings) -> None:
    settings.ALERT_EMAILS = []
    alert = tell()
    assert alert.mail_due_at is None
    tasks.send_alerts()
    settings.ALERT_EMAILS = ["mia@example.com"]
    tasks.send_alerts(newer="argument")
    assert mailbox.mails == []


def test_the_task_stamps_the_time(mailbox: Mailbox) -> None:
    alert = tell()
    tasks.send_alerts(newer="argument")
    alert.refresh_from_db()
    assert alert.mailed_at is not None
    assert alert.mailed_at > NOW
    assert len(mailbox.mails) == 1


def test_a_sender_that_cannot_be_is_said_and_put_off(mailbox: Mailbox, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "money@example.com\nBcc: all@example.com"
    alert = tell()
    assert send_due(now=NOW) == 0
    alert.refresh_from_db()
    assert alert.mail_error.startswith("ValueError: Invalid address")
    assert alert.mail_due_at == NOW + RETRY_AFTER[0]
    assert mailbox.mails == []
