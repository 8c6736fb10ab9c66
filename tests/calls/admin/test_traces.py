"""How conversations worked, as a manager sees it: a list with filters, and bars on the call's page."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.domain.types import ModelUse, Step
from agents.llm.config import ModelConfig
from calls.admin.waterfall import length, waterfall
from calls.models import AgentExecution, Call, Campaign, WorkflowTrace
from calls.services import tracing
from tests.calls.admin import world
from tests.calls.admin.test_pages import text
from voice.domain.types import Worked

LIST = "/admin/calls/workflowtrace/"
USE = ModelUse("llama3.1:8b", "3", "1f2e3d4c" * 8, 812, 40, 280, True, "too_late")


USED_AFTER = ModelUse("llama3.1:8b", "after-1", "ab" * 32, 900, 80, estimated=True)


@pytest.fixture
def calls(campaign: Campaign, settings: Settings) -> list[Call]:
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate="openai.gpt-4.1-mini")
    made = world.calls(world.leads(campaign, 3))
    world.worked(made[0])
    world.worked(made[1], use=USE, agent="scheduler")
    return made


@pytest.mark.parametrize(
    ("us", "shown"), [(0, "0.00 ms"), (312, "0.31 ms"), (9_999, "10.00 ms"), (42_400, "42 ms"), (1_234_567, "1.2 s")]
)
def test_lengths_are_for_reading(us: int, shown: str) -> None:
    assert length(us) == shown


def names(client: Client, query: str) -> list[str]:
    page = client.get(LIST + query)
    assert page.status_code == 200
    return [trace.call.lead.name for trace in page.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1]),
        ("?agent=qualification", [0]),
        ("?agent=scheduler", [1]),
        ("?model=llama3.1:8b", [1]),
        ("?dropped_reason=too_late", [1]),
        ("?dropped_reason=too_late&agent=qualification", []),
    ],
)
def test_traces_are_found_by_what_was_in_them(
    as_manager: Client, calls: list[Call], query: str, found: list[int]
) -> None:
    assert sorted(names(as_manager, query)) == sorted(calls[place].lead.name for place in found)


def test_what_there_is_to_choose_from_is_not_read_off_every_trace(as_manager: Client, calls: list[Call]) -> None:
    WorkflowTrace.objects.filter(pk=calls[0].pk).update(outcome="qualified", script_version="7+1f2e3d4c")
    assert names(as_manager, "?outcome=qualified") == [calls[0].lead.name]
    assert names(as_manager, "?script_version=7%2B1f2e3d4c") == [calls[0].lead.name]
    with CaptureQueriesContext(connection) as asked:
        page = text(as_manager, LIST)
    assert "7+1f2e3d4c" in page
    assert not [one["sql"] for one in asked if 'SELECT DISTINCT "calls_workflowtrace"' in one["sql"]]


def test_a_trace_is_told_on_its_calls_page(as_manager: Client, calls: list[Call]) -> None:
    answer = as_manager.get(f"{LIST}{calls[0].pk}/change/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/calls/call/{calls[0].pk}/change/#steps")
    step = Step("after", world.NOW, 4_200_000, "summary", USED_AFTER)
    tracing.keep_after(calls[1], step)
    page = text(as_manager, f"/admin/calls/call/{calls[1].pk}/change/")
    assert "How the agent worked: 10 steps, 1.3 s in all" in page
    used = (
        "llama3.1:8b, prompt 3 (1f2e3d4c): 812 tokens in, 40 out, $0.000389, 640 ms, began after 280 ms, from the "
        "cache, not used: too"
    )
    assert f"1 scheduler ask timeline {used} late" in page
    used = "llama3.1:8b, prompt after-1 (abababab): about 900 tokens in, 80 out, $0.000488, 4.2 s"
    assert f"After the call: {used}" in page
    assert "How the agent worked" not in text(as_manager, f"/admin/calls/call/{calls[2].pk}/change/")


def test_steps_are_for_those_who_may_see_them(client: Client, calls: list[Call]) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_call"))
    client.force_login(viewer)
    url = f"/admin/calls/call/{calls[1].pk}/change/"
    assert "How the agent worked" not in text(client, url)
    viewer.user_permissions.add(Permission.objects.get(codename="view_agentexecution"))
    assert "How the agent worked" in text(client, url)


def test_the_steps_of_a_long_call_are_a_light_page(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    url = f"/admin/calls/call/{call.pk}/change/"
    without = len(as_manager.get(url).content)
    world.worked(call, replies=50)
    page = as_manager.get(url).content
    assert page.count(b"<rect") == 200
    assert len(page) - without < 80_000


def test_bars_lie_where_the_steps_ran() -> None:
    at = world.NOW
    steps = [
        AgentExecution(turn=1, agent="understand", started_at=at, duration_us=500),
        AgentExecution(turn=1, agent="model", started_at=at, duration_us=1000, model="m", dropped_reason="late"),
        AgentExecution(turn=1, agent="model", started_at=at, duration_us=10, model="m"),
        AgentExecution(turn=1, agent="scheduler", started_at=at + timedelta(microseconds=500), duration_us=250),
        AgentExecution(turn=1, agent="rules", started_at=at + timedelta(seconds=3), duration_us=1, decision="end"),
    ]
    first, later = waterfall(steps)
    assert [(one.kind, one.bar.x, one.bar.y, one.bar.width) for one in first.bars] == [
        ("node", 0.0, 0, 500.0),
        ("dropped", 0.0, 10, 1000.0),
        ("model", 0.0, 10, 10.0),
        ("agent", 500.0, 0, 250.0),
    ]
    assert (first.agent, first.took, later.agent, later.decision, later.took) == (
        "scheduler",
        "1.00 ms",
        "rules",
        "end",
        "0.00 ms",
    )
    assert waterfall([]) == []


def test_what_was_refused_can_be_sent_again(as_manager: Client, calls: list[Call]) -> None:
    WorkflowTrace.objects.filter(pk=calls[0].pk).update(export_attempts=3, export_error="HTTP 422")
    WorkflowTrace.objects.filter(pk=calls[1].pk).update(exported_at=world.NOW)
    page = text(as_manager, LIST)
    assert "refused: HTTP 422" in page
    assert "$0.0008 sent" in page
    chosen = {"action": "send_again", "_selected_action": [str(call.pk) for call in calls]}
    assert "2 traces will be sent." in as_manager.post(LIST, chosen, follow=True).content.decode()
    assert set(WorkflowTrace.objects.values_list("exported_at", "export_attempts", "export_error")) == {(None, 0, "")}


def test_who_may_only_look_sends_nothing(client: Client, calls: list[Call]) -> None:
    viewer = User.objects.create_user("vic", password="correct horse", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_workflowtrace"))
    client.force_login(viewer)
    assert "Send selected" not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "send_again", "_selected_action": [str(calls[0].pk)]})
    client.logout()
    assert client.get(LIST).status_code == 302


def test_names_are_escaped(as_manager: Client, campaign: Campaign) -> None:
    call = world.calls(world.leads(campaign, 1))[0]
    step = Step("<b>x</b>", world.NOW, 5, "<script>alert(1)</script>")
    tracing.keep(call, Worked(1, 1, 1, (step,)))
    page = as_manager.get(f"/admin/calls/call/{call.pk}/change/").content.decode()
    assert not re.search(r"<b>x|<script>alert", page)
