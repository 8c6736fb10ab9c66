"""The environment is read once, typed, and says what is wrong with it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.conf import settings

from reautomation import env


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("VOICE_LINES", "many", r"VOICE_LINES is 'many': input should be a valid integer"),
        ("VOICE_LINES", "0", r"VOICE_LINES is '0': input should be greater than or equal to 1"),
        (
            "PUBLIC_URL",
            "example.com",
            r"PUBLIC_URL is 'example.com': must be a URL that starts with http:// or https://",
        ),
        ("TWILIO_FROM_NUMBER", "303-555", r"TWILIO_FROM_NUMBER is '303-555': must be a phone number in E.164 form"),
        ("WHISPER_DEVICE", "tpu", r"WHISPER_DEVICE is 'tpu': input should be 'cpu', 'cuda' or 'auto'"),
        (
            "VOICE_QUEUES",
            "calls.local,calls.tpu",
            r"VOICE_QUEUES is 'calls.local,calls.tpu': must be queues with commas between them, of calls.local, ",
        ),
        ("WEB_PORT", "70000", r"WEB_PORT is '70000': input should be less than or equal to 65535"),
        (
            "ELEVENLABS_URL",
            "wss://api.elevenlabs.io",
            r"ELEVENLABS_URL is 'wss://api.elevenlabs.io': must be a URL that starts with http:// or https://",
        ),
        (
            "ELEVENLABS_VOICE_ID",
            "a/b",
            r"ELEVENLABS_VOICE_ID is 'a/b': must be the id of a voice, which has letters and digits\.",
        ),
        (
            "ELEVENLABS_MODEL",
            "eleven_v9",
            r"ELEVENLABS_MODEL is 'eleven_v9': input should be 'eleven_flash_v2_5', 'eleven_multilingual_v2' or "
            r"'eleven_v3'",
        ),
        (
            "LLM_RATE",
            "openai.gpt-4.1-mini.in",
            r"LLM_RATE is 'openai\.gpt-4\.1-mini\.in': must be how two keys of the rate card begin, such as openai",
        ),
        (
            "GPU_RATE",
            "rtx4090",
            r"GPU_RATE is 'rtx4090': must be a GPU's key of the rate card, such as gpu\.rtx4090\.",
        ),
        ("GPU_CALLS", "0", r"GPU_CALLS is '0': input should be greater than or equal to 1"),
        ("GPU_CALLS", "201", r"GPU_CALLS is '201': input should be less than or equal to 200"),
        ("GPU_USE", "0", r"GPU_USE is '0': input should be greater than 0"),
        ("GPU_USE", "0.0000001", r"GPU_USE is '0\.0000001': decimal input should have no more than 6 decimal places"),
        ("GPU_USE", "NaN", r"GPU_USE is 'NaN': input should be a finite number"),
        ("GPU_USE", "1.01", r"GPU_USE is '1\.01': input should be less than or equal to 1"),
        ("LOG_LEVEL", "loud", r"LOG_LEVEL is 'loud': input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value_and_what_is_accepted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(env.BadEnvironment, match=says):
        env.read()


@pytest.mark.parametrize(("name", "value"), [("DATABASE_URL", "mysql://root:hunter2@db/x"), ("REDIS_URL", "hunter2")])
def test_a_wrong_secret_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(env.BadEnvironment, match=f"{name} is set but is not a URL of the form") as caught:
        env.read()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["turn:kim:hunter2", "stun:hunter2@host", "stun:a:1,http://hunter2"])
def test_a_wrong_server_for_browsers_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("WEBRTC_ICE_SERVERS", value)
    with pytest.raises(env.BadEnvironment, match=r"WEBRTC_ICE_SERVERS is \(a secret, not shown\): must ") as caught:
        env.read()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("internal", "listens", "found"),
    [
        ("", "127.0.0.1", "127.0.0.1"),
        ("", "10.0.0.5", "10.0.0.5"),
        ("", "0.0.0.0", "172.18.0.7"),
        ("", "::", "172.18.0.7"),
        ("voice-1", "0.0.0.0", "voice-1"),
    ],
)
def test_where_the_web_finds_voice_workers(
    monkeypatch: pytest.MonkeyPatch, internal: str, listens: str, found: str
) -> None:
    monkeypatch.setenv("VOICE_INTERNAL_HOST", internal)
    monkeypatch.setenv("VOICE_MEDIA_HOST", listens)
    monkeypatch.setattr("socket.gethostname", lambda: "container")
    monkeypatch.setattr("socket.gethostbyname", {"container": "172.18.0.7"}.__getitem__)
    assert env.internal_host(env.read()) == found


def test_a_machine_that_does_not_know_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> str:
        raise OSError("Name or service not known")

    monkeypatch.setenv("VOICE_MEDIA_HOST", "0.0.0.0")
    monkeypatch.setattr("socket.gethostbyname", unknown)
    assert env.internal_host(env.read()) == "127.0.0.1"


@pytest.mark.parametrize("key", ["sk_hunter2 ", "sk_hunter2\nX: y", "sk_hünter2", "Bearer sk_hunter2"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("ELEVENLABS_API_KEY", key)
    monkeypatch.setenv("ELEVENLABS_VOICE_ID", "voice1")
    with pytest.raises(env.BadEnvironment) as caught:
        env.read()
    assert str(caught.value) == (
        "ELEVENLABS_API_KEY is (a secret, not shown): must be the key alone, without spaces or line breaks. "
        "Correct it in the environment or in .env."
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ELEVENLABS_API_KEY", "sk_hunter2", "ELEVENLABS_API_KEY is set and ELEVENLABS_VOICE_ID is not"),
        ("ELEVENLABS_VOICE_ID", "voice1", "ELEVENLABS_VOICE_ID is set and ELEVENLABS_API_KEY is not"),
    ],
)
def test_a_key_and_a_voice_come_together(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(env.BadEnvironment) as caught:
        env.read()
    assert str(caught.value) == f"{says}: set both for the premium voice, or neither for the local one."


@pytest.mark.parametrize(
    ("model", "component"),
    [
        ("eleven_flash_v2_5", "elevenlabs.flash_v2_5"),
        ("eleven_multilingual_v2", "elevenlabs.multilingual_v2"),
        ("eleven_v3", "elevenlabs.v3"),
    ],
)
def test_each_model_is_counted_as_its_own_component(
    monkeypatch: pytest.MonkeyPatch, model: str, component: str
) -> None:
    monkeypatch.setenv("ELEVENLABS_MODEL", model)
    assert env.elevenlabs_component(env.read()) == component


def test_the_key_reaches_the_voice_and_no_printed_settings() -> None:
    config = replace(settings.VOICE, elevenlabs_api_key="sk_hunter2")
    assert config.elevenlabs_api_key == "sk_hunter2"
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("calls", "use", "share"),
    [("8", "0.5", "0.250000"), ("3", "1", "0.333334"), ("200", "1", "0.005000"), ("1", "0.001", "1000.000000")],
)
def test_a_call_pays_its_part_of_a_gpu_and_of_its_idle_time(
    monkeypatch: pytest.MonkeyPatch, calls: str, use: str, share: str
) -> None:
    monkeypatch.setenv("GPU_CALLS", calls)
    monkeypatch.setenv("GPU_USE", use)
    assert str(env.gpu_share(env.read())) == share


def test_without_settings_there_is_no_premium_voice_and_no_rented_gpu() -> None:
    found = env.read()
    assert (found.elevenlabs_api_key.get_secret_value(), found.elevenlabs_voice_id, found.gpu_rate) == ("", "", "")
    assert (found.elevenlabs_url, found.elevenlabs_model) == ("https://api.elevenlabs.io", "eleven_flash_v2_5")
    assert (found.gpu_calls, found.gpu_use) == (8, Decimal("0.5"))


def test_two_wrong_variables_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LINES", "x")
    monkeypatch.setenv("WEB_PORT", "y")
    with pytest.raises(env.BadEnvironment) as caught:
        env.read()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["WEB_PORT", "VOICE_LINES"]


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_LINES", "")
    assert env.read().voice_lines == 4


def test_every_variable_is_explained_in_the_example() -> None:
    lines = (env.ROOT / ".env.example").read_text().splitlines()
    explained = {line.lstrip("# ").split("=")[0].lower() for line in lines if "=" in line}
    assert explained == set(env.Environment.model_fields)
