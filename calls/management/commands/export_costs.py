"""``manage.py export_costs``: the figures of the costs page on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calls.domain.costs import Dimension
from calls.services import cost_report, costs
from calls.services.cost_report import BadQuestion


class Command(BaseCommand):
    help = "Write what calls cost, by campaign, list, hour, caller ID, script version, voice or tier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", default="", help="First day, as 2026-03-04; else of 30 days.")
        parser.add_argument("--to", dest="until", default="", help="Last day; else today.")
        parser.add_argument("--by", default="", help=f"One of {', '.join(Dimension)}; else campaign.")
        parser.add_argument("--campaign", default="", help="A campaign's name or number; else every campaign.")
        parser.add_argument("--currency", default="", help="Such as EUR; else USD or what calls were priced in.")
        parser.add_argument("--format", dest="kind", choices=["csv", "json"], default="csv")

    def handle(
        self,
        *_args: object,
        since: str,
        until: str,
        by: str,
        campaign: str,
        currency: str,
        kind: str,
        **_options: Any,
    ) -> None:
        today = costs.day_of(timezone.now())
        try:
            asked = cost_report.asked(
                since=since, until=until, campaign=campaign, by=by, currency=currency, today=today
            )
        except BadQuestion as error:
            raise CommandError(str(error)) from None
        answer = cost_report.answer(asked)
        if kind == "json":
            self.stdout.write(cost_report.json_text(cost_report.as_json(answer)))
            return
        for line in cost_report.csv_lines(answer):
            self.stdout.write(line, ending="")
