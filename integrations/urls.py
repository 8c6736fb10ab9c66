"""Where other programs reach us."""

from django.urls import path

from integrations import api, api_leads

urlpatterns = [
    path("api/v1/do-not-call", api.do_not_call, name="api-do-not-call"),
    path("api/v1/leads", api_leads.lead, name="api-lead"),
    path("api/v1/leads/batch", api_leads.leads, name="api-leads"),
]
