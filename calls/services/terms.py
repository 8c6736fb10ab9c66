"""The terms of a call before it rings: whose voice, how long at most, and what is held for it on which budgets."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from django.conf import settings
from django.db.models import Q

from agents.domain.script import VERSION as SCRIPT_VERSION
from agents.domain.types import Disposition
from billing.domain import tier as tiers
from billing.domain.card import RateCard, RateError
from billing.domain.costing import CallPlan, longest_s, plan_of, worst_case
from billing.domain.legs import why_unpriced
from billing.domain.money import MixedCurrencies, shown
from billing.domain.periods import Period
from billing.domain.rates import price
from billing.domain.tier import Choice, Health, Offer, Room, Standing, Wish
from billing.models import Balance, Budget
from billing.services import budgets
from billing.services.card import card_at
from billing.services.ledger import BudgetExhausted
from calls.domain.queues import queue_for
from calls.models import Call, CallEvent, Campaign, Lead
from calls.services import scripts, workers
from voice.domain.types import Tier, TierCause

NO_PREMIUM = "No premium voice is set up: set ELEVENLABS_API_KEY. The local voice speaks."
NO_PREMIUM_WORKER = "No voice worker serves premium calls now, so the local voice speaks."
SHORTEST_S = 60
"""A call that may not last a minute is not worth its ring."""
_HEALTH_WINDOW = timedelta(minutes=15)
_HEALTH_CALLS = 100  # of these at most, however many there were
_PROVIDER_FAULTS = (TierCause.SLOW.value, TierCause.FAULT.value)
_NO_TALK = (Disposition.VOICEMAIL, Disposition.NO_ANSWER, Disposition.WRONG_NUMBER, Disposition.FAILED)
_VOICE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """``hold`` is the worst case, in ``currency``; ``reasons`` are sentences for people.

    ``premium_chosen`` says that it was left to us and premium pays: of such calls alone a share is ``held_out``, so
    only they are compared with it.
    """

    tier: Tier
    max_length_s: int
    hold: Decimal
    currency: str
    budget_ids: tuple[int, ...]
    voice: str
    script_version: str = SCRIPT_VERSION
    script_id: int | None = None
    reasons: tuple[str, ...] = ()
    premium_chosen: bool = False
    held_out: bool = False

    @property
    def columns(self) -> dict[str, object]:
        """What a call keeps of its terms; the hold is the ledger's."""
        return {
            "max_length_s": self.max_length_s,
            "tier": self.tier.value,
            "tier_reasons": list(self.reasons),
            "premium_chosen": self.premium_chosen,
            "held_out": self.held_out,
            "voice": self.voice,
            "script_version": self.script_version,
            "script_id": self.script_id,
        }


def terms_for(lead: Lead, campaign: Campaign, *, now: datetime) -> Terms:
    """The terms of one call; raises what ``CampaignTerms.of`` does."""
    return CampaignTerms(campaign, now=now).of(lead)


class CampaignTerms:
    """The terms of a campaign's next calls. What they share is read once, when it is first needed."""

    def __init__(self, campaign: Campaign, *, now: datetime) -> None:
        self._campaign, self._now = campaign, now
        self._payers: dict[str, list[Budget]] = {}
        self._running: dict[str, list[Balance]] = {}
        self._given: defaultdict[int, Decimal] = defaultdict(Decimal)

    def of(self, lead: Lead) -> Terms:
        """Raises BudgetExhausted where a limit per call leaves no minute or dialing is stopped, RateError for a
        component without a usable rate, MixedCurrencies.
        """
        campaign, payers = self._campaign, self._concerned(lead.source)
        budgets.check_not_stopped(payers, at=self._now)
        choice = self._choose(lead, payers)
        tier = Tier.PREMIUM if choice.premium else Tier.LOCAL
        plan, shortened = _affordable(self._card, plan_for(tier, campaign.max_call_s), payers)
        hold, currency = self._hold(plan, payers)
        unpriced = why_unpriced(self._card, currency) if self._puts_through else ""
        return Terms(
            tier,
            plan.max_length_s,
            hold,
            currency,
            tuple(budget.pk for budget in payers),
            voice=voice_name(tier),
            script_version=self._script_version,
            script_id=campaign.script_id,
            reasons=(
                *choice.reasons,
                *shortened,
                *([f"It is put through to nobody. {unpriced}"] if unpriced else []),
            ),
            premium_chosen=choice.chosen and campaign.tier == Wish.AUTO,
            held_out=choice.held_out,
        )

    def count(self, terms: Terms) -> None:
        """The call will be held for: what it takes is not free for those after it."""
        for budget_id in terms.budget_ids:
            self._given[budget_id] += terms.hold

    @cached_property
    def _card(self) -> RateCard:
        return card_at(self._now)

    @cached_property
    def _script_version(self) -> str:
        own = self._campaign.script
        return SCRIPT_VERSION if own is None else f"{SCRIPT_VERSION}+{own.digest}"

    @cached_property
    def _puts_through(self) -> bool:
        return self._campaign.transfer_targets.exists()

    @cached_property
    def _premium_is_served(self) -> bool:
        return queue_for(self._campaign.needs, Tier.PREMIUM) in workers.served()

    @cached_property
    def _health(self) -> Health:
        return _health(now=self._now)

    def _hold(self, plan: CallPlan, payers: Sequence[Budget]) -> tuple[Decimal, str]:
        """What is held for a call of this plan, and in which currency: its worst case, with the way to a colleague
        where the campaign has any, as far as the budgets' limits for one call go: no call is shortened for that.
        """
        alone = worst_case(self._card, plan)
        if not self._puts_through or why_unpriced(self._card, alone.currency):
            return alone.total, alone.currency
        most = worst_case(self._card, replace(plan, puts_through=True)).total
        limit = _call_limit(payers)
        return most if limit is None else max(alone.total, min(most, limit)), alone.currency

    def _concerned(self, source: str) -> list[Budget]:
        if source not in self._payers:
            self._payers[source] = budgets.concerned(self._campaign.budget_id, source=source)
        return self._payers[source]

    def _choose(self, lead: Lead, payers: Sequence[Budget]) -> Choice:
        """Asks the database only as far as the answer is open."""
        campaign = self._campaign
        wish = Wish(campaign.tier)
        if wish is Wish.LOCAL:
            return Choice(("The campaign wants the local voice.",))
        if not settings.VOICE.elevenlabs_api_key:
            return Choice((NO_PREMIUM,))
        try:
            offer = self._offer(payers)
        except (RateError, MixedCurrencies) as error:
            return Choice((f"The premium voice has no price, so the local voice speaks: {error}",))
        rooms = self._rooms(lead.source, payers)
        unable = tiers.why_unable(self._health, rooms, offer)
        if unable:
            return Choice((unable,))
        if wish is Wish.PREMIUM:
            return Choice(("The campaign wants the premium voice.",), chosen=True)
        if not self._premium_is_served:
            return Choice((NO_PREMIUM_WORKER,))
        return tiers.choose(
            _standing(lead, campaign),
            rooms,
            offer,
            appointment_value=campaign.appointment_value,
            holdout_percent=campaign.holdout_percent,
            draw=tiers.draw_of(lead.pk, campaign.pk),
        )

    def _offer(self, payers: Sequence[Budget]) -> Offer:
        hold, currency = self._hold(plan_for(Tier.PREMIUM, self._campaign.max_call_s), payers)
        extra = price(self._card[premium_component(Tier.PREMIUM)], Decimal(tiers.USUAL_CHARACTERS))
        return Offer(hold, extra, currency, _call_limit(payers))

    def _rooms(self, source: str, payers: Sequence[Budget]) -> list[Room]:
        """The limited periods in which the call would count; one in which nothing was held yet is all free."""
        if source not in self._running:
            self._running[source] = list(Balance.objects.filter(budget__in=payers, window__contains=self._now))
        balances = {(balance.budget_id, balance.period): balance for balance in self._running[source]}
        rooms = []
        for budget in payers:
            for period in Period:
                limit = budget.limit_of(period)
                if limit is None:
                    continue
                balance = balances.get((budget.pk, period.value))
                free = (limit if balance is None else limit - balance.used) - self._given[budget.pk]
                elapsed = None if balance is None else _elapsed(balance, now=self._now)
                rooms.append(Room(budget.name, period.value, limit, free, elapsed))
        return rooms


def plan_for(tier: Tier, max_length_s: int) -> CallPlan:
    """What a call of this tier may use a second."""
    voice, model = settings.VOICE, settings.LANGUAGE_MODEL
    return plan_of(
        max_length_s,
        premium=premium_component(tier),
        gpu=voice.gpu_component,
        gpu_share=voice.gpu_share,
        model=None if model.backend == "none" else model.components,
    )


def premium_component(tier: Tier) -> str:
    """The rate-card key of the provider that may speak, "" for a local call."""
    return settings.VOICE.elevenlabs_component if tier is Tier.PREMIUM else ""


def voice_name(tier: Tier) -> str:
    """Who speaks, for the records; at most as long as their column."""
    voice = settings.VOICE
    local = Path(voice.piper_model).stem or "piper"
    return (f"{voice.elevenlabs_model} {voice.elevenlabs_voice_id}" if tier is Tier.PREMIUM else local)[
        :_VOICE_LENGTH
    ]


def _call_limit(payers: Sequence[Budget]) -> Decimal | None:
    """The least of the budgets' limits for one call; None where none has one."""
    return min((budget.call_limit for budget in payers if budget.call_limit is not None), default=None)


def _elapsed(balance: Balance, *, now: datetime) -> Decimal | None:
    since, until = balance.window.lower, balance.window.upper
    if since is None or until is None:
        return None
    return Decimal(str((now - since) / (until - since)))


def _health(*, now: datetime) -> Health:
    """Of the latest premium calls. Which voice spoke in the end is told by their events alone."""
    recent = Call.objects.filter(queued_at__gt=now - _HEALTH_WINDOW, tier=Tier.PREMIUM.value)
    talked = recent.filter(answered_at__isnull=False).order_by("-queued_at").values_list("pk", flat=True)
    ids = list(talked[:_HEALTH_CALLS])
    given_up = CallEvent.objects.filter(call__in=ids, kind="tier.changed", fields__cause__in=_PROVIDER_FAULTS)
    causes = list(given_up.values_list("call_id", "fields__cause"))
    faults = {call_id for call_id, _ in causes}
    slow = {call_id for call_id, cause in causes if cause == TierCause.SLOW}
    return Health(len(ids), len(faults), len(slow), minutes=int(_HEALTH_WINDOW.total_seconds() // 60))


def _standing(lead: Lead, campaign: Campaign) -> Standing:
    """A score counts by the limits of the campaign's script. A lead never rung has no calls to look through."""
    talks = Call.objects.filter(lead=lead, answered_at__isnull=False, ended_at__isnull=False)
    talks = talks.exclude(Q(disposition="") | Q(disposition__in=[one.value for one in _NO_TALK]))
    points = talks.order_by("-attempt").values_list("score", flat=True).first() if lead.attempts else None
    score = None if points is None else scripts.rated(points, scripts.spoken(campaign.script).scoring)
    promised = lead.commitment_at is not None or lead.disposition == Disposition.CALLBACK_REQUESTED
    return Standing(score, promised, lead.attempts)


def _affordable(card: RateCard, plan: CallPlan, payers: Sequence[Budget]) -> tuple[CallPlan, tuple[str, ...]]:
    """The plan, shortened to the least of the budgets' limits for one call, and why."""
    limits = {budget.call_limit: budget for budget in payers if budget.call_limit is not None}
    if not limits or worst_case(card, plan).total <= min(limits):
        return plan, ()
    budget = limits[min(limits)]
    limit = shown(min(limits), budget.currency)
    length_s = longest_s(card, plan, limit=min(limits))
    if length_s < SHORTEST_S:
        raise BudgetExhausted(
            f"Budget {budget.name!r} allows {limit} for one call, which does not pay "
            f"for {SHORTEST_S} s: raise that limit.",
            budget,
        )
    why = f"Budget {budget.name!r} allows {limit} for one call, so it may last {length_s} s."
    return replace(plan, max_length_s=length_s), (why,)
