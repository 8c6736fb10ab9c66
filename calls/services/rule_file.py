"""Calling rules as they are typed: a YAML file or a form, checked rule by rule, and written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from billing.services.card_file import Instant
from billing.services.yaml_rows import RowFile, document, flow, sentence
from calls.domain import rules as domain
from calls.domain.phone import STATE_CODES
from calls.domain.rules import BadRule, Kind, Mark, Rule, RuleError, Window

_HEAD = ("key", "kind", "place", "effective_from", "mark", "source")


class BadRules(RuleError):
    """A file that holds no rules; one sentence for each thing to change, with its line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _window(value: object) -> Window:
    return Window.parse(str(value))


def _zone(value: str) -> str:
    if value and value not in available_timezones():
        raise ValueError(f"is {value!r}, which is no time zone: write an IANA name such as America/Chicago")
    return value


def _place(value: object) -> object:
    text = str(value)
    if text == domain.EVERYWHERE or (len(text) == 2 and text.isalpha() and text.isupper()):
        return text
    if text[:3] == "US-" and text[3:] in STATE_CODES:
        return text
    raise ValueError(f"is {text!r}: use a country such as US, a state such as US-CO, or * for everywhere")


Windows = Annotated[tuple[Annotated[Window, BeforeValidator(_window)], ...], Field(max_length=14)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Small = Annotated[StrictInt, Field(ge=1, le=1000)]
Percent = Annotated[float, Field(gt=0, le=100)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]+$", max_length=60)]
Number = Annotated[str, StringConstraints(pattern=r"^\+[0-9?]{1,14}$")]


class _Terms(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Hours(_Terms):
    windows: Annotated[Windows, Field(min_length=1)]
    on_holidays: Windows | None = None
    zone: Annotated[str, AfterValidator(_zone)] = ""


class _Holiday(_Terms):
    name: Text
    month: Annotated[StrictInt, Field(ge=1, le=12)] | None = None
    day: Annotated[StrictInt, Field(ge=1, le=31)] | None = None
    weekday: Annotated[StrictInt, Field(ge=0, le=6)] | None = None
    easter: Annotated[StrictInt, Field(ge=-100, le=100)] | None = None
    legal: StrictBool = True

    @model_validator(mode="after")
    def _one_way(self) -> "_Holiday":
        by_date = self.month is not None and self.day is not None
        if by_date == (self.easter is not None) or (self.month is None) != (self.day is None):
            raise ValueError("A holiday is a month and day, with or without a weekday, or days from easter: say one")
        if self.month is not None and self.day is not None:
            try:
                datetime(2024, self.month, self.day)  # noqa: DTZ001 - a leap year, so that 29 February is a day
            except ValueError:
                raise ValueError(f"There is no day {self.day} in month {self.month}: correct one of them") from None
        return self


class _Frequency(_Terms):
    calls: Small
    hours: Annotated[StrictInt, Field(ge=1, le=24 * 31)]
    of: domain.Of = domain.Of.NUMBER
    exempts_established: StrictBool = False


class _Consent(_Terms):
    needs: domain.Needs
    valid_days: Annotated[StrictInt, Field(ge=1, le=36500)] | None = None


class _List(_Terms):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,30}$")]
    max_age_days: Small
    transaction_months: Annotated[StrictInt, Field(ge=0, le=120)] = 0
    inquiry_months: Annotated[StrictInt, Field(ge=0, le=120)] = 0
    consent_cures: StrictBool = True


class _Reassigned(_Terms):
    required: StrictBool
    max_age_days: Small


class _Abandonment(_Terms):
    slow_percent: Percent
    stop_percent: Percent
    days: Annotated[StrictInt, Field(ge=1, le=90)]
    at_least: Annotated[StrictInt, Field(ge=1)]
    audio_within_ms: Annotated[StrictInt, Field(ge=100, le=60_000)]

    @model_validator(mode="after")
    def _slow_before_stop(self) -> "_Abandonment":
        if self.slow_percent > self.stop_percent:
            raise ValueError("slow_percent is above stop_percent: it must be less")
        return self


class _Prefix(_Terms):
    prefixes: Annotated[tuple[Number, ...], Field(min_length=1)]
    what: Text


class _Place(_Terms):
    max_zones: Small


class _Notice(_Terms):
    note: Text


class _Recording(_Notice):
    needs: domain.RecordingNeeds = domain.RecordingNeeds.NO_OBJECTION


class _Voicemail(_Terms):
    allowed: bool = True
    toll_free: bool = True


_TERMS: dict[Kind, tuple[type[_Terms], type]] = {
    Kind.COUNTRY: (_Notice, domain.Notice),
    Kind.PREFIX: (_Prefix, domain.Prefix),
    Kind.PLACE: (_Place, domain.Place),
    Kind.HOURS: (_Hours, domain.Hours),
    Kind.OVERLAY: (_Hours, domain.Hours),
    Kind.HOLIDAY: (_Holiday, domain.Holiday),
    Kind.FREQUENCY: (_Frequency, domain.Frequency),
    Kind.CONSENT: (_Consent, domain.Consent),
    Kind.LIST: (_List, domain.DoNotCallList),
    Kind.REASSIGNED: (_Reassigned, domain.Reassigned),
    Kind.ABANDONMENT: (_Abandonment, domain.Abandonment),
    Kind.RECORDING: (_Recording, domain.RecordingConsent),
    Kind.DISCLOSURE: (_Notice, domain.Notice),
    Kind.REGISTRATION: (_Notice, domain.Notice),
    Kind.VOICEMAIL: (_Voicemail, domain.VoicemailTerms),
}


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    kind: Kind
    place: Annotated[str, BeforeValidator(_place)]
    effective_from: Instant
    mark: Mark
    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str = ""
    rules: list[Any]


def terms_of(kind: Kind, params: Mapping[str, object]) -> domain.Terms:
    """What a rule of ``kind`` says. Raises BadRule with all that is to change."""
    edge, inside = _TERMS[kind]
    try:
        row = edge.model_validate(dict(params))
    except ValidationError as error:
        raise BadRule("; ".join(map(_sentence, error.errors())) + ".", field="params") from None
    terms: domain.Terms = inside(**{name: getattr(row, name) for name in type(row).model_fields})
    return terms


def rule_of(values: Mapping[str, object], *, valid_until: datetime | None = None) -> Rule:
    """A rule from what was typed. Raises BadRule with all that is to change, and the first field of it."""
    try:
        head = _Head.model_validate({name: values[name] for name in _HEAD if name in values})
    except ValidationError as error:
        problems = error.errors()
        field = str(problems[0]["loc"][0]) if problems[0]["loc"] else ""
        raise BadRule("; ".join(map(_sentence, problems)) + ".", field=field) from None
    params = {name: value for name, value in values.items() if name not in _HEAD}
    return Rule(
        head.key,
        head.kind,
        head.place,
        terms_of(head.kind, params),
        head.source,
        head.mark,
        head.effective_from,
        valid_until,
        params,
    )


def write_rules(rules: Iterable[Rule], *, at: datetime) -> str:
    """A file that ``parse_rules`` reads back as these rules."""
    lines = [flow(_row(rule)) for rule in sorted(rules, key=lambda rule: rule.key)]
    return document({"version": f"{at:%Y-%m-%d}"}, "rules", lines)


def _row(rule: Rule) -> dict[str, object]:
    return {
        "key": rule.key,
        "kind": rule.kind.value,
        "place": rule.place,
        "effective_from": rule.valid_from.isoformat(),
        "mark": rule.mark.value,
        **rule.params,
        "source": rule.source,
    }


_EXPECTED = {
    "key": "use at most 60 letters, digits, dots, hyphens and underscores",
    "source": "say in at most 300 letters where the rule was read",
    "prefixes": "write beginnings such as +1900, with ? for any digit",
}


def _expected(field: str, kind: str) -> str | None:
    return _EXPECTED.get(field.split(".", maxsplit=1)[0]) if kind.startswith("string") else None


_sentence = partial(sentence, noun="rule of this kind", expected=_expected)

_FILE = RowFile(
    rows="rules",
    noun="rule",
    head=_File,
    make=lambda _head, row: rule_of(row),
    bad=BadRule,
    wrong=BadRules,
    said=_sentence,
    lacks="The file has no rules: it needs a list named rules.",
    whose="The file's",
    needs=f"{', '.join(_HEAD)} and its terms",
    twice="this key",
)


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file. Raises BadRules."""
    return _FILE.read(path)


def parse_rules(text: str) -> list[Rule]:
    """The rules of a text in YAML. Raises BadRules."""
    return _FILE.parse(text)
