"""Faults on purpose, by switch and by seed."""

import random
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class FaultsError(ValueError):
    """The file of faults cannot be used; the text names the field."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Chance(_Model):
    """How often a fault strikes: ``rate`` from 0 to 1, at most ``at_most`` times. A bare number is a rate."""

    rate: float = Field(default=0.0, ge=0, le=1)
    at_most: int | None = Field(default=None, ge=0)


def _from_rate(value: object) -> object:
    return {"rate": value} if isinstance(value, int | float) else value


Rate = Annotated[Chance, BeforeValidator(_from_rate)]
Range = Annotated[tuple[float, float], Field(description="from, to")]


class RestSwitches(_Model):
    """``lost_answer``: the phone rings, the HTTP answer comes only after ``lost_answer_s``, as a 504.

    A call's price is in its record ``price_after_s`` seconds after its end.
    """

    latency_ms: Range = (0.0, 0.0)
    too_many_requests: Rate = Chance()
    lost_answer: Rate = Chance()
    lost_answer_s: float = Field(default=60.0, ge=0)
    price_after_s: float = Field(default=2.0, ge=0)


class CallbackSwitches(_Model):
    """``reordered`` callbacks wait until a later one of the same call has gone out, at most 3 s."""

    delayed: Rate = Chance()
    delay_ms: Range = (500.0, 2000.0)
    doubled: Rate = Chance()
    reordered: Rate = Chance()
    lost: Rate = Chance()


class MediaSwitches(_Model):
    lost: Rate = Chance()
    late: Rate = Chance()
    late_ms: int = Field(default=80, ge=0)


class Switches(_Model):
    seed: int = 0
    rest: RestSwitches = RestSwitches()
    callbacks: CallbackSwitches = CallbackSwitches()
    media: MediaSwitches = MediaSwitches()


def load(path: Path) -> Switches:
    """The switches of the phone company. Raises FaultsError that names the file and each wrong field."""
    return read(path, Switches)


def read(path: Path, model: type[Model]) -> Model:
    """A YAML file as ``model``. Raises FaultsError that names the file and each wrong field."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError) as error:
        raise FaultsError(f"{path}: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise FaultsError(f"{path}: {problems}") from error


class Dice:
    """Chances drawn from one seed; each remembers how often it has struck."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (repeatable on purpose)
        self._struck: dict[int, int] = {}

    def strikes(self, chance: Chance) -> bool:
        struck = self._struck.get(id(chance), 0)
        if not chance.rate or (chance.at_most is not None and struck >= chance.at_most):
            return False
        if self._random.random() >= chance.rate:
            return False
        self._struck[id(chance)] = struck + 1
        return True

    def within_s(self, range_ms: tuple[float, float]) -> float:
        return self._random.uniform(*range_ms) / 1000


class MediaFaults:
    """What becomes of each 20-ms frame on its way to the application."""

    def __init__(self, switches: MediaSwitches, dice: Dice) -> None:
        self._switches, self._dice = switches, dice

    def fate(self) -> int | None:
        """How many ms late the frame goes out, None if it is lost."""
        if self._dice.strikes(self._switches.lost):
            return None
        return self._switches.late_ms if self._dice.strikes(self._switches.late) else 0
