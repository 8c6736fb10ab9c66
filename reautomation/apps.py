"""The admin with our own site, for ``INSTALLED_APPS``."""

from django.contrib.admin.apps import AdminConfig


class Admin(AdminConfig):
    default_site = "reautomation.site.Site"
