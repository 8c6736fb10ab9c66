"""What goes wrong in a run, and when: drawn from the seed before it begins. Pure."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tests.chaos.failpoints import AFTER, BEFORE, FREEZE, KILL, FailPoint

VOICE_WORKERS = ("voice1", "voice2")
WORKER = "worker"
SETTLE_S = 4.0
"""From the first due lead to the first fault."""


class Kind(StrEnum):
    KILL_VOICE = "kill voice worker"
    KILL_TALKING = "kill the worker of a live call"
    TERM_VOICE = "term voice worker"
    FREEZE_VOICE = "freeze voice worker beyond its leases"
    KILL_WORKER = "kill worker"
    TERM_WORKER = "term worker"
    KILL_REDIS = "kill redis without persistence"
    FLUSH_REDIS = "flush redis"
    CUT_REDIS = "cut redis connections"
    RESTART_POSTGRES = "restart postgres immediately"
    CUT_POSTGRES = "cut postgres connections"
    KILL_BEAT = "kill beat"
    TWO_BEATS = "two beats"


@dataclass(frozen=True, slots=True)
class Fault:
    """``for_s``: how long what was taken away stays away, or what was frozen stays frozen."""

    at_s: float
    kind: Kind
    target: str = ""
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody opts out, ``via`` api or sms. ``draw`` from 0 to 1 picks the number; ``waiting``: among those that
    have a call under way at that moment, where there is one.
    """

    at_s: float
    via: str
    draw: float
    waiting: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds count from the moment at which the first lead is due; leads become due until ``lasts_s``."""

    seed: int
    leads: int
    lasts_s: float
    faults: tuple[Fault, ...]
    failpoints: dict[str, tuple[FailPoint, ...]]
    stops: tuple[Stop, ...]
    carrier: dict[str, Any]

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def draw(seed: int, *, leads: int, lasts_s: float, every_s: tuple[float, float] = (4.0, 8.0)) -> Schedule:
    """Every kind of fault once in any order, then any, ``every_s`` seconds apart; as many as there is time for."""
    dice = random.Random(seed)
    return Schedule(
        seed=seed,
        leads=leads,
        lasts_s=lasts_s,
        faults=tuple(_faults(dice, lasts_s, every_s)),
        failpoints={name: tuple(_failpoints(dice, _PLACES[name])) for name in (*VOICE_WORKERS, WORKER)},
        stops=tuple(_stops(dice, leads // 20, lasts_s)),
        carrier=_carrier(seed),
    )


def _faults(dice: random.Random, lasts_s: float, every_s: tuple[float, float]) -> list[Fault]:
    kinds = list(Kind)
    dice.shuffle(kinds)
    at_s, faults = SETTLE_S, []
    while at_s < lasts_s:
        kind = kinds.pop() if kinds else dice.choice(list(Kind))
        target = dice.choice(VOICE_WORKERS) if kind in _OF_VOICE else ""
        low, high = _AWAY_S.get(kind, (0.0, 0.0))
        faults.append(Fault(round(at_s, 1), kind, target, round(dice.uniform(low, high), 1)))
        at_s += dice.uniform(*every_s)
    return faults


_OF_VOICE = frozenset({Kind.KILL_VOICE, Kind.TERM_VOICE, Kind.FREEZE_VOICE})
_AWAY_S = {
    Kind.KILL_VOICE: (0.2, 1.0),
    Kind.KILL_TALKING: (0.2, 1.0),
    Kind.FREEZE_VOICE: (8.0, 11.0),
    Kind.KILL_WORKER: (0.2, 1.0),
    Kind.KILL_REDIS: (0.5, 3.0),
    Kind.KILL_BEAT: (1.0, 4.0),
    Kind.TWO_BEATS: (8.0, 14.0),
}
_PLACES_OF_CALLS = ("claim", "reserve_slots", "_write_intent", "_ring", "_keep_turn", "finish", "let_go", "renew")
_PLACES = {
    "voice1": _PLACES_OF_CALLS,
    "voice2": _PLACES_OF_CALLS,
    WORKER: ("dispatch_next", "_ring_again", "finish", "move", "suppress_all", "fold"),
}


def _failpoints(dice: random.Random, places: Sequence[str]) -> list[FailPoint]:
    return [_failpoint(dice, "" if dice.random() < 0.5 else dice.choice(places)) for _ in range(60)]


def _failpoint(dice: random.Random, place: str) -> FailPoint:
    nth = dice.randint(3, 16) if place else dice.randint(40, 240)
    act = FREEZE if dice.random() < 0.2 else KILL
    return FailPoint(nth, dice.choice((BEFORE, AFTER)), act, place)


def _stops(dice: random.Random, many: int, lasts_s: float) -> list[Stop]:
    stops = [
        Stop(round(dice.uniform(2, lasts_s), 1), dice.choice(("api", "sms")), dice.random(), dice.random() < 0.6)
        for _ in range(many)
    ]
    return sorted(stops, key=lambda stop: stop.at_s)


def _carrier(seed: int) -> dict[str, Any]:
    """The simulator's own faults, drawn by it for each request."""
    return {
        "seed": seed,
        "rest": {
            "latency_ms": [0, 120],
            "too_many_requests": 0.04,
            "lost_answer": 0.03,
            "lost_answer_s": 3,
            "price_after_s": 1,
        },
        "callbacks": {"delayed": 0.1, "delay_ms": [500, 6000], "doubled": 0.1, "reordered": 0.1, "lost": 0.06},
    }
