"""A seed draws the same run every time, and every run has every kind of fault."""

import json
from datetime import UTC, datetime

import pytest

from calls.domain.phone import zones_of
from reautomation.demo.place import PLACES
from simulator.domain.people import parse
from simulator.faults import Switches
from tests.chaos.schedule import VOICE_WORKERS, WORKER, Kind, draw
from tests.chaos.world import CAMPAIGNS, Fate, places, plan

NEW_YORK, LONDON = PLACES[0], PLACES[-1]


def test_a_seed_draws_the_same_schedule_again() -> None:
    assert draw(17, leads=500, lasts_s=150) == draw(17, leads=500, lasts_s=150)
    assert draw(17, leads=500, lasts_s=150) != draw(18, leads=500, lasts_s=150)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_strikes_within_the_run(seed: int) -> None:
    schedule = draw(seed, leads=110, lasts_s=60, every_s=(3.0, 5.0))
    assert {fault.kind for fault in schedule.faults[: len(Kind)]} == set(Kind)
    times = [fault.at_s for fault in schedule.faults]
    assert times == sorted(times)
    assert 4 <= times[0] <= times[-1] < 60
    assert all(fault.target in VOICE_WORKERS for fault in schedule.faults if "voice" in fault.kind.value)
    assert set(schedule.failpoints) == {*VOICE_WORKERS, WORKER}
    assert len(schedule.stops) == 5


def test_what_is_written_down_is_the_schedule() -> None:
    schedule = draw(3, leads=110, lasts_s=60)
    written = json.loads(schedule.as_json())
    assert (written["seed"], len(written["faults"])) == (3, len(schedule.faults))
    assert Switches.model_validate(written["carrier"]).rest.lost_answer.rate == 0.03


@pytest.mark.parametrize("seed", range(5))
def test_the_people_of_a_run(seed: int) -> None:
    world = plan(seed, leads=520, lasts_s=150, open_at=NEW_YORK, closed_at=LONDON)
    assert world == plan(seed, leads=520, lasts_s=150, open_at=NEW_YORK, closed_at=LONDON)
    assert len(world.leads) == 520
    fates = [lead.fate for lead in world.leads]
    assert [fates.count(fate) for fate in Fate] == [469, 17, 17, 17]
    assert all(lead.number.startswith(LONDON.prefix) == (lead.fate is Fate.ASLEEP) for lead in world.leads)
    assert len({(lead.number, lead.campaign) for lead in world.leads}) == 520
    assert {lead.campaign for lead in world.leads} == set(range(CAMPAIGNS))
    shared = [lead.number for lead in world.leads if fates and lead.fate is Fate.CALLED]
    assert len(shared) - len(set(shared)) >= 15
    people = parse(world.people)
    assert sorted(person.number for person in people.people) == sorted(world.zones)
    assert all(world.zones[number] == zones_of(number) for number in world.zones)


@pytest.mark.django_db
@pytest.mark.parametrize("hour", range(24))
def test_somewhere_people_may_be_called_and_somewhere_they_may_not(hour: int) -> None:
    opens, closed = places(datetime(2026, 11, 23, hour, 30, tzinfo=UTC))
    assert opens != closed
