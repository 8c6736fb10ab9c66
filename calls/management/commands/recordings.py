"""``manage.py recordings key|reseal|store|erase-old``: keys, and what the tasks do, at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calls.models import Recording
from calls.services import recordings, storing
from voice.recordings.keys import ID_BYTES, BadKeys, Keyring, new_key


class Command(BaseCommand):
    help = "Make a key for recordings, seal all of them with the newest key, store or erase them now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        key = actions.add_parser("key", help="A fresh key for RECORDING_KEYS; put it before the others.")
        key.add_argument("id", nargs="?", default="", help="Its name, at most 16 letters and digits; else the day.")
        actions.add_parser("reseal", help="Seal every recording with the newest key, so that older ones may go.")
        actions.add_parser("store", help="Bring what lies on this machine's disk into the store.")
        actions.add_parser("erase-old", help="Erase what was kept for long enough.")

    def handle(self, *_args: object, action: str, **options: Any) -> None:
        now = timezone.now()
        if action == "key":
            self.stdout.write(_key(options["id"] or f"{now:%Y-%m-%d}"))
        elif action == "reseal":
            self._reseal()
        elif action == "store":
            self.stdout.write(f"Recordings brought into the store: {storing.store_recordings(now=now)}.")
        else:
            self.stdout.write(f"Recordings erased: {recordings.erase_over(now=now)}.")

    def _reseal(self) -> None:
        """Those that have the newest key are left as they are, so it may be broken off and begun again."""
        newest, sealed, failed = recordings.keys().newest, 0, 0
        for row in Recording.objects.filter(erased_at=None).exclude(name="").order_by("pk").iterator():
            try:
                sealed += recordings.reseal(row.pk, newest)
            except (*recordings.UNREADABLE, OSError) as error:
                failed += 1
                self.stderr.write(f"Recording {row.pk} of call {row.call_id}: {error}")
        self.stdout.write(f"Recordings sealed with {newest}: {sealed}.")
        if failed:
            raise CommandError(f"Recordings that could not be sealed anew: {failed}. Keep the older keys.")


def _key(key_id: str) -> str:
    text = new_key(key_id[: ID_BYTES + 1])
    try:
        Keyring.parse(text)
    except BadKeys:
        raise CommandError(f"{key_id!r} is no name of a key: use at most 16 letters and digits.") from None
    return text
