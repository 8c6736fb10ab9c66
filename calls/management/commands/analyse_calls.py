"""``manage.py analyse_calls``: analyse calls that a newer analyser has not seen. Older analyses are kept."""

from argparse import ArgumentParser
from datetime import date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.after.types import VERSION
from calls.models import Call
from calls.services import analysing


class Command(BaseCommand):
    help = "Analyse the finished calls that have no analysis of the present version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", default="", help="Calls queued from this day on, as 2026-03-04.")
        parser.add_argument(
            "--again", action="store_true", help="Those of the present version too; a model is asked again."
        )

    def handle(self, *_args: object, since: str, again: bool, **_options: Any) -> None:
        calls = Call.objects.all()
        if since:
            calls = calls.filter(queued_at__gte=_day(since))
        count = analysing.analyse_older(calls, now=timezone.now(), again=again)
        self.stdout.write(f"{count:,} call{'' if count == 1 else 's'} analysed by version {VERSION}.")


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=timezone.get_current_timezone())
    except ValueError:
        raise CommandError(f"{text!r} is not a day: write it as 2026-03-04.") from None
