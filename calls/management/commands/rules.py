"""``manage.py rules``: the calling rules in force; what differs from others; take them over; write them as a file."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from billing.domain.dated import Difference
from billing.management.dated_command import DatedCommand, day
from calls.domain.rule_changes import described, differences
from calls.domain.rules import Rule, RuleError
from calls.services.rule_file import read_rules, write_rules
from calls.services.rules import DEFAULT_RULES, by_key, set_rule


class Command(DatedCommand[Rule]):
    help = (
        "Show the calling rules, compare them with the shipped ones or a file, take rules over, write them as a file."
    )
    noun, nouns, error, default_file = "rule", "rules", RuleError, DEFAULT_RULES
    columns = ("key", "says", "since", "", "source")

    def in_force(self, at: datetime) -> Mapping[str, Rule]:
        return by_key(at)

    def read(self, file: Path) -> list[Rule]:
        return read_rules(file)

    def write(self, rows: Iterable[Rule], *, at: datetime) -> str:
        return write_rules(rows, at=at)

    def cells(self, row: Rule) -> Sequence[str]:
        return row.key, described(row), day(row.valid_from), row.mark.value, row.source

    def differences(self, ours: Mapping[str, Rule], theirs: Mapping[str, Rule]) -> list[Difference[Rule]]:
        return differences(ours, theirs)

    def take(self, row: Rule, *, at: datetime, now: datetime) -> None:
        values = {"key": row.key, "kind": row.kind, "place": row.place, "mark": row.mark, "source": row.source}
        set_rule({**values, **row.params, "effective_from": at}, now=now)
