"""``manage.py import_leads CAMPAIGN FILE``: take a CSV of leads into a campaign."""

import sys
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from calls.models import Campaign, LeadImport, LeadRow
from calls.services.importing import FileRefused, import_leads


class Command(BaseCommand):
    help = "Import a CSV of leads into a campaign; the same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", help="The campaign's name or number.")
        parser.add_argument("file", type=Path, help="The CSV file; - reads standard input.")
        parser.add_argument(
            "--list", metavar="NAME", help="The list that new leads go into; without it the file's name, '' for none."
        )

    def handle(self, *_args: object, campaign: str, file: Path, list: str | None, **_options: Any) -> None:
        now = timezone.now()
        try:
            done = self._import(_campaign(campaign), file, list, now)
        except FileRefused as error:
            raise CommandError(f"{file}: {error}") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        if done.created_at < now:
            self.stdout.write(f"This file was imported before, at {done.created_at:%Y-%m-%d %H:%M} UTC.")
        self.stdout.write(f"{done.imported} imported, {done.duplicates} duplicates, {done.rejected} rejected.")
        if done.notes:
            self.stdout.write(done.notes)
        for row in done.rows.exclude(fate=LeadRow.Fate.DUPLICATE).exclude(reason="").iterator():
            self.stdout.write(f"line {row.line}: {row.reason}")

    def _import(self, campaign: Campaign, file: Path, named: str | None, now: datetime) -> LeadImport:
        if str(file) == "-":
            return import_leads(campaign.pk, "standard input", sys.stdin.buffer, now=now, list_name=named or "")
        with file.open("rb") as stream:
            list_name = file.stem if named is None else named
            return import_leads(campaign.pk, file.name, stream, now=now, list_name=list_name)


def _campaign(named: str) -> Campaign:
    """By name first, since a name may be a number too."""
    by_key = Q(pk=int(named)) if named.isdecimal() and len(named) < 19 else Q(pk__in=())
    found = Campaign.objects.filter(name=named).first() or Campaign.objects.filter(by_key).first()
    if found is None:
        names = ", ".join(Campaign.objects.values_list("name", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no campaign {named!r}. There are: {names}.")
    return found
