"""Where other programs reach us."""

from django.urls import path

from integrations import api

urlpatterns = [path("api/v1/do-not-call", api.do_not_call, name="api-do-not-call")]
