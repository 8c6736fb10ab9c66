"""Where requests go."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from reautomation import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("health", health.health, name="health"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("calls.urls")),
    path("", include("integrations.urls")),
]
