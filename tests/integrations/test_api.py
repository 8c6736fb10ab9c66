"""The REST API: who may, what is understood, and a sentence for every mistake."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from calls.models import Call, Lead, Suppression, SuppressionEntry
from integrations import tokens
from integrations.models import ApiToken

pytestmark = pytest.mark.django_db
URL, TOKENS = "/api/v1/do-not-call", "/admin/integrations/apitoken/"
PHONE = "+13035550142"


def make(name: str = "CRM", **fields: Any) -> str:
    return tokens.make(ApiToken(name=name, **fields), by="mia", now=timezone.now())


@pytest.fixture
def token() -> str:
    return make()


def post(body: object, token: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    client = Client(enforce_csrf_checks=True)
    answer = client.post(URL, data, content_type="application/json", headers={**authorization, **headers})
    return answer.status_code, answer.json()


def test_a_number_comes_on_the_list_once(token: str, call: Call) -> None:
    Lead.objects.update(status="open")
    status, first = post({"phone": "(303) 555-0142", "reason": "asked the agent by e-mail"}, token)
    entry = Suppression.objects.get()
    assert (status, first) == (
        201,
        {"phone": PHONE, "created": True, "since": entry.created_at.isoformat(), "source": "api"},
    )
    assert (entry.said, entry.by) == ("asked the agent by e-mail", "API token CRM")
    assert Lead.objects.get().status == "closed"
    assert post({"phone": PHONE}, token) == (200, {**first, "created": False})
    assert SuppressionEntry.objects.count() == 1


@pytest.mark.parametrize("written", ["+13035550142", "303-555-0142", "1 303 555 0142", "tel:+1-303-555-0142"])
def test_numbers_are_read_as_people_write_them(token: str, written: str) -> None:
    assert post({"phone": written}, token)[0] == 201
    assert Suppression.objects.get().phone == PHONE


@pytest.mark.parametrize(
    ("body", "status", "sentence", "field"),
    [
        ({"phone": "x"}, 422, "'x' is not a phone number: write digits only", "phone"),
        ({"phone": ""}, 422, "The phone number is missing.", "phone"),
        ({"phone": "555-0142"}, 422, "555-0142 has no area code", "phone"),
        ({"phone": "1" * 41}, 422, "The field phone is wrong: string should have at most 40 characters.", "phone"),
        ({}, 422, "The field phone is wrong: field required.", "phone"),
        ({"phone": 3035550142}, 422, "The field phone is wrong: input should be a valid string.", "phone"),
        (
            {"phone": PHONE, "reason": "x" * 301},
            422,
            "The field reason is wrong: string should have at most",
            "reason",
        ),
        ({"phone": PHONE, "why": "x"}, 422, "The field why is wrong: extra inputs are not permitted.", "why"),
        ([], 422, "The body is not a JSON object", None),
        (" ", 400, "The body is not JSON", None),
        ("{", 400, "The body is not JSON", None),
        (b"\xff\xfe", 400, "The body is not JSON", None),
    ],
)
def test_a_mistake_is_told(token: str, body: object, status: int, sentence: str, field: str | None) -> None:
    answered, said = post(body, token)
    assert (answered, said.get("field")) == (status, field)
    assert said["error"].startswith(sentence)
    assert not Suppression.objects.exists()


def test_a_body_that_is_too_large(token: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert post({"phone": PHONE, "reason": "x" * 200}, token)[0] == 413
    assert not Suppression.objects.exists()


def test_another_content_type_and_other_methods(token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}
    answer = Client().post(URL, {"phone": PHONE}, headers=bearer)
    assert (answer.status_code, answer.json()["error"][:10]) == (415, "Send JSON,")
    for method in ("get", "put", "delete", "patch"):
        answer = getattr(Client(), method)(URL, headers=bearer)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert answer.json() == {"error": "Only POST is possible here."}
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer rea_wrong", "Basic {}", "{}", "Bearer {}x"])
def test_without_a_valid_token_nothing_opens(token: str, header: str) -> None:
    answer = Client().post(
        URL, json.dumps({"phone": PHONE}), "application/json", headers={"Authorization": header.format(token)}
    )
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["error"].startswith("A valid API token is needed")
    assert not Suppression.objects.exists()


def test_a_token_of_another_scope(token: str) -> None:
    ApiToken.objects.update(scope="something_else")
    status, said = post({"phone": PHONE}, token)
    assert status == 403
    assert said["error"].startswith("This token may not do that")


def test_only_the_hash_is_kept_and_use_is_noted_to_the_minute(token: str) -> None:
    kept = ApiToken.objects.get()
    assert kept.sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert (token[:10], kept.last_used_at) == (kept.begins, None)
    assert not any(token in str(value) for value in ApiToken.objects.values_list().get())
    now = timezone.now()
    for seconds, noted in ((0, 0), (59, 0), (61, 61)):
        assert tokens.owner_of(token, now=now + timedelta(seconds=seconds)) == kept
        assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=noted)


def test_a_token_is_made_shown_once_and_revoked(admin_client: Client) -> None:
    made = admin_client.post(f"{TOKENS}add/", {"name": "CRM", "scope": "do_not_call"})
    assert (made.status_code, "no-store" in made.headers["Cache-Control"]) == (200, True)
    text = made.content.decode().split('<code id="token">')[1].split("<")[0]
    kept = ApiToken.objects.get()
    assert (kept.created_by, text.startswith(kept.begins)) == ("admin", True)
    assert post({"phone": PHONE}, text)[0] == 201
    for page in (TOKENS, f"{TOKENS}{kept.pk}/change/"):
        assert text not in admin_client.get(page).content.decode()
    again = admin_client.post(f"{TOKENS}add/", {"name": "CRM", "scope": "do_not_call"})
    assert "already exists" in again.content.decode()
    assert admin_client.post(f"{TOKENS}{kept.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(TOKENS, {"action": "revoke", "_selected_action": [kept.pk]})
    kept.refresh_from_db()
    assert (kept.revoked_by, kept.revoked_at is not None) == ("admin", True)
    assert post({"phone": "+13035550143"}, text)[0] == 401
    assert Suppression.objects.count() == 1


def test_who_may_only_look_revokes_nothing(client: Client, token: str) -> None:
    viewer = User.objects.create_user("vic", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    client.force_login(viewer)
    client.post(TOKENS, {"action": "revoke", "_selected_action": [ApiToken.objects.get().pk]})
    assert client.get(f"{TOKENS}add/").status_code == 403
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_program_is_asked_to_come_again(token: str) -> None:
    reachable = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        answer = Client().post(
            URL, json.dumps({"phone": PHONE}), "application/json", headers={"Authorization": f"Bearer {token}"}
        )
    finally:
        connection.close()
        connection.settings_dict["HOST"] = reachable
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert not Suppression.objects.exists()
    assert post({"phone": PHONE}, token)[0] == 201
