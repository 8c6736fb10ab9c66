"""The page on which a script is written: rehearsed, saved as versions, exported and taken in again."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import written
from calls.models import Campaign, Script
from calls.services import scripts
from tests.calls.admin import world
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
BUILT_IN = written(DEFAULT_SCRIPT)
LIST = "/admin/calls/script/"
ADD = f"{LIST}add/"
BUSY = "Sorry to catch you at a bad time."


def saved(name: str = "Sellers", says: str = "I see you are busy.", *, based_on: int = 0) -> Script:
    text = BUILT_IN.replace(BUSY, says)
    return scripts.save(name, text, based_on=based_on, by=None, now=NOON_IN_DENVER)


def page_of(script: Script) -> str:
    return reverse("admin:calls_script_change", args=[script.pk])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_a_script_begins_as_the_built_in_one_with_a_rehearsal(admin_client: Client) -> None:
    response = admin_client.get(ADD)
    assert response.context["adminform"].form.initial["body"] == BUILT_IN
    page = text_of(response)
    assert "Are you still thinking about selling?" in page
    assert "= <strong>100</strong> of 100 at most. Hot from 70, warm from 40, qualified from 40." in page
    assert "That is a good way to start. What would make a move worth it for you?" in page


def test_it_is_saved_with_who_and_why(admin_client: Client, admin_user: Any) -> None:
    body = BUILT_IN.replace(BUSY, "I see you are busy.")
    response = admin_client.post(ADD, {"name": " Sellers ", "body": body, "note": ""}, follow=True)

    script = Script.objects.get()
    assert (script.name, script.number, script.created_by, script.body) == ("Sellers", 1, admin_user, body)
    assert "Sellers, version 1 is saved. Choose it on a campaign&#x27;s page." in text_of(response)


def test_an_edit_makes_a_version_that_the_campaigns_speak_by(admin_client: Client) -> None:
    first = saved()
    campaign = world.campaign(script=first)
    body = first.body.replace("I see you are busy.", "Sorry.")
    response = admin_client.post(page_of(first), {"body": body, "note": "Shorter", "_continue": "1"}, follow=True)

    second = Script.objects.get(number=2)
    assert response.redirect_chain == [(page_of(second), 302)]
    assert "New calls of Autumn sellers speak by it." in text_of(response)
    assert Campaign.objects.get(pk=campaign.pk).script == second
    assert (second.note, second.body, Script.objects.get(number=1).body) == ("Shorter", body, first.body)


def test_mistakes_are_shown_beside_what_was_typed(admin_client: Client) -> None:
    body = BUILT_IN.replace(BUSY, "Sorry, {nme}.").replace("hot_from: 70", "hot_from: 170")
    response = admin_client.post(ADD, {"name": "Sellers", "body": body, "note": ""})
    assert "score.hot_from: Input should be less than or equal to 100." in text_of(response)
    rehearsal = text_of(response).partition('id="rehearsal"')[2]
    assert "It cannot be saved like this." in rehearsal.partition("What stands where")[0]
    assert "Sorry, {nme}." in text_of(response)
    assert not Script.objects.exists()


def test_who_was_slower_keeps_what_they_typed(admin_client: Client) -> None:
    first = saved()
    saved(says="Meanwhile.", based_on=1)
    body = BUILT_IN.replace(BUSY, "Mine.")
    response = admin_client.post(page_of(first), {"body": body, "note": ""})

    assert "Version 2 was saved while you edited version 1: copy your changes" in text_of(response)
    assert "bad_time: Mine." in text_of(response)
    assert Script.objects.count() == 2


def test_a_name_that_is_taken_is_told(admin_client: Client) -> None:
    saved()
    response = admin_client.post(ADD, {"name": "Sellers", "body": BUILT_IN.replace(BUSY, "Mine."), "note": ""})
    assert "There is a script &#x27;Sellers&#x27; already: choose another name, or edit that one." in text_of(
        response
    )
    assert "Mine." in text_of(response)
    assert Script.objects.count() == 1


def test_it_goes_out_as_a_file_and_comes_in_again(admin_client: Client) -> None:
    script = saved("Sellers & heirs")
    exported = admin_client.get(reverse("admin:calls_script_file", args=[script.pk]))
    assert exported.headers["Content-Disposition"] == 'attachment; filename="sellers-heirs-1.yaml"'
    assert exported.content.decode() == script.body

    file = SimpleUploadedFile("other.yaml", exported.content.replace(b"I see you are busy.", b"From a file."))
    admin_client.post(ADD, {"name": "Other", "body": BUILT_IN, "note": "", "file": file})
    assert "From a file." in Script.objects.get(name="Other").body


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe\x00x", "It is not UTF-8 text"), (b"x" * 70_000, "It is longer than 64 KiB")],
)
def test_a_file_that_is_no_script_is_refused(admin_client: Client, content: bytes, says: str) -> None:
    file = SimpleUploadedFile("photo.jpg", content)
    response = admin_client.post(ADD, {"name": "Other", "body": BUILT_IN, "note": "", "file": file})
    assert says in text_of(response)
    assert not Script.objects.exists()


def test_a_text_is_rehearsed_without_being_saved(admin_client: Client) -> None:
    url = reverse("admin:calls_script_rehearsal")
    spoken = admin_client.post(url, {"body": BUILT_IN.replace("Are you still looking to buy?", "Still looking?")})
    wrong = admin_client.post(url, {"body": "format: 2"})

    assert "Still looking?" in text_of(spoken)
    assert "<code>questions</code> It is missing" in text_of(wrong)
    assert admin_client.get(url).status_code == 405
    assert not Script.objects.exists()


def test_an_older_version_is_to_be_read_and_copied(admin_client: Client) -> None:
    first = saved()
    second = saved(says="Sorry.", based_on=1)
    page = text_of(admin_client.get(page_of(first)))
    assert "This is version 1, to be read." in page
    assert '<textarea name="body"' not in page
    assert [row.pk for row in admin_client.get(LIST).context["cl"].queryset] == [second.pk]
    copied = admin_client.get(f"{ADD}?from={first.pk}")
    assert copied.context["adminform"].form.initial["body"] == first.body


def test_what_is_needed_is_not_deleted(admin_client: Client) -> None:
    script = saved()
    world.campaign(script=script)
    admin_client.post(reverse("admin:calls_script_delete", args=[script.pk]), {"post": "yes"})
    assert Script.objects.get() == script
    Campaign.objects.update(script=None)
    admin_client.post(reverse("admin:calls_script_delete", args=[script.pk]), {"post": "yes"})
    assert not Script.objects.exists()


def test_a_campaign_chooses_among_the_newest(admin_client: Client) -> None:
    first, other = saved(), saved("Buyers")
    second = saved(says="Sorry.", based_on=1)
    campaign = world.campaign()
    form = admin_client.get(reverse("admin:calls_campaign_change", args=[campaign.pk])).context["adminform"].form
    assert set(form.fields["script"].queryset) == {second, other}
    assert first not in form.fields["script"].queryset


@pytest.mark.parametrize("name", ["add", "rehearsal"])
def test_others_may_not(client: Client, django_user_model: Any, name: str) -> None:
    client.force_login(django_user_model.objects.create_user("bob", is_staff=True))
    assert client.post(reverse(f"admin:calls_script_{name}"), {"body": BUILT_IN}).status_code == 403
    assert client.get(reverse("admin:calls_script_file", args=[1])).status_code == 403
