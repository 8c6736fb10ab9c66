"""EMERGENCY stops dialing until its period ends or a person resumes it, once per crossing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from billing.models import Alert, Budget
from billing.services import ledger, stops
from billing.services.budgets import Limits, change_limits
from tests.billing.money import LATER, NOW, budget, only, opened, spend, watch

pytestmark = pytest.mark.django_db
EMERGENCY = ("share", "emergency", "0.98")
MIDNIGHT = datetime(2026, 11, 11, 7, tzinfo=UTC)


def history(of: Budget) -> list[tuple[str, str]]:
    entries = LogEntry.objects.filter(object_id=str(of.pk), content_type__model="budget").order_by("pk")
    return list(entries.values_list("user__username", "change_message"))


def can_hold(on: Budget, at: datetime) -> bool:
    try:
        ledger.hold(uuid4(), [on.pk], Decimal("0.01"), currency="USD", at=at)
    except ledger.BudgetStopped:
        return False
    return True


@pytest.fixture
def mia() -> User:
    return User.objects.create_user("mia", is_staff=True)


def test_a_day_that_is_almost_spent_stops_until_midnight() -> None:
    only(("share", "critical", "0.9"), EMERGENCY)
    november = budget(day_limit="10")
    spend("9.85", november)
    assert can_hold(november, NOW)
    assert watch() == [("share", "emergency")]
    november.refresh_from_db()
    share = "98.5 % of what budget 'November' may spend today is spent: 9.85 USD of 10.00 USD."
    assert (november.stopped_at, november.stopped_until, november.stopped_reason) == (NOW, MIDNIGHT, share)
    assert Alert.objects.get().text == (
        f"{share} Dialing on it is stopped until Wed 11 Nov 2026 00:00 (America/Denver), unless somebody presses "
        f"Resume dialing on the budget's page."
    )
    assert not can_hold(november, NOW + LATER)
    assert not can_hold(november, MIDNIGHT - timedelta(microseconds=1))
    assert can_hold(november, MIDNIGHT)
    assert watch(MIDNIGHT) == []
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_until, november.stopped_reason) == (None, None, "")
    assert history(november) == [
        ("money-watch", f"Dialing stopped: {share}"),
        ("money-watch", "Dialing resumed: the period for which it was stopped is over."),
    ]
    watcher = User.objects.get(username="money-watch")
    assert (watcher.is_active, watcher.is_staff, watcher.has_usable_password()) == (False, False, False)


def test_a_total_that_is_almost_spent_stops_until_a_person_resumes(mia: User) -> None:
    only(EMERGENCY)
    november = budget(limit="10")
    spend("9.85", november)
    watch()
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_until) == (NOW, None)
    assert Alert.objects.get().text.endswith(
        "Dialing on it is stopped until somebody presses Resume dialing on the budget's page."
    )
    assert not can_hold(november, NOW + timedelta(days=400))
    assert stops.resume(november, mia, NOW + LATER)
    assert not stops.resume(november, mia, NOW + LATER)
    assert watch(NOW + 2 * LATER) == []
    assert can_hold(november, NOW + 2 * LATER)
    assert opened() == [("share", "emergency")]
    assert history(november)[1:] == [("mia", "Dialing resumed.")]


def test_after_a_resumption_the_next_crossing_stops_again(mia: User) -> None:
    only(EMERGENCY)
    november = budget(limit="10")
    spend("9.9", november)
    watch()
    stops.resume(november, mia, NOW)
    change_limits(november.pk, Limits(Decimal(20)), at=NOW)
    assert watch(NOW + LATER) == []
    assert opened() == []
    spend("9.8", november)
    assert watch(NOW + 2 * LATER) == [("share", "emergency")]
    assert not can_hold(november, NOW + 2 * LATER)


def test_a_raised_limit_alone_does_not_resume() -> None:
    only(EMERGENCY)
    november = budget(limit="10")
    spend("9.9", november)
    watch()
    change_limits(november.pk, Limits(Decimal(20)), at=NOW)
    watch(NOW + LATER)
    assert not can_hold(november, NOW + LATER)


def test_the_longer_stop_is_kept(mia: User) -> None:
    november = budget()
    week = MIDNIGHT + timedelta(days=5)
    assert stops.stop(november, "the day", None, NOW, until=MIDNIGHT)
    assert not stops.stop(november, "the day again", None, NOW, until=MIDNIGHT)
    assert stops.stop(november, "the week", None, NOW + LATER, until=week)
    assert not stops.stop(november, "the day", None, NOW + LATER, until=MIDNIGHT)
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_until, november.stopped_reason) == (NOW, week, "the week")
    assert stops.stop(november, "mia stopped it.", mia, NOW + LATER)
    assert not stops.stop(november, "the week", None, NOW + LATER, until=week)
    november.refresh_from_db()
    assert (november.stopped_until, november.stopped_reason) == (None, "mia stopped it.")
    stops.forget_elapsed(now=NOW + timedelta(days=400))
    assert not can_hold(november, NOW + timedelta(days=400))
    assert [user for user, _ in history(november)] == ["money-watch", "money-watch", "mia"]


def test_a_stop_that_is_over_can_be_made_again() -> None:
    november = budget()
    stops.stop(november, "Tuesday", None, NOW, until=MIDNIGHT)
    assert stops.stop(november, "Wednesday", None, MIDNIGHT + LATER, until=MIDNIGHT + timedelta(days=1))
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_reason) == (MIDNIGHT + LATER, "Wednesday")


def test_calls_that_cost_too_much_stop_until_a_person_resumes() -> None:
    only(("call_cost", "emergency", "1"))
    november = budget()
    spend("3.5", november)
    assert watch() == [("call_cost", "emergency")]
    november.refresh_from_db()
    assert (november.stopped_at, november.stopped_until) == (NOW, None)
    assert november.stopped_reason.startswith("One of the last calls on budget 'November' cost 3.50 USD")
