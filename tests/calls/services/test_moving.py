"""Every allowed move works once, with one event; every other changes nothing."""

from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest

from calls.domain.status import CallStatus, sources_of
from calls.models import Call, CallEvent
from calls.services.moving import move, note
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
AT = NOON_IN_DENVER + timedelta(seconds=7)
PAIRS = list(product(CallStatus, CallStatus))


@pytest.mark.parametrize(("before", "to"), [pair for pair in PAIRS if pair[0] in sources_of(pair[1])])
def test_an_allowed_move(before: CallStatus, to: CallStatus) -> None:
    call, other = make.call(status=before), make.call(status=before)
    assert move(call.pk, to, at=AT, why="test.moved", changes={"summary": "moved"}, fields={"by": "test"})
    call.refresh_from_db()
    assert (call.status, call.status_at, call.summary) == (to.value, AT, "moved")
    event = CallEvent.objects.get()
    assert (event.call_id, event.at, event.kind, event.status, event.fields) == (
        call.pk,
        AT,
        "test.moved",
        to.value,
        {"by": "test"},
    )
    other.refresh_from_db()
    assert other.status == before.value


@pytest.mark.parametrize(("before", "to"), [pair for pair in PAIRS if pair[0] not in sources_of(pair[1])])
def test_every_other_pair_changes_nothing(before: CallStatus, to: CallStatus) -> None:
    call = make.call(status=before)
    was = Call.objects.filter(pk=call.pk).values().get()
    assert not move(call.pk, to, at=AT, why="test.moved", changes={"summary": "moved"})
    assert Call.objects.filter(pk=call.pk).values().get() == was
    assert not CallEvent.objects.exists()


@pytest.mark.parametrize("fence", [0, 2])
def test_an_older_or_a_foreign_claim_changes_nothing(fence: int) -> None:
    call = make.call(status=CallStatus.CLAIMED, fence=1)
    assert not move(call.pk, CallStatus.DIALING, at=AT, why="test.moved", fence=fence)
    call.refresh_from_db()
    assert call.status == "claimed"
    assert not CallEvent.objects.exists()
    assert move(call.pk, CallStatus.DIALING, at=AT, why="test.moved", fence=1)


def test_only_from_narrows_the_table_and_never_widens_it() -> None:
    call = make.call(status=CallStatus.DIALING)
    assert not move(call.pk, CallStatus.UNKNOWN, at=AT, why="test.moved", only_from=CallStatus.LIVE)
    assert not move(call.pk, CallStatus.QUEUED, at=AT, why="test.moved", only_from=CallStatus.DIALING)
    assert not CallEvent.objects.exists()
    assert move(call.pk, CallStatus.UNKNOWN, at=AT, why="test.moved", only_from=CallStatus.DIALING)


def test_a_call_that_is_not_there_cannot_move() -> None:
    assert not move(uuid4(), CallStatus.CLAIMED, at=AT, why="test.moved")
    assert not CallEvent.objects.exists()


def test_a_note_leaves_the_status_alone() -> None:
    call = make.call(status=CallStatus.LIVE)
    note(call.pk, "test.noted", at=AT)
    event = CallEvent.objects.get()
    assert (event.kind, event.status, event.fields) == ("test.noted", "", {})
    call.refresh_from_db()
    assert (call.status, call.status_at) == ("live", NOON_IN_DENVER)
