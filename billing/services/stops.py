"""Dialing on a budget is stopped, by an alert or a person, and goes on again. Calls that are live go on."""

from datetime import datetime

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from billing.models import Budget
from billing.services.ledger import is_stopped

log = structlog.get_logger(__name__)
WATCH = "money-watch"
"""The account that the admin's history names where no person acted; it has no password and cannot log in."""
_REASON_LENGTH = 300


@transaction.atomic
def stop(
    budget: Budget, reason: str, by: User | AnonymousUser | None, at: datetime, *, until: datetime | None = None
) -> bool:
    """Dial no more on the budget: until ``until``, or until somebody resumes it. False when it changes nothing.

    ``by`` None is an alert. A stop that lasts longer is kept as it is.
    """
    row = Budget.objects.select_for_update(no_key=True).get(pk=budget.pk)
    if is_stopped(row, at=at):
        longer = row.stopped_until is not None and (until is None or until > row.stopped_until)
        if not longer:
            return False
    else:
        row.stopped_at = at
    row.stopped_until, row.stopped_reason = until, reason[:_REASON_LENGTH]
    row.save(update_fields=["stopped_at", "stopped_until", "stopped_reason"])
    _log(row, by, f"Dialing stopped: {reason}")
    log.warning("budget.stopped", budget_id=row.pk, until=until.isoformat() if until else None, reason=reason)
    return True


@transaction.atomic
def resume(budget: Budget, by: User | AnonymousUser | None, at: datetime) -> bool:
    """Dial on the budget again; False when it was not stopped.

    An alert that stopped it stays open, so that the same crossing does not stop it again.
    """
    row = Budget.objects.select_for_update(no_key=True).get(pk=budget.pk)
    if not is_stopped(row, at=at):
        return False
    _clear(row)
    _log(row, by, "Dialing resumed.")
    log.info("budget.resumed", budget_id=row.pk)
    return True


@transaction.atomic
def forget_elapsed(*, now: datetime) -> None:
    """Tidy away the stops of periods that are over; dialing went on at that instant without this."""
    elapsed = Budget.objects.select_for_update(no_key=True).filter(stopped_until__lte=now).order_by("pk")
    for row in elapsed:
        _clear(row)
        _log(row, None, "Dialing resumed: the period for which it was stopped is over.")
        log.info("budget.resumed", budget_id=row.pk)


def _clear(row: Budget) -> None:
    row.stopped_at, row.stopped_until, row.stopped_reason = None, None, ""
    row.save(update_fields=["stopped_at", "stopped_until", "stopped_reason"])


def _log(budget: Budget, by: User | AnonymousUser | None, sentence: str) -> None:
    user = by if isinstance(by, User) else _watch()
    LogEntry.objects.log_actions(user.pk, [budget], CHANGE, change_message=sentence, single_object=True)


def _watch() -> User:
    found = User.objects.filter(username=WATCH).first()
    if found is None:
        made = User(username=WATCH, is_active=False)
        made.set_unusable_password()
        User.objects.bulk_create([made], ignore_conflicts=True)
        found = User.objects.get(username=WATCH)
    return found
