"""Where other programs reach us."""

from django.urls import path

from integrations import api, api_calls, api_control, api_leads, api_recordings

urlpatterns = [
    path("api/v1/do-not-call", api.do_not_call, name="api-do-not-call"),
    path("api/v1/leads", api_leads.lead, name="api-lead"),
    path("api/v1/leads/batch", api_leads.leads, name="api-leads"),
    path("api/v1/calls/<uuid:call_id>", api_calls.call, name="api-call"),
    path("api/v1/calls/<uuid:call_id>/recording/redact", api_recordings.redact, name="api-recording-redact"),
    path("api/v1/calls/<uuid:call_id>/recording/erase", api_recordings.erase, name="api-recording-erase"),
    path("api/v1/calls/<uuid:call_id>/recording/pause", api_recordings.pause, name="api-recording-pause"),
    path("api/v1/calls/<uuid:call_id>/recording/resume", api_recordings.resume, name="api-recording-resume"),
    path("api/v1/calls/<uuid:call_id>/transfer", api_control.transfer, name="api-transfer"),
    path("api/v1/calls/<uuid:call_id>/hold", api_control.hold, name="api-hold"),
    path("api/v1/calls/<uuid:call_id>/unhold", api_control.unhold, name="api-unhold"),
    path("api/v1/calls/<uuid:call_id>/whisper", api_control.whisper, name="api-whisper"),
    path("api/v1/calls/<uuid:call_id>/supervise", api_control.supervise, name="api-supervise"),
    path("api/v1/erasures", api_recordings.erase_person, name="api-erasure"),
]
