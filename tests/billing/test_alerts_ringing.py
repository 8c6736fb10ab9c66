"""After the commit a worker is asked to mail at once; a broker that is away costs nothing."""

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import Settings
from structlog.testing import capture_logs

from billing.models import Alert
from billing.services import mailing
from tests.billing.money import budget, only, spend, watch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[str]:
    sent: list[str] = []

    def send(name: str, **options: object) -> None:
        assert not transaction.get_connection().in_atomic_block
        sent.append(name)

    settings.ALERT_EMAILS = ["mia@example.com"]
    monkeypatch.setattr(current_app, "send_task", send)
    return sent


def tell() -> Alert:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    assert watch() == [("share", "warning")]
    return Alert.objects.get()


def test_it_rings_after_the_commit(sent: list[str]) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    with transaction.atomic():
        watch()
        assert sent == []
    assert sent == ["billing.send_alerts"]


def test_without_receivers_nobody_is_asked(sent: list[str], settings: Settings) -> None:
    settings.ALERT_EMAILS = []
    tell()
    assert sent == []


def test_a_broker_that_is_away_does_not_undo_the_alert(monkeypatch: pytest.MonkeyPatch, sent: list[str]) -> None:
    def away(name: str, **options: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(current_app, "send_task", away)
    with capture_logs() as logs:
        alert = tell()
    assert logs[-1] == {
        "event": "alert.mail_not_rung",
        "log_level": "warning",
        "alert_id": alert.pk,
        "error": "away",
    }
    assert alert.mail_due_at is not None
    mailing.ring(alert.pk)
