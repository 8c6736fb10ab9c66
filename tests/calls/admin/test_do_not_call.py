"""The do-not-call list in the admin: by hand, as a list, its history, and the one way off it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from calls.models import Campaign, Lead, Suppression, SuppressionEntry
from calls.services.opting_out import suppress
from tests.calls.admin import world
from tests.calls.admin.test_editing import LEAD
from tests.calls.admin.test_pages import text

LIST, HISTORY, LEADS = "/admin/calls/suppression/", "/admin/calls/suppressionentry/", "/admin/calls/lead/"
PHONE = "+13035550000"


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def as_officer(client: Client, manager: User) -> Client:
    """A manager who may take numbers off the list."""
    manager.user_permissions.add(Permission.objects.get(codename="lift_suppression"))
    client.force_login(manager)
    return client


@pytest.fixture
def entry(campaign: Campaign) -> Suppression:
    world.leads(campaign, 2)
    suppress(PHONE, source="sms", said="STOP", reference="SM1", now=world.NOW)
    return Suppression.objects.get()


def upload(content: str, reason: str = "list of May") -> dict[str, Any]:
    return {"file": SimpleUploadedFile("list.csv", content.encode()), "reason": reason}


def test_an_entry_by_hand_says_who_and_takes_the_persons_other_numbers(
    as_manager: Client, campaign: Campaign
) -> None:
    first, second = world.leads(campaign, 2)
    Lead.objects.update(email="maria@example.com")
    response = as_manager.post(f"{LIST}add/", {"phone": "303-555-0000", "said": "letter of 3 May"})
    assert said(response)[0] == "1 other number of the same person followed."
    fields = Suppression.objects.order_by("phone").values_list("phone", "source", "said", "by", "origin")
    assert list(fields) == [
        (first.phone, "admin", "letter of 3 May", "mia", ""),
        (second.phone, "admin", "letter of 3 May", "mia", first.phone),
    ]
    assert "admin, of +1 303-555-0000" in text(as_manager, LIST)


def test_the_page_of_an_entry_shows_the_numbers_history(as_manager: Client, entry: Suppression) -> None:
    page = text(as_manager, f"{LIST}{entry.pk}/change/")
    for words in ("+1 303-555-0000", "1 lead has this number", "SM1", "2026-11-20 15:00:00 suppressed sms STOP - -"):
        assert words in page
    assert "Take off the list" not in page
    assert "Delete" not in page


def test_a_number_is_lifted_with_a_reason_and_its_leads_stay_closed(as_officer: Client, entry: Suppression) -> None:
    assert "Take off the list" in text(as_officer, f"{LIST}{entry.pk}/change/")
    lift = f"{LIST}{entry.pk}/lift/"
    assert "Other numbers of the same person stay on the list." in text(as_officer, lift)
    for reason in ("", "   "):
        refused = as_officer.post(lift, {"reason": reason})
        assert "Say what shows that the person wants to be called." in refused.content.decode()
    assert Suppression.objects.count() == SuppressionEntry.objects.count() == 1
    response = as_officer.post(lift, {"reason": "signed form of 4 May"})
    assert (response.status_code, response.headers["Location"]) == (302, f"{HISTORY}?q=%2B13035550000")
    assert said(response) == [
        "+1 303-555-0000 is off the do-not-call list. Its leads stay closed until somebody reopens them."
    ]
    assert not Suppression.objects.exists()
    assert Lead.objects.get(phone=PHONE).status == "closed"
    page = text(as_officer, f"{HISTORY}?q=%2B13035550000")
    assert "lifted admin mia signed form of 4 May" in page
    assert "suppressed sms STOP" in page
    assert as_officer.post(lift, {"reason": "again"}).status_code == 404


def test_a_manager_without_the_right_lifts_nothing(as_manager: Client, entry: Suppression) -> None:
    for method in ("get", "post"):
        assert getattr(as_manager, method)(f"{LIST}{entry.pk}/lift/", {"reason": "x"}).status_code == 403
    assert Suppression.objects.count() == SuppressionEntry.objects.count() == 1


def test_nobody_makes_edits_or_deletes_history(admin_client: Client, entry: Suppression) -> None:
    of = SuppressionEntry.objects.get()
    assert admin_client.get(f"{HISTORY}add/").status_code == 403
    for what in ("change", "delete"):
        assert admin_client.post(f"{HISTORY}{of.pk}/{what}/", {"post": "yes", "kind": "lifted"}).status_code == 403
    assert SuppressionEntry.objects.get().kind == "suppressed"
    assert "suppressed" in text(admin_client, f"{HISTORY}{of.pk}/change/")


def test_a_list_is_imported(as_manager: Client, campaign: Campaign) -> None:
    world.leads(campaign, 1)
    suppress("+13035550007", source="voice", said="stop", now=world.NOW)
    rows = "Phone,Reason\n303-555-0000,said so\n(303) 555-0007,\nnonsense,\n303-555-0008,\n"
    page = as_manager.post(f"{LIST}import/", upload(rows)).content.decode()
    assert (
        "<strong>2</strong> added, 1 on the list already, 0 more of the\n      same people, 1 not readable." in page
    )
    assert "<td>4</td><td>&#x27;nonsense&#x27; is not a phone number" in page
    fields = Suppression.objects.order_by("phone").values_list("phone", "source", "said", "by")
    assert list(fields) == [
        (PHONE, "import", "said so", "mia"),
        ("+13035550007", "voice", "stop", ""),
        ("+13035550008", "import", "list of May", "mia"),
    ]
    assert Lead.objects.get().status == "closed"


@pytest.mark.parametrize(
    ("content", "reason", "sentence"),
    [
        ("name\nDana\n", "r", "No column holds the phone number."),
        ("phone\n", "r", "has no row below them"),
        ("", "r", "The file is empty"),
        ("phone\n303-555-0000\n", "", "This field is required."),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(as_manager: Client, content: str, reason: str, sentence: str) -> None:
    page = as_manager.post(f"{LIST}import/", upload(content, reason)).content.decode()
    assert sentence in page
    assert "Nothing was imported." in page
    assert not Suppression.objects.exists()


def test_who_may_only_look_imports_nothing(client: Client, db: None) -> None:
    viewer = User.objects.create_user("vic", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_suppression"))
    client.force_login(viewer)
    assert client.post(f"{LIST}import/", upload("phone\n303-555-0000\n")).status_code == 403
    assert "Import a list" not in text(client, LIST)


def test_leads_are_linked_by_hand(as_manager: Client, campaign: Campaign) -> None:
    first, second, third = world.leads(campaign, 3)
    link = {"action": "link_as_one_person", "_selected_action": [first.pk]}
    assert said(as_manager.post(LEADS, link)) == ["Choose at least two leads that are one person."]
    suppress(first.phone, source="sms", said="STOP", now=world.NOW)
    response = as_manager.post(LEADS, {**link, "_selected_action": [first.pk, second.pk]})
    assert said(response)[1:] == [
        "2 leads are one person: an opt-out of one holds for all their numbers.",
        "The same person has opted out before: 1 number follows onto the do-not-call list.",
    ]
    assert Suppression.objects.get(phone=second.phone).origin == first.phone
    unlinked = as_manager.post(LEADS, {"action": "unlink", "_selected_action": [second.pk, third.pk]})
    assert said(unlinked)[-1:] == ["1 lead is linked with no other any more."]
    assert Suppression.objects.count() == 2


def test_an_address_that_is_filled_in_later_counts(as_manager: Client, campaign: Campaign) -> None:
    first, second = world.leads(campaign, 2)
    Lead.objects.filter(pk=first.pk).update(email="maria@example.com")
    suppress(first.phone, source="sms", said="STOP", now=world.NOW)
    consents = {"consents-TOTAL_FORMS": 1, "consents-INITIAL_FORMS": 1, "consents-0-id": second.consents.get().pk}
    changed = {**LEAD, **consents, "consents-0-lead": second.pk, "email": "Maria@example.com"}
    response = as_manager.post(f"{LEADS}{second.pk}/change/", changed)
    assert response.status_code == 302
    second.refresh_from_db()
    assert (second.email, second.status) == ("Maria@example.com", "closed")
