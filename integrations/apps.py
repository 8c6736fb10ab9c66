from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from billing.signals import alert_told
        from calls.signals import appointment_changed, call_analysed, call_finished, words_removed
        from integrations import receivers

        call_finished.connect(receivers.on_call_finished, dispatch_uid="integrations.webhooks")
        call_analysed.connect(receivers.on_call_analysed, dispatch_uid="integrations.analyses")
        words_removed.connect(receivers.on_words_removed, dispatch_uid="integrations.words")
        appointment_changed.connect(receivers.on_appointment_changed, dispatch_uid="integrations.calendars")
        alert_told.connect(receivers.on_alert_told, dispatch_uid="integrations.alerts")
