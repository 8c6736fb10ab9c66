"""``manage.py chat [--campaign CAMPAIGN]``: talk with an agent in the terminal, and see what it makes of a turn."""

import asyncio
import logging
from argparse import ArgumentParser
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import available_timezones

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console

from agents.domain.types import (
    Act,
    BookAppointment,
    Brief,
    EndCall,
    EndedBy,
    MarkWrongNumber,
    OptOut,
    Outcome,
    ScheduleCallback,
    StopRecording,
    Transfer,
)
from agents.trial import Shown, Trial, example
from calls.models import Campaign
from calls.services.talking import Person, invitation_of
from reautomation import embedded

_HELP = "Type what the person says. Nothing is silence, /key 9 presses a key, /quit hangs up."


class Command(BaseCommand):
    help = "Talk with the agent, as it would be on a call: nothing is kept, nobody is called."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campaign", help="Its number or name; without one, an example that needs no database.")
        parser.add_argument("--name", default="Maria Lopez", help="Of the person whom you play.")
        parser.add_argument("--address", default="12 Maple St, Denver, CO 80205", help="Of their home.")
        parser.add_argument("--interest", choices=["sell", "buy", ""], default="sell")
        parser.add_argument("--zone", default="America/Denver", help="Their IANA time zone.")

    def handle(self, *_args: object, campaign: str | None, **options: str) -> None:
        now = timezone.now()
        if options["zone"] not in available_timezones():
            raise CommandError(f"{options['zone']!r} is no IANA time zone: name one such as America/Denver.")
        person = Person(options["name"], options["address"], options["interest"], options["zone"])
        brief = example(now=now) if campaign is None else _brief(campaign, person)
        if campaign is None:
            brief = replace(
                brief,
                lead_name=person.name,
                property_address=person.address,
                interest=person.interest,
                lead_zone=person.zone,
            )
        logging.getLogger("agents").setLevel(logging.WARNING)  # each turn is shown, and better
        _talk(Trial(brief, now=now), Console(highlight=False))


def _brief(wanted: str, person: Person) -> Brief:
    """Of the campaign, by its name or number. The example needs no database, so it is joined here."""
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)
    found = Campaign.objects.filter(name=wanted).first()
    if found is None and wanted.isdecimal():
        found = Campaign.objects.filter(pk=int(wanted)).first()
    if found is None:
        there = ", ".join(f"{one.pk} {one.name}" for one in Campaign.objects.all()[:10])
        if not there:
            raise CommandError("There is no campaign yet: add one in the admin, or name none for an example.")
        raise CommandError(f"There is no campaign {wanted!r}; there are: {there}.")
    return replace(invitation_of(found, person, now=timezone.now()).brief, call_id="trial")


def _talk(trial: Trial, console: Console) -> None:
    """A line is read where no event loop runs: one that does would keep Ctrl-C from ending the wait for it."""
    console.print(_HELP, style="dim")
    shown = trial.opening()
    _show(shown, console)
    with asyncio.Runner() as runner:
        while not shown.reply.ends:
            try:
                line = input("you: ")
            except (EOFError, KeyboardInterrupt):
                console.print()
                break
            if line.strip() == "/quit":
                break
            shown = runner.run(trial.answer(line))
            _show(shown, console)
    _show_outcome(trial.outcome(ended_by=EndedBy.AGENT if shown.reply.ends else EndedBy.LEAD), console)


def _show(shown: Shown, console: Console) -> None:
    agent = shown.reply.agent.replace("_", " ") or "agent"
    console.print(f"{agent}: {shown.reply.text or '(listens on)'}", style="bold cyan", markup=False)
    for change in shown.changes:
        console.print(f"    {change}", style="dim", markup=False)
    for act in shown.reply.acts:
        console.print(f"    does: {_told(act)}", style="yellow", markup=False)


def _told(act: Act) -> str:
    match act:
        case BookAppointment(start_at=at):
            return f"books {_utc(at)}"
        case ScheduleCallback(at=at):
            return f"calls back at {_utc(at)}"
        case OptOut():
            return "puts the number on the do-not-call list"
        case MarkWrongNumber():
            return "takes the number for a wrong one"
        case StopRecording():
            return "stops the recording"
        case Transfer():
            return "puts the person through"
        case EndCall(reason=reason):
            return f"hangs up ({reason.replace('_', ' ')})"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


def _show_outcome(outcome: Outcome, console: Console) -> None:
    console.print(f"\n{outcome.disposition}, score {outcome.score}", style="bold", markup=False)
    console.print(outcome.summary, markup=False)
