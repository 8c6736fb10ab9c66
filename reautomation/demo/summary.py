"""How the demo went: outcomes beside the script, appointments, do-not-call entries, cost, latency, word errors."""

import re
import statistics
from decimal import Decimal
from typing import Any

import jiwer
from django.conf import settings
from rich import box
from rich.console import Console
from rich.table import Table

from billing.models import Budget
from calls.models import Appointment, Call, Lead, Suppression
from reautomation.demo.carrier import Carrier

_NUMBERS = frozenset({"Turns", "s", "USD"})
_SUPPRESSING = frozenset({"do_not_call", "wrong_number"})


def conclude(campaign_id: int, carrier: Carrier, *, called_s: float) -> bool:
    """Print the summary; whether everything is as scripted."""
    console = Console()
    every_call = Call.objects.filter(campaign_id=campaign_id).select_related("lead").order_by("lead_id", "attempt")
    calls = list({call.lead_id: call for call in every_call}.values())  # the last of each lead
    wanted = {person["number"].lstrip("*"): person["expects"] for person in carrier.people()}
    seen = carrier.calls()
    mistakes = _print_outcomes(console, calls, wanted)
    mistakes += _promises_broken(list(every_call), seen)
    _print_records(console, campaign_id, calls)
    _print_speech(console, calls, seen, called_s=called_s)
    for mistake in mistakes:
        console.print(f"[red]Wrong:[/] {mistake}")
    if not mistakes:
        console.print("[green]Every outcome is the one that the person was scripted to want.[/]")
    return not mistakes


def _print_outcomes(console: Console, calls: list[Call], wanted: dict[str, dict[str, Any]]) -> list[str]:
    table = Table(
        title="Outcomes",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in ("Lead", "Scripted", "Outcome", "Turns", "s", "USD", ""):
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=True)
    mistakes = []
    for call in calls:
        expects = wanted.get(call.to_number[-4:], {})
        problems = _compare(call, expects)
        mistakes += [f"{call.lead.name}: {problem}" for problem in problems]
        table.add_row(
            call.lead.name,
            str(expects.get("disposition", "?")).replace("_", " "),
            (call.disposition or call.status).replace("_", " "),
            str(call.turns.count()),
            str(call.billed_s or 0),
            f"{call.cost:.4f}",
            "[red]wrong[/]" if problems else "[green]right[/]",
        )
    console.print(table)
    console.print()
    return mistakes


def _compare(call: Call, expects: dict[str, Any]) -> list[str]:
    """What is not as scripted: the disposition, and the records that follow from it."""
    problems = []
    if call.disposition != expects.get("disposition"):
        problems.append(f"ended as {call.disposition or call.status}, scripted was {expects.get('disposition')}")
    if Appointment.objects.filter(call=call).exists() != (expects.get("disposition") == "appointment"):
        problems.append("has the wrong appointment")
    suppressed = Suppression.objects.filter(phone=call.to_number).exists()
    if suppressed != (expects.get("disposition") in _SUPPRESSING):
        problems.append("is on the do-not-call list" if suppressed else "is missing on the do-not-call list")
    promised = Lead.objects.filter(pk=call.lead_id, commitment_at__isnull=False).exists()
    if promised != (expects.get("disposition") == "callback_requested"):
        problems.append("has a promise that it did not ask for" if promised else "has no promised call-back")
    return problems


def _promises_broken(calls: list[Call], seen: list[dict[str, Any]]) -> list[str]:
    """What must hold whatever anybody says: at most one ring a call, the disclosure heard, the budget kept."""
    broken = [f"{entry['to'][-4:]} rang {len(entry['rings'])} times" for entry in seen if len(entry["rings"]) > 1]
    rung = [entry["to"] for entry in seen]
    broken += [
        f"{number[-4:]} was dialed {rung.count(number)} times" for number in set(rung) if rung.count(number) > 1
    ]
    announced = [call for call in calls if call.disclosed_at]
    broken += [f"{call.lead.name} has no recording" for call in announced if not call.recordings.exists()]
    budget = Budget.objects.get(campaigns__calls=calls[0]) if calls else None
    total = budget.total if budget else None
    if total and (total.held != 0 or total.spent != sum((call.cost for call in calls), Decimal(0))):
        broken.append(f"the budget holds {total.held} USD and has spent {total.spent} USD")
    return broken


def _print_records(console: Console, campaign_id: int, calls: list[Call]) -> None:
    for appointment in Appointment.objects.filter(campaign_id=campaign_id).select_related("call__lead"):
        console.print(f"Appointment: {appointment.call.lead.name}, {appointment.start_at:%A %d %B %H:%M} UTC")
    for lead in Lead.objects.filter(campaign_id=campaign_id, commitment_at__isnull=False):
        console.print(f"Call-back promised: {lead.name}, {lead.commitment_at:%A %d %B %H:%M} UTC")
    numbers = {call.to_number: call.lead.name for call in calls}
    for entry in Suppression.objects.filter(phone__in=numbers):
        how = entry.source.replace("_", " ")
        line = f"Do not call: {numbers[entry.phone]} ({how}: “{entry.said}”)"
        console.print(line, markup=False, soft_wrap=True)
    total = Budget.objects.get(campaigns=campaign_id).total
    console.print(f"Spent {total.spent:.4f} USD of {total.limit:.2f} USD; still held {total.held:.4f} USD.")


def _print_speech(console: Console, calls: list[Call], seen: list[dict[str, Any]], *, called_s: float) -> None:
    waits = sorted(wait for entry in seen for wait in entry["answer_ms"])
    if len(waits) > 1:
        console.print(
            f"Answer latency on the wire, end of the person's speech to our first audio: "
            f"p50 {statistics.median(waits):.0f} ms, p95 {waits[int(0.95 * (len(waits) - 1))]:.0f} ms, "
            f"{len(waits)} answers.",
            soft_wrap=True,
        )
    said, recognised = _words(calls, seen)
    if said:
        errors = jiwer.process_words(said, recognised)
        words = errors.hits + errors.substitutions + errors.deletions
        console.print(f"Word error rate of what people said: {100 * errors.wer:.1f} %, {words} words.")
    console.print(f"Calling took {called_s:.0f} s. Recordings: {settings.RECORDINGS_DIR}", soft_wrap=True)


def _words(calls: list[Call], seen: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """What each person said, and what was written down of it, one entry a call, in bare words."""
    said, recognised = [], []
    for call in calls:
        spoken = [
            utterance["text"] for entry in seen if entry["sid"] == call.carrier_call_id for utterance in entry["said"]
        ]
        if text := _bare(" ".join(spoken)):
            said.append(text)
            recognised.append(_bare(" ".join(call.turns.filter(speaker="lead").values_list("text", flat=True))))
    return said, recognised


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())
