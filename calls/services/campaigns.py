"""What a manager does with a campaign: start, pause, finish, change its hours. It holds from the next decision on.

Every move locks the campaign's row first, which a dispatcher holds while it decides on a lead: so nothing is queued
by what a campaign was before.
"""

from datetime import date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from agents.domain.types import Disposition
from calls.carrier import dialer
from calls.domain.calling_windows import NOWHERE, allowed_everywhere, allowed_in, allowed_somewhere
from calls.domain.compliance import ENDED, NO_HOUR, NONE_LEFT
from calls.models import Call, Campaign, Lead
from calls.models.campaign import CampaignStatus
from calls.models.lead import LeadQuerySet, LeadStatus
from calls.services import caller_ids, ending, gates
from calls.services.putting_off import places_of
from calls.services.reach import why_nobody
from calls.services.rules import book_at

log = structlog.get_logger(__name__)
_AT_ONCE = 2_000
_CHUNK = 25_000

NOT_RUNNING = "call.canceled_campaign_not_running"
_VERB = {CampaignStatus.RUNNING: "started", CampaignStatus.PAUSED: "paused", CampaignStatus.FINISHED: "finished"}
_LAST_ZONE = timedelta(hours=-12)
"""Where a day ends last."""
_NOT_REACHED = (Disposition.NO_ANSWER, Disposition.BUSY, Disposition.VOICEMAIL, Disposition.FAILED)
_USED_UP = r"attempts are used|the campaign allows no more\.$|calls? failed: "


class CampaignError(Exception):
    """The campaign cannot do that now; the text is a sentence that says what to change."""


@transaction.atomic
def start(campaign_id: int, *, now: datetime) -> None:
    """Draft or paused becomes running: due leads are called from now on. Raises CampaignError."""
    campaign = _locked(campaign_id)
    _check_ready(campaign, now=now)
    _move(campaign, CampaignStatus.RUNNING, {CampaignStatus.DRAFT, CampaignStatus.PAUSED}, now)
    hours_changed(campaign_id, now=now)


@transaction.atomic
def start_anew(campaign_id: int, *, now: datetime) -> int:
    """Leads that used all attempts and were never reached are open again, as new; then start, unless it runs.

    Returns how many leads. Nobody who talked with us, or is on the do-not-call list, is opened. Raises CampaignError,
    with nothing changed.
    """
    campaign = _locked(campaign_id)
    if campaign.status == CampaignStatus.FINISHED:
        raise CampaignError(f"{campaign.name!r} is finished: nobody in it is called again.")
    count = _never_reached(campaign).update(**_as_new(now))
    if campaign.status != CampaignStatus.RUNNING:
        start(campaign_id, now=now)
    log.info("campaign.begun_anew", campaign_id=campaign_id, leads=count)
    return count


@transaction.atomic
def pause(campaign_id: int, *, now: datetime, hang_up: bool = False) -> None:
    """Nothing new is dialed, and calls that wait are canceled. Calls that ring or are live go on, or with ``hang_up``
    are hung up. Raises CampaignError.
    """
    _stop(campaign_id, CampaignStatus.PAUSED, {CampaignStatus.RUNNING}, now, hang_up)


@transaction.atomic
def finish(campaign_id: int, *, now: datetime, hang_up: bool = False) -> None:
    """As ``pause``, and for good: nothing is dialed or imported any more. Raises CampaignError."""
    unfinished = {CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED}
    _stop(campaign_id, CampaignStatus.FINISHED, unfinished, now, hang_up)


def hang_up(campaign_id: int, *, now: datetime) -> int:
    """Hang up the calls that ring or are live, whatever the campaign's status; how many."""
    return ending.hang_up(Call.objects.filter(campaign=campaign_id), at=now)


def finish_ended(*, now: datetime) -> int:
    """Finish the campaigns that run and whose last day is over in every zone; how many."""
    ended = Campaign.objects.running().filter(ends_on__lt=(now + _LAST_ZONE).date())
    count = 0
    for campaign_id in ended.values_list("pk", flat=True):
        try:
            finish(campaign_id, now=now)
        except CampaignError as error:  # somebody was quicker
            log.info("campaign.not_finished", campaign_id=campaign_id, reason=str(error))
        else:
            count += 1
    return count


@transaction.atomic
def hours_changed(campaign_id: int, *, now: datetime) -> int:
    """Leads whom a gate put off, or whom the old hours had given up, are due again: the next decision sees the new
    hours. Returns how many. To be called in the transaction that changes windows, dates or closed days.

    Of very many the rest follows within a minute, by ``bring_back``: nobody waits that long for a page.
    """
    _locked(campaign_id)
    count = _due_again(campaign_id, now=now, most=_AT_ONCE)
    left = now if count == _AT_ONCE else None
    Campaign.objects.filter(pk=campaign_id).update(hours_changed_at=left)
    log.info("campaign.hours_changed", campaign_id=campaign_id, leads=count)
    return count


def bring_back(*, now: datetime) -> int:
    """The leads that ``hours_changed`` left, each chunk a transaction with the campaign's row locked; how many."""
    total = 0
    for campaign_id in Campaign.objects.filter(hours_changed_at__isnull=False).values_list("pk", flat=True):
        more = True
        while more:
            with transaction.atomic():
                _locked(campaign_id)
                count = _due_again(campaign_id, now=now, most=_CHUNK)
                total, more = total + count, count == _CHUNK
                if not more:
                    Campaign.objects.filter(pk=campaign_id).update(hours_changed_at=None)
    return total


def _due_again(campaign_id: int, *, now: datetime, most: int) -> int:
    """Up to ``most`` of those whom hours kept back are due; how many."""
    mine = Lead.objects.filter(campaign=campaign_id).order_by("pk")
    waiting = mine.filter(status=LeadStatus.OPEN, next_attempt_at__gt=now, put_off_until=F("next_attempt_at"))
    sentences = [sentence.partition("{")[0] for sentence in (NO_HOUR, ENDED, NONE_LEFT)]
    by_hours = Q(*(Q(closed_reason__startswith=sentence) for sentence in sentences), _connector=Q.OR)
    given_up = mine.filter(by_hours, status=LeadStatus.CLOSED).reachable()
    count = 0
    for leads in (waiting, given_up):
        chosen = leads.select_for_update(skip_locked=True, of=("self",), no_key=True)
        ids = list(chosen.values_list("pk", flat=True)[: most - count])
        count += Lead.objects.filter(pk__in=ids).update(
            status=LeadStatus.OPEN, closed_reason="", next_attempt_at=now, put_off_until=None
        )
    return count


def reopen(lead_ids: list[int], *, now: datetime) -> int:
    """Closed leads that are not on the do-not-call list are due again, as new; returns how many."""
    closed = Lead.objects.filter(pk__in=lead_ids, status=LeadStatus.CLOSED).reachable()
    count = closed.update(**_as_new(now))
    log.info("leads.reopened", count=count)
    return count


def _as_new(now: datetime) -> dict[str, object]:
    """The columns of a lead whose cadence begins again."""
    return {
        "status": LeadStatus.OPEN,
        "closed_reason": "",
        "attempts": 0,
        "cadence_from": now,
        "next_attempt_at": now,
        "put_off_until": None,
    }


def is_over(day: date, *, now: datetime) -> bool:
    """Whether ``day`` has ended in every zone."""
    return day < (now + _LAST_ZONE).date()


def _never_reached(campaign: Campaign) -> LeadQuerySet:
    """Closed since all attempts were used, and no call to them ended with somebody on the line."""
    unreached = [one.value for one in _NOT_REACHED]
    talked = Call.objects.filter(lead=OuterRef("pk")).exclude(disposition__in=["", *unreached])
    closed = Lead.objects.filter(
        ~Exists(talked),
        campaign=campaign,
        status=LeadStatus.CLOSED,
        disposition__in=unreached,
        closed_reason__regex=_USED_UP,
    )
    return closed.reachable()


def _check_ready(campaign: Campaign, *, now: datetime) -> None:
    """Everything that would stop every call is said at once, before the first one."""
    missing = []
    free = campaign.budget.total.free
    if campaign.budget.retired_at is not None:
        missing.append(f"the budget {campaign.budget.name!r} is retired: choose another, or bring it back")
    if free is not None and free <= 0:
        missing.append(f"the budget {campaign.budget.name!r} has no money left: raise its limit")
    if not (campaign.caller_ids.exists() or settings.TWILIO_FROM_NUMBER):
        missing.append("there is no caller ID: fill in the campaign's, or set TWILIO_FROM_NUMBER")
    missing.extend(caller_ids.why_unusable(campaign, dialer(), now=now))
    if not (campaign.company_name or settings.COMPANY_NAME):
        missing.append("there is no company name: fill in the campaign's, or set COMPANY_NAME")
    if hours := _wrong_hours(campaign, now=now):
        missing.append(hours)
    if not Lead.objects.filter(campaign=campaign, status=LeadStatus.OPEN).exists():
        missing.append("it has no open lead: import some")
    if not missing and (nobody := why_nobody(campaign, now=now)):
        missing.append(nobody)
    if missing:
        raise CampaignError(f"{campaign.name!r} cannot start: {'; '.join(missing)}.")


def _wrong_hours(campaign: Campaign, *, now: datetime) -> str:
    """What is wrong with its windows and dates, whoever its leads are; empty where nothing is."""
    windows, book = gates.rules_of(campaign).windows, book_at(now)
    if not windows:
        return "it has no calling window: add one"
    if campaign.ends_on is not None and is_over(campaign.ends_on, now=now):
        return f"its last day, {campaign.ends_on}, is over: give it a later one"
    if allowed_everywhere(windows, book):
        return ""
    if not allowed_somewhere(windows, book):
        return f"its calling windows are never open, since {NOWHERE}: widen them"
    places = places_of(campaign, book)
    if places and not allowed_in(windows, places, book):
        return "its calling windows hold no hour in which its leads may be called where they live: widen them"
    return ""


def _stop(campaign_id: int, to: CampaignStatus, sources: set[CampaignStatus], now: datetime, hang_up: bool) -> None:
    campaign = _locked(campaign_id)
    _move(campaign, to, sources, now)
    ending.stop(Call.objects.filter(campaign=campaign), at=now, why=NOT_RUNNING, hung_up=hang_up)


def _locked(campaign_id: int) -> Campaign:
    Campaign.objects.select_for_update(no_key=True).only("pk").get(pk=campaign_id)
    return Campaign.objects.select_related("budget").get(pk=campaign_id)


def _move(campaign: Campaign, to: CampaignStatus, sources: set[CampaignStatus], now: datetime) -> None:
    if not Campaign.objects.filter(pk=campaign.pk, status__in=sorted(sources)).update(status=to):
        status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
        allowed = " or ".join(sorted(sources))
        raise CampaignError(f"{campaign.name!r} is {status} and cannot be {_VERB[to]}: only {allowed} campaigns can.")
    log.info("campaign.moved", campaign_id=campaign.pk, to=to.value, at=now.isoformat())
