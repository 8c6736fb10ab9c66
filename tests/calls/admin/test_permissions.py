import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from calls.models import Call, Campaign
from calls.permissions import MANAGERS, ensure_managers, remember_permissions
from tests.calls.admin import world

PAGES = ["campaign", "lead", "leadimport", "call", "turn", "callevent", "decision", "appointment", "consent"]
PAGES += ["suppression", "suppressionentry", "workflowtrace"]


def test_what_a_campaign_manager_may_do(manager: User) -> None:
    assert sorted(manager.get_all_permissions()) == [
        "billing.add_budget",
        "billing.change_alert",
        "billing.change_budget",
        "billing.view_alert",
        "billing.view_alertrule",
        "billing.view_budget",
        "billing.view_ledgerentry",
        "billing.view_rate",
        "billing.view_review",
        "calls.add_calendar",
        "calls.add_calendarhours",
        "calls.add_callerid",
        "calls.add_callingwindow",
        "calls.add_campaign",
        "calls.add_campaignword",
        "calls.add_companysuppression",
        "calls.add_consent",
        "calls.add_lead",
        "calls.add_leadimport",
        "calls.add_leadlist",
        "calls.add_numbercheck",
        "calls.add_retryrule",
        "calls.add_schedule",
        "calls.add_script",
        "calls.add_suppression",
        "calls.add_transfertarget",
        "calls.change_appointment",
        "calls.change_calendar",
        "calls.change_calendarhours",
        "calls.change_callerid",
        "calls.change_callingwindow",
        "calls.change_campaign",
        "calls.change_campaignword",
        "calls.change_lead",
        "calls.change_leadlist",
        "calls.change_recording",
        "calls.change_retryrule",
        "calls.change_schedule",
        "calls.change_script",
        "calls.change_transfertarget",
        "calls.change_workflowtrace",
        "calls.delete_calendarhours",
        "calls.delete_callingwindow",
        "calls.delete_campaignword",
        "calls.delete_recording",
        "calls.delete_retryrule",
        "calls.delete_schedule",
        "calls.delete_script",
        "calls.delete_transfertarget",
        "calls.flip_halt",
        "calls.supervise_call",
        "calls.transfer_call",
        "calls.view_agentexecution",
        "calls.view_appointment",
        "calls.view_calendar",
        "calls.view_calendarhours",
        "calls.view_call",
        "calls.view_callanalysis",
        "calls.view_callerid",
        "calls.view_callevent",
        "calls.view_callingwindow",
        "calls.view_campaign",
        "calls.view_campaignword",
        "calls.view_companysuppression",
        "calls.view_consent",
        "calls.view_costdaily",
        "calls.view_decision",
        "calls.view_halt",
        "calls.view_lead",
        "calls.view_leadimport",
        "calls.view_leadlist",
        "calls.view_leadrow",
        "calls.view_numbercheck",
        "calls.view_recording",
        "calls.view_retryrule",
        "calls.view_rule",
        "calls.view_schedule",
        "calls.view_schedulerun",
        "calls.view_script",
        "calls.view_scrub",
        "calls.view_suppression",
        "calls.view_suppressionentry",
        "calls.view_transfertarget",
        "calls.view_turn",
        "calls.view_voiceworker",
        "calls.view_workflowtrace",
    ]


def migrate_again() -> None:
    calls = apps.get_app_config("calls")
    remember_permissions(calls, using="default")
    create_permissions(calls, verbosity=0)
    ensure_managers(calls, using="default")


def test_migrating_again_leaves_the_operators_choice(db: None) -> None:
    group = Group.objects.get(name=MANAGERS)
    group.permissions.remove(Permission.objects.get(codename="add_campaign"))
    before = set(group.permissions.values_list("codename", flat=True))
    migrate_again()
    assert set(group.permissions.values_list("codename", flat=True)) == before
    assert Group.objects.count() == 1


def test_a_group_that_there_was_gets_what_a_release_brings(db: None) -> None:
    group = Group.objects.get(name=MANAGERS)
    before = set(group.permissions.values_list("codename", flat=True))
    removed = Permission.objects.get(codename="add_campaign")
    group.permissions.remove(removed)
    Permission.objects.filter(codename__in=["view_call", "delete_call"]).delete()
    migrate_again()
    assert set(group.permissions.values_list("codename", flat=True)) == before - {"add_campaign"}


@pytest.mark.parametrize("model", PAGES)
def test_staff_without_the_group_sees_nothing(client: Client, db: None, model: str) -> None:
    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get(f"/admin/calls/{model}/").status_code == 403


@pytest.mark.parametrize("model", PAGES)
def test_a_manager_sees_every_list(as_manager: Client, model: str) -> None:
    assert as_manager.get(f"/admin/calls/{model}/").status_code == 200


@pytest.mark.parametrize("model", ["leadimport", "call", "turn", "callevent", "decision", "appointment", "consent"])
def test_nobody_makes_by_hand_what_the_machine_writes(admin_client: Client, model: str) -> None:
    assert admin_client.get(f"/admin/calls/{model}/add/").status_code == 403


def test_nobody_edits_or_deletes_a_call(admin_client: Client, campaign: Campaign) -> None:
    [call] = world.calls(world.leads(campaign, 1))
    page = f"/admin/calls/call/{call.pk}"
    assert admin_client.post(f"{page}/change/", {"score": 99}).status_code == 403
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"/admin/calls/campaign/{campaign.pk}/delete/", {"post": "yes"}).status_code == 403
    call.refresh_from_db()
    assert (call.score, Call.objects.count()) == (0, 1)


def test_not_even_an_administrator_deletes_or_edits_a_do_not_call_entry(admin_client: Client) -> None:
    entry = world.suppression()
    for what in ("delete", "change"):
        page = f"/admin/calls/suppression/{entry.pk}/{what}/"
        assert admin_client.post(page, {"post": "yes", "phone": "+13035550000"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    admin_client.post("/admin/calls/suppression/", chosen)
    assert type(entry).objects.get().phone == entry.phone


@pytest.mark.parametrize("place", ["move/start/", "import/"])
def test_the_buttons_need_their_permissions(client: Client, campaign: Campaign, place: str) -> None:
    viewer = User.objects.create_user("vic", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_campaign"))
    client.force_login(viewer)
    assert client.post(f"/admin/calls/campaign/{campaign.pk}/{place}").status_code == 403
    page = client.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert "Import leads" not in page
    assert ">Start<" not in page
