"""What came of a call, told to other programs: asked for over REST, and sent as webhooks."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from agents.after.addition import Addition, Point, dump
from agents.after.types import Mood
from calls.models import Call, CallAnalysis
from calls.services import analysing, doorbell, recordings
from calls.signals import call_analysed
from integrations import tokens
from integrations.models import ApiToken, Delivery, Endpoint
from integrations.services import ANNOUNCED_WITHIN, announce_analysis, deliver_due
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.talks import held
from tests.integrations.receiver import Receiver

pytestmark = pytest.mark.django_db
Scope = ApiToken.Scope
LATER = NOW + timedelta(minutes=10)
ADDED = Addition(
    "She moves for a job.", Mood.NEGATIVE, 6, (Point("How big is the yard?", 6, "secret words"),), (), (), ("x: y",)
)


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Call:
    for bell in ("analyse", "store_recordings"):
        monkeypatch.setattr(doorbell, bell, lambda *_: True)
    lead = make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St, Denver, CO")
    return held(lead, "yes", "got a new job", "rates are too high", "How big is the yard?", at=NOW)[0]


def analyse(call: Call, *, again: bool = False) -> CallAnalysis:
    assert analysing.analyse(call.pk, now=LATER, again=again)
    return CallAnalysis.objects.get(call=call)


def add(row: CallAnalysis) -> CallAnalysis:
    """A model's part, as it is written."""
    fields = {"model": "m", "prompt_version": "after-1", "prompt_hash": "ab", "model_data": dict(dump(ADDED))}
    CallAnalysis.objects.filter(pk=row.pk).update(model_made_at=LATER, **fields)
    row.refresh_from_db()
    call_analysed.send(CallAnalysis, analysis=row, now=LATER)
    return row


def get(call_id: object, *, scope: str = Scope.CALLS, method: str = "get") -> tuple[int, Any]:
    token = tokens.make(ApiToken(name=f"CRM {uuid4()}", scope=scope), by="mia", now=timezone.now())
    ask: Callable[..., Any] = getattr(Client(), method)
    answer = ask(f"/api/v1/calls/{call_id}", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


def test_a_call_is_read_with_its_analysis(talk: Call) -> None:
    analyse(talk)
    status, body = get(talk.pk)
    assert status == 200
    assert (body["id"], body["status"], body["phone"]) == (str(talk.pk), "done", talk.lead.phone)
    assert (body["disposition"], body["summary"], body["score"]) == (talk.disposition, talk.summary, talk.score)
    found = body["analysis"]
    assert (found["version"], found["made_at"], found["disposition"]) == (1, LATER.isoformat(), talk.disposition)
    assert (found["summary"], found["score"], found["rating"]) == (talk.summary, talk.score, "cold")
    assert found["sentiment"] == {"mood": "neutral", "turns": []}
    assert found["objections"] == [{"kind": "rates", "tries": 1, "ended": "open", "turns": [6]}]
    assert found["next_steps"] == [
        {"kind": "call_again", "who": "assistant", "told": "The campaign calls again by its own plan.", "at": None}
    ]
    assert {"part": "motivation", "points": 20, "most": 20, "why": "Has a reason that presses: job"} in found[
        "reasons"
    ]
    assert (found["failed_checks"], found["unanswered"]) == (["questions_answered"], [8])
    assert found["checks"][0] == {
        "name": "disclosure",
        "verdict": "pass",
        "told": "Said and heard whole.",
        "turns": [],
    }
    assert found["model"] is None


def test_what_a_model_added_names_who_wrote_it(talk: Call) -> None:
    before = analyse(talk)
    add(before)
    found = get(talk.pk)[1]["analysis"]
    assert found["summary"] == talk.summary
    assert found["model"] == {
        "name": "m",
        "prompt": "after-1",
        "prompt_hash": "ab",
        "made_at": LATER.isoformat(),
        "summary": "She moves for a job.",
        "sentiment": {"mood": "negative", "turn": 6},
        "questions": [{"told": "How big is the yard?", "turn": 6}],
        "hints": [],
        "findings": [],
    }
    assert "secret words" not in json.dumps(found)


def test_a_call_without_one(talk: Call) -> None:
    assert get(talk.pk)[1]["analysis"] is None
    row = analyse(talk)
    CallAnalysis.objects.filter(pk=row.pk).update(data={})
    assert get(talk.pk)[1]["analysis"] is None


def test_it_takes_the_scope_and_a_call(talk: Call) -> None:
    status, body = get(talk.pk, scope=Scope.LEADS)
    assert (status, body["error"][-47:]) == (403, "whose scope is 'read calls and their analyses'.")
    assert get(uuid4()) == (404, {"error": "There is no such call."})
    assert get(talk.pk, method="post") == (405, {"error": "Only GET is possible here."})
    assert Client().get(f"/api/v1/calls/{talk.pk}").status_code == 401


def sent() -> list[tuple[str, Any]]:
    rows = Delivery.objects.exclude(event_type="call.finished").order_by("created_at", "event_type")
    return [(row.event_type, row.payload["data"]["analysis"]["model"]) for row in rows]


def test_endpoints_are_told_of_it_and_of_what_is_added(talk: Call, endpoint: Endpoint, receiver: Receiver) -> None:
    row = analyse(talk)
    assert sent() == [("call.analysed", None)]
    assert deliver_due(now=LATER) == 1
    (request,) = receiver.received
    body = json.loads(request.body)
    assert (body["type"], body["timestamp"]) == ("call.analysed", LATER.isoformat())
    assert body["data"] == {"id": str(talk.pk), "analysis": get(talk.pk)[1]["analysis"]}
    add(row)
    assert [kind for kind, _ in sent()] == ["call.analysed", "call.analysed_by_model"]
    assert sent()[1][1]["summary"] == "She moves for a job."


def test_the_same_analysis_is_told_once_and_another_again(talk: Call, endpoint: Endpoint) -> None:
    analyse(talk)
    analyse(talk)
    analyse(talk, again=True)
    assert len(sent()) == 1
    talk.turns.create(seq=99, speaker="lead", text="Hello?", start_ms=900_000, end_ms=901_000)
    analyse(talk)
    assert [kind for kind, _ in sent()] == ["call.analysed"] * 2


def test_nobody_is_told_of_calls_of_long_ago(talk: Call, endpoint: Endpoint) -> None:
    assert talk.ended_at is not None
    row = analyse(talk)
    Delivery.objects.all().delete()
    announce_analysis(row, now=talk.ended_at + ANNOUNCED_WITHIN + timedelta(seconds=1))
    assert sent() == []
    announce_analysis(row, now=talk.ended_at + ANNOUNCED_WITHIN)
    assert sent() == [("call.analysed", None)]
    row.call.ended_at = None
    announce_analysis(row, now=LATER)
    assert len(sent()) == 1


def test_what_is_erased_goes_from_messages_too(
    endpoint: Endpoint, talk: Call, settings: Settings, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    add(analyse(talk))
    other = Delivery.objects.create(
        endpoint=endpoint, event_type="endpoint.test", payload={"data": {}}, created_at=NOW
    )
    finished = Delivery.objects.get(event_type="call.finished")
    assert finished.payload["data"]["summary"] == talk.summary
    recordings.erase_talk(Call.objects.filter(pk=talk.pk), why="Asked.", by="mia", now=LATER)
    assert set(Delivery.objects.values_list("pk", flat=True)) == {other.pk, finished.pk}
    finished.refresh_from_db()
    assert (finished.payload["data"]["summary"], finished.payload["data"]["facts"]) == ("", {})
    assert finished.payload["data"]["disposition"] == talk.disposition


def test_what_is_redacted_takes_the_model_s_words_with_it(
    talk: Call, endpoint: Endpoint, settings: Settings, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = settings.RECORDINGS_LIVE_DIR = tmp_path
    add(analyse(talk))
    recordings.redact(talk.pk, 900_000, 901_000, by="mia", now=LATER)
    assert len(sent()) == 2
    job = talk.turns.get(text="got a new job")
    recordings.redact(talk.pk, job.start_ms, job.end_ms, by="mia", now=LATER)
    assert [kind for kind, _ in sent()] == ["call.analysed"]
    assert CallAnalysis.objects.get().model_data is None
