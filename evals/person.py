"""People as YAML describes them. A person's lines become the simulator's rules, so one mind serves text and voice.

``answers`` says by topic what they tell when they are asked: the name of a value in the shared words ("6"), several
of them to choose from ("3|6"), "any", or their own wordings by value. ``lines`` are what they say of themselves.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evals import PEOPLE

Wordings = tuple[str, ...]
ByValue = Mapping[str, Wordings]
ANY = "any"
_SLOT, _CONFIRM = "slot", "confirm"
"""Whoever answers an offer also says yes to the time that is read back, unless they say otherwise."""


class PeopleError(ValueError):
    """The people cannot be used; the text names the file and what to change."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Model):
    """Where a lead lives: the first digits of its number, in E.164, and the zone in which it keeps its diary."""

    prefix: str = Field(pattern=r"^\+\d{7,8}$")
    zone: str


PLACES: Mapping[str, Place] = {
    "denver": Place(prefix="+1303555", zone="America/Denver"),
    "new_york": Place(prefix="+1212555", zone="America/New_York"),
    "los_angeles": Place(prefix="+1213555", zone="America/Los_Angeles"),
    "chicago": Place(prefix="+1312555", zone="America/Chicago"),
    "honolulu": Place(prefix="+1808555", zone="Pacific/Honolulu"),
}
ELSEWHERE: Mapping[str, Place] = {
    "san_juan": Place(prefix="+1787555", zone="America/Puerto_Rico"),
    "guam": Place(prefix="+1671555", zone="Pacific/Guam"),
    "london": Place(prefix="+44207946", zone="Europe/London"),
}
"""Where people can be called by night in ``PLACES``: by voice they are called at the hour that it is."""


def place(name: str) -> Place:
    """One of all places. Raises KeyError."""
    return PLACES[name] if name in PLACES else ELSEWHERE[name]


class LeadOf(_Model):
    """What is known of the person before the call."""

    name: str = "Maria Lopez"
    interest: Literal["sell", "buy", ""] = "sell"
    address: str = ""
    place: str = "denver"

    @field_validator("place")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in PLACES:
            raise ValueError(f"is none of {', '.join(PLACES)}")
        return value


class Before(_Model):
    """An earlier call. ``appointment`` and ``callback`` are local times that it promised."""

    days_ago: int = Field(default=3, ge=1, le=60)
    disposition: str = "callback_requested"
    facts: Mapping[str, str] = Field(default_factory=dict)
    appointment: datetime | None = None
    callback: datetime | None = None


class Line(_Model):
    """What the person says of their own accord, when the agent's words match ``hears``, at their ``turn``-th turn
    (one of a span, by chance), after ``silence_s``, or talking over the agent.

    ``means`` are the facts that the words tell, and ``callback`` a time to call. ``answers_too``: the question is
    answered as well.
    """

    hears: str | None = None
    turn: tuple[int, int] | None = None
    silence_s: float | None = None
    barge_in: bool = False
    after_s: float = 0.3
    says: str | Wordings = ()
    presses: str = ""
    once: bool = True
    then: Literal["hang_up", "none"] = "none"
    means: Mapping[str, str] = Field(default_factory=dict)
    answers_too: bool = False

    @field_validator("turn", mode="before")
    @classmethod
    def _span(cls, value: object) -> object:
        return (value, value) if isinstance(value, int) else value

    @field_validator("says", mode="before")
    @classmethod
    def _pool_or_wordings(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.hears is not None) + (self.turn is not None) + (self.silence_s is not None) + self.barge_in != 1:
            raise ValueError("a line needs exactly one of hears, turn, silence_s and barge_in")
        return self


class Expects(_Model):
    """What the records must show. ``appointment``: the time that the person took, exactly.

    ``callback``: "said" for the time that they named or took, "any" for some time, "" for none.
    """

    disposition: str | Wordings
    appointment: bool = False
    callback: Literal["", "said", "any"] = ""
    do_not_call: bool = False
    wrong_number: bool = False
    kept_appointment: bool = False

    @property
    def dispositions(self) -> Wordings:
        return (self.disposition,) if isinstance(self.disposition, str) else self.disposition


class Person(_Model):
    """One person. ``at`` is the local time of the call. ``kind`` groups them in the report.

    ``by_voice`` False: words that no English voice can say, so they are only typed.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: str = "talk"
    lead: LeadOf = LeadOf()
    at: datetime = datetime(2026, 11, 10, 12, 0)  # noqa: DTZ001 - the person's own wall clock
    inbound: bool = False
    before: Before | None = None
    greeting: bool = False
    answers: Mapping[str, str | ByValue] = Field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    leaves_at: int | None = None
    silent_from: int | None = None
    by_voice: bool = True
    expects: Expects

    @field_validator("answers", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        told = {topic: str(given) if isinstance(given, int) else given for topic, given in dict(value).items()}
        return {_CONFIRM: "yes", **told} if _SLOT in told else told


class Words(_Model):
    """What people share: ``topics`` are the agent's questions as regular expressions, in the order in which they are
    tried; ``facts`` the fact that a topic is about; ``pools`` wordings by topic and value; ``sets`` by name.
    """

    topics: Mapping[str, str]
    facts: Mapping[str, str]
    pools: Mapping[str, ByValue]
    sets: Mapping[str, Wordings]

    @model_validator(mode="after")
    def _compile(self) -> Self:
        for topic, pattern in self.topics.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"topic {topic}: {pattern!r} is not a regular expression: {error}") from error
        return self

    def values(self, topic: str, given: str | ByValue) -> ByValue:
        """The wordings by value from which a person of ``given`` chooses."""
        if not isinstance(given, str):
            return given
        pool = self.pools.get(topic, {})
        wanted = list(pool) if given == ANY else given.split("|")
        missing = [value for value in wanted if value not in pool]
        if missing:
            raise PeopleError(f"{topic}: there are no words for {', '.join(missing)}; there are {', '.join(pool)}.")
        return {value: pool[value] for value in wanted}


@cache
def words(path: Path = PEOPLE / "words.yaml") -> Words:
    """The shared words. Raises PeopleError."""
    return Words.model_validate(_read(path))


@cache
def load(folder: Path = PEOPLE) -> tuple[Person, ...]:
    """Everybody, in the order of the files. ``like`` copies another person of the same file, answers merged.

    Raises PeopleError.
    """
    people: list[Person] = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name != "words.yaml":
            people += _people(path)
    ids = [person.id for person in people]
    if doubled := {one for one in ids if ids.count(one) > 1}:
        raise PeopleError(f"{folder}: two people are called {', '.join(sorted(doubled))}.")
    for person in people:
        for topic, given in person.answers.items():
            try:
                words().values(topic, given)
            except PeopleError as error:
                raise PeopleError(f"{person.id}: {error}") from None
            if topic not in words().topics:
                raise PeopleError(f"{person.id}: there is no topic {topic!r}; words.yaml names them.")
    return tuple(people)


def _people(path: Path) -> list[Person]:
    known: dict[str, dict[str, Any]] = {}
    people = []
    for number, entry in enumerate(_read(path).get("people", ()), start=1):
        whole = _merged(entry, known, path)
        try:
            people.append(Person.model_validate(whole))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PeopleError(f"{path.name}, person {number} ({entry.get('id')}), {where}: {first['msg']}") from None
        known[whole["id"]] = whole
    return people


def _merged(entry: dict[str, Any], known: Mapping[str, dict[str, Any]], path: Path) -> dict[str, Any]:
    if "like" not in entry:
        return entry
    model = known.get(entry["like"])
    if model is None:
        raise PeopleError(f"{path.name}: {entry.get('id')} is like {entry['like']!r}, who does not come before.")
    own = {name: value for name, value in entry.items() if name != "like"}
    merged = {**model, **own}
    for name in ("answers", "lead"):
        merged[name] = {**model.get(name, {}), **own.get(name, {})}
    return merged


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PeopleError(f"{path} cannot be read: {error}") from error
