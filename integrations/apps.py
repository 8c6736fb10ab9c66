from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from calls.signals import call_finished
        from integrations import receivers

        call_finished.connect(receivers.on_call_finished, dispatch_uid="integrations.webhooks")
