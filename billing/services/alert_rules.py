"""Which alert rules hold for a budget, and those that are shipped."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from billing.domain.alerting import Kind, Level, Rule
from billing.models import AlertRule

DEFAULT_RULES = Path(__file__).resolve().parent.parent / "data" / "alert_rules.yaml"


Rules = Mapping[Kind, Mapping[Level, tuple[Rule, AlertRule]]]


class RuleBook:
    """All rules, read once. A budget's own rule takes the place of the general one of its kind and level."""

    def __init__(self, rules: Iterable[AlertRule] | None = None) -> None:
        self._rules: defaultdict[int | None, dict[tuple[str, str], AlertRule]] = defaultdict(dict)
        for rule in AlertRule.objects.all() if rules is None else rules:
            self._rules[rule.budget_id][rule.kind, rule.level] = rule

    def rows_for(self, budget_id: int | None) -> list[AlertRule]:
        """Those that hold for the budget and are enabled; for None the general ones.

        An own rule that is not enabled silences the general one.
        """
        rows = self._rules[None] | self._rules[budget_id]
        return [rule for rule in rows.values() if rule.enabled]

    def rules_for(self, budget_id: int) -> Rules:
        by_kind: defaultdict[Kind, dict[Level, tuple[Rule, AlertRule]]] = defaultdict(dict)
        for row in self.rows_for(budget_id):
            rule = rule_of(row)
            by_kind[rule.kind][rule.level] = rule, row
        return by_kind


def rule_of(row: AlertRule) -> Rule:
    return Rule(Kind(row.kind), Level(row.level), row.threshold)


def load_default_rules(path: Path = DEFAULT_RULES) -> int:
    """Fill an empty table; how many rules were loaded. A table that has a single rule is the operator's."""
    if AlertRule.objects.exists():
        return 0
    shipped: list[dict[str, Any]] = yaml.safe_load(path.read_text())["rules"]
    return len(
        AlertRule.objects.bulk_create(
            AlertRule(
                kind=Kind(row["kind"]).value,
                level=Level(row["level"]).value,
                threshold=Decimal(row["threshold"]),
                enabled=row.get("enabled", True),
            )
            for row in shipped
        )
    )
