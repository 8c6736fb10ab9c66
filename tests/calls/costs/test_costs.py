"""Figures of costs: exact in every dimension, folded or not, whoever folds and whatever is corrected."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from pytest_django import Settings

from agents.domain.types import BookAppointment, Disposition
from billing.models import Budget
from calls.domain.costs import Dimension, Figures
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, CostDaily, CostEvent
from calls.services import costs
from calls.services.costs import Part, Question
from calls.services.finishing import finish
from calls.tasks import fold_costs
from tests.calls import factories as make
from tests.calls.costs import world
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import report

pytestmark = pytest.mark.django_db
TODAY = NOON_IN_DENVER.date()
ALL = Question(TODAY - timedelta(days=1), TODAY)
MINUTE = Decimal("0.02849")
"""By hand: a minute of voice at 0.0140, one of media stream at 0.0044, one machine detection at 0.0075, 10 % tax.
A call that nobody answers is free."""


@pytest.fixture(params=["not folded", "folded", "folded one by one"])
def counted(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Do with the events what any time later would have been done with them."""

    def none() -> None:
        assert not CostDaily.objects.exists()

    def all_at_once() -> None:
        costs.fold()
        assert not CostEvent.objects.filter(folded=False).exists()

    def singly() -> None:
        assert costs.fold(batch=1) == CostEvent.objects.count()
        assert costs.fold() == 0

    ways: dict[str, Callable[[], None]] = {"not folded": none, "folded": all_at_once, "folded one by one": singly}
    return ways[request.param]


@pytest.fixture
def two_campaigns() -> tuple[Campaign, Campaign]:
    """Six calls of one, two of the other."""
    one, other = make.campaign(), make.campaign()
    first, second = make.lead(one, attempts=1), make.lead(one, attempts=1)
    world.list_of(one, first, second)
    local: dict[str, Any] = {"voice": "piper", "script_version": "v1"}
    premium: dict[str, Any] = {
        "voice": "flash",
        "tier": "premium",
        "script_version": "v2",
        "from_number": "+13035550111",
    }
    world.finished(one, Disposition.APPOINTMENT, lead=first, **local)
    world.finished(one, Disposition.QUALIFIED, lead=second, **premium)
    world.finished(one, Disposition.NOT_INTERESTED, **local)
    world.finished(one, Disposition.VOICEMAIL, **premium)
    world.finished(one, Disposition.HUNG_UP, **local)
    world.finished(one, Disposition.NO_ANSWER, **local)
    world.finished(other, Disposition.HUNG_UP, spoke=True, at=NOON_IN_DENVER - timedelta(hours=14), **local)
    world.finished(other, Disposition.BUSY, at=NOON_IN_DENVER - timedelta(hours=14), **local)
    return one, other


def sums(parts: list[Part]) -> dict[str, tuple[int, int, int, int, int, Decimal]]:
    return {
        part.value: (
            part.figures.dials,
            part.figures.conversations,
            part.figures.qualified,
            part.figures.appointments,
            part.figures.seconds,
            part.figures.cost,
        )
        for part in parts
    }


def test_every_dimension_sums_every_call(
    two_campaigns: tuple[Campaign, Campaign], counted: Callable[[], None]
) -> None:
    one, other = two_campaigns
    source = one.imports.get()
    counted()
    assert sums(costs.by(Dimension.CAMPAIGN, ALL)) == {
        str(one.pk): (6, 3, 2, 1, 300, 5 * MINUTE),
        str(other.pk): (2, 1, 0, 0, 60, MINUTE),
    }
    assert sums(costs.by(Dimension.LIST, ALL)) == {
        str(source.pk): (2, 2, 2, 1, 120, 2 * MINUTE),
        "": (6, 2, 0, 0, 240, 4 * MINUTE),
    }
    assert sums(costs.by(Dimension.HOUR, ALL)) == {
        "12": (6, 3, 2, 1, 300, 5 * MINUTE),
        "22": (2, 1, 0, 0, 60, MINUTE),
    }
    assert sums(costs.by(Dimension.CALLER_ID, ALL)) == {
        "+12125550199": (6, 3, 1, 1, 240, 4 * MINUTE),
        "+13035550111": (2, 1, 1, 0, 120, 2 * MINUTE),
    }
    for dimension, (here, there) in {
        Dimension.SCRIPT: ("v1", "v2"),
        Dimension.VOICE: ("piper", "flash"),
        Dimension.TIER: ("local", "premium"),
    }.items():
        assert sums(costs.by(dimension, ALL)) == {
            here: (6, 3, 1, 1, 240, 4 * MINUTE),
            there: (2, 1, 1, 0, 120, 2 * MINUTE),
        }


def test_one_campaign_and_its_days(two_campaigns: tuple[Campaign, Campaign], counted: Callable[[], None]) -> None:
    one, other = two_campaigns
    counted()
    mine = Question(TODAY, TODAY, campaign_id=one.pk)
    assert sums(costs.by(Dimension.TIER, mine)) == {
        "local": (4, 2, 1, 1, 180, 3 * MINUTE),
        "premium": (2, 1, 1, 0, 120, 2 * MINUTE),
    }
    assert [part.value for part in costs.by(Dimension.CAMPAIGN, mine)] == [str(one.pk)]
    assert costs.by(Dimension.HOUR, Question(TODAY - timedelta(days=9), TODAY - timedelta(days=2))) == []
    assert costs.by(Dimension.HOUR, Question(TODAY, TODAY, currency="EUR")) == []
    days = costs.per_day(ALL)
    assert [(day.day, day.figures.dials, day.figures.cost) for day in days] == [
        (TODAY, 8, 6 * MINUTE)  # 22:00 in Denver was 05:00 UTC of this day
    ]
    assert costs.total(days) == costs.total(costs.by(Dimension.LIST, ALL))
    assert costs.per_day(Question(TODAY, TODAY, campaign_id=other.pk))[0].figures.dials == 2
    assert costs.currencies() == ["USD"]


def test_the_dearest_comes_first(counted: Callable[[], None]) -> None:
    for number, (tier, cost) in enumerate([("a", "0.1"), ("b", "0.3"), ("c", "0.1"), ("b", "0.3")]):
        world.event(number, tier=tier, cost=Decimal(cost))
    counted()
    assert [(part.value, part.figures.cost) for part in costs.by(Dimension.TIER, ALL)] == [
        ("b", Decimal("0.6")),
        ("a", Decimal("0.1")),
        ("c", Decimal("0.1")),
    ]


def test_a_correction_counts_on_the_day_of_the_call_and_nowhere_else(counted: Callable[[], None]) -> None:
    call = world.finished(make.campaign(), Disposition.QUALIFIED, tier="premium")
    counted()
    costs.correct(call.pk, Decimal("-0.005"), NOON_IN_DENVER + timedelta(days=3))
    costs.correct(call.pk, Decimal("0.000001"), NOON_IN_DENVER + timedelta(days=4))
    for _ in range(2):
        for dimension in Dimension:
            (part,) = costs.by(dimension, ALL)
            assert part.figures == Figures(1, 1, 1, 0, 60, MINUTE - Decimal("0.004999"))
        assert [(day.day, day.figures.cost) for day in costs.per_day(Question(TODAY, TODAY + timedelta(days=9)))] == [
            (TODAY, MINUTE - Decimal("0.004999"))
        ]
        costs.fold()


def test_a_call_that_has_not_ended_cannot_be_corrected() -> None:
    call = make.call(status=CallStatus.LIVE)
    with pytest.raises(CostEvent.DoesNotExist):
        costs.correct(call.pk, Decimal("0.1"), NOON_IN_DENVER)
    assert not CostEvent.objects.exists()


def test_a_call_counts_once() -> None:
    call = world.finished(make.campaign())
    ended = NOON_IN_DENVER + timedelta(minutes=5)
    assert not finish(call.pk, report(Disposition.QUALIFIED, ended_at=ended), now=ended)
    assert CostEvent.objects.count() == 1
    with pytest.raises(IntegrityError, match="a_call_counts_once"):
        costs.record(costs.event_of(call), Decimal(1))


def test_a_refused_call_is_no_dial_and_one_that_the_carrier_lost_is() -> None:
    ended = NOON_IN_DENVER + timedelta(seconds=2)
    for carrier_call_id in ("", "CA" + "2" * 32):
        call = make.call(make.lead(attempts=1), CallStatus.DIALING, carrier_call_id=carrier_call_id)
        assert finish(call.pk, report(Disposition.FAILED, ended_at=ended), now=ended)
        assert CostEvent.objects.get(reference=call.pk).dials == bool(carrier_call_id)
    claimed = make.call(make.lead(), CallStatus.CLAIMED)
    assert finish(claimed.pk, report(Disposition.FAILED, ended_at=ended), now=ended)
    assert CostEvent.objects.get(reference=claimed.pk).dials == 0


def test_the_event_goes_with_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("cut")

    monkeypatch.setattr("calls.services.finishing.call_finished.send", fail)
    with pytest.raises(RuntimeError, match="cut"):
        world.finished(make.campaign())
    assert not CostEvent.objects.exists()
    assert Call.objects.get().status == "live"


def test_an_appointment_that_another_call_took_first_is_none() -> None:
    campaign = make.campaign()
    for call in (make.call(make.lead(campaign, attempts=1), CallStatus.LIVE) for _ in range(2)):
        ended = NOON_IN_DENVER + timedelta(seconds=68)
        booked = report(
            Disposition.APPOINTMENT, BookAppointment(NOON_IN_DENVER), answered_at=NOON_IN_DENVER, ended_at=ended
        )
        assert finish(call.pk, booked, now=ended)
    assert costs.total(costs.by(Dimension.TIER, ALL)).appointments == 1
    assert costs.total(costs.by(Dimension.TIER, ALL)).qualified == 2


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("America/Denver", datetime(2026, 11, 10, 6, 59, 59, tzinfo=UTC), date(2026, 11, 9)),
        ("America/Denver", datetime(2026, 11, 10, 7, 0, tzinfo=UTC), date(2026, 11, 10)),
        ("America/Denver", datetime(2026, 3, 9, 5, 59, 59, tzinfo=UTC), date(2026, 3, 8)),  # summer time began
        ("America/Denver", datetime(2026, 3, 9, 6, 0, tzinfo=UTC), date(2026, 3, 9)),
        ("America/Denver", datetime(2026, 11, 2, 6, 59, 59, tzinfo=UTC), date(2026, 11, 1)),  # and ended, 25 hours
        ("Pacific/Kiritimati", datetime(2026, 11, 10, 10, 0, tzinfo=UTC), date(2026, 11, 11)),
    ],
)
def test_a_day_begins_at_midnight_of_the_report_zone(
    settings: Settings, zone: str, at: datetime, day: date, counted: Callable[[], None]
) -> None:
    settings.REPORT_ZONE = zone
    world.finished(make.campaign(), at=at)
    counted()
    assert [one.day for one in costs.per_day(Question(day - timedelta(days=2), day + timedelta(days=2)))] == [day]
    assert costs.per_day(Question(day + timedelta(days=1), day + timedelta(days=2))) == []
    assert costs.per_day(Question(day - timedelta(days=2), day - timedelta(days=1))) == []


@pytest.mark.parametrize(
    ("fields", "at", "hour"),
    [
        ({"zone": "America/New_York"}, NOON_IN_DENVER, "14"),
        ({"zone": "Asia/Kathmandu"}, NOON_IN_DENVER, "00"),
        ({"zone": "America/Denver"}, datetime(2026, 3, 8, 8, 59, tzinfo=UTC), "01"),
        ({"zone": "America/Denver"}, datetime(2026, 3, 8, 9, 0, tzinfo=UTC), "03"),  # there was no 2 o'clock
        ({"zone": "America/Denver"}, datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "01"),
        ({"zone": "America/Denver"}, datetime(2026, 11, 1, 8, 30, tzinfo=UTC), "01"),  # it came twice
        ({"zone": "Mars/Olympus"}, NOON_IN_DENVER, ""),
        ({"phone": "+12125550123"}, NOON_IN_DENVER, "14"),
        ({"phone": "+12125550123", "state": "CA"}, NOON_IN_DENVER, "11"),
        ({"phone": "+88235550123"}, NOON_IN_DENVER, ""),
    ],
)
def test_the_hour_is_the_leads(fields: dict[str, str], at: datetime, hour: str, counted: Callable[[], None]) -> None:
    campaign = make.campaign()
    world.finished(campaign, at=at, lead=make.lead(campaign, attempts=1, **fields))
    counted()
    day = at.date()
    assert [part.value for part in costs.by(Dimension.HOUR, Question(day, day))] == [hour]


def test_currencies_stay_apart(counted: Callable[[], None]) -> None:
    world.event(1, currency="EUR", cost=Decimal(3))
    world.event(2, cost=Decimal(5))
    counted()
    assert costs.currencies() == ["EUR", "USD"]
    for currency, cost in (("EUR", Decimal(3)), ("USD", Decimal(5))):
        question = Question(TODAY, TODAY, currency=currency)
        assert costs.total(costs.by(Dimension.VOICE, question)) == Figures(dials=1, cost=cost)


def test_a_call_counts_in_the_currency_that_it_was_held_for_in() -> None:
    call = make.call(make.lead(attempts=1), CallStatus.LIVE)
    euros = Budget.objects.create(name="Euros", currency="EUR")
    Campaign.objects.update(budget=euros)
    ended = NOON_IN_DENVER + timedelta(seconds=60)
    assert finish(call.pk, report(Disposition.HUNG_UP, answered_at=NOON_IN_DENVER, ended_at=ended), now=ended)
    event = CostEvent.objects.get()
    assert (event.currency, event.cost) == ("USD", MINUTE)


def test_figures_outlive_the_campaign() -> None:
    campaign = make.campaign()
    world.event(1, campaign=campaign.pk)
    costs.fold()
    campaign.delete()
    assert costs.total(costs.by(Dimension.CAMPAIGN, ALL)).cost == Decimal("0.01")


def test_the_task_folds() -> None:
    world.event()
    fold_costs(newer="ignored")
    assert CostEvent.objects.get().folded
    assert CostDaily.objects.count() == 2 * len(Dimension)
