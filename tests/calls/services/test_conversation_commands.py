"""Talking with an agent in the terminal, and drawing its graph."""

import asyncio
import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.calls import factories as make


def test_a_talk_without_a_campaign(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no database: the fixture that would allow one is not asked for."""
    monkeypatch.setattr("sys.stdin", io.StringIO("Yes, we are.\n\nPlease stop calling me.\n"))
    call_command("chat", name="Tom Becker")
    shown = capsys.readouterr().out
    assert "conversation: Hi Tom, this is Ava, an AI assistant" in shown
    assert "    interested: yes (90% sure)" in shown
    assert "    does: puts the number on the do-not-call list\n    does: hangs up (opt out)\n" in shown
    assert "do_not_call, score" in shown


def test_who_hangs_up_ends_the_talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("/quit\n"))
    call_command("chat")
    assert "hung_up, score 5" in capsys.readouterr().out


@pytest.mark.parametrize("left", [EOFError, KeyboardInterrupt])
def test_ctrl_c_and_ctrl_d_hang_up(
    left: type[BaseException], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["Yes, we are."])

    def typed(prompt: str) -> str:
        assert prompt == "you: "
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()  # one would swallow the first Ctrl-C and wait on
        for line in lines:
            return line
        raise left

    monkeypatch.setattr("builtins.input", typed)
    call_command("chat")
    assert "\n\n\nhung_up, score 5\n" in capsys.readouterr().out


def test_what_it_does_is_told_in_words_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("yes", "a new job", "two months", "four fifty", "no", "it is paid off", "the first one", "yes")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    monkeypatch.setenv("COLUMNS", "80")
    call_command("chat")
    shown = capsys.readouterr().out
    assert re.search(r"does: books \w{3} \d{4}-\d\d-\d\d 17:00 UTC\n    does: hangs up \(appointment\)\n", shown)
    assert re.search(r"offered: none → \d{4}-\d\d-\d\d 17:00 UTC, \d{4}-\d\d-\d\d 21:00 UTC\n", shown)
    assert max(map(len, shown.replace("you: ", "\n").splitlines())) <= 80


def test_a_zone_that_there_is_not() -> None:
    with pytest.raises(CommandError, match="'Mars/Base' is no IANA time zone: name one such as America/Denver"):
        call_command("chat", zone="Mars/Base")


@pytest.mark.django_db
def test_a_talk_with_a_campaigns_agent_reads_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = make.campaign(name="Autumn", company_name="Hill Homes", agent_name="Max")
    for wanted in ("Autumn", str(campaign.pk)):
        monkeypatch.setattr("sys.stdin", io.StringIO("Yes. Can someone come by?\nThe first one.\nYes.\n"))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            call_command("chat", campaign=wanted, interest="buy")
        assert {query["sql"].split()[0] for query in asked.captured_queries} == {"SELECT"}
        shown = capsys.readouterr().out
        assert "this is Max, an AI assistant calling for Hill" in shown
        assert "appointment, score" in shown


@pytest.mark.django_db
def test_a_campaign_that_does_not_exist() -> None:
    with pytest.raises(CommandError, match="There is no campaign yet: add one in the admin, or name none"):
        call_command("chat", campaign="Spring")
    made = make.campaign(name="Autumn")
    with pytest.raises(CommandError, match=f"There is no campaign 'Spring'; there are: {made.pk} Autumn"):
        call_command("chat", campaign="Spring")


def test_the_graph_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("draw_graph")
    assert "supervise -.-> scheduler;" in capsys.readouterr().out
    call_command("draw_graph", output=tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    call_command("draw_graph", output=tmp_path / "graph.mmd")
    assert "understand --> supervise;" in (tmp_path / "graph.mmd").read_text()


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"name a file that ends in \.png or \.mmd"):
        call_command("draw_graph", output=tmp_path / "graph.gif")
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("draw_graph", output=tmp_path / "nowhere" / "graph.png")
