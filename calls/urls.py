"""Where carriers and people reach calls."""

from django.urls import path

from calls import webhooks

urlpatterns = [
    path("webhooks/twilio/calls/<uuid:call_id>/status", webhooks.status, name="twilio-status"),
    path("webhooks/twilio/calls/<uuid:call_id>/machine", webhooks.machine, name="twilio-machine"),
]
