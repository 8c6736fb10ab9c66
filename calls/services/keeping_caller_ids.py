"""Adds caller IDs, activates and deactivates them, and looks after them: the carrier is asked whose they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from calls.domain import phone
from calls.models import CallerId
from calls.services import caller_id_health
from calls.services.caller_ids import CONFIRMED_FOR, confirm, refused, strange
from voice.ports import Dialer

log = structlog.get_logger(__name__)
_ASKED_AT_ONCE = 20
_LINE = re.compile(r"(?P<number>[^,;\t]*)[,;\t]?(?P<label>.*)")
SILENT = "The carrier did not answer: whether {} is a number of its account shows with the first call."


class NotOurs(Exception):
    """The number may not be shown; the text is a sentence that says why and what to change."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the lines: numbers added and those that were there already; ``wrong`` and ``doubtful`` are
    sentences about numbers that were not added, and about added ones that the carrier did not confirm.
    """

    new: tuple[str, ...]
    known: tuple[str, ...]
    wrong: tuple[str, ...]
    doubtful: tuple[str, ...]


def add(lines: str, *, daily_cap: int, dialer: Dialer) -> Added:
    """Add the numbers of ``lines``, one a line, each with a label after a comma if there is one.

    After a first silence the carrier is not asked any more: each question may cost a timeout.
    """
    new, known, wrong, doubtful, silent = [], [], [], [], False
    for typed, label in _read(lines):
        try:
            number = phone.parse(typed)
        except phone.BadNumber as error:
            wrong.append(str(error))
            continue
        if CallerId.objects.filter(number=number).exists():
            known.append(number)
            continue
        owned = None if silent else confirm(number, dialer)
        if owned is False:
            wrong.append(f"{strange(number)}.")
            continue
        CallerId.objects.create(number=number, label=label, daily_cap=daily_cap, owned_at=Now() if owned else None)
        new.append(number)
        if owned is None:
            silent = True
            doubtful.append(SILENT.format(number))
    log.info("caller_ids.added", added=len(new), known=len(known), wrong=len(wrong))
    return Added(tuple(new), tuple(known), tuple(wrong), tuple(doubtful))


def activate(caller_id: CallerId, dialer: Dialer) -> str:
    """Use the number from now on; what is doubtful about it, '' for nothing. Raises NotOurs."""
    owned = confirm(caller_id.number, dialer)
    if owned is False:
        raise NotOurs(f"{strange(caller_id.number)}.")
    CallerId.objects.filter(pk=caller_id.pk).update(active=True, inactive_why="")
    log.info("caller_id.activated", caller_id=caller_id.pk)
    return SILENT.format(caller_id.number) if owned is None else ""


def deactivate(caller_id: CallerId, *, by: str) -> None:
    """Calls that wait with this number are canceled when their turn comes, and their leads are due again."""
    CallerId.objects.filter(pk=caller_id.pk, active=True).update(active=False, inactive_why=f"Deactivated by {by}.")
    log.info("caller_id.deactivated", caller_id=caller_id.pk)


def look_after(*, dialer: Dialer, now: datetime) -> None:
    """What time brings: numbers that people no longer answer rest, numbers that were given back are deactivated."""
    caller_id_health.watch(now=now)
    stale = Q(owned_at__isnull=True) | Q(owned_at__lt=now - CONFIRMED_FOR / 2)
    for one in CallerId.objects.filter(stale, active=True).order_by("owned_at", "pk")[:_ASKED_AT_ONCE]:
        owned = confirm(one.number, dialer)
        if owned is None:
            break  # each further question costs a timeout
        if not owned:
            refused(one.number, f"{strange(one.number)}.")


def _read(lines: str) -> Iterator[tuple[str, str]]:
    for line in lines.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found and line.strip():
            yield found["number"].strip(), found["label"].strip()[:80]
