"""A call's money while it talks: the advice of its hold, and what it has cost so far."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.domain.script import DEFAULT_SCRIPT
from agents.domain.types import Progress, Prospect
from agents.llm.config import ModelConfig
from agents.script_document import document_of
from billing.models import LedgerEntry, Rate
from billing.services import meter
from calls.domain.status import CallStatus
from calls.models import Call
from calls.models.campaign import VoiceTier
from calls.services import scripts
from calls.services.spending import cost_so_far, spending_of
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from voice.domain.types import Advice, Tier, Usage

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
FLASH = "elevenlabs.flash_v2_5"
COLD, BOOKING = Prospect(Progress.QUALIFYING, 20), Prospect(Progress.BOOKING, 80)
PREMIUM_WORST = Decimal("0.37719")


@pytest.fixture(autouse=True)
def premium_voice(settings: Settings) -> None:
    settings.VOICE = replace(configured.VOICE, elevenlabs_api_key="key", elevenlabs_voice_id="Rachel7")


def call(tier: Tier = Tier.LOCAL, wish: VoiceTier = VoiceTier.AUTO, *, value: str = "50", **fields: Any) -> Call:
    """A queued call with its worst case held."""
    campaign = make.campaign(tier=wish, appointment_value=Decimal(value))
    if tier is Tier.PREMIUM:
        fields.setdefault("held", PREMIUM_WORST)
    made = make.call(make.lead(campaign), tier=tier.value, **fields)
    return Call.objects.select_related("campaign").get(pk=made.pk)


def used(characters: int = 0, talked_s: int = 0) -> list[Usage]:
    usage = [Usage("call", "s", Decimal(talked_s)), Usage("stt.local", "s", Decimal(talked_s))]
    return [*usage, Usage(FLASH, "char", Decimal(characters))] if characters else usage


def test_a_local_call_hears_its_cost() -> None:
    spending = spending_of(call())
    assert spending.look(talked_s=0.0, usage=(), prospect=COLD) == Advice(Decimal("0.02849"), Tier.LOCAL)
    assert spending.look(talked_s=61.25, usage=used(), prospect=BOOKING) == Advice(Decimal("0.04873"), Tier.LOCAL)


def test_usage_that_is_told_in_parts_adds_up() -> None:
    usage = [Usage(FLASH, "char", Decimal(500)), Usage(FLASH, "char", Decimal(500), seq=2)]
    assert spending_of(call()).look(talked_s=10, usage=usage, prospect=COLD).cost == Decimal("0.07849")


def test_a_call_that_is_not_worth_its_next_minute_wraps_up() -> None:
    advice = spending_of(call(value="2")).look(talked_s=110.5, usage=used(talked_s=110), prospect=COLD)
    reason = (
        "The next 60 s cost 0.02024 USD and promise 0.01 USD (qualifying, score 20): the call comes to its end "
        "before they begin."
    )
    assert advice == Advice(Decimal("0.04873"), Tier.LOCAL, wrap_up=True, reason=reason)


def test_which_score_is_warm_is_for_the_calls_script_to_say() -> None:
    document = document_of(DEFAULT_SCRIPT)
    document["score"]["warm_from"] = 20
    script = scripts.save("Own", yaml.safe_dump(document), based_on=0, by=None, now=NOW)
    advice = spending_of(call(value="2", script=script)).look(talked_s=110.5, usage=used(talked_s=110), prospect=COLD)
    assert advice == Advice(Decimal("0.04873"), Tier.LOCAL)


def test_a_call_ends_by_its_length() -> None:
    advice = spending_of(call(max_length_s=150)).look(talked_s=140, usage=used(), prospect=BOOKING)
    reason = "The call may last 150 s, so it ends now."
    assert advice == Advice(Decimal("0.06897"), Tier.LOCAL, wrap_up=True, end=True, reason=reason)


def test_a_call_ends_by_its_hold() -> None:
    advice = spending_of(call(held=Decimal("0.06"))).look(talked_s=112, usage=used(), prospect=BOOKING)
    reason = "In 10 s the call would cost 0.06897 USD, and 0.06 USD is held: it ends now."
    assert advice == Advice(Decimal("0.04873"), Tier.LOCAL, wrap_up=True, end=True, reason=reason)


def test_a_call_ends_before_a_models_tokens_cost_more_than_is_held(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate="openai.gpt-4.1-mini")
    tokens = [Usage("openai.gpt-4.1-mini.in", "token", Decimal(100_000)), *used()]
    spending = spending_of(call(held=Decimal("0.09")))
    assert spending.look(talked_s=100, usage=used(), prospect=BOOKING) == Advice(Decimal("0.04873"), Tier.LOCAL)
    advice = spending.look(talked_s=100, usage=tokens, prospect=BOOKING)
    reason = "In 10 s the call would cost 0.09089 USD, and 0.09 USD is held: it ends now."
    assert advice == Advice(Decimal("0.08873"), Tier.LOCAL, wrap_up=True, end=True, reason=reason)


def test_a_premium_call_speaks_premium_until_its_money_is_short() -> None:
    spending = spending_of(call(Tier.PREMIUM))
    assert spending.look(talked_s=0, usage=(), prospect=COLD).tier is Tier.PREMIUM
    advice = spending.look(talked_s=100, usage=used(3556), prospect=BOOKING)
    assert (advice.tier, advice.wrap_up, advice.end) == (Tier.LOCAL, False, False)
    assert advice.reason.startswith("The rest of the call would cost 0.15072 USD in the premium voice")


@pytest.mark.parametrize(
    ("wish", "tier"),
    [(VoiceTier.AUTO, Tier.LOCAL), (VoiceTier.PREMIUM, Tier.PREMIUM), (VoiceTier.LOCAL, Tier.PREMIUM)],
)
def test_worth_decides_on_the_voice_where_the_campaign_leaves_it_to_us(wish: VoiceTier, tier: Tier) -> None:
    spending = spending_of(call(Tier.PREMIUM, wish, value="5"))
    assert spending.look(talked_s=40, usage=used(), prospect=COLD).tier is tier
    assert spending.look(talked_s=40, usage=used(), prospect=BOOKING).tier is Tier.PREMIUM


def test_a_held_out_call_stays_local() -> None:
    spending = spending_of(call(held_out=True, premium_chosen=True, held=PREMIUM_WORST))
    assert spending.look(talked_s=40, usage=used(), prospect=BOOKING).tier is Tier.LOCAL


def test_the_card_of_the_hold_counts() -> None:
    made = call()
    Rate.objects.filter(key="twilio.amd").update(valid_until=NOW + timedelta(seconds=1))
    assert spending_of(made).look(talked_s=1, usage=(), prospect=COLD).cost == Decimal("0.02849")
    Rate.objects.filter(key="twilio.amd").update(valid_until=NOW)
    assert spending_of(made).look(talked_s=1, usage=(), prospect=COLD).cost == Decimal("0.02024")


def test_a_call_without_a_hold_may_not_ring() -> None:
    with pytest.raises(LedgerEntry.DoesNotExist, match="a call without a hold may not ring"):
        spending_of(call(held=None))


def test_looking_asks_the_database_nothing() -> None:
    spending = spending_of(call(Tier.PREMIUM))
    with CaptureQueriesContext(connection) as captured:
        spending.look(talked_s=115, usage=used(900), prospect=COLD)
    assert len(captured) == 0


class TestCostSoFar:
    def test_of_a_live_call_is_its_time_and_its_use(self) -> None:
        live = call(Tier.PREMIUM, status=CallStatus.LIVE, answered_at=NOW)
        meter.record(live.pk, [meter.Measured(FLASH, "char", Decimal(1000), 1)], reporter="claim 1", at=NOW)
        assert cost_so_far(live, now=NOW + timedelta(seconds=61)) == Decimal("0.09873")

    def test_of_a_call_that_nobody_answered_is_nothing(self) -> None:
        assert cost_so_far(call(status=CallStatus.DIALING), now=NOW) == Decimal(0)

    def test_of_a_finished_call_is_its_cost(self) -> None:
        over = call(status=CallStatus.DONE, answered_at=NOW, ended_at=NOW, cost=Decimal("0.04"))
        assert cost_so_far(over, now=NOW + timedelta(hours=1)) == Decimal("0.04")

    def test_of_a_call_without_a_hold_is_what_it_was_charged(self) -> None:
        live = call(status=CallStatus.LIVE, answered_at=NOW, held=None)
        assert cost_so_far(live, now=NOW + timedelta(seconds=61)) == Decimal(0)
