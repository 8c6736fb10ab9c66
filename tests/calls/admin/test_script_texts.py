"""The form of a script's common parts: order, texts and points."""

from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import document_of, read, written
from calls.models import Script
from calls.services import scripts
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
OWN = {"ask": "solar_panels", "kind": "text", "words": 5, "wordings": ["Solar panels?"], "required": False, "most": 2}


def saved() -> Script:
    document = document_of(DEFAULT_SCRIPT)
    document["questions"]["sell"].insert(2, OWN)
    text = yaml.safe_dump(document)
    return scripts.save("Sellers", text, based_on=0, by=None, now=NOON_IN_DENVER)


def page_of(script: Script) -> str:
    return reverse("admin:calls_script_texts", args=[script.pk])


def typed(client: Client, script: Script, **changes: Any) -> dict[str, Any]:
    """What the page sends as it is shown, with ``changes`` (``lines__bad_time``); None leaves a field empty."""
    form = client.get(page_of(script)).context["form"]
    data = {name: form[name].value() for name in form.fields}
    data |= {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in data.items() if value not in (None, False)}


def test_saving_what_is_shown_changes_nothing(admin_client: Client) -> None:
    script = saved()
    admin_client.post(page_of(script), typed(admin_client, script))
    assert Script.objects.get() == script


def test_questions_are_moved_switched_off_and_on(admin_client: Client, admin_user: Any) -> None:
    script = saved()
    changes = {
        "questions__sell__timeline__place": 1,
        "questions__sell__price__place": None,
        "questions__sell__condition__place": 3,
        "questions__sell__agent__required": "on",
        "questions__buy__end": "callback",
        "questions__sell__interest__wordings": "Still selling?\n\n Still thinking of it? ",
        "note": "Shorter",
    }
    response = admin_client.post(page_of(script), typed(admin_client, script, **changes))

    new = Script.objects.get(number=2)
    assert response.headers["Location"] == reverse("admin:calls_script_change", args=[new.pk])
    assert (new.note, new.created_by) == ("Shorter", admin_user)
    after = read(new.body)
    assert [step.name for step in after.sell] == [
        "interest", "motivation", "timeline", "solar_panels", "condition", "agent", "financing", "slot",
    ]  # fmt: skip
    assert after.buy[-1].name == "callback"
    assert after.sell[0].wordings == ("Still selling?", "Still thinking of it?")
    assert after.required("sell") == ("agent",)
    own, before = after.step("solar_panels", "sell"), read(script.body).step("solar_panels", "sell")
    assert own == before
    assert after.playbook == DEFAULT_SCRIPT.playbook


def test_texts_and_points(admin_client: Client) -> None:
    script = saved()
    changes = {
        "objections__worth__tries__1__say": "An agent can tell. Shall they call?",
        "objections__rates__exit": "Fine. Goodbye.",
        "lines__bad_time": "I see you are busy.",
        "beside__callback": "When may we call?",
        "score__weights__appointment": 5,
        "score__hot_from": 60,
    }
    admin_client.post(page_of(script), typed(admin_client, script, **changes))

    expected = yaml.safe_load(script.body)
    expected["objections"]["worth"]["tries"][1]["say"] = "An agent can tell. Shall they call?"
    expected["objections"]["rates"]["exit"] = "Fine. Goodbye."
    expected["lines"]["bad_time"] = "I see you are busy."
    expected["beside"]["callback"] = ["When may we call?"]
    expected["score"]["weights"]["appointment"], expected["score"]["hot_from"] = 5, 60
    assert yaml.safe_load(Script.objects.get(number=2).body) == expected


def test_points_of_answers_are_typed_line_by_line(admin_client: Client) -> None:
    script = saved()
    changes = {
        "score__weights__appointment": 2,
        "questions__sell__solar_panels__points": "told: 3\n",
        "questions__sell__payoff__place": 4,
        "questions__sell__payoff__points": "up_to_100000 5\n\nfrom_100001: 1",
    }
    admin_client.post(page_of(script), typed(admin_client, script, **changes))

    new = Script.objects.get(number=2)
    after = read(new.body)
    assert {step.name: step.points for step in after.sell if step.points} == {
        "solar_panels": {"told": 3},
        "payoff": {"up_to_100000": 5, "from_100001": 1},
    }
    assert typed(admin_client, new)["questions.sell.payoff.points"] == "up_to_100000 5\nfrom_100001 1"
    page = admin_client.get(reverse("admin:calls_script_change", args=[new.pk])).content.decode()
    assert "solar panels of those who sell 3, payoff of those who sell 5." in page


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"lines__bad_time": "{x}"}, "lines.bad_time", "{x} is not known"),
        (
            {"questions__sell__agent__wordings": "Is it 5 percent?"},
            "questions.sell.agent.wordings",
            "a price or a rate",
        ),
        ({"objections__worth__tries__0__say": "Well."}, "objections.worth.tries.0.say", "end in its one question"),
        ({"beside__keep": "Keep it."}, "beside.keep", "end in its one question"),
        ({"score__weights__appointment": 50}, "__all__", "score.weights: They add up to 140"),
        ({"questions__sell__agent__place": None}, "__all__", "questions.sell: It does not ask for another agent"),
        ({"score__hot_from": "x"}, "score.hot_from", "Enter a whole number."),
        (
            {"questions__sell__solar_panels__points": "told"},
            "questions.sell.solar_panels.points",
            "'told' is no answer with its points: write such as told 10.",
        ),
        (
            {"questions__sell__solar_panels__points": "told 1\ntold 2"},
            "questions.sell.solar_panels.points",
            "'told' is there twice: keep one.",
        ),
        (
            {"questions__sell__solar_panels__points": "yes 5"},
            "questions.sell.solar_panels.points",
            "'yes' is no answer of text: use one of told.",
        ),
        (
            {"questions__sell__solar_panels__points": "told 500"},
            "questions.sell.solar_panels.points",
            "Input should be less than or equal to 100.",
        ),
        (
            {"questions__sell__solar_panels__points": "told 5"},
            "__all__",
            "questions.sell: Its own questions bring 5 points and the weights 100",
        ),
        ({"questions__sell__agent__wordings": None}, "questions.sell.agent.wordings", "This field is required."),
    ],
)
def test_a_mistake_is_told_at_its_field(admin_client: Client, changes: dict[str, Any], field: str, says: str) -> None:
    script = saved()
    response = admin_client.post(page_of(script), typed(admin_client, script, **changes))
    assert any(says in one for one in response.context["form"].errors[field])
    assert Script.objects.get() == script


def test_a_version_that_was_saved_meanwhile_is_told(admin_client: Client) -> None:
    script = saved()
    data = typed(admin_client, script, lines__bad_time="Mine.")
    scripts.save("Sellers", written(DEFAULT_SCRIPT), based_on=1, by=None, now=NOON_IN_DENVER)
    response = admin_client.post(page_of(script), data)

    assert response.context["form"].non_field_errors()[0].startswith("Version 2 was saved while you edited version 1")
    assert "Mine." in response.content.decode()
    assert Script.objects.count() == 2
    assert admin_client.get(page_of(script)).status_code == 403  # an older version is to be read
