"""The admin's first page."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

pytestmark = pytest.mark.django_db


def shown(client: Client, url: str) -> dict[str, list[str]]:
    """The models of each app, in their order on the page."""
    apps = client.get(url).context["app_list"]
    return {app["app_label"]: [model["object_name"] for model in app["models"]] for app in apps}


def test_what_people_work_with_comes_first_and_costs_stand_beside_the_budgets(admin_client: Client) -> None:
    apps = shown(admin_client, "/admin/")
    assert list(apps) == ["calls", "billing", "integrations", "auth", "django_celery_beat"]
    assert apps["calls"][:5] == ["Campaign", "Schedule", "Lead", "LeadImport", "Call"]
    first = apps["calls"].index("Suppression")
    assert apps["calls"][first : first + 3] == ["Suppression", "SuppressionEntry", "CompanySuppression"]
    assert apps["calls"][-3:] == ["Decision", "CallEvent", "Turn"]
    assert apps["billing"] == ["Budget", "CostDaily", "Alert", "Review", "LedgerEntry", "Rate", "AlertRule"]
    assert apps["auth"] == ["User", "Group"]


def test_an_apps_own_page_lists_the_same(admin_client: Client) -> None:
    everything = shown(admin_client, "/admin/")
    for app in ("calls", "billing"):
        assert shown(admin_client, f"/admin/{app}/") == {app: everything[app]}


def test_who_sees_no_billing_finds_costs_under_calls(client: Client) -> None:
    user = User.objects.create_user("cora", password="correct horse", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_costdaily", "view_call"]))
    client.force_login(user)
    assert shown(client, "/admin/") == {"calls": ["Call", "CostDaily"]}
    assert client.get("/admin/billing/").status_code == 404


def test_there_is_no_other_site_to_view(admin_client: Client) -> None:
    assert "View site" not in admin_client.get("/admin/").content.decode()
