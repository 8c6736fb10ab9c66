"""A number that people no longer answer rests, tells so, and comes back."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from agents.domain.types import Disposition
from calls.domain.pacing import Answers
from calls.domain.status import CallStatus
from calls.models import Call, CallerId
from calls.models.call import Direction
from calls.services.caller_id_health import Health, end_rest, health_of, watch
from calls.services.caller_ids import Pool
from tests.calls import factories
from tests.calls.factories import NOON_IN_DENVER as NOW

DENVER, NEW_YORK = "+13035550150", "+12125550150"
TALKED, SILENT, MACHINE = Disposition.QUALIFIED, Disposition.NO_ANSWER, Disposition.VOICEMAIL

pytestmark = pytest.mark.django_db


def rang(
    number: str, *, answered: int, silent: int, days_ago: float, ended: Disposition = TALKED, **fields: object
) -> None:
    """Calls from ``number`` that rang, one after another, the answered ones mixed in evenly."""
    lead = factories.lead()
    at = NOW - timedelta(days=days_ago)
    total = answered + silent
    calls = []
    for index in range(total):
        talked = (index + 1) * answered // total > index * answered // total
        calls.append(
            Call(
                lead=lead,
                campaign=lead.campaign,
                attempt=index + 1,
                to_number=lead.phone,
                from_number=number,
                status=CallStatus.DONE.value,
                status_at=at,
                queued_at=at + timedelta(seconds=index),
                answered_at=at if talked else None,
                disposition=(ended if talked else SILENT).value,
                **fields,
            )
        )
    Call.objects.bulk_create(calls)


@pytest.fixture
def denver() -> CallerId:
    return CallerId.objects.create(number=DENVER, daily_cap=10_000)


WHY = "2 of its last 60 calls were answered, 30% before: it may pass for spam"


def test_a_number_whose_answers_fell_rests_for_a_day_and_says_why(denver: CallerId) -> None:
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=2, silent=58, days_ago=1)
    with capture_logs() as logs:
        assert watch(now=NOW) == 1
    denver.refresh_from_db()
    assert (denver.rests_until, denver.rests_why) == (NOW + timedelta(hours=24), WHY)
    [told] = [one for one in logs if one["event"] == "caller_id.rests"]
    assert told["caller_id"] == denver.pk
    assert watch(now=NOW) == 0


def test_the_last_number_of_a_campaign_rests_and_the_campaign_waits_and_says_so(denver: CallerId) -> None:
    campaign = factories.campaign(name="Waits")
    campaign.caller_ids.add(denver)
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=2, silent=58, days_ago=1)
    with capture_logs() as logs:
        watch(now=NOW)
    assert campaign.pk in [one["campaign_id"] for one in logs if one["event"] == "campaign.no_caller_id"]
    pool = Pool.seen(campaign, now=NOW)
    assert (pool.left, pool.why) == (0, f"{DENVER} rests until 2026-11-11 19:00 UTC ({WHY})")


def test_a_number_that_is_answered_as_ever_does_not_rest(denver: CallerId) -> None:
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=15, silent=45, days_ago=1)
    assert watch(now=NOW) == 0
    denver.refresh_from_db()
    assert (denver.rests_until, denver.rests_why) == (None, "")


def test_a_new_number_is_compared_with_the_others(denver: CallerId) -> None:
    CallerId.objects.create(number=NEW_YORK)
    rang(NEW_YORK, answered=20, silent=40, days_ago=1)
    rang(DENVER, answered=1, silent=39, days_ago=1)
    assert watch(now=NOW) == 1
    denver.refresh_from_db()
    assert denver.rests_why == "1 of its last 40 calls were answered, 33% from other numbers: it may pass for spam"


def test_when_all_numbers_fall_the_leads_are_to_blame(denver: CallerId) -> None:
    CallerId.objects.create(number=NEW_YORK)
    for number in (DENVER, NEW_YORK):
        rang(number, answered=90, silent=110, days_ago=5)
        rang(number, answered=2, silent=58, days_ago=1)
    assert watch(now=NOW) == 0


@pytest.mark.parametrize(("active", "rests_until"), [(False, None), (True, NOW + timedelta(hours=1))])
def test_a_number_out_of_use_is_not_judged(denver: CallerId, active: bool, rests_until: object) -> None:
    CallerId.objects.update(active=active, rests_until=rests_until)
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=2, silent=58, days_ago=1)
    assert watch(now=NOW) == 0


def test_after_a_rest_only_calls_since_then_are_judged(denver: CallerId) -> None:
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=2, silent=58, days_ago=1)
    watch(now=NOW)
    later = NOW + timedelta(hours=24)
    assert watch(now=later) == 0
    denver.refresh_from_db()
    assert health_of(denver, now=later) == Health(Answers(0, 0), Answers(260, 62))
    rang(DENVER, answered=0, silent=29, days_ago=-1.01)
    assert watch(now=NOW + timedelta(days=2)) == 0
    rang(DENVER, answered=0, silent=11, days_ago=-1.02)
    assert watch(now=NOW + timedelta(days=2)) == 1


def test_a_person_ends_the_rest_and_the_number_begins_anew(denver: CallerId) -> None:
    rang(DENVER, answered=60, silent=140, days_ago=5)
    rang(DENVER, answered=2, silent=58, days_ago=1)
    watch(now=NOW)
    denver.refresh_from_db()
    assert end_rest(denver, now=NOW)
    assert not end_rest(denver, now=NOW)
    denver.refresh_from_db()
    assert (denver.rests_until, denver.rests_why) == (NOW, "")
    assert watch(now=NOW) == 0


def test_only_calls_of_two_weeks_that_rang_and_people_who_answered_count(denver: CallerId) -> None:
    rang(DENVER, answered=5, silent=5, days_ago=15)
    rang(DENVER, answered=5, silent=5, days_ago=2, ended=MACHINE)
    rang(DENVER, answered=1, silent=0, days_ago=1, direction=Direction.INBOUND)
    rang(NEW_YORK, answered=5, silent=5, days_ago=1)
    rang(DENVER, answered=3, silent=1, days_ago=1)
    for status in (CallStatus.FAILED, CallStatus.CANCELED, CallStatus.LIVE):
        factories.call(status=status, from_number=DENVER, held=None)
    assert health_of(denver, now=NOW) == Health(Answers(14, 3), Answers(0, 0))
