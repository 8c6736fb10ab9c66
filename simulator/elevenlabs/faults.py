"""Faults on purpose, by switch and by seed."""

from pydantic import BaseModel, ConfigDict, Field

from simulator.faults import Chance, Range, Rate


class Switches(BaseModel):
    """Chances of a request, but for ``latency_ms``, which every first byte takes.

    ``wrong_key`` answers 401, ``unpaid`` 402, ``too_many`` 429, ``out_of_order`` 500. ``silent`` answers nothing for
    ``stall_s``, ``stalls`` goes silent for as long after half of the audio. ``broken_off`` closes the connection at
    that point, ``cut_short`` ends in good form after a tenth, ``empty`` in good form before the first sample.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    latency_ms: Range = (0.0, 0.0)
    wrong_key: Rate = Chance()
    unpaid: Rate = Chance()
    too_many: Rate = Chance()
    out_of_order: Rate = Chance()
    silent: Rate = Chance()
    stalls: Rate = Chance()
    stall_s: float = Field(default=60.0, ge=0)
    broken_off: Rate = Chance()
    cut_short: Rate = Chance()
    empty: Rate = Chance()
