"""A campaign's names and streets on its page."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls.models import CampaignWord
from calls.models.campaign import Campaign
from calls.services.briefing import plan_of
from tests.calls.admin import world
from tests.calls.admin.test_editing import form


def words(*rows: tuple[str, str]) -> dict[str, object]:
    typed: dict[str, object] = {"words-TOTAL_FORMS": len(rows), "words-INITIAL_FORMS": 0}
    for place, (written, spoken) in enumerate(rows):
        typed |= {f"words-{place}-written": written, f"words-{place}-spoken": spoken}
    return typed


def save(client: Client, campaign: Campaign, *rows: tuple[str, str]) -> Any:
    return client.post(f"/admin/calls/campaign/{campaign.pk}/change/", form(campaign, **words(*rows)))


def problems(response: Any) -> list[str]:
    formsets = response.context["inline_admin_formsets"]
    return [
        str(problem)
        for inline in formsets
        for found in inline.formset.errors
        for several in found.values()
        for problem in several
    ]


def test_words_are_typed_and_reach_the_call(as_manager: Client, campaign: Campaign) -> None:
    assert save(as_manager, campaign, (" Cherry  Creek ", ""), ("Tejon", "tay  hone")).status_code == 302
    assert list(CampaignWord.objects.values_list("written", "spoken")) == [
        ("Cherry Creek", ""),
        ("Tejon", "tay hone"),
    ]
    page = as_manager.get(f"/admin/calls/campaign/{campaign.pk}/change/").content.decode()
    assert "Sounds like" in page
    assert "tay hone" in page
    (call,) = world.calls(world.leads(campaign, 1))
    plan = plan_of(call, now=timezone.now())
    assert plan.lexicon == {"Tejon": "tay hone"}
    assert plan.hints[:2] == ("Cherry Creek", "Tejon")


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        (
            "ˈteɪhoʊn",
            "No voice can say ˈ ɪ ʊ: write the word as it sounds, in plain letters, such as tay hone for Tejon.",
        ),
        ("--", "This has no letters to say: write the word as it sounds, such as tay hone for Tejon."),
    ],
)
def test_what_no_voice_can_say_is_refused(as_manager: Client, campaign: Campaign, spoken: str, sentence: str) -> None:
    assert problems(save(as_manager, campaign, ("Tejon", spoken))) == [sentence]
    assert not CampaignWord.objects.exists()


def test_a_word_is_there_once(as_manager: Client, campaign: Campaign) -> None:
    answer = save(as_manager, campaign, ("Tejon", "tay hone"), ("Tejon", "tee john"))
    assert answer.status_code == 200
    assert not CampaignWord.objects.exists()
