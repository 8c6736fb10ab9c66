"""The live table: every lead, its call's state, turns, last words and cost."""

import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from rich.console import Console
from rich.live import Live
from rich.table import Table

from calls.domain.status import TERMINAL, CallStatus
from calls.models import Call, Lead, Turn
from calls.services.spending import cost_so_far
from reautomation.processes import Supervisor

_REFRESH_S = 0.5
_COLOURS = {"live": "green", "dialing": "yellow", "done": "default", "failed": "red", "unknown": "red"}


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    state: str
    turns: int
    last_words: str
    cost: Decimal
    disposition: str


def watch(campaign_id: int, supervisor: Supervisor, *, deadline_s: float) -> bool:
    """Show the campaign until every lead's call is over; False when the deadline came first."""
    console = Console()
    deadline = time.monotonic() + deadline_s
    shown: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            supervisor.check()
            rows = read(campaign_id, now=timezone.now())
            if console.is_terminal:
                live.update(_table(rows), refresh=True)
            else:
                _say_changes(console, rows, shown)
            if all(row.state in TERMINAL for row in rows):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_REFRESH_S)


def read(campaign_id: int, *, now: datetime) -> list[Row]:
    """The campaign's leads in the order of the file, each with its newest call."""
    newest = Call.objects.filter(lead=OuterRef("pk")).order_by("-attempt").values("pk")[:1]
    leads = Lead.objects.filter(campaign_id=campaign_id).annotate(call_pk=Subquery(newest)).order_by("pk")
    last = Turn.objects.filter(call=OuterRef("pk")).order_by("-seq").values("text")[:1]
    pairs = list(leads.values_list("name", "call_pk"))
    calls = Call.objects.filter(pk__in=[call_pk for _, call_pk in pairs if call_pk])
    by_id = {call.pk: call for call in calls.annotate(turn_count=Count("turns"), last_words=Subquery(last))}
    return [_row(name, by_id.get(call_pk), now=now) for name, call_pk in pairs]


def _row(name: str, call: "Call | None", *, now: datetime) -> Row:
    if call is None:
        return Row(name, "waiting", 0, "", Decimal(0), "")
    cost = call.cost
    if call.status == CallStatus.LIVE and call.answered_at:
        cost = cost_so_far(call, now=now)
    turns: int = getattr(call, "turn_count", 0)
    return Row(name, call.status, turns, getattr(call, "last_words", None) or "", cost, call.disposition)


def _table(rows: list[Row]) -> Table:
    table = Table(expand=True, pad_edge=False)
    table.add_column("Lead", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Turns", justify="right")
    table.add_column("Last words", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Cost, USD", justify="right")
    for row in rows:
        state = row.disposition.replace("_", " ") if row.state == CallStatus.DONE else row.state
        colour = _COLOURS.get(row.state, "dim")
        table.add_row(row.name, f"[{colour}]{state}[/]", str(row.turns or ""), row.last_words, f"{row.cost:.4f}")
    return table


def _say_changes(console: Console, rows: list[Row], shown: dict[str, str]) -> None:
    """Without a terminal: a line for every change of state and every new last word."""
    for row in rows:
        line = f"{row.name}: {row.disposition or row.state}" + (f" | {row.last_words}" if row.last_words else "")
        if shown.get(row.name) != line:
            shown[row.name] = line
            console.print(line, soft_wrap=True, markup=False, highlight=False)
