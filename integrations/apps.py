from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from billing.signals import alert_told
        from calls.signals import call_finished
        from integrations import receivers

        call_finished.connect(receivers.on_call_finished, dispatch_uid="integrations.webhooks")
        alert_told.connect(receivers.on_alert_told, dispatch_uid="integrations.alerts")
