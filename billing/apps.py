from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        post_migrate.connect(_fill_empty_tables, sender=self)


def _fill_empty_tables(sender: AppConfig, **_signal: Any) -> None:
    """After migrating: the default rate card and alert rules, unless there are any."""
    from billing.services.alert_rules import load_default_rules
    from billing.services.card import load_defaults

    load_defaults()
    load_default_rules()
