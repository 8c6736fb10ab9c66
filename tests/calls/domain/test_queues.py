"""Which queue a call waits in, and how many more calls find a line."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.domain.queues import GPU, LOCAL, PREMIUM, QUEUES, Lines, free_for, queue_for, queues_of
from voice.domain.types import Tier

LINES = st.lists(st.builds(Lines, st.frozensets(st.sampled_from(QUEUES), min_size=1), st.integers(0, 2)), max_size=3)
WAITING = st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 2))


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
    """By trying every way."""
    places = [one.queues for one in lines for _ in range(one.free)] + [frozenset()] * len(calls)
    ways = itertools.permutations(range(len(places)), len(calls))
    return max(sum(call in places[at] for call, at in zip(calls, way, strict=True)) for way in ways)


@given(LINES.filter(lambda lines: sum(one.free for one in lines) <= 3), WAITING, st.sampled_from(QUEUES))
def test_as_many_more_as_every_way_of_giving_lines_finds(
    lines: list[Lines], waiting: dict[str, int], queue: str
) -> None:
    calls = [name for name, count in waiting.items() for _ in range(count)]
    if len(calls) > 3:
        calls = calls[:3]
    counted = {name: calls.count(name) for name in set(calls)}
    free = free_for(queue, lines, counted)
    before = most_served(lines, calls)
    assert most_served(lines, [*calls, *[queue] * free]) == before + free
    assert most_served(lines, [*calls, *[queue] * (free + 1)]) == before + free
