"""Each crossing of a threshold is told once, ended when it is over, and told again when it is crossed again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from billing.models import Alert, AlertRule, Balance, Budget, SpendSample
from billing.services import alerts, ledger
from billing.services.alert_rules import RuleBook, load_default_rules
from billing.services.budgets import Limits, change_limits
from billing.services.readings import Figures
from tests.billing.money import EVERY_DAY, LATER, NOW, budget, only, opened, spend, watch

pytestmark = pytest.mark.django_db


def limit(on: Budget, amount: str | None, *, day: str | None = None) -> None:
    total = None if amount is None else Decimal(amount)
    change_limits(on.pk, Limits(total, day=None if day is None else Decimal(day)), at=NOW)


def test_a_share_is_told_once_with_the_amounts() -> None:
    (rule,) = only(("share", "info", "0.5"))
    november = budget(limit="10")
    spend("4.999999", november)
    assert watch() == []
    spend("0.000001", november)
    with capture_logs() as logs:
        assert watch() == [("share", "info")]
    assert watch(NOW + LATER) == []
    alert = Alert.objects.get()
    text = (
        "50.0 % of what budget 'November' may spend in all is spent: 5.00 USD of 10.00 USD. "
        "Raise the limit if dialing is to go on; when nothing is left, nothing is dialed."
    )
    assert (alert.text, alert.value, alert.threshold) == (text, Decimal("0.5"), Decimal("0.5"))
    assert (alert.at, alert.ended_at, alert.rule, alert.budget) == (NOW, None, rule, november)
    assert alert.balance == Balance.objects.get(period="total")
    assert (alert.mail_due_at, alert.mailed_at, alert.acknowledged_at) == (None, None, None)
    assert logs == [
        {
            "event": "alert.told",
            "log_level": "warning",
            "alert_id": alert.pk,
            "budget_id": november.pk,
            "kind": "share",
            "alert_level": "info",
            "text": text,
        }
    ]
    november.refresh_from_db()
    assert november.stopped_at is None


def test_a_share_that_is_almost_reached_is_not_said_to_be() -> None:
    only(("share", "info", "0.4"))
    spend("4.999999", budget(limit="10"))
    watch()
    assert Alert.objects.get().text.startswith("49.9 % of what")


def test_what_is_held_is_not_spent() -> None:
    november = budget(limit="1")
    ledger.hold(uuid4(), [november.pk], Decimal(1), currency="USD", at=NOW)
    assert watch() == []


def test_of_several_levels_the_highest_alone_is_told() -> None:
    only(("share", "info", "0.5"), ("share", "warning", "0.75"), ("share", "critical", "0.9"))
    november = budget(limit="10")
    spend("6", november)
    assert watch() == [("share", "info")]
    spend("3.5", november)
    assert watch(NOW + LATER) == [("share", "critical")]
    assert watch(NOW + 2 * LATER) == []
    assert opened() == [("share", "critical"), ("share", "info")]


def test_a_raised_limit_ends_an_alert_and_the_next_crossing_is_told_again() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="10")
    spend("7.5", november)
    assert watch() == [("share", "warning")]
    limit(november, "20")
    with capture_logs() as logs:
        assert watch(NOW + LATER) == []
    ended = Alert.objects.get()
    assert ended.ended_at == NOW + LATER
    assert logs == [{"event": "alert.ended", "log_level": "info", "alert_ids": [ended.pk]}]
    assert watch(NOW + 2 * LATER) == []
    spend("7.5", november)
    assert watch(NOW + 3 * LATER) == [("share", "warning")]
    assert Alert.objects.count() == 2
    assert Alert.objects.get(ended_at=None).text.startswith("75.0 % of what budget 'November' may spend in all")


def test_a_share_that_wavers_at_its_threshold_is_told_once() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="10")
    spend("7.5", november)
    assert watch() == [("share", "warning")]
    for changed, still in (("10.1", True), ("10", True), ("10.13", True), ("10.14", False)):
        limit(november, changed)
        assert watch(NOW + LATER) == []
        assert bool(opened()) is still


def test_a_limit_that_is_taken_away_ends_what_was_told_of_it() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="10")
    spend("9", november)
    watch()
    limit(november, None)
    assert watch(NOW + LATER) == []
    assert opened() == []


def test_a_limit_of_nothing_is_no_share() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="0", day_limit="0")
    spend("0", november)
    assert watch() == []


def test_a_new_day_ends_the_days_alert_and_tells_its_own() -> None:
    only(("share", "warning", "0.75"))
    november = budget(day_limit="10")
    spend("8", november)
    assert watch() == [("share", "warning")]
    midnight = datetime(2026, 11, 11, 7, tzinfo=UTC)
    assert watch(midnight - timedelta(seconds=1)) == []
    assert opened() == [("share", "warning")]
    assert watch(midnight) == []
    assert Alert.objects.get().ended_at == midnight
    spend("8", november, at=midnight)
    assert watch(midnight + LATER) == [("share", "warning")]
    assert "may spend today is spent: 8.00 USD of 10.00 USD." in Alert.objects.get(ended_at=None).text


def test_every_period_and_budget_is_watched_for_itself() -> None:
    only(("share", "warning", "0.75"))
    november, company = budget(day_limit="10", month_limit="10"), budget("Company", limit="11", scope="company")
    spend("8.5", november, company)
    assert watch() == [("share", "warning")] * 3
    found = Alert.objects.order_by("pk").values_list("budget__name", "balance__period", "value")
    assert sorted(found) == [
        ("Company", "total", Decimal("0.772727")),
        ("November", "day", Decimal("0.85")),
        ("November", "month", Decimal("0.85")),
    ]


def test_a_budgets_own_rule_takes_the_place_of_the_general_one() -> None:
    only(("share", "warning", "0.75"), ("share", "critical", "0.9"))
    own, general = budget(limit="10"), budget("General", limit="10")
    AlertRule.objects.create(budget=own, kind="share", level="warning", threshold=Decimal("0.8"))
    AlertRule.objects.create(budget=own, kind="share", level="critical", threshold=Decimal("0.9"), enabled=False)
    spend("7.9", own, general)
    assert [(a.budget and a.budget.name, a.level) for a in alerts.watch(NOW, {})] == [("General", "warning")]
    spend("1.9", own, general)
    told = {a.budget and a.budget.name: a.level for a in alerts.watch(NOW + LATER, {})}
    assert told == {"November": "warning", "General": "critical"}


def test_a_rule_that_is_taken_away_ends_its_alert_and_one_made_anew_tells_again() -> None:
    only(("share", "warning", "0.75"))
    november = budget(limit="10")
    spend("9", november)
    watch()
    AlertRule.objects.all().delete()
    assert watch(NOW + LATER) == []
    assert opened() == []
    only(("share", "warning", "0.75"))
    assert watch(NOW + 2 * LATER) == [("share", "warning")]


def test_the_mean_cost_of_a_call() -> None:
    only(("call_cost", "warning", "0.25"))
    november = budget()
    for _ in range(4):
        spend("0.30", november)
    assert watch() == []  # too few to tell
    spend("0.10", november)
    assert watch() == [("call_cost", "warning")]
    alert = Alert.objects.get()
    assert (alert.value, alert.balance) == (Decimal("0.26"), None)
    assert alert.text == (
        "The last 5 calls on budget 'November' cost 0.26 USD each; 0.25 USD is where this tells. "
        "Look at its calls: how long they last, and which ones speak with the premium voice."
    )
    spend("0.18", november)  # a mean of 0.2466…, less than a twentieth below
    assert watch(NOW + LATER) == []
    assert opened() == [("call_cost", "warning")]
    spend("0.01", november)  # 0.2128…
    watch(NOW + 2 * LATER)
    assert opened() == []
    for _ in range(3):
        spend("0.50", november)
    assert watch(NOW + 3 * LATER) == [("call_cost", "warning")]


def test_a_single_call_that_costs_three_times_as_much() -> None:
    only(("call_cost", "warning", "0.25"))
    november = budget()
    spend("0.70", november)
    assert watch() == []
    spend("0.70", november, excess="0.05", at=NOW + LATER)
    assert watch(NOW + LATER) == [("call_cost", "warning")]
    assert Alert.objects.get().text.startswith(
        "One of the last calls on budget 'November' cost 0.75 USD, at least 3 times the 0.25 USD that calls may cost"
    )
    for number in range(20):  # so many that it is none of the last
        spend("0.01", november, at=NOW + LATER * (number + 2))
    assert watch(NOW + timedelta(hours=1)) == []
    assert opened() == []


def test_the_cost_of_an_appointment() -> None:
    only(("appointment_cost", "warning", "20"))
    november = budget()
    spend("5", november)
    assert watch(figures={november.pk: Figures()}) == []  # what was spent before the watch began is nobody's
    spend("19.99", november)
    assert watch(NOW + LATER, {november.pk: Figures()}) == []
    spend("0.01", november)
    assert watch(NOW + LATER, {november.pk: Figures()}) == [("appointment_cost", "warning")]
    alert = Alert.objects.get()
    assert alert.text == (
        "Budget 'November' has spent 20.00 USD without an appointment. Look at its campaigns' leads, hours and voice."
    )
    booked: tuple[datetime, ...] = (NOW + LATER,)
    assert watch(NOW + 2 * LATER, {november.pk: Figures(appointments=booked)}) == []
    assert opened() == [("appointment_cost", "warning")]  # one for 20 USD is still one for 20 USD
    booked = (NOW + 2 * LATER, NOW + LATER)
    assert watch(NOW + 3 * LATER, {november.pk: Figures(appointments=booked)}) == []
    assert opened() == []
    spend("25", november)
    assert watch(NOW + 4 * LATER, {november.pk: Figures(appointments=booked)}) == [("appointment_cost", "warning")]
    assert (
        "The last 2 appointments on budget 'November' cost 45.00 USD, 22.50 USD each."
        in Alert.objects.get(ended_at=None).text
    )


def test_only_the_last_ten_appointments_count() -> None:
    only(("appointment_cost", "warning", "20"))
    november = budget()
    spend("0", november, at=NOW - timedelta(days=9))
    total = Balance.objects.get(period="total")
    for day in range(9, -1, -1):
        SpendSample.objects.create(budget=november, at=NOW - timedelta(days=day), spent=Decimal(1000 - 25 * day))
    Balance.objects.filter(pk=total.pk).update(spent=Decimal(1000))
    # Eleven, the oldest of them two days ago: ten were paid for with what was spent since.
    booked = tuple(NOW - timedelta(hours=hour) for hour in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 48))
    assert watch(figures={november.pk: Figures(appointments=booked)}) == []
    sparse = tuple(NOW - timedelta(hours=hour) for hour in (1, 200))
    known = Figures(appointments=sparse[:1], known_since=NOW - timedelta(days=1))
    assert watch(figures={november.pk: known}) == [("appointment_cost", "warning")]
    assert Alert.objects.get().value == 25


def test_a_carriers_price_that_differs() -> None:
    only(("price_difference", "warning", "0.1"))
    november = budget()
    for _ in range(4):
        spend("0.05", november, price="0.022", estimate="0.02")
    spend("0.05", november)  # not priced yet
    assert watch() == []
    spend("0.05", november, price="0.022", estimate="0.02")
    assert watch() == [("price_difference", "warning")]
    assert Alert.objects.get().text == (
        "The carrier's price of the last 5 calls that it reported on budget 'November' is 0.11 USD, 10.0 % more than "
        "the 0.10 USD of the rate card. Correct the carrier's rates in the rate card, or ask the carrier."
    )
    for _ in range(5):
        spend("0.05", november, price="0.0201", estimate="0.02")
    assert watch(NOW + LATER) == []
    assert opened() == []
    for _ in range(10):
        spend("0.05", november, price="0.01", estimate="0.02")
    assert watch(NOW + 2 * LATER) == [("price_difference", "warning")]
    assert "% less than the" in Alert.objects.get(ended_at=None).text


def test_prices_of_what_should_have_cost_nothing_say_nothing() -> None:
    only(("price_difference", "warning", "0.1"))
    for _ in range(6):
        spend("0.05", november := budget(name=f"Budget {_}"), price="0.022", estimate="0")
    assert watch() == []
    assert november.alerts.count() == 0


def test_a_budget_that_would_run_out_before_its_day_ends_is_told_in_time() -> None:
    only(("burn_rate", "warning", "1"), ("burn_rate", "critical", "4"))
    november = budget(day_limit="100")
    figures = {november.pk: Figures(hours=EVERY_DAY)}
    opening = datetime(2026, 11, 10, 15, tzinfo=UTC)  # 8:00 in Denver, twelve hours to go
    told: list[tuple[int, str]] = []
    for quarter in range(13):
        now = opening + quarter * timedelta(minutes=15)
        told += [(quarter, level) for _, level in watch(now, figures)]
        spend("3", november, at=now)
    # 12 USD an hour last for 8 h 20 min of twelve: 3 h 40 min short. The first look has nothing to look at.
    assert told == [(5, "warning")]
    alert = Alert.objects.get()
    assert alert.text == (
        "At the present pace budget 'November' will have spent the 100.00 USD that it may spend today at about "
        "Tue 10 Nov 2026 16:20 (America/Denver), with 3.7 h of calling still to come. By the period's end it would "
        "take 144.00 USD (144.00 USD to 144.00 USD). Raise the limit, or lower the calls at a time of its campaigns."
    )
    assert alert.balance == Balance.objects.get(period="day")
    limit(november, None, day="200")
    assert watch(opening + timedelta(hours=4), figures) == []
    assert opened() == []


def test_without_a_campaign_that_runs_nothing_is_foreseen() -> None:
    only(("burn_rate", "warning", "0"))
    november = budget(day_limit="100")
    opening = datetime(2026, 11, 10, 15, tzinfo=UTC)
    for quarter in range(8):
        spend("4", november, at=opening + quarter * timedelta(minutes=15))
        watch(opening + quarter * timedelta(minutes=15))
    now = opening + timedelta(hours=2)
    assert watch(now, {november.pk: Figures(hours=EVERY_DAY)}) == [("burn_rate", "warning")]
    assert watch(now, {november.pk: Figures()}) == []
    assert opened() == []  # its campaigns were paused


def test_one_sample_a_quarter_of_an_hour() -> None:
    november = budget()
    spend("1", november)
    for second in (0, 15, 30, 899):
        watch(NOW + timedelta(seconds=second))
    spend("1", november)
    watch(NOW + timedelta(seconds=915))
    assert list(SpendSample.objects.values_list("budget", "at", "spent")) == [
        (november.pk, NOW, Decimal(1)),
        (november.pk, NOW + timedelta(minutes=15), Decimal(2)),
    ]


def test_the_number_of_queries_does_not_depend_on_what_was_spent(django_assert_num_queries: object) -> None:
    budgets = [budget(f"Budget {number}", limit="100", day_limit="50") for number in range(5)]
    for _ in range(30):
        spend("0.05", *budgets, price="0.02", estimate="0.02")
    figures = {one.pk: Figures(hours=EVERY_DAY) for one in budgets}
    watch(figures=figures)
    with django_assert_num_queries(10):  # type: ignore[operator]
        assert watch(NOW + LATER, figures) == []


def test_the_shipped_rules() -> None:
    assert not AlertRule.objects.exclude(budget=None).exists()
    assert sorted(AlertRule.objects.values_list("kind", "level", "threshold", "enabled")) == [
        ("appointment_cost", "warning", Decimal(50), False),
        ("burn_rate", "critical", Decimal(4), True),
        ("burn_rate", "warning", Decimal(1), True),
        ("call_cost", "warning", Decimal("0.25"), True),
        ("price_difference", "warning", Decimal("0.1"), True),
        ("share", "critical", Decimal("0.9"), True),
        ("share", "emergency", Decimal("0.98"), True),
        ("share", "info", Decimal("0.5"), True),
        ("share", "warning", Decimal("0.75"), True),
    ]
    assert load_default_rules() == 0
    AlertRule.objects.exclude(kind="share", level="info").delete()
    assert load_default_rules() == 0
    assert len(RuleBook().rows_for(None)) == 1
    AlertRule.objects.all().delete()
    assert load_default_rules() == 9


def test_acknowledging_is_noted_once() -> None:
    only(("share", "warning", "0.75"))
    spend("9", budget(limit="10"))
    watch()
    alert = Alert.objects.get()
    assert alerts.acknowledge([alert.pk], by="mia", at=NOW) == 1
    assert alerts.acknowledge([alert.pk], by="ben", at=NOW + LATER) == 0
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.acknowledged_at, alert.ended_at) == ("mia", NOW, None)


def test_what_is_wrong_with_one_budget_keeps_no_other_from_being_stopped() -> None:
    only(("share", "emergency", "1"), ("price_difference", "warning", "0.05"))
    broken, full = budget("Broken"), budget(limit="10")
    for _ in range(5):
        spend("0.1", broken, price="10000000", estimate="0.000001")  # more times the estimate than fit
    spend("10", full)
    with capture_logs() as logs:
        assert watch() == [("share", "emergency")]
    full.refresh_from_db()
    assert full.stopped_at == NOW
    assert [log["budget_id"] for log in logs if log["event"] == "alert.watch_failed"] == [broken.pk]
    assert opened() == [("share", "emergency")]


def test_without_a_database_the_watch_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    spend("10", budget(limit="10"))
    monkeypatch.setattr(alerts, "_judge", fail)
    with pytest.raises(OperationalError):
        watch()
