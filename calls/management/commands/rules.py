"""``manage.py rules``: the calling rules in force; what differs from others; take them over; write them as a file."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from billing.domain.card_changes import when
from billing.management.commands.rate_card import UNREADABLE, instant
from calls.domain.rule_changes import Difference, described, differences
from calls.domain.rules import Rule, RuleError
from calls.services.rule_file import read_rules, write_rules
from calls.services.rules import DEFAULT_RULES, by_key, set_rule


class Command(BaseCommand):
    help = (
        "Show the calling rules, compare them with the shipped ones or a file, take rules over, write them as a file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="show | diff | apply | export")
        for name, said in (
            ("show", "The rules in force."),
            ("diff", "What FILE has otherwise; exit status 0: nothing, 1: something, 2: it cannot be read."),
            ("export", "The rules in force as a file that diff reads."),
        ):
            action = actions.add_parser(name, help=said, description=said)
            action.add_argument("--at", type=instant, help="Another instant than now, such as 2026-12-01.")
            if name == "diff":
                _add_file(action)
        said = "Take the rules of FILE over that differ or are new; all of them or, if one is refused, none."
        apply = actions.add_parser("apply", help=said, description=said)
        _add_file(apply)
        apply.add_argument(
            "--from", dest="at", type=instant, required=True, help="When they begin: now, or such as 2026-12-01."
        )
        apply.add_argument("--only", nargs="+", action="extend", metavar="KEY", help="Only these.")

    def handle(self, *_args: object, action: str, at: datetime | None, **options: Any) -> None:
        now = timezone.now()
        try:
            getattr(self, f"_{action}")(at=at or now, now=now, **options)
        except RuleError as error:
            raise CommandError(str(error), returncode=UNREADABLE) from None

    def _show(self, *, at: datetime, **_options: Any) -> None:
        rules = sorted(by_key(at).values(), key=lambda rule: (rule.kind, rule.key))
        if not rules:
            self.stdout.write(f"No rule is in force at {when(at)}.")
            return
        rows = [(one.key, described(one), f"{one.valid_from:%Y-%m-%d}", one.mark.value, one.source) for one in rules]
        self._table(("key", "says", "since", "", "source"), rows)

    def _diff(self, *, at: datetime, file: Path, **_options: Any) -> None:
        found = differences(by_key(at), _keyed(read_rules(file)))
        if not found:
            self.stdout.write("No differences.")
            return
        self._table(("", "key", "what"), [(_sort_of(one), one.key, "; ".join(one.words())) for one in found])
        sys.exit(1)

    def _export(self, *, at: datetime, **_options: Any) -> None:
        self.stdout.write(write_rules(by_key(at).values(), at=at), ending="")

    @transaction.atomic
    def _apply(self, *, at: datetime, now: datetime, file: Path, only: list[str] | None, **_options: Any) -> None:
        theirs = _keyed(read_rules(file))
        if unknown := sorted({*(only or ())} - {*theirs}):
            raise CommandError(f"{file.name} has no rule {', '.join(unknown)}.", returncode=UNREADABLE)
        wanted = theirs if only is None else {key: theirs[key] for key in only}
        found = [one for one in differences(by_key(at), wanted) if one.theirs is not None]
        refused = [said for one in found if (said := _take_over(one, at, now))]
        if refused:
            raise CommandError("Nothing was changed.\n" + "\n".join(refused), returncode=1)
        for one in found:
            self.stdout.write(f"{one.key}: {'; '.join(one.words())}, from {when(at)}.")
        self.stdout.write(f"{len(found)} changed, {len(wanted) - len(found)} already so.")

    def _table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [head, *rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _take_over(one: Difference, at: datetime, now: datetime) -> str:
    """Set the rule; why it was refused, or empty."""
    rule = one.theirs
    assert rule is not None
    values = {"key": rule.key, "kind": rule.kind, "place": rule.place, "mark": rule.mark, "source": rule.source}
    try:
        set_rule({**values, **rule.params, "effective_from": at}, now=now)
    except RuleError as error:
        return str(error)
    return ""


def _add_file(action: ArgumentParser) -> None:
    action.add_argument("file", nargs="?", type=Path, default=DEFAULT_RULES, help="Without: the shipped rules.")


def _keyed(rules: Iterable[Rule]) -> dict[str, Rule]:
    return {rule.key: rule for rule in rules}


def _sort_of(one: Difference) -> str:
    if one.ours is None:
        return "new"
    return "own" if one.theirs is None else "other"
