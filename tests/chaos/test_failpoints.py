"""A fail-point strikes once, at the commit and on the side that were drawn."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from billing.models import Budget
from calls.services import halting
from tests.billing.factories import budget
from tests.chaos import failpoints
from tests.chaos.failpoints import AFTER, BEFORE, FREEZE, KILL, FailPoint, FailPoints, read, written


class Died(BaseException):
    pass


def points(folder: Path, *plan: FailPoint) -> FailPoints:
    def strike(act: str) -> None:
        raise Died(act)

    return FailPoints(plan, folder, strike)


def test_a_plan_survives_the_environment() -> None:
    plan = [FailPoint(3, BEFORE), FailPoint(1, AFTER, FREEZE, "claim")]
    assert read(written(plan)) == plan


@pytest.mark.parametrize(("side", "committed"), [(BEFORE, 1), (AFTER, 2)])
def test_the_second_commit_is_struck_on_its_side(tmp_path: Path, side: str, committed: int) -> None:
    done: list[str] = []
    hit = points(tmp_path, FailPoint(2, side))
    hit.around(lambda: done.append("commit"))
    with pytest.raises(Died, match=KILL):
        hit.around(lambda: done.append("commit"))
    assert len(done) == committed
    hit.around(lambda: done.append("commit"))
    assert len(done) == committed + 1
    assert [file.name for file in tmp_path.iterdir()] == ["000.json"]


def test_another_process_goes_on_with_the_next_entry(tmp_path: Path) -> None:
    plan = (FailPoint(1, BEFORE), FailPoint(2, AFTER, FREEZE))
    with pytest.raises(Died):
        points(tmp_path, *plan).around(lambda: None)
    other = points(tmp_path, *plan)
    other.around(lambda: None)
    with pytest.raises(Died, match=FREEZE):
        other.around(lambda: None)
    assert points(tmp_path, *plan).around(lambda: "done") == "done"


def test_of_two_processes_at_one_entry_the_first_is_struck(tmp_path: Path) -> None:
    one, two = points(tmp_path, FailPoint(2, BEFORE)), points(tmp_path, FailPoint(2, BEFORE))
    one.around(lambda: None)
    two.around(lambda: None)
    with pytest.raises(Died):
        one.around(lambda: None)
    assert two.around(lambda: "done") == "done"


def test_a_place_that_never_comes_does_not_hold_up_the_plan(tmp_path: Path) -> None:
    hit = points(tmp_path, FailPoint(1, BEFORE, place="nowhere"))
    for _ in range(failpoints._LONGEST_WAIT - 1):
        hit.around(lambda: None)
    with pytest.raises(Died):
        hit.around(lambda: None)


@pytest.mark.django_db(transaction=True)
def test_commits_are_told_apart_by_who_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    struck: list[str] = []
    monkeypatch.setattr(failpoints, "strike", struck.append)
    for patched, name in ((BaseDatabaseWrapper, "_commit"), (CursorWrapper, "_execute")):
        monkeypatch.setattr(patched, name, getattr(patched, name))  # put back after the test
    failpoints.arm([FailPoint(1, AFTER, place="release"), FailPoint(1, BEFORE)], tmp_path)
    with transaction.atomic():
        budget("1")
    assert Budget.objects.count() == 1
    assert struck == []
    halting.release(by=None, now=datetime(2026, 11, 1, tzinfo=UTC))  # a statement alone
    assert struck == [KILL]
    assert json.loads((tmp_path / "000.json").read_text())["place"] == "release"
    with transaction.atomic():
        Budget.objects.update(limit=2)
    assert struck == [KILL, KILL]
