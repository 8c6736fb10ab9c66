"""Which queue a call waits in, and how many more calls find a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.domain.queues import GPU, LOCAL, PREMIUM, QUEUES, Lines, free_for, queue_for, queues_of
from voice.domain.types import Tier

LINES = st.lists(st.builds(Lines, st.frozensets(st.sampled_from(QUEUES), min_size=1), st.integers(0, 4)), max_size=4)
WAITING = st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 5))


@pytest.mark.parametrize(
    ("needs", "tier", "queue"),
    [
        ("", Tier.LOCAL, LOCAL),
        ("", Tier.PREMIUM, PREMIUM),
        ("gpu", Tier.LOCAL, GPU),
        ("gpu", Tier.PREMIUM, GPU),
    ],
)
def test_the_queue_of_a_call(needs: str, tier: Tier, queue: str) -> None:
    assert queue_for(needs, tier) == queue


@pytest.mark.parametrize(
    ("needs", "voice", "premium", "queues"),
    [
        ("", "local", True, (LOCAL,)),
        ("", "auto", True, (LOCAL,)),
        ("", "premium", True, (PREMIUM,)),
        ("", "premium", False, (LOCAL,)),
        ("gpu", "auto", True, (GPU,)),
    ],
)
def test_what_a_campaign_cannot_do_without(needs: str, voice: str, premium: bool, queues: tuple[str, ...]) -> None:
    assert queues_of(needs, voice=voice, premium=premium) == queues


def most_served(lines: list[Lines], calls: list[str]) -> int:
    """By giving the calls lines one by one, and others to those that are in the way (Kuhn's matching)."""
    places = [one.queues for one in lines for _ in range(one.free)]
    taken: dict[int, str] = {}

    def seat(call: str, tried: set[int]) -> bool:
        for place, queues in enumerate(places):
            if call in queues and place not in tried:
                tried.add(place)
                if place not in taken or seat(taken[place], tried):
                    taken[place] = call
                    return True
        return False

    return sum(seat(call, set()) for call in calls)


@given(LINES, WAITING, st.sampled_from(QUEUES))
def test_as_many_more_as_a_matching_of_calls_and_lines_finds(
    lines: list[Lines], waiting: dict[str, int], queue: str
) -> None:
    calls = [name for name, count in waiting.items() for _ in range(count)]
    free = free_for(queue, lines, waiting)
    before = most_served(lines, calls)
    assert most_served(lines, [*calls, *[queue] * free]) == before + free
    assert most_served(lines, [*calls, *[queue] * (free + 1)]) == before + free
