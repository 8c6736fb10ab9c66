"""The pace of the carrier account: places in a row, slower after a refusal, quicker when it goes well."""

from datetime import timedelta
from threading import Event

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.db.models.functions import Now
from structlog.testing import capture_logs

from calls.models import CarrierPace
from calls.services import carrier_pace
from calls.services.carrier_pace import Standing, take_turn, too_much, wait_for_turn, went_well

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_a_second(settings: LazySettings) -> None:
    settings.CARRIER_CPS = 1.0


def wait_s() -> float:
    turn = take_turn()
    assert turn is not None
    return turn.wait_s


def pace() -> CarrierPace:
    return CarrierPace.objects.get()


def earlier(seconds: float) -> None:
    """As if everything had happened so long ago."""
    ago = timedelta(seconds=seconds)
    CarrierPace.objects.update(slowed_at=F("slowed_at") - ago, next_at=F("next_at") - ago)


def test_the_first_goes_at_once_and_each_further_one_a_second_later(settings: LazySettings) -> None:
    waits = [wait_s() for _ in range(4)]
    assert waits == pytest.approx([0, 1, 2, 3], abs=0.2)
    assert pace().account == settings.TWILIO_ACCOUNT_SID


def test_time_without_calls_gives_no_burst() -> None:
    wait_s()
    earlier(60)
    assert [wait_s() for _ in range(2)] == pytest.approx([0, 1], abs=0.2)


def test_a_place_too_far_ahead_is_not_taken() -> None:
    waits = [wait_s() for _ in range(6)]
    assert waits[-1] == pytest.approx(5, abs=0.2)
    before = pace().next_at
    assert (take_turn(), wait_for_turn(Event())) == (None, None)
    assert pace().next_at == before


def test_a_drain_ends_the_wait() -> None:
    stop = Event()
    stop.set()
    assert wait_for_turn(stop) is None


def test_the_wait_is_as_long_as_it_takes() -> None:
    asked: list[float] = []

    class Clock(Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            asked.append(timeout)
            return False

    wait_s()
    turn = wait_for_turn(Clock())
    assert turn is not None
    assert (asked, turn.slowed) == ([turn.wait_s], False)
    assert turn.wait_s == pytest.approx(1, abs=0.2)


def test_a_refusal_doubles_the_distance_and_puts_the_next_place_off() -> None:
    wait_s()
    with capture_logs() as logs:
        too_much("Twilio has no room: 22005.")
    assert carrier_pace.standing() == Standing(2000, "Twilio has no room: 22005.")
    assert [(one["event"], one["interval_ms"]) for one in logs] == [("carrier.slower", 2000)]
    turn = take_turn()
    assert turn is not None
    assert turn.slowed
    assert turn.wait_s == pytest.approx(2, abs=0.2)
    assert wait_s() == pytest.approx(4, abs=0.2)


def test_refusals_at_one_moment_count_once_and_later_ones_again() -> None:
    wait_s()
    for _ in range(5):
        too_much("429")
    assert pace().interval_ms == 2000
    earlier(2.1)
    too_much("429")
    assert pace().interval_ms == 4000
    for _ in range(10):
        earlier(61)
        too_much("429")
    assert pace().interval_ms == 60_000


def test_what_goes_well_brings_the_pace_back_after_a_while() -> None:
    wait_s()
    too_much("429")
    went_well()
    assert pace().interval_ms == 2000
    earlier(11)
    went_well()
    assert pace().interval_ms == 1924
    for _ in range(27):  # rounding to whole milliseconds costs one or two
        went_well()
    assert pace().slowed_at is None
    assert carrier_pace.standing() == Standing(1000, "")
    turn = take_turn()
    assert turn is not None
    assert not turn.slowed
    went_well()
    assert pace().interval_ms == 1000


def test_without_a_turn_there_is_nothing_to_slow() -> None:
    too_much("429")
    went_well()
    assert not CarrierPace.objects.exists()
    assert carrier_pace.standing() == Standing(1000, "")


def test_the_setting_holds_at_once_unless_the_carrier_asked_for_less(settings: LazySettings) -> None:
    wait_s()
    settings.CARRIER_CPS = 10.0
    assert carrier_pace.standing().interval_ms == 100
    settings.CARRIER_CPS = 1.0
    too_much("429")
    settings.CARRIER_CPS = 10.0
    assert carrier_pace.standing().interval_ms == 2000
    settings.CARRIER_CPS = 0.1
    assert carrier_pace.standing().interval_ms == 10_000


def test_each_account_has_its_own_pace(settings: LazySettings) -> None:
    wait_s()
    settings.TWILIO_ACCOUNT_SID = ""
    assert wait_s() == pytest.approx(0, abs=0.2)
    assert CarrierPace.objects.filter(next_at__gt=Now()).count() == 2
