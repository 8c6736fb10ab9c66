"""Keys of recordings: what the environment accepts, the command that changes them, and who is warned."""

import base64
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from calls.checks import recording_keys
from calls.models import Call, Recording
from calls.services import recordings
from reautomation import env
from tests.calls.admin import world
from voice.recordings.bucket import Bucket
from voice.recordings.keys import Keyring, new_key

KEY = "a:" + base64.b64encode(b"a" * 32).decode()


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("recordings", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def call(db: None, settings: Settings, tmp_path: Path) -> Call:
    settings.RECORDINGS_DIR, settings.RECORDINGS_LIVE_DIR = tmp_path / "store", tmp_path / "live"
    [made] = world.calls(world.leads(world.campaign(), 1))
    world.recording(made, settings.RECORDINGS_DIR)
    return made


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("RECORDING_KEYS", "abc", "RECORDING_KEYS is (a secret, not shown): key 1 has no id of 1 to 16 letters"),
        ("RECORDING_KEYS", f"{KEY},b:AAAA", "the key 'b' has 3 bytes and needs 32"),
        ("RECORDING_KEYS", f"{KEY},{KEY}", "two keys have the id 'a'"),
        ("RECORDINGS_DAYS", "0", "RECORDINGS_DAYS is '0'"),
        ("RECORDINGS_S3_BUCKET", "My Bucket", "must be the name of a bucket, such as calls-of-summit"),
        ("RECORDINGS_S3_ENDPOINT", "ftp://x", "RECORDINGS_S3_ENDPOINT is 'ftp://x'"),
        ("RECORDINGS_S3_ENDPOINT", "http://127.0.0.1:9000", "RECORDINGS_S3_ENDPOINT is set and RECORDINGS_S3_BUCKET"),
        ("RECORDINGS_S3_SECRET_KEY", "x", "RECORDINGS_S3_SECRET_KEY is set and RECORDINGS_S3_ACCESS_KEY is not"),
        ("RECORDINGS_S3_ACCESS_KEY", "x", "RECORDINGS_S3_ACCESS_KEY is set and RECORDINGS_S3_SECRET_KEY is not"),
    ],
)
def test_a_wrong_variable_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(env.BadEnvironment) as told:
        env.read()
    assert sentence in str(told.value)
    assert KEY not in str(told.value)


def test_a_bucket_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.recordings_bucket(env.read()) is None
    values = {"BUCKET": "calls", "ENDPOINT": "http://127.0.0.1:9000/", "PREFIX": "a/b", "REGION": "us-east-1"}
    for name, value in {**values, "ACCESS_KEY": "k", "SECRET_KEY": "s"}.items():
        monkeypatch.setenv(f"RECORDINGS_S3_{name}", value)
    monkeypatch.setenv("RECORDING_KEYS", KEY)
    found = env.read()
    assert env.recordings_bucket(found) == Bucket("calls", "http://127.0.0.1:9000", "a/b", "us-east-1", "k", "s")
    assert found.recording_keys.get_secret_value() == KEY


@pytest.mark.parametrize(("own", "embedded", "warned"), [(False, False, 1), (True, False, 0), (False, True, 0)])
def test_who_is_warned(settings: Settings, own: bool, embedded: bool, warned: int) -> None:
    settings.RECORDING_KEYS_ARE_OWN, settings.USES_EMBEDDED = own, embedded
    assert [message.id for message in recording_keys(app_configs=None)] == ["calls.W001"] * warned


def test_a_fresh_key() -> None:
    made = said("key", "2026-autumn").strip()
    assert Keyring.parse(made).newest == "2026-autumn"
    for name in ("two words", "x" * 17, "a:b"):
        with pytest.raises(CommandError, match="is no name of a key"):
            said("key", name)


def test_every_recording_is_sealed_with_the_newest_key(call: Call, settings: Settings) -> None:
    settings.RECORDING_KEYS = f"{new_key('newer')},{settings.RECORDING_KEYS}"
    assert said("reseal") == "Recordings sealed with newer: 1.\n"
    assert said("reseal") == "Recordings sealed with newer: 0.\n"
    settings.RECORDING_KEYS = settings.RECORDING_KEYS.partition(",")[0]
    reader = recordings.opened(Recording.objects.get())
    assert (reader.about.key_id, reader.sound(0, reader.sound_bytes)) == ("newer", world.pcm(3))


def test_one_that_cannot_be_is_told(call: Call, settings: Settings) -> None:
    settings.RECORDING_KEYS = new_key("other")
    with pytest.raises(CommandError, match=r"could not be sealed anew: 1\. Keep the older keys"):
        said("reseal")


def test_what_the_tasks_do_at_once(call: Call) -> None:
    assert said("store") == "Recordings brought into the store: 0.\n"
    Recording.objects.update(started_at=world.NOW.replace(year=2020))
    assert said("erase-old") == "Recordings erased: 1.\n"


def test_leads_are_erased_from_their_list(call: Call, client: Client) -> None:
    boss: Any = User.objects.create_superuser("boss", password="x")
    client.force_login(boss)
    action = {"action": "erase_talk", "_selected_action": [str(call.lead_id)]}
    told = client.post("/admin/calls/lead/", action, follow=True).content.decode()
    assert "1 recording is erased, and what was said on these leads" in told
    call.refresh_from_db()
    assert (call.summary, set(call.turns.values_list("text", flat=True))) == ("", {""})
