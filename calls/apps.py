from typing import Any

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_delete, post_migrate, pre_migrate


class CallsConfig(AppConfig):
    name = "calls"

    def ready(self) -> None:
        from billing.signals import cost_corrected
        from calls.checks import recording_keys
        from calls.models import Schedule
        from calls.permissions import ensure_managers, remember_permissions
        from calls.services import analysing, carrier_prices, inbound, scheduling
        from calls.signals import call_finished

        register(recording_keys)
        call_finished.connect(carrier_prices.on_finished, dispatch_uid="calls.expect_price")
        call_finished.connect(inbound.on_finished, dispatch_uid="calls.keep_promise")
        call_finished.connect(analysing.on_finished, dispatch_uid="calls.analyse")
        cost_corrected.connect(carrier_prices.follow, dispatch_uid="calls.follow_cost")
        post_delete.connect(scheduling.forget, sender=Schedule, dispatch_uid="calls.forget_schedule")
        pre_migrate.connect(remember_permissions, sender=self)
        post_migrate.connect(ensure_managers, sender=self)
        post_migrate.connect(_fill_empty_rules, sender=self)


def _fill_empty_rules(sender: AppConfig, **_signal: Any) -> None:
    """After migrating: the shipped calling rules, unless there are any."""
    from calls.services.rules import load_defaults

    load_defaults()
