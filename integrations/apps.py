from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from billing.signals import alert_told
        from calls.signals import appointment_changed, call_finished
        from integrations import receivers

        call_finished.connect(receivers.on_call_finished, dispatch_uid="integrations.webhooks")
        appointment_changed.connect(receivers.on_appointment_changed, dispatch_uid="integrations.calendars")
        alert_told.connect(receivers.on_alert_told, dispatch_uid="integrations.alerts")
