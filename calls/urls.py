"""Where carriers and people reach calls."""

from django.urls import path

from calls import inbound, putting_through, taking_over, views, webhooks

urlpatterns = [
    path("calls/<uuid:call_id>/recording.wav", views.recording, name="call-recording"),
    path("calls/<uuid:call_id>/recordings/<int:part>.wav", views.recording, name="call-recording-part"),
    path("webhooks/twilio/calls/<uuid:call_id>/status", webhooks.status, name="twilio-status"),
    path("webhooks/twilio/calls/<uuid:call_id>/machine", webhooks.machine, name="twilio-machine"),
    path("webhooks/twilio/calls/<uuid:call_id>/resume", taking_over.resume, name="twilio-resume"),
    path("webhooks/twilio/calls/<uuid:call_id>/transferred", putting_through.transferred, name="twilio-transferred"),
    path("webhooks/twilio/calls/<uuid:call_id>/whisper", putting_through.whisper, name="twilio-whisper"),
    path("webhooks/twilio/calls/<uuid:call_id>/whisper/key", putting_through.whisper_key, name="twilio-whisper-key"),
    path("webhooks/twilio/messages", inbound.message, name="twilio-message"),
    path("webhooks/twilio/voice", inbound.call, name="twilio-voice"),
    path("webhooks/twilio/voice/wait", inbound.call_wait, name="twilio-voice-wait"),
    path("webhooks/twilio/voice/talked", inbound.call_talked, name="twilio-voice-talked"),
    path("webhooks/twilio/voice/status", inbound.call_status, name="twilio-voice-status"),
    path("webhooks/twilio/voice/answer", inbound.call_answer, name="twilio-voice-answer"),
]
