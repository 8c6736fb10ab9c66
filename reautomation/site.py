"""The admin's site: what people work with first, records for looking things up last."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

_ORDER = {
    "calls": [
        "Campaign",
        "Schedule",
        "Lead",
        "LeadImport",
        "Call",
        "Appointment",
        "Script",
        "Calendar",
        "CallerId",
        "Suppression",
        "SuppressionEntry",
        "CompanySuppression",
        "Consent",
        "NumberCheck",
        "Scrub",
        "Rule",
        "Halt",
        "VoiceWorker",
        "WorkflowTrace",
        "Decision",
        "CallEvent",
        "Turn",
    ],
    "billing": ["Budget", "CostDaily", "Alert", "Review", "LedgerEntry", "Rate", "AlertRule"],
    "integrations": ["CalendarLink", "Endpoint", "Delivery", "ApiToken"],
    "auth": ["User", "Group"],
    "django_celery_beat": [],
}
"""Apps, and the models of each; what is not named follows by its name."""


class Site(AdminSite):
    site_header = "reautomation"
    site_title = "reautomation"
    index_title = "Calling"
    site_url = None
    """There is no other site to view."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """In the order of a newcomer's way. Costs are figures of calls, and are looked for beside the budgets."""
        apps = {app["app_label"]: app for app in super().get_app_list(request)}
        if "calls" in apps and "billing" in apps:
            figures = [model for model in apps["calls"]["models"] if model["object_name"] == "CostDaily"]
            apps["calls"]["models"] = [model for model in apps["calls"]["models"] if model not in figures]
            apps["billing"]["models"] += figures
        for label, app in apps.items():
            app["models"].sort(key=lambda model: _place(_ORDER.get(label, []), model["object_name"]))
        ordered = sorted(apps.values(), key=lambda app: _place([*_ORDER], app["app_label"]))
        return [app for app in ordered if app["models"] and app_label in (None, app["app_label"])]


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
