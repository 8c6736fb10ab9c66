"""What is known of a call on its page, of a lead on theirs, and the calls that failed a check in the list."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from agents.after.addition import Addition, Point, dump
from agents.after.types import Mood
from calls.domain.status import CallStatus
from calls.models import Call, CallAnalysis, Lead
from calls.services import analysing
from tests.calls import factories as make
from tests.calls.admin.test_pages import queries, text
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.talks import held

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def lead() -> Lead:
    return make.lead(make.campaign(agent_name="Ava"), interest="sell", address="12 Elm St, Denver, CO")


@pytest.fixture
def call(lead: Lead) -> Call:
    lines = ("yes", "got a new job", "rates are too high", "How big is the yard next door? That sounds great.")
    made, _ = held(lead, *lines, at=NOW)
    assert analysing.analyse(made.pk, now=LATER)
    return made


def url(call: Call) -> str:
    return f"/admin/calls/call/{call.pk}/change/"


def test_a_call_s_page_tells_what_came_of_it(as_manager: Client, call: Call) -> None:
    page = text(as_manager, url(call))
    told = page.partition("What came of it")[2].partition("Why it was dialed")[0]
    assert told.startswith(f" {call.summary} Next step call again The campaign calls again by its own plan. Facts ")
    assert "interested yes yes , turn 2" in told
    assert "motivation job got a new job , turn 4" in told
    assert "side sell known before" in told
    assert f"Score: {call.score} of 100, cold" in told
    assert "Has a reason that presses: job 20 of 20" in told
    assert "Objections rates answered 1 time, left open turn 6" in told
    assert "Mood positive turn 8" in told
    assert "Quality: 1 failed" in told
    assert "Questions answered failed The person asked what the agent did not answer. turn 8" in told
    assert "Disclosure said and heard whole passed Said and heard whole." in told
    assert "Opt-out honoured at once does not apply Nobody asked not to be called." in told
    assert "Analysed by rules 2026-11-10 19:10 UTC, version 1." in told
    html = as_manager.get(url(call)).content.decode()
    for seq in re.findall(r'href="#turn-(\d+)"', html):
        assert f'id="turn-{seq}"' in html
    assert html.count(call.summary) == 1
    assert "What was learned" not in html


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": CallStatus.LIVE, "answered_at": NOW}, "The call is analysed when it is over."),
        (
            {"status": CallStatus.DONE, "answered_at": NOW, "ended_at": NOW, "disposition": "hung_up"},
            "There is no analysis of this call yet.",
        ),
        (
            {"status": CallStatus.DONE, "ended_at": NOW, "disposition": "no_answer"},
            "Nobody answered, so there is nothing to analyse.",
        ),
    ],
)
def test_a_call_without_an_analysis(as_manager: Client, lead: Lead, fields: dict[str, object], sentence: str) -> None:
    call = make.call(lead, **fields)  # type: ignore[arg-type]
    page = text(as_manager, url(call))
    assert f"What came of it {sentence}" in page
    assert "What was learned" in page


def test_it_takes_a_permission(client: Client, call: Call) -> None:
    user = User.objects.create_user("lee", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_call"))
    client.force_login(user)
    assert "What came of it" not in text(client, url(call))
    listed = text(client, "/admin/calls/call/")
    assert "failed check" not in listed
    user.user_permissions.add(Permission.objects.get(codename="view_callanalysis"))
    assert "What came of it" in text(client, url(call))
    assert "failed check" in text(client, "/admin/calls/call/")


def test_calls_that_failed_a_check_are_found(as_manager: Client, call: Call) -> None:
    good, _ = held(make.lead(interest="sell"), "yes", at=NOW)
    analysing.analyse(good.pk, now=LATER)
    CallAnalysis.objects.create(
        call=good, version=99, current=False, made_at=NOW, failed_checks=["disclosure"], data={}
    )
    CallAnalysis.objects.create(call=call, version=99, current=False, made_at=NOW, failed_checks=[], data={})

    def found(chosen: str) -> set[object]:
        response = as_manager.get(f"/admin/calls/call/?failed_check={chosen}")
        return {one.pk for one in response.context["cl"].queryset}

    assert found("any") == found("questions_answered") == {call.pk}
    assert found("disclosure") == set()
    assert found("") == {call.pk, good.pk}


def test_what_a_model_added_stands_beside_with_its_source(as_manager: Client, call: Call) -> None:
    before = text(as_manager, url(call))
    assert "Added by a language model" not in before
    CallAnalysis.objects.update(model_due_at=LATER)
    assert "A language model is yet to add to it." in text(as_manager, url(call))
    added = Addition(
        "They move for <b>work</b>.",
        Mood.POSITIVE,
        8,
        (Point("How big is the yard?", 8),),
        (Point("Bring its size.", 8),),
        (),
        ("findings: quote",),
    )
    CallAnalysis.objects.update(
        model_due_at=None,
        model_made_at=LATER,
        model="llama3.1:8b",
        prompt_version="after-1",
        prompt_hash="1f2e3d4c5b",
        model_data=dict(dump(added)),
    )
    page = text(as_manager, url(call))
    told = page.partition("Added by a language model ")[2]
    quote = "How big is the yard next door? That sounds great. , turn 8"
    assert told.startswith(
        f"They move for <b>work</b>. positive turn 8 Left open How big is the yard? {quote} "
        f"For the next talk Bring its size. {quote} "
        "By llama3.1:8b, prompt after-1 (1f2e3d4c), 2026-11-10 19:10 UTC; left out, since the call does not bear it "
        "out: findings: quote. It changes neither the outcome, the score nor a fact. "
        "Analysed by rules 2026-11-10 19:10 UTC, version 1."
    )
    assert "<b>work" not in as_manager.get(url(call)).content.decode()
    assert f"What came of it {call.summary} Next step" in page
    CallAnalysis.objects.update(model_data=dict(dump(Addition(mood=Mood.NEUTRAL))))
    assert "Added by a language model neutral the mood By llama3.1:8b" in text(as_manager, url(call))
    CallAnalysis.objects.update(model_data=dict(dump(Addition(dropped=("summary: name",)))))
    assert "Added by a language model Nothing of its answer is borne out by the call." in text(as_manager, url(call))


def test_queries_do_not_grow_with_versions(as_manager: Client, call: Call) -> None:
    before = queries(as_manager, url(call))
    for version in (90, 91, 92):
        CallAnalysis.objects.create(call=call, version=version, current=False, made_at=NOW, data={})
    assert queries(as_manager, url(call)) == before
    assert "kept from before: version 92, 91, 90." in text(as_manager, url(call))


def test_a_lead_s_page_tells_what_is_known_over_all_calls(as_manager: Client, lead: Lead, call: Call) -> None:
    second, _ = held(lead, "in three months", at=NOW + timedelta(days=2))
    page = as_manager.get(f"/admin/calls/lead/{lead.pk}/change/").content.decode()
    table = page.partition('<table class="known">')[2].partition("</table>")[0]
    rows = [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr>")[2:]]
    link = '<a href="{}">{}</a>'
    first = link.format(url(call), "2026-11-10 19:00")
    assert rows == [
        ["interested", "yes", first],
        ["motivation", "job", first],
        ["timeline", "3 months", link.format(url(second), "2026-11-12 19:00")],
    ]
    linked = make.lead(lead.campaign, email="dana@example.com")
    Lead.objects.filter(pk=lead.pk).update(email="dana@example.com")
    assert "(another record of this person)" in text(as_manager, f"/admin/calls/lead/{linked.pk}/change/")


def test_a_lead_who_has_told_nothing(as_manager: Client, lead: Lead) -> None:
    assert "The lead has told nothing yet." in text(as_manager, f"/admin/calls/lead/{lead.pk}/change/")


def test_what_was_said_is_text_and_never_markup(as_manager: Client, call: Call) -> None:
    call.turns.filter(text="got a new job").update(text="<script>alert(1)</script>")
    CallAnalysis.objects.update(summary="<b>x</b>")
    assert "<script>alert(1)" not in as_manager.get(url(call)).content.decode()
