"""The table of moves: what it allows, and the one path that must not be in it."""

from itertools import pairwise, product

import pytest

from calls.domain.status import MAY_HAVE_RUNG, OWNED, TERMINAL, UNFINISHED, CallStatus, sources_of

STRAIGHT_WAY = ("queued", "claimed", "dialing", "live", "done")


def reachable_from(start: CallStatus) -> set[CallStatus]:
    reached: set[CallStatus] = set()
    frontier = {start}
    while frontier:
        frontier = {to for to in CallStatus if sources_of(to) & frontier} - reached
        reached |= frontier
    return reached


@pytest.mark.parametrize("rung", sorted(MAY_HAVE_RUNG))
def test_no_path_leads_from_a_phone_that_may_have_rung_back_to_the_queue(rung: CallStatus) -> None:
    assert not reachable_from(rung) & {CallStatus.QUEUED, CallStatus.CLAIMED, CallStatus.CANCELED}


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_nothing_leaves_an_end(status: CallStatus) -> None:
    assert reachable_from(status) == set()


@pytest.mark.parametrize("status", sorted(UNFINISHED))
def test_every_call_can_end(status: CallStatus) -> None:
    assert reachable_from(status) & TERMINAL


def test_the_straight_way_is_allowed_step_by_step() -> None:
    for before, after in pairwise(STRAIGHT_WAY):
        assert CallStatus(before) in sources_of(CallStatus(after))


def test_no_status_moves_to_itself() -> None:
    assert [status for status in CallStatus if status in sources_of(status)] == []


def test_the_allowed_moves_are_these_and_no_others() -> None:
    allowed = {f"{before}>{to}" for before, to in product(CallStatus, CallStatus) if before in sources_of(to)}
    assert allowed == {
        "queued>claimed",
        "queued>canceled",
        "claimed>queued",
        "claimed>dialing",
        "claimed>failed",
        "claimed>canceled",
        "dialing>live",
        "dialing>unknown",
        "dialing>done",
        "dialing>failed",
        "live>unknown",
        "live>done",
        "unknown>live",
        "unknown>done",
        "unknown>failed",
    }


def test_the_sets_divide_the_statuses() -> None:
    assert set(CallStatus) == TERMINAL | UNFINISHED
    assert OWNED < UNFINISHED
    assert not MAY_HAVE_RUNG & {CallStatus.QUEUED, CallStatus.CLAIMED, CallStatus.CANCELED}
