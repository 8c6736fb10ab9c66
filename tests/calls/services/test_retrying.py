"""What becomes of a lead after its calls: rules, rotation, promises, and the reason that is kept."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.domain.types import Disposition, EndedBy, ScheduleCallback
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent, CallingWindow, Lead, RetryRule
from calls.services.finishing import finish
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import report

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def end(lead: Lead, disposition: Disposition, at: datetime, **more: Any) -> Call:
    """The lead's next call, dialed and ended at ``at``."""
    Lead.objects.filter(pk=lead.pk).update(attempts=lead.attempts + 1)
    ended_by = more.pop("ended_by", EndedBy.CARRIER)
    again_at = more.pop("again_at", None)
    acts = more.pop("acts", ())
    answered_at = more.pop("answered_at", None)
    call = make.call(lead, CallStatus.DIALING, at=at, **more)
    told = report(disposition, *acts, answered_at=answered_at, ended_at=at, ended_by=ended_by)
    assert finish(call.pk, told, now=at, again_at=again_at)
    lead.refresh_from_db()
    return call


def said(call: Call) -> tuple[str, dict[str, Any]]:
    event = CallEvent.objects.get(call=call, kind__startswith="lead.")
    return event.kind, event.fields


def test_a_lead_that_never_answers_is_tried_in_every_part_of_the_day_and_then_closed() -> None:
    lead, at = make.lead(), NOON_IN_DENVER
    called, whys = [], []
    for _ in range(6):
        called.append(at)
        call = end(lead, Disposition.NO_ANSWER, at)
        whys.append(said(call)[1].get("why"))
        at = lead.next_attempt_at
    assert called == [
        NOON_IN_DENVER,
        NOON_IN_DENVER + 2 * HOUR,  # 45 min later it is noon still: the afternoon
        NOON_IN_DENVER + 6 * HOUR,  # the evening
        NOON_IN_DENVER + DAY + 20 * HOUR,  # a day later it is evening again: the morning
        NOON_IN_DENVER + 4 * DAY + 20 * HOUR,  # every part was tried once
        NOON_IN_DENVER + 13 * DAY + 23 * HOUR,
    ]
    assert whys == [
        "1st no answer of 6: in 45 min, moved to the afternoon",
        "2nd no answer of 6: in 4 h",
        "3rd no answer of 6: in 1 day, moved to the morning",
        "4th no answer of 6: in 3 days",
        "5th no answer of 6: in 9 days, moved to noon",
        None,
    ]
    assert (lead.status, lead.closed_reason) == (
        "closed",
        "All 6 attempts are used; the last one ended with: no answer.",
    )


def test_the_campaigns_rows_go_before_the_defaults() -> None:
    campaign = make.campaign()
    RetryRule.objects.create(campaign=campaign, outcome="busy", attempts=2, spacing_min=[7], rotate=False)
    lead = make.lead(campaign)
    call = end(lead, Disposition.BUSY, NOON_IN_DENVER)
    at = NOON_IN_DENVER + 7 * MINUTE
    assert said(call) == ("lead.next_attempt", {"at": at.isoformat(), "why": "1st busy line of 2: in 7 min"})
    call = end(lead, Disposition.BUSY, at)
    reason = "2 calls ended with busy line; the campaign allows no more."
    assert (lead.status, lead.closed_reason, said(call)) == ("closed", reason, ("lead.closed", {"reason": reason}))


def test_an_edit_of_the_rules_takes_effect_on_the_next_decision() -> None:
    lead = make.lead()
    end(lead, Disposition.VOICEMAIL, NOON_IN_DENVER)
    RetryRule.objects.create(campaign=lead.campaign, outcome="voicemail", attempts=9, spacing_min=[60, 90])
    end(lead, Disposition.VOICEMAIL, NOON_IN_DENVER + HOUR)
    assert (lead.status, lead.next_attempt_at) == ("open", NOON_IN_DENVER + 2.5 * HOUR)


def test_the_next_part_of_the_day_is_one_that_the_campaign_is_open_in() -> None:
    campaign = make.campaign()
    CallingWindow.objects.filter(campaign=campaign).update(opens_at="09:00", closes_at="13:30")
    lead = make.lead(campaign)
    end(lead, Disposition.NO_ANSWER, NOON_IN_DENVER)
    assert lead.next_attempt_at == NOON_IN_DENVER + 21 * HOUR  # nine in the morning


def test_where_the_place_is_not_known_nothing_is_moved() -> None:
    lead = make.lead(phone="+18005550142")
    call = end(lead, Disposition.NO_ANSWER, NOON_IN_DENVER)
    assert lead.next_attempt_at >= NOON_IN_DENVER + 45 * MINUTE
    assert said(call)[0] == "lead.next_attempt"


def test_a_fault_of_ours_is_no_attempt_and_does_not_use_up_the_lead() -> None:
    lead, at = make.lead(), NOON_IN_DENVER
    waits = []
    for _ in range(9):
        end(lead, Disposition.FAILED, at, ended_by=EndedBy.FAULT)
        waits.append(lead.next_attempt_at - at)
        at = lead.next_attempt_at
    assert (lead.status, lead.attempts) == ("open", 0)
    assert waits == [5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, *[DAY] * 5]
    end(lead, Disposition.FAILED, at, ended_by=EndedBy.FAULT)
    assert (lead.status, lead.closed_reason) == ("closed", "10 calls failed: find out why, then reopen the lead.")


def test_a_failure_of_the_carriers_is_an_attempt() -> None:
    lead = make.lead(attempts=2)
    end(lead, Disposition.FAILED, NOON_IN_DENVER)
    assert (lead.attempts, lead.next_attempt_at) == (3, NOON_IN_DENVER + 5 * MINUTE)


def test_a_call_that_never_rang_counts_for_nothing() -> None:
    lead, again_at = make.lead(), NOON_IN_DENVER + MINUTE
    for _ in range(4):
        call = end(lead, Disposition.FAILED, NOON_IN_DENVER, again_at=again_at)
    assert (lead.attempts, lead.next_attempt_at) == (0, again_at)
    assert said(call)[1]["why"] == "nothing rang, so the attempt does not count"
    call = end(lead, Disposition.FAILED, again_at)
    assert said(call)[1]["why"] == "1st failed call of 10: in 5 min"


def test_calls_before_the_cadence_began_do_not_count() -> None:
    lead = make.lead()
    end(lead, Disposition.VOICEMAIL, NOON_IN_DENVER)
    end(lead, Disposition.VOICEMAIL, NOON_IN_DENVER + 4 * HOUR)
    assert lead.status == "closed"
    began = NOON_IN_DENVER + DAY
    Lead.objects.update(status="open", closed_reason="", attempts=0, cadence_from=began)
    lead.refresh_from_db()
    call = end(lead, Disposition.VOICEMAIL, began)
    assert said(call)[1]["why"] == "1st voicemail of 2: in 4 h"


def test_a_promise_then_nobody_then_once_more_then_the_cadence() -> None:
    promised = NOON_IN_DENVER + DAY
    lead = make.lead(make.campaign(max_attempts=3))
    end(
        lead,
        Disposition.CALLBACK_REQUESTED,
        NOON_IN_DENVER,
        acts=(ScheduleCallback(promised, "tomorrow at noon"),),
        answered_at=NOON_IN_DENVER,
    )
    assert (lead.next_attempt_at, lead.commitment_at) == (promised, promised)
    # The gates may put the call off to the next opening; the promise is what it was.
    at = promised + 2 * HOUR
    end(lead, Disposition.NO_ANSWER, at)
    assert (lead.next_attempt_at, lead.commitment_at) == (at + 15 * MINUTE, promised)
    end(lead, Disposition.FAILED, at + 15 * MINUTE, ended_by=EndedBy.FAULT)
    assert (lead.next_attempt_at, lead.commitment_at) == (at + 20 * MINUTE, promised)
    end(lead, Disposition.NO_ANSWER, at + 20 * MINUTE)
    assert (lead.status, lead.commitment_at) == ("closed", None)
    assert lead.closed_reason == "All 3 attempts are used; the last one ended with: no answer."


def test_a_promise_that_was_missed_twice_goes_back_to_the_cadence() -> None:
    lead = make.lead(commitment_at=NOON_IN_DENVER)
    end(lead, Disposition.BUSY, NOON_IN_DENVER)
    at = lead.next_attempt_at
    call = end(lead, Disposition.BUSY, at)
    assert (lead.status, lead.next_attempt_at, lead.commitment_at) == ("open", at + 30 * MINUTE, None)
    assert said(call)[1]["why"] == "2nd busy line of 6: in 30 min"


@pytest.mark.parametrize("disposition", [Disposition.HUNG_UP, Disposition.FAILED])
def test_a_call_of_the_lead_to_us_is_no_attempt(disposition: Disposition) -> None:
    at = NOON_IN_DENVER + DAY
    lead = make.lead(attempts=1, next_attempt_at=at, commitment_at=at)
    call = make.call(lead, CallStatus.LIVE, attempt=0, direction="inbound")
    told = report(disposition, answered_at=NOON_IN_DENVER, ended_at=NOON_IN_DENVER)
    finish(call.pk, told, now=NOON_IN_DENVER)
    lead.refresh_from_db()
    assert (lead.disposition, lead.attempts) == (disposition.value, 1)
    assert (lead.status, lead.next_attempt_at, lead.commitment_at) == ("open", at, at)


def test_what_is_agreed_on_when_the_lead_calls_us_counts() -> None:
    lead = make.lead(attempts=1)
    call = make.call(lead, CallStatus.LIVE, attempt=0, direction="inbound")
    told = report(Disposition.QUALIFIED, answered_at=NOON_IN_DENVER, ended_at=NOON_IN_DENVER)
    finish(call.pk, told, now=NOON_IN_DENVER)
    lead.refresh_from_db()
    assert (lead.status, lead.closed_reason) == ("closed", "The lead is qualified.")
