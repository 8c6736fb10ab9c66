"""A budget that is almost spent stops its campaigns; calls that wait are canceled before they ring."""

from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection

from billing.domain.forecast import CallingHours
from billing.models import Alert, AlertRule, Balance, Budget, LedgerEntry, Scope
from billing.services import alerts, ledger, stops
from billing.services.readings import Figures
from calls import tasks
from calls.domain.status import CallStatus
from calls.models import Appointment, Call, Campaign
from calls.models.campaign import CampaignStatus
from calls.services import alerting, dispatching, doorbell
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import FakeDialer, FakePlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lines")]
LATER = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_: True)


def nearly_spent(**limits: Decimal) -> Budget:
    """A budget of whose day 98.9 of 100 USD are spent."""
    budget = Budget.objects.create(name="Autumn", zone="America/Denver", **limits)
    make.campaign(budget=budget)
    call = uuid4()
    ledger.hold(call, [budget.pk], Decimal("98.9"), currency="USD", at=NOW)
    ledger.charge(call, Decimal("98.9"), at=NOW)
    AlertRule.objects.exclude(kind="share", level="emergency").delete()
    return budget


def test_emergency_stops_dispatch_and_cancels_what_waits() -> None:
    budget = nearly_spent(day_limit=Decimal(100))
    campaign = budget.campaigns.get()
    waiting = make.lead(campaign)
    assert dispatching.dispatch(now=NOW) == 1
    call = Call.objects.get(lead=waiting)
    live = make.call(make.lead(campaign), CallStatus.LIVE)
    make.lead(campaign)

    assert alerting.watch_money(now=NOW + LATER)
    assert list(Alert.objects.values_list("level", "balance__period")) == [("emergency", "day")]
    assert dispatching.dispatch(now=NOW + LATER) == 0

    plane, dialer = FakePlane(), FakeDialer()
    assert not place(call.pk, plane=plane, dialer=dialer, owner="worker-1", clock=lambda: NOW + LATER)
    call.refresh_from_db()
    live.refresh_from_db()
    assert (call.status, live.status) == ("canceled", "live")
    assert (dialer.dialed, plane.lines) == ([], [])
    day = Balance.objects.get(budget=budget, period="day")
    assert (day.spent, day.held) == (Decimal("98.9"), make.WORST_CASE)  # of the live call alone
    kinds = LedgerEntry.objects.filter(reference=call.pk).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["hold", "release"]


def test_the_next_day_dials_again_by_itself() -> None:
    budget = nearly_spent(day_limit=Decimal(100))
    make.lead(budget.campaigns.get())
    alerting.watch_money(now=NOW)
    assert dispatching.dispatch(now=NOW + LATER) == 0
    tomorrow = NOW + timedelta(days=1)
    alerting.watch_money(now=tomorrow)
    assert dispatching.dispatch(now=tomorrow) == 1
    assert not Alert.objects.filter(ended_at=None).exists()


def test_a_person_resumes_a_total() -> None:
    budget = nearly_spent(limit=Decimal(100))
    make.lead(budget.campaigns.get())
    alerting.watch_money(now=NOW)
    tomorrow = NOW + timedelta(days=1)
    assert dispatching.dispatch(now=tomorrow) == 0
    stops.resume(budget, User.objects.create_user("mia"), tomorrow)
    alerting.watch_money(now=tomorrow)
    assert dispatching.dispatch(now=tomorrow) == 1


def test_one_process_at_a_time_watches() -> None:
    nearly_spent(limit=Decimal(100))
    with closing(connection.copy()) as other:
        other.cursor().execute("SELECT pg_advisory_lock(%s)", [alerting._WATCH_LOCK])
        assert not alerting.watch_money(now=NOW)
        assert not Alert.objects.exists()
        other.cursor().execute("SELECT pg_advisory_unlock(%s)", [alerting._WATCH_LOCK])
    assert alerting.watch_money(now=NOW)
    assert Alert.objects.count() == 1


def test_the_task_stamps_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[datetime, object]] = []
    monkeypatch.setattr(alerts, "watch", lambda now, figures: seen.append((now, figures)))
    before = datetime.now(UTC)
    tasks.watch_money(newer="argument")
    ((now, figures),) = seen
    assert before <= now <= datetime.now(UTC)
    assert figures == {}


def booked(at: datetime, *, of: Campaign, source: str = "") -> None:
    call = make.call(make.lead(of, source=source), CallStatus.DONE, held=None, ended_at=at)
    start_at = NOW + timedelta(days=1, hours=Appointment.objects.count())
    Appointment.objects.create(call=call, campaign=call.campaign, start_at=start_at)


def test_what_calls_know_of_each_budget() -> None:
    autumn = make.campaign(opens_at=time(9), closes_at=time(17), weekdays=[0, 1])
    spring = make.campaign(status=CampaignStatus.PAUSED)
    company = Budget.objects.create(name="Company", scope=Scope.COMPANY, zone="America/Denver")
    zillow = Budget.objects.create(name="Zillow", scope=Scope.SOURCE, source="zillow")
    booked(NOW, of=autumn, source="zillow")
    booked(NOW + LATER, of=autumn, source="web")
    booked(NOW + 2 * LATER, of=spring, source="zillow")
    hours = ((0, time(9), time(17)), (1, time(9), time(17)))
    assert alerting.figures() == {
        autumn.budget_id: Figures(CallingHours("UTC", hours), (NOW + LATER, NOW)),
        spring.budget_id: Figures(None, (NOW + 2 * LATER,)),
        company.pk: Figures(CallingHours("America/Denver", hours), (NOW + 2 * LATER, NOW + LATER, NOW)),
        zillow.pk: Figures(CallingHours("UTC", hours), (NOW + 2 * LATER, NOW)),
    }


def test_only_so_many_appointments_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "_LAST_BOOKED", 2)
    campaign = make.campaign()
    for number in range(3):
        booked(NOW + number * LATER, of=campaign)
    known = alerting.figures()[campaign.budget_id]
    assert (known.appointments, known.known_since) == ((NOW + 2 * LATER, NOW + LATER), NOW + LATER)
