"""``manage.py draw_graph [--output FILE]``: the conversation's graph, as a PNG or as Mermaid."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from agents import drawing

_FORMATS = ".png or .mmd"


class Command(BaseCommand):
    help = "Draw the graph of the conversation: as Mermaid on the screen, or into a .png or .mmd file."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, metavar="FILE", help="A .png, or a .mmd for Mermaid.")

    def handle(self, *_args: object, output: Path | None, **_options: object) -> None:
        if output is None:
            self.stdout.write(drawing.mermaid())
            return
        suffix = output.suffix.lower()
        if suffix not in (".png", ".mmd"):
            raise CommandError(f"{output.name} is of no form that can be drawn: name a file that ends in {_FORMATS}.")
        content = drawing.png() if suffix == ".png" else drawing.mermaid().encode()
        try:
            output.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{output} cannot be written ({error.strerror}): name another file.") from error
        self.stdout.write(f"{output}: {len(content):,} bytes.")
