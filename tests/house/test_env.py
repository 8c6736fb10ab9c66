"""The environment is read once, typed, and says what is wrong with it."""

import pytest

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
        ("WEB_PORT", "70000", r"WEB_PORT is '70000': input should be less than or equal to 65535"),
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
