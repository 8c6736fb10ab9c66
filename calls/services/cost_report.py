"""Figures of costs for people: what they ask, in words, and the answer as pages, CSV and JSON show it."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from calls.domain import phone
from calls.domain.costs import Dimension, Figures, Forecast, forecast
from calls.models import Campaign, LeadImport
from calls.services import costs
from calls.services.costs import Day, Question

LONGEST_DAYS = 731
_CALENDAR = date(2000, 1, 1), date(2199, 12, 31)
_USUAL_DAYS = 30
_LOOK_BACK_DAYS = 28
_MICRO = Decimal("0.000001")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
NAMES = {
    Dimension.CAMPAIGN: "campaign",
    Dimension.LIST: "list",
    Dimension.HOUR: "hour of the lead",
    Dimension.CALLER_ID: "caller ID",
    Dimension.SCRIPT: "script version",
    Dimension.VOICE: "voice",
    Dimension.TIER: "voice tier",
}
_UNKNOWN = {Dimension.LIST: "not from a file"}


class BadQuestion(ValueError):
    """Nothing can be answered; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and by what its answer is told apart. ``campaign`` is the name of the one that was chosen."""

    question: Question
    dimension: Dimension
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One value with its name for people."""

    value: str
    label: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Answer:
    """``rows`` sum to ``total``, the dearest first; ``days`` are those with a call, the earliest first."""

    asked: Asked
    rows: list[Row]
    days: list[Day]

    @property
    def total(self) -> Figures:
        return sum((row.figures for row in self.rows), Figures())


@dataclass(frozen=True, slots=True)
class Outlook:
    """The running week or month, from its first day to its last, and what it will come to."""

    name: str
    first: date
    last: date
    forecast: Forecast


def asked(
    *, since: str = "", until: str = "", campaign: str = "", by: str = "", currency: str = "", today: date
) -> Asked:
    """What is asked, from text; "" takes the usual: 30 days to today, every campaign, by campaign, in USD.

    ``campaign`` is a key or a name. Raises BadQuestion.
    """
    last = _day("last day", until) if until else today
    first = _day("first day", since) if since else last - timedelta(days=_USUAL_DAYS - 1)
    if first > last:
        raise BadQuestion(f"The first day, {first}, lies after the last, {last}: change one of them.")
    if (last - first).days >= LONGEST_DAYS:
        raise BadQuestion(f"These are {(last - first).days + 1:,} days: choose at most {LONGEST_DAYS}.")
    if by and by not in list(Dimension):
        raise BadQuestion(f"Costs are not told apart by {by!r}: choose one of {', '.join(Dimension)}.")
    chosen = _campaign(campaign) if campaign else None
    question = Question(first, last, chosen.pk if chosen else None, _currency(currency))
    return Asked(question, Dimension(by or Dimension.CAMPAIGN), chosen.name if chosen else "")


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadQuestion(f"The {name} is {text[:40]!r}: write a date as 2026-03-04.") from None
    if not _CALENDAR[0] <= day <= _CALENDAR[1]:
        raise BadQuestion(f"The {name} is {day}: choose one from {_CALENDAR[0]} to {_CALENDAR[1]}.")
    return day


def _campaign(text: str) -> Campaign:
    """By name first, since a name may be a number too."""
    if "\0" not in text and (found := Campaign.objects.filter(name=text).first()):
        return found
    if text.isascii() and text.isdecimal() and len(text) < 19 and (found := Campaign.objects.filter(pk=text).first()):
        return found
    raise BadQuestion(f"There is no campaign {text[:120]!r}: choose another.")


def _currency(text: str) -> str:
    """The one that is asked for; without, USD or the one that calls were priced in."""
    there = costs.currencies()
    if not text:
        return there[0] if there and "USD" not in there else "USD"
    if text != "USD" and text not in there:
        raise BadQuestion(f"No call was priced in {text[:10]!r}: choose one of {', '.join(there) or 'USD'}.")
    return text


def answer(asked: Asked) -> Answer:
    """All the figures."""
    parts = costs.by(asked.dimension, asked.question)
    labels = labels_of(asked.dimension, [part.value for part in parts])
    rows = [Row(part.value, labels[part.value], part.figures) for part in parts]
    return Answer(asked, rows, costs.per_day(asked.question))


def labels_of(dimension: Dimension, values: Iterable[str]) -> dict[str, str]:
    """The values' names for people. What was deleted keeps its number."""
    known = [value for value in values if value]
    match dimension:
        case Dimension.CAMPAIGN:
            names = {str(key): name for key, name in Campaign.objects.filter(pk__in=known).values_list("pk", "name")}
            labels = {value: names.get(value, f"campaign {value}, deleted") for value in known}
        case Dimension.LIST:
            files = LeadImport.objects.filter(pk__in=known).values_list("pk", "file_name", "created_at")
            names = {str(key): f"{name} ({at:%Y-%m-%d})" for key, name, at in files}
            labels = {value: names.get(value, f"list {value}, deleted") for value in known}
        case Dimension.HOUR:
            labels = {value: f"{value}:00 to {value}:59" for value in known}
        case Dimension.CALLER_ID:
            labels = {value: phone.shown(value) for value in known}
        case Dimension.VOICE:
            labels = {value: value.rpartition("/")[2] for value in known}  # a local voice is a path
        case _:
            labels = {value: value for value in known}
    return {"": _UNKNOWN.get(dimension, "not known"), **labels}


def outlooks(question: Question, *, today: date) -> list[Outlook]:
    """The running week's and month's, by the last four weeks; none where too little was seen."""
    monday, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    sunday = monday + timedelta(days=6)
    month_end = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    since = min(today - timedelta(days=_LOOK_BACK_DAYS), month)
    days = costs.per_day(Question(since, today, question.campaign_id, question.currency))
    spent = {one.day: one.figures.cost for one in days}
    found = [
        (name, first, last, forecast(spent, first=first, today=today, last=last))
        for name, first, last in (("week", monday, sunday), ("month", month, month_end))
    ]
    return [Outlook(name, first, last, one) for name, first, last, one in found if one]


def every_day(asked: Asked, days: Sequence[Day]) -> list[Day]:
    """Also the days without a call."""
    known = {one.day: one for one in days}
    question = asked.question
    wanted = [question.since + timedelta(days=n) for n in range((question.until - question.since).days + 1)]
    return [known.get(day, Day(day, Figures())) for day in wanted]


def csv_lines(answer: Answer) -> Iterator[str]:
    """One line a value, below a line of names."""
    header = ["value", "name", *_numbers(Figures()), "currency"]
    rows = (
        [row.value, row.label, *_numbers(row.figures).values(), answer.asked.question.currency] for row in answer.rows
    )
    return as_csv(header, rows)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines one by one. Text that a spreadsheet would run as a formula has an apostrophe before it (OWASP, "CSV
    Injection"); numbers stay numbers, negative ones too.
    """
    writer = csv.writer(_Lines())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


class _Lines:
    """Hands each line back to whoever writes it."""

    def write(self, line: str) -> str:
        return line


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_json(answer: Answer) -> dict[str, object]:
    """Amounts as text with six places, null where nothing is to be divided by."""
    question = answer.asked.question
    return {
        "since": question.since.isoformat(),
        "until": question.until.isoformat(),
        "campaign": answer.asked.campaign or None,
        "by": answer.asked.dimension.value,
        "currency": question.currency,
        "total": _numbers(answer.total),
        "values": [{"value": row.value, "name": row.label, **_numbers(row.figures)} for row in answer.rows],
        "days": [{"day": one.day.isoformat(), **_numbers(one.figures)} for one in answer.days],
    }


def json_text(document: Mapping[str, object], *, indent: int | None = 2) -> str:
    return json.dumps(document, default=_json_amount, indent=indent, ensure_ascii=False)


def _json_amount(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} is not written to JSON.")


def _numbers(figures: Figures) -> dict[str, int | Decimal | None]:
    """The figures, and the cost for each outcome with six places."""
    per = {
        "cost_per_dial": figures.per_dial,
        "cost_per_conversation": figures.per_conversation,
        "cost_per_qualified": figures.per_qualified,
        "cost_per_appointment": figures.per_appointment,
    }
    return {
        **asdict(figures),
        "cost": figures.cost.quantize(_MICRO),
        **{name: None if one is None else one.quantize(_MICRO, rounding=ROUND_HALF_UP) for name, one in per.items()},
    }
