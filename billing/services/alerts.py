"""The watch over money: tells each crossing of a threshold once, ends it when it is over, and stops dialing.

However many watch at once, a partial unique index lets one of them open an alert. What follows from it, the webhooks
and the stop, is in the same transaction; the mail goes after the commit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError

from billing.domain import alert_texts as texts
from billing.domain.alert_texts import Payer
from billing.domain.alerting import SINGLE_CALL, Kind, Level, Reading, judge
from billing.domain.forecast import CallingHours, Pace, forecast, pace_of
from billing.domain.periods import Period
from billing.models import Alert, Balance, Budget
from billing.services import stops, telling
from billing.services.alert_rules import RuleBook, Rules
from billing.services.readings import LAST_APPOINTMENTS, LEAST_CALLS, Figures, Seen, look, spent_since

log = structlog.get_logger(__name__)
_NO_FIGURES = Figures()


def watch(now: datetime, figures: Mapping[int, Figures]) -> list[Alert]:
    """One look at every budget; the alerts that were told. ``figures`` is what calls know, by the budget's key."""
    stops.forget_elapsed(now=now)
    book = RuleBook()
    # Before the values: with an older look at the alerts, a watcher that was overtaken at worst tells nothing.
    opened = _open_alerts()
    seen = look(now=now)
    paid = _paid_for_appointments(seen, figures)
    told = []
    for budget_id, one in seen.items():
        known = figures.get(budget_id, _NO_FIGURES)
        try:
            readings = _readings(one, known, paid.get(budget_id), now=now)
            told += _judge(one.budget, readings, book.rules_for(budget_id), opened[budget_id], now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("alert.watch_failed", budget_id=budget_id)  # the other budgets are watched on
    return told


def acknowledge(alerts: Iterable[int], *, by: str, at: datetime) -> int:
    """Note that ``by`` has seen the alerts with these keys; how many nobody had seen before."""
    unseen = Alert.objects.filter(pk__in=list(alerts), acknowledged_at__isnull=True)
    return unseen.update(acknowledged_at=at, acknowledged_by=by)


def _open_alerts() -> defaultdict[int, dict[str, Alert]]:
    """For each budget its open alerts by their crossing."""
    opened: defaultdict[int, dict[str, Alert]] = defaultdict(dict)
    for alert in Alert.objects.filter(ended_at__isnull=True):
        if alert.budget_id is not None:
            opened[alert.budget_id][alert.crossing] = alert
    return opened


def _paid_for_appointments(
    seen: Mapping[int, Seen], figures: Mapping[int, Figures]
) -> dict[int, tuple[Decimal, int]]:
    """For each budget: what was spent on its last appointments, and how many they are."""
    wanted: dict[int, datetime | None] = {}
    for budget_id in figures.keys() & seen.keys():
        known = figures[budget_id]
        enough = len(known.appointments) > LAST_APPOINTMENTS
        wanted[budget_id] = known.appointments[LAST_APPOINTMENTS] if enough else known.known_since
    return {
        budget_id: (spent, sum(at > since for at in figures[budget_id].appointments[:LAST_APPOINTMENTS]))
        for budget_id, (since, spent) in spent_since(wanted, seen).items()
    }


def _readings(seen: Seen, figures: Figures, paid: tuple[Decimal, int] | None, *, now: datetime) -> Iterable[Reading]:
    """Everything that rules may look at, as far as there is enough to tell."""
    payer = _payer(seen.budget)
    pace = pace_of(seen.samples, figures.hours) if figures.hours else None
    for balance in seen.balances:
        if balance.limit:
            yield _share(balance, balance.limit, payer)
            if pace and figures.hours and balance.window.upper:
                yield _burn_rate(balance, balance.limit, payer, pace, figures.hours, now=now)
    if calls := seen.calls:
        if calls.count >= LEAST_CALLS:
            mean = calls.mean
            says = partial(texts.call_cost, payer, mean, calls.count)
            yield Reading(Kind.CALL_COST, "mean", mean, says)
        says = partial(texts.one_call, payer, calls.dearest)
        yield Reading(Kind.CALL_COST, "single", calls.dearest, says, times=SINGLE_CALL)
    if paid is not None:
        spent, count = paid
        each = spent / max(count, 1)
        yield Reading(Kind.APPOINTMENT_COST, "last", each, lambda _: texts.appointment_cost(payer, spent, count))
    if (prices := seen.prices) and prices.count >= LEAST_CALLS and prices.estimate:
        part = abs(prices.price - prices.estimate) / prices.estimate
        sentence = texts.price_difference(payer, prices.price, prices.estimate, prices.count)
        yield Reading(Kind.PRICE_DIFFERENCE, "last", part, lambda _: sentence)


def _share(balance: Balance, limit: Decimal, payer: Payer) -> Reading:
    """Of what is spent: held money may come back."""
    sentence = texts.share(payer, Period(balance.period), balance.spent, limit)
    part = balance.spent / limit
    return Reading(
        Kind.SHARE, _place(balance), part, lambda _: sentence, balance_id=balance.pk, until=balance.window.upper
    )


def _burn_rate(
    balance: Balance, limit: Decimal, payer: Payer, pace: Pace, hours: CallingHours, *, now: datetime
) -> Reading:
    ahead = forecast(balance.spent, limit, pace, hours, now=now, ends_at=balance.window.upper)
    sentence = texts.burn_rate(payer, Period(balance.period), limit, ahead)
    return Reading(
        Kind.BURN_RATE,
        _place(balance),
        ahead.hours_short,
        lambda _: sentence,
        balance_id=balance.pk,
        until=balance.window.upper,
        sure=ahead.hours_short_low,
    )


def _place(balance: Balance) -> str:
    return f"balance {balance.pk}"


def _judge(
    budget: Budget, readings: Iterable[Reading], rules: Rules, opened: Mapping[str, Alert], *, now: datetime
) -> list[Alert]:
    """End what is over and tell what is new on one budget; what was told."""
    ended = {
        crossing for crossing, alert in opened.items() if Level(alert.level) not in rules.get(Kind(alert.kind), {})
    }
    # What is read no more of a period is over: the period itself, its limit or its forecast is gone.
    of_periods = {crossing for crossing, alert in opened.items() if alert.balance_id is not None}
    crossed = []
    for reading in readings:
        rows = rules.get(reading.kind, {})
        crossings = {telling.crossing_of(budget, reading, level): level for level in Level}
        of_periods -= crossings.keys()
        levels = [level for crossing, level in crossings.items() if crossing in opened]
        verdict = judge([rule for rule, _ in rows.values()], reading, levels)
        ended |= {crossing for crossing, level in crossings.items() if level in verdict.end}
        if verdict.tell is not None:
            crossed.append((reading, rows[verdict.tell.level][1]))
    telling.end([opened[crossing].pk for crossing in ended | of_periods], at=now)
    told = (telling.tell(budget, _payer(budget), reading, row, at=now) for reading, row in crossed)
    return [alert for alert in told if alert is not None]


def _payer(budget: Budget) -> Payer:
    return Payer(budget.name, budget.currency, budget.zone)
