from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CallsConfig(AppConfig):
    name = "calls"

    def ready(self) -> None:
        from calls.permissions import ensure_managers

        post_migrate.connect(ensure_managers, sender=self)
