"""The mail server and whom it tells, from the environment."""

import pytest

from reautomation import env

SERVER = "smtp://mail.example.com"


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> env.Environment:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return env.read()


def test_without_settings_no_mail_is_sent() -> None:
    empty = env.read()
    assert (env.mail_server(empty), env.listed(empty.alert_emails), env.sender(empty)) == (
        ("", 25, "", "", False, False),
        [],
        "",
    )


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25, "", "", False, False)),
        ("smtp://mail.example.com:2525", ("mail.example.com", 2525, "", "", False, False)),
        (
            "smtp://mia%40example.com:p%2Fw@mail.example.com",
            ("mail.example.com", 587, "mia@example.com", "p/w", True, False),
        ),
        ("smtps://mia:pw@mail.example.com", ("mail.example.com", 465, "mia", "pw", False, True)),
        ("smtps://mail.example.com:8465", ("mail.example.com", 8465, "", "", False, True)),
    ],
)
def test_a_password_is_never_sent_in_plain_text(
    monkeypatch: pytest.MonkeyPatch, url: str, server: tuple[object, ...]
) -> None:
    assert env.mail_server(read(monkeypatch, EMAIL_URL=url, ALERT_EMAILS="mia@example.com")) == server


@pytest.mark.parametrize(
    ("url", "given", "sender"),
    [
        (SERVER, "", "mia@example.com"),
        ("smtp://bot%40example.com:pw@mail.example.com", "", "bot@example.com"),
        ("smtp://bot:pw@mail.example.com", "", "mia@example.com"),
        (SERVER, "Money <money@example.com>", "Money <money@example.com>"),
    ],
)
def test_whom_a_mail_comes_from(monkeypatch: pytest.MonkeyPatch, url: str, given: str, sender: str) -> None:
    there = read(monkeypatch, EMAIL_URL=url, ALERT_EMAILS=" mia@example.com , ben@example.com,", ALERT_FROM=given)
    assert env.listed(there.alert_emails) == ["mia@example.com", "ben@example.com"]
    assert env.sender(there) == sender


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"EMAIL_URL": SERVER},
            "EMAIL_URL is set and ALERT_EMAILS is not: set both to have alerts mailed, or neither",
        ),
        ({"ALERT_EMAILS": "mia@example.com"}, "ALERT_EMAILS is set and EMAIL_URL is not: set both"),
        ({"ALERT_EMAILS": "mia, ben@example.com"}, "ALERT_EMAILS is 'mia, ben@example.com': must be mail addresses"),
        ({"ALERT_FROM": "money"}, "ALERT_FROM is 'money': must be a mail address, such as money@example.com"),
        *(
            (
                {"EMAIL_URL": url, "ALERT_EMAILS": "mia@example.com"},
                "EMAIL_URL is set but is not a URL of the form smtp:",
            )
            for url in (
                "http://mia:hunter2@x",
                "hunter2",
                "smtp://",
                "smtp://mia:hunter2@x:port",
                "smtp://hunter2@x:0",
            )
        ),
    ],
)
def test_what_cannot_be_is_refused_without_the_password(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    with pytest.raises(env.BadEnvironment) as caught:
        read(monkeypatch, **variables)
    assert str(caught.value).startswith(says)
    assert "hunter2" not in str(caught.value)
