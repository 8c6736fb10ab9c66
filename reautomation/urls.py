"""Where requests go."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from reautomation import health

admin.site.site_header = "reautomation"
admin.site.site_title = "reautomation"
admin.site.index_title = "Calling"
admin.site.site_url = None  # the site is the admin


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("health", health.health, name="health"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("calls.urls")),
]
