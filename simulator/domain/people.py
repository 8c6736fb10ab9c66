"""The people of a simulation, read from YAML."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

E164 = re.compile(r"\+[1-9]\d{6,14}")
_ENDING = re.compile(r"\*\d{2,14}")


class PeopleError(ValueError):
    """The file of people cannot be used; the text names each person and field, and what to change."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class How(StrEnum):
    HUMAN = "human"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    SCREENING = "screening"
    IVR = "ivr"
    FAX = "fax"
    INVALID = "invalid"


class Answers(_Model):
    """What the phone does ``after_s`` seconds of ringing. A call that is never answered rings to its timeout.

    ``detected``: the verdict of the carrier's detection where it is to be this one, right or wrong, as soon as it has
    one.
    """

    after_s: float = Field(default=2.0, ge=0, le=120)
    how: How = How.HUMAN
    detected: str = Field(
        default="", pattern=r"^(human|unknown|fax|machine_start|machine_end_(beep|silence|other))?$"
    )


class Rule(_Model):
    """When to say, press or hang up: on ``hears``, after ``silence_s`` seconds without a word, or by ``barge_in``.

    A ``barge_in`` rule talks over the agent, whatever it says, ``after_s`` seconds into its utterance; for the other
    rules ``after_s`` is the time to think. A list under ``says`` is said one entry a time, the last one again and
    again.
    """

    hears: str | None = None
    silence_s: float | None = Field(default=None, gt=0, le=60)
    says: tuple[str, ...] = ()
    once: bool = False
    then: Literal["hang_up", "none"] = "none"
    presses: str = Field(default="", pattern=r"^[0-9*#]*$")
    barge_in: bool = False
    after_s: float = Field(default=0.3, ge=0, le=30)

    @field_validator("says", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("hears")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.hears is not None) + (self.silence_s is not None) + self.barge_in != 1:
            raise ValueError("a rule needs exactly one of hears, silence_s and barge_in")
        if not (self.says or self.presses or self.then == "hang_up"):
            raise ValueError("a rule needs says, presses or then: hang_up")
        return self


class HangUp(_Model):
    """Hang up ``after_s`` seconds into the agent's ``utterance``, counted from 1."""

    utterance: int = Field(default=1, ge=1)
    after_s: float = Field(default=1.0, ge=0, le=30)


class Voicemail(_Model):
    """The greeting, the beep ``pause_s`` after it, and how long the machine records before it hangs up.

    ``picks_up_s``: so long after the beep the person comes to the phone after all.
    """

    greeting: str
    beep: bool = True
    beep_hz: int = Field(default=1000, ge=300, le=3000)
    beep_s: float = Field(default=0.4, gt=0, le=5)
    pause_s: float = Field(default=0.4, ge=0, le=10)
    listens_s: float = Field(default=20.0, gt=0, le=180)
    picks_up_s: float | None = Field(default=None, ge=0, le=60)


class Service(StrEnum):
    IOS = "ios"
    GOOGLE = "google"


class Screening(_Model):
    """A phone that asks who calls before it rings; ``decides_s`` later the person ``accepts`` or not.

    Source of the words: what callers of iOS 26 and of Google's Call Assist hear, as Twilio and Aircall tell it.
    """

    service: Service = Service.IOS
    accepts: bool = True
    decides_s: float = Field(default=3.0, ge=0, le=60)

    @property
    def prompts(self) -> tuple[str, ...]:
        return _PROMPTS[self.service]

    @property
    def holds(self) -> str:
        return "Thanks. Please stay on the line."

    @property
    def declines(self) -> str:
        return "Sorry, this person is not available right now. Goodbye."


_PROMPTS: Mapping[Service, tuple[str, ...]] = {
    Service.IOS: ("Hi, if you record your name and reason for calling, I'll see if this person is available.",),
    Service.GOOGLE: (
        "Hi, I'm Call Assist by Google, recording this call for the person you're trying to reach.",
        "Before I try to connect you, can I ask what you're calling about?",
    ),
}


class Menu(_Model):
    """An automatic attendant: says ``text`` up to ``times`` times; the key ``connects`` rings at the person."""

    text: str
    connects: str = Field(default="1", pattern=r"^[0-9*#]$")
    wrong: str = "Sorry, that is not a valid option."
    times: int = Field(default=2, ge=1, le=10)
    waits_s: float = Field(default=5.0, gt=0, le=60)


class Fax(_Model):
    """The answer tone of a fax, and how long it waits for another one."""

    tone_s: float = Field(default=3.0, gt=0, le=10)
    waits_s: float = Field(default=10.0, gt=0, le=60)


class Charge(_Model):
    """What the carrier reports for calls to this phone: ``times`` the usual price, in ``currency``."""

    times: Decimal = Field(default=Decimal(1), ge=0, le=1000)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")


class Person(_Model):
    """One phone and who answers it. ``number`` is E.164, or ``*0101`` for every number that ends so.

    ``pitch`` and ``speed`` make one voice into several. A list among the ``rules`` (a YAML alias) stands for its
    entries. ``fallback`` is said when no rule fits, one entry a time and never more; after ``gives_up_s`` seconds in
    which nobody speaks the person hangs up. ``charge`` is for a carrier that bills otherwise. ``expects`` is what the
    records must show after the call; the simulator only passes it on.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    number: str
    voice: str = "heart"
    pitch: float = Field(default=1.0, ge=0.7, le=1.3)
    speed: float = Field(default=1.0, ge=0.6, le=1.6)
    answers: Answers = Answers()
    greeting: str = ""
    rules: tuple[Rule, ...] = ()
    fallback: tuple[str, ...] = ("Sorry, could you say that again?", "I did not catch that.")
    gives_up_s: float = Field(default=20.0, gt=0, le=300)
    hangs_up_mid_sentence: HangUp | None = None
    voicemail: Voicemail | None = None
    screening: Screening | None = None
    menu: Menu | None = None
    fax: Fax | None = None
    charge: Charge = Charge()
    expects: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("rules", mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        return [rule for entry in value for rule in (entry if isinstance(entry, list) else [entry])]

    @field_validator("number")
    @classmethod
    def _is_number(cls, value: str) -> str:
        if not (E164.fullmatch(value) or _ENDING.fullmatch(value)):
            raise ValueError("must be E.164 such as +13035550101, or an ending such as *0101")
        return value

    @model_validator(mode="after")
    def _has_machine(self) -> Self:
        for how, machine, fields in (
            (How.VOICEMAIL, self.voicemail, "voicemail: {greeting: …}"),
            (How.SCREENING, self.screening, "screening: {service: …}"),
            (How.IVR, self.menu, "menu: {text: …}"),
            (How.FAX, self.fax, "fax: {}"),
        ):
            if (self.answers.how is how) != (machine is not None):
                raise ValueError(f"answers.how: {how} and {fields} go together")
        return self

    def owns(self, number: str) -> bool:
        return number.endswith(self.number[1:]) if self.number.startswith("*") else number == self.number

    @property
    def comes_to_the_phone(self) -> bool:
        """Whether the call may ever reach the person."""
        late = self.voicemail is not None and self.voicemail.picks_up_s is not None
        accepts = self.screening is not None and self.screening.accepts
        return self.answers.how in (How.HUMAN, How.IVR) or late or accepts

    def of_machine(self) -> tuple[str, ...]:
        """Everything that a machine on this phone may say."""
        if self.voicemail:
            return (self.voicemail.greeting,)
        if self.screening:
            return (*self.screening.prompts, self.screening.holds, self.screening.declines)
        return (self.menu.text, self.menu.wrong) if self.menu else ()

    def lines(self) -> tuple[str, ...]:
        """Everything the person may ever say, in no particular order and without repetition."""
        texts = [*self.of_machine()]
        if self.comes_to_the_phone:
            texts += [self.greeting, *self.fallback, *(text for rule in self.rules for text in rule.says)]
        return tuple(dict.fromkeys(text for text in texts if text))


class People(_Model):
    """Everybody. Top-level keys that begin with ``x-`` are left for anchors."""

    people: tuple[Person, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _without_anchors(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if not str(key).startswith("x-")}

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for name in ("id", "number"):
            values = [getattr(person, name) for person in self.people]
            doubled = sorted({value for value in values if values.count(value) > 1})
            if doubled:
                raise ValueError(f"{name} used twice: {', '.join(doubled)}")
        return self

    def find(self, number: str) -> Person | None:
        """Whose phone it is: a full number first, then the first ending that fits."""
        owners = [person for person in self.people if person.owns(number)]
        return next((person for person in owners if person.number == number), owners[0] if owners else None)


def load(path: Path) -> People:
    """Read the people. Raises PeopleError that names the file, and each person and field that is wrong."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PeopleError(f"{path}: {error}") from error
    return parse(data, source=str(path))


def parse(data: object, *, source: str = "people") -> People:
    try:
        return People.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(f"{_where(data, item['loc'])}: {item['msg']}" for item in error.errors())
        raise PeopleError(f"{source}: {problems}") from error


def _where(data: object, loc: Sequence[int | str]) -> str:
    """``people → maria → rules → 2 → hears``: the person by id where there is one, by place in the list otherwise."""
    parts = [str(part) for part in loc]
    if len(loc) > 1 and isinstance(data, Mapping) and isinstance(loc[1], int):
        entry = data["people"][loc[1]]
        if isinstance(entry, Mapping) and entry.get("id"):
            parts[1] = str(entry["id"])
    return " → ".join(parts) or "the file"
