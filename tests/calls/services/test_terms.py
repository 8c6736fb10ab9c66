"""The terms of a call before it rings: voice, length, hold, and why."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import yaml
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from agents.domain.script import DEFAULT_SCRIPT, VERSION
from agents.llm.config import Backend, ModelConfig
from agents.script_document import document_of
from billing.domain.card import MissingRate
from billing.models import Budget, Rate, Scope
from billing.services import ledger
from billing.services.ledger import BudgetExhausted, BudgetStopped
from calls.domain.status import CallStatus
from calls.models import Call, Campaign, Lead, TransferTarget, VoiceWorker
from calls.models.campaign import VoiceTier
from calls.services import dispatching, doorbell, scripts
from calls.services.moving import note
from calls.services.terms import Terms, plan_for, premium_component, terms_for, voice_name
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER, WORST_CASE
from voice.domain.types import Tier, TierCause

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER
FLASH = "elevenlabs.flash_v2_5"
PREMIUM_WORST = Decimal("0.37719")
"""The local worst case, and 330 s of 15 characters."""
NEW_LEAD = (
    "Not talked with yet: 1.7 % chance of an appointment worth 50.00 USD. The premium voice is taken to add 10 % to "
    "that, 0.085 USD, and usually costs 0.045 USD more."
)
PAYS = "It pays: the premium voice speaks."


@pytest.fixture(autouse=True)
def premium_voice(settings: Settings, lines: VoiceWorker) -> None:
    """ElevenLabs is set up, and a worker serves all queues."""
    settings.VOICE = replace(configured.VOICE, elevenlabs_api_key="key", elevenlabs_voice_id="Rachel7")


def lead(tier: VoiceTier = VoiceTier.AUTO, *, of: dict[str, Any] | None = None, **campaign: Any) -> Lead:
    """A due lead of a campaign that holds nobody out, unless said otherwise. ``of`` are the lead's own fields."""
    campaign.setdefault("holdout_percent", 0)
    return make.lead(make.campaign(tier=tier, **campaign), **(of or {}))


def terms(of: Lead, now: datetime = NOW) -> Terms:
    campaign = Campaign.objects.select_related("budget").get(pk=of.campaign_id)
    return terms_for(of, campaign, now=now)


def reasons(of: Lead) -> tuple[str, ...]:
    """Of a call that begins local; nothing is held for more than that."""
    found = terms(of)
    assert (found.tier, found.hold, found.held_out) == (Tier.LOCAL, WORST_CASE, False)
    return found.reasons


def test_a_campaign_that_wants_the_local_voice_has_it() -> None:
    of = lead(VoiceTier.LOCAL)
    assert terms(of) == Terms(
        Tier.LOCAL,
        max_length_s=300,
        hold=WORST_CASE,
        currency="USD",
        budget_ids=(of.campaign.budget_id,),
        voice="piper",
        script_version=VERSION,
        reasons=("The campaign wants the local voice.",),
        premium_chosen=False,
        held_out=False,
    )


def test_a_campaign_that_wants_premium_has_it() -> None:
    of = lead(VoiceTier.PREMIUM, appointment_value=0, holdout_percent=50)
    assert terms(of) == Terms(
        Tier.PREMIUM,
        max_length_s=300,
        hold=PREMIUM_WORST,
        currency="USD",
        budget_ids=(of.campaign.budget_id,),
        voice="eleven_flash_v2_5 Rachel7",
        script_version=VERSION,
        reasons=("The campaign wants the premium voice.",),
        premium_chosen=False,  # none of its calls is held out, so they are not compared with those that are
        held_out=False,
    )


def test_premium_speaks_where_it_pays() -> None:
    found = terms(lead())
    assert (found.tier, found.hold, found.premium_chosen) == (Tier.PREMIUM, PREMIUM_WORST, True)
    assert found.reasons == (NEW_LEAD, PAYS)


@pytest.mark.parametrize(
    ("backend", "rate", "hold"),
    [
        ("openai", "openai.gpt-4.1-mini", "0.20097"),
        ("openai", "groq.llama-3.1-8b", "0.137214"),
        ("openai", "", "0.12969"),
        ("ollama", "", "0.12969"),
        ("none", "", "0.12969"),
    ],
)
def test_what_a_hosted_model_may_read_and_write_is_held(
    settings: Settings, backend: Backend, rate: str, hold: str
) -> None:
    settings.LANGUAGE_MODEL = ModelConfig(backend, rate=rate)
    assert terms(lead(VoiceTier.LOCAL)).hold == Decimal(hold)


def test_a_model_without_a_price_lets_nothing_be_dialed(settings: Settings) -> None:
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate="openai.gpt-9")
    with pytest.raises(MissingRate, match=r"There is no rate 'openai\.gpt-9\.in' at 2026-11-10 19:00 UTC: add one"):
        terms(lead(VoiceTier.LOCAL))


def test_a_limit_for_one_call_pays_for_its_tokens_too(settings: Settings) -> None:
    """The sixth minute of it, 0.02024, and its tokens, 0.000216 a second, are cut away."""
    settings.LANGUAGE_MODEL = ModelConfig("openai", rate="openai.gpt-4.1-mini")
    of = lead(VoiceTier.LOCAL)
    Budget.objects.filter(pk=of.campaign.budget_id).update(call_limit=Decimal("0.17425"))
    assert (terms(of).max_length_s, terms(of).hold) == (270, Decimal("0.17425"))


PUT_THROUGH_WORST = {VoiceTier.LOCAL: make.WORST_CASE_PUT_THROUGH, VoiceTier.PREMIUM: Decimal("0.46959")}


def with_colleague(of: Lead) -> Lead:
    TransferTarget.objects.create(campaign=of.campaign, name="Maria", number="+13035550123")
    return of


@pytest.mark.parametrize("tier", list(PUT_THROUGH_WORST))
def test_a_campaign_with_colleagues_holds_the_way_to_one_as_well(tier: VoiceTier) -> None:
    """330 s of it are 6 minutes of 0.014, and a tenth of that: 0.0924 on top."""
    found = terms(with_colleague(lead(tier)))
    assert (found.tier, found.hold, found.max_length_s) == (Tier(tier.value), PUT_THROUGH_WORST[tier], 300)
    assert len(found.reasons) == 1


@pytest.mark.parametrize(
    ("limit", "hold", "length_s"),
    [
        ("1", "0.22209", 300),
        ("0.22209", "0.22209", 300),
        ("0.15", "0.15", 300),  # a shorter talk with the colleague
        ("0.12969", "0.12969", 300),
        ("0.11", "0.11", 270),  # as long as without colleagues
    ],
)
def test_a_limit_for_one_call_shortens_no_call_for_the_way_to_a_colleague(
    limit: str, hold: str, length_s: int
) -> None:
    budget = Budget.objects.create(name="May", limit=Decimal(50), call_limit=Decimal(limit))
    found = terms(with_colleague(lead(VoiceTier.LOCAL, budget=budget)))
    assert (found.hold, found.max_length_s) == (Decimal(hold), length_s)
    assert ("so it may last 270 s" in " ".join(found.reasons)) == (length_s == 270)


def test_premium_needs_room_for_the_way_to_a_colleague_too() -> None:
    of = with_colleague(lead(VoiceTier.PREMIUM, budget=make.budget(limit="0.469589", name="May")))
    found = terms(of)
    assert (found.tier, found.hold) == (Tier.LOCAL, make.WORST_CASE_PUT_THROUGH)
    assert found.reasons[0].startswith("A premium call may cost 0.46959 USD, and budget 'May' has 0.469589 USD free")


@pytest.mark.parametrize("change", [None, {"currency": "EUR"}, {"unit": "call"}])
def test_a_card_without_a_price_for_the_way_to_a_colleague_holds_nothing_for_it(
    change: dict[str, str] | None,
) -> None:
    rate = Rate.objects.filter(key="twilio.transfer_leg")
    _ = rate.delete() if change is None else rate.update(**change)
    found = terms(with_colleague(lead(VoiceTier.LOCAL)))
    assert (found.hold, found.currency) == (WORST_CASE, "USD")
    assert found.reasons[1].startswith("It is put through to nobody. The rate card has ")
    assert len(terms(lead(VoiceTier.LOCAL)).reasons) == 1


def test_what_is_chosen_is_kept_with_the_call_and_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_: None)
    of = lead()
    dispatching.dispatch_batch(of.campaign_id, now=NOW)
    call = Call.objects.get()
    assert (call.tier, call.premium_chosen, call.held_out, call.max_length_s) == ("premium", True, False, 300)
    assert (call.voice, call.tier_reasons) == ("eleven_flash_v2_5 Rachel7", [NEW_LEAD, PAYS])
    assert of.campaign.budget.total.held == PREMIUM_WORST


@pytest.mark.parametrize("tier", [VoiceTier.PREMIUM, VoiceTier.AUTO])
class TestPremiumThatCannotBeHad:
    def test_without_a_provider(self, tier: VoiceTier, settings: Settings) -> None:
        settings.VOICE = replace(configured.VOICE, elevenlabs_api_key="")
        assert reasons(lead(tier)) == ("No premium voice is set up: set ELEVENLABS_API_KEY. The local voice speaks.",)

    def test_without_a_rate(self, tier: VoiceTier) -> None:
        Rate.objects.filter(key=FLASH).delete()
        (reason,) = reasons(lead(tier))
        assert reason.startswith("The premium voice has no price, so the local voice speaks: There is no rate")
        assert FLASH in reason

    def test_with_a_rate_in_another_currency(self, tier: VoiceTier) -> None:
        Rate.objects.filter(key=FLASH).update(currency="EUR")
        (reason,) = reasons(lead(tier))
        assert reason.endswith(f"One call would be paid in USD and EUR: give '{FLASH}' a rate in USD.")

    def test_with_a_provider_that_fails(self, tier: VoiceTier) -> None:
        for cause in ("", "", TierCause.FAULT, TierCause.FAULT):
            talked(premium=True, cause=cause)
        assert reasons(lead(tier)) == (
            "The premium voice failed in 2 of 4 calls of the last 15 minutes: the local voice speaks.",
        )

    def test_with_a_budget_that_has_no_room_for_it(self, tier: VoiceTier) -> None:
        budget = make.budget(limit="0.377189", name="May")
        assert reasons(lead(tier, budget=budget)) == (
            "A premium call may cost 0.37719 USD, and budget 'May' has 0.377189 USD free (total): the local voice "
            "speaks.",
        )

    def test_with_a_period_in_which_others_hold(self, tier: VoiceTier) -> None:
        company = Budget.objects.create(name="Company", scope=Scope.COMPANY, day_limit=Decimal(1))
        ledger.hold(UUID(int=1), [company.pk], Decimal("0.7"), currency="USD", at=NOW - timedelta(hours=1))
        assert reasons(lead(tier)) == (
            "A premium call may cost 0.37719 USD, and budget 'Company' has 0.30 USD free (day): the local voice "
            "speaks.",
        )
        tomorrow = terms(lead(tier), now=NOW + timedelta(days=1))
        assert tomorrow.tier is Tier.PREMIUM

    def test_with_a_limit_for_one_call(self, tier: VoiceTier) -> None:
        budget = Budget.objects.create(name="May", limit=Decimal(50), call_limit=Decimal("0.2"))
        assert reasons(lead(tier, budget=budget)) == (
            "A premium call may cost 0.37719 USD, and a budget allows 0.20 USD for one: the local voice speaks.",
        )


def talked(*, premium: bool, cause: str = "", at: datetime = NOW) -> Call:
    """A call of late; ``cause``: why the local voice took over."""
    call = make.call(
        status=CallStatus.DONE,
        at=at - timedelta(minutes=5),
        answered_at=at - timedelta(minutes=4),
        tier=(Tier.PREMIUM if premium else Tier.LOCAL).value,
    )
    if cause:
        fields = {"tier": "local", "reason": "The local voice speaks on.", "cause": cause}
        note(call.pk, "tier.changed", at=at - timedelta(minutes=4), fields=fields)
    return call


@pytest.mark.parametrize("cause", [TierCause.MONEY, TierCause.ABSENT])
def test_a_change_of_voice_for_another_reason_is_no_fault_of_the_provider(cause: TierCause) -> None:
    for _ in range(4):
        talked(premium=True, cause=cause)
    assert terms(lead()).tier is Tier.PREMIUM


def test_the_providers_health_is_that_of_the_last_quarter_of_an_hour() -> None:
    for _ in range(5):
        talked(premium=True, cause=TierCause.FAULT, at=NOW - timedelta(minutes=10))
    assert terms(lead()).tier is Tier.PREMIUM
    assert terms(lead(), now=NOW - timedelta(seconds=1)).tier is Tier.LOCAL


def test_a_call_that_was_slow_twice_counts_once_and_local_calls_do_not() -> None:
    call = talked(premium=True, cause=TierCause.SLOW)
    note(call.pk, "tier.changed", at=NOW, fields={"tier": "local", "reason": "Slow again.", "cause": "slow"})
    for _ in range(2):
        talked(premium=True)
    for _ in range(5):
        talked(premium=False)
    make.call(status=CallStatus.LIVE, tier="premium")  # not answered
    assert terms(lead()).reasons == (
        "The premium voice failed in 1 of 3 calls of the last 15 minutes, 1 of them by its slowness: the local voice "
        "speaks.",
    )


@pytest.mark.parametrize(
    ("own", "last_call", "why"),
    [
        ({}, None, "Not talked with yet"),
        ({"attempts": 3}, {"disposition": "no_answer"}, "Not reached in 3 calls"),
        ({"attempts": 1}, {"disposition": "hung_up", "score": 12}, "A cold lead, score 12"),
        ({"attempts": 1}, {"disposition": "hung_up", "score": 45}, "A warm lead, score 45"),
        ({"attempts": 1}, {"disposition": "qualified", "score": 80}, "A hot lead, score 80"),
        ({"attempts": 1}, {"disposition": "voicemail", "score": 80}, "Not talked with yet"),
        ({"attempts": 1}, {"disposition": "hung_up", "score": 80, "answered_at": None}, "Not talked with yet"),
        ({"attempts": 1, "disposition": "callback_requested"}, None, "The lead asked to be called"),
        (
            {"attempts": 1, "commitment_at": NOW},
            {"disposition": "hung_up", "score": 45},
            "The lead asked to be called",
        ),
    ],
)
def test_what_earlier_calls_say_of_the_lead(own: dict[str, Any], last_call: dict[str, Any] | None, why: str) -> None:
    of = lead(of=own)
    if last_call is not None:
        at = NOW - timedelta(days=1)
        make.call(of, CallStatus.DONE, at=at, **{"answered_at": at, "ended_at": at, **last_call})
    assert terms(of).reasons[0].startswith(f"{why}: ")


@pytest.mark.parametrize(("hot_from", "why"), [(45, "A hot lead, score 45"), (60, "A cold lead, score 45")])
def test_which_lead_is_hot_is_for_the_campaigns_script_to_say(hot_from: int, why: str) -> None:
    of = lead(of={"attempts": 1})
    document = document_of(DEFAULT_SCRIPT)
    document["score"] |= {"hot_from": hot_from, "warm_from": hot_from - 10}
    of.campaign.script = scripts.save("Own", yaml.safe_dump(document), based_on=0, by=None, now=NOW)
    of.campaign.save()
    at = NOW - timedelta(days=1)
    make.call(of, CallStatus.DONE, at=at, answered_at=at, ended_at=at, score=45, disposition="hung_up")
    assert terms(of).reasons[0].startswith(f"{why}: ")


def test_the_last_talk_counts() -> None:
    of = lead(of={"attempts": 3})
    at = NOW - timedelta(days=1)
    for score, disposition in ((80, "hung_up"), (50, "hung_up"), (0, "no_answer")):
        make.call(of, CallStatus.DONE, at=at, answered_at=at, ended_at=at, score=score, disposition=disposition)
    assert terms(of).reasons[0].startswith("A warm lead, score 50: ")


def test_a_lead_that_was_drawn_stays_local_in_all_its_calls() -> None:
    of = lead(holdout_percent=50)
    leads = [make.lead(of.campaign) for _ in range(30)]
    found = {one.pk: terms(one) for one in leads}
    assert {(one.tier, one.held_out, one.premium_chosen, one.hold) for one in found.values()} == {
        (Tier.LOCAL, True, True, WORST_CASE),
        (Tier.PREMIUM, False, True, PREMIUM_WORST),
    }
    later = {one.pk: terms(one, now=NOW + timedelta(days=3)).held_out for one in leads}
    assert later == {pk: one.held_out for pk, one in found.items()}


def test_money_that_goes_too_fast_is_seen() -> None:
    """Noon in Denver is 19:00 UTC; half of the day's money is gone by 6:00 UTC, a quarter of the day."""
    budget = Budget.objects.create(name="May", day_limit=Decimal(4))
    six = NOW.replace(hour=6)
    ledger.hold(UUID(int=1), [budget.pk], Decimal(2), currency="USD", at=six)
    assert terms(lead(budget=budget), now=six).reasons == (
        NEW_LEAD,
        "Budget 'May' has used 50 % after 25 % of the day, so premium has to bring 2 times its cost.",
        "It does not pay: the local voice speaks.",
    )
    assert terms(lead(budget=budget)).reasons == (NEW_LEAD, PAYS)


def test_a_limit_for_one_call_shortens_it_and_says_so() -> None:
    budget = Budget.objects.create(name="May", limit=Decimal(50), call_limit=Decimal("0.08"))
    found = terms(lead(VoiceTier.LOCAL, budget=budget))
    assert (found.max_length_s, found.hold) == (150, Decimal("0.06897"))
    assert found.reasons == (
        "The campaign wants the local voice.",
        "Budget 'May' allows 0.08 USD for one call, so it may last 150 s.",
    )


def test_a_limit_that_pays_for_no_minute_ends_it() -> None:
    budget = Budget.objects.create(name="May", limit=Decimal(50), call_limit=Decimal("0.03"))
    with pytest.raises(BudgetExhausted, match=r"^Budget 'May' allows 0\.03 USD for one call, which does not pay for"):
        terms(lead(budget=budget))


def test_a_stopped_budget_ends_it() -> None:
    budget = make.budget()
    Budget.objects.filter(pk=budget.pk).update(stopped_at=NOW, stopped_reason="by hand")
    with pytest.raises(BudgetStopped, match="by hand"):
        terms(lead(budget=budget))


def test_without_a_worker_for_premium_calls_the_local_voice_speaks_where_the_call_may_choose() -> None:
    of = lead(of={"disposition": "callback_requested"})
    VoiceWorker.objects.update(queues=["calls.local"])
    assert reasons(of) == ("No voice worker serves premium calls now, so the local voice speaks.",)
    assert terms(lead(VoiceTier.PREMIUM)).tier is Tier.PREMIUM


def test_a_call_without_a_price_is_refused() -> None:
    Rate.objects.filter(key="twilio.voice_out_us").delete()
    with pytest.raises(MissingRate):
        terms(lead(VoiceTier.LOCAL))


@pytest.mark.parametrize(
    ("tier", "attempts", "queries"),
    [(VoiceTier.LOCAL, 0, 3), (VoiceTier.PREMIUM, 3, 5), (VoiceTier.AUTO, 0, 6), (VoiceTier.AUTO, 3, 7)],
)
def test_few_queries_are_asked(tier: VoiceTier, attempts: int, queries: int) -> None:
    of = lead(tier, of={"attempts": attempts})
    campaign = Campaign.objects.get(pk=of.campaign_id)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        terms_for(of, campaign, now=NOW)
    assert len(captured) == queries


def test_a_voices_name_fits_its_column(settings: Settings) -> None:
    settings.VOICE = replace(settings.VOICE, piper_model=f"/models/{'x' * 70}.onnx", elevenlabs_voice_id="v" * 70)
    assert voice_name(Tier.LOCAL) == "x" * 60
    assert voice_name(Tier.PREMIUM) == ("eleven_flash_v2_5 " + "v" * 70)[:60]


def test_a_premium_call_is_planned_with_the_providers_characters() -> None:
    assert premium_component(Tier.PREMIUM) == FLASH
    assert premium_component(Tier.LOCAL) == ""
    assert (FLASH, "char") in plan_for(Tier.PREMIUM, 60).per_s
    assert (FLASH, "char") not in plan_for(Tier.LOCAL, 60).per_s
