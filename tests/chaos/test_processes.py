"""What a run kills comes back, what it removes does not, and every life has a log of its own."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reautomation.processes import Process, logged
from tests.chaos.processes import Keeper


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(tmp_path)
    yield made
    made.stop()


def waiting(log: Path) -> Process:
    code = "import time; print('here', flush=True); time.sleep(60)"
    return Process("waiting", [sys.executable, "-c", code], {}, logged(log, "here"))


def until(condition: Callable[[], bool], keeper: Keeper) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        keeper.mend()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_killed_comes_back_with_a_log_of_its_own(keeper: Keeper) -> None:
    keeper.start("one", waiting)
    keeper.wait_until_ready("one", timeout_s=10)
    first, log = keeper.pid_of("one"), keeper.log_of("one")
    keeper.signal("one", signal.SIGKILL)
    until(lambda: keeper.is_up("one") and keeper.pid_of("one") != first and keeper.ready("one"), keeper)
    assert [(name, code) for _, name, code in keeper.ended] == [("one", -signal.SIGKILL)]
    assert (log.name, keeper.log_of("one").name) == ("one.1.log", "one.2.log")


def test_it_comes_back_no_sooner_than_it_may(keeper: Keeper) -> None:
    keeper.start("one", waiting)
    keeper.signal("one", signal.SIGKILL, again_after_s=0.4)
    began = time.monotonic()
    until(lambda: bool(keeper.ended) and keeper.is_up("one"), keeper)
    assert time.monotonic() - began >= 0.4


def test_what_is_removed_stays_away(keeper: Keeper) -> None:
    keeper.start("one", waiting)
    keeper.remove("one")
    keeper.mend()
    assert not keeper.is_up("one")
    assert keeper.ended == []


def test_what_does_not_start_is_told(keeper: Keeper) -> None:
    keeper.start("broken", lambda _: Process("broken", [sys.executable, "-c", "1/0"], {}, lambda: False))
    with pytest.raises(RuntimeError, match=r"Ended before the run began, see .*: broken\."):
        keeper.wait_until_ready("broken", timeout_s=10)
