"""A CSV of leads, row by row: what each column is called, what may stand in it, and what to change where it may not.

Pure and streaming: memory does not grow with the file. Nothing is guessed that could call a wrong person or claim a
consent that was not given; such a row is rejected with a sentence.
"""

import re
import unicodedata
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import IO
from zoneinfo import available_timezones

from calls.domain import csv_text, phone
from calls.domain.csv_text import Broken, FileRefused, Record

__all__ = ["ConsentGiven", "FileRefused", "LeadCsv", "Rejected", "Row", "parse_rows"]

_ALIASES: dict[str, tuple[str, ...]] = {
    "phone": (
        "phone", "phone number", "mobile", "mobile phone", "mobile number", "cell", "cell phone", "cell number",
        "telephone", "telephone number", "tel", "number", "contact number", "primary phone", "phone 1",
    ),
    "name": ("name", "full name", "lead name", "contact", "contact name", "lead", "owner", "owner name"),
    "first_name": ("first name", "firstname", "first", "given name"),
    "last_name": ("last name", "lastname", "last", "surname", "family name"),
    "email": ("email", "e mail", "email address", "e mail address", "mail"),
    "interest": ("interest", "type", "lead type", "sell or buy", "buy or sell", "intent", "role"),
    "address": ("address", "property", "property address", "street", "street address"),
    "state": ("state", "state code", "st", "province"),
    "zone": ("zone", "timezone", "time zone", "tz"),
    "source": ("source", "lead source", "origin"),
    "priority": ("priority", "prio", "rank"),
    "consent_kind": ("consent kind", "consent type", "consent"),
    "consent_source": ("consent source", "consent form", "consent url", "consent page"),
    "consent_at": ("consent at", "consent date", "consent time", "consented at", "consent given at", "opt in date"),
}  # fmt: skip
_FIELD_OF = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
_LONGEST = {"name": 120, "email": 254, "address": 200, "source": 80, "consent_source": 200}
_SELL = frozenset({"sell", "seller", "sellers", "selling", "sale", "listing", "vendor", "s"})
_BUY = frozenset({"buy", "buyer", "buyers", "buying", "purchase", "purchaser", "b"})
_WRITTEN = frozenset({"written", "express written", "prior express written", "pewc", "web form", "signed"})
_ORAL = frozenset({"oral", "verbal", "spoken"})
_EMPTY = frozenset({"-", "--", "—", "n/a"})
_FORMULA = ("=", "+", "-", "@")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]{2,}")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """The person agreed in ``kind`` ("written" or "oral") at ``given_at``, an aware UTC instant."""

    kind: str
    source: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One person as the file has them; ``phone`` is E.164, ``interest`` is "sell", "buy" or ""."""

    line: int
    phone: str
    name: str = ""
    email: str = ""
    interest: str = ""
    address: str = ""
    state: str = ""
    zone: str = ""
    source: str = ""
    priority: int = 5
    consent: ConsentGiven | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be imported; ``reason`` is a sentence that says what to change."""

    line: int
    reason: str


class _BadCell(ValueError):
    """The text is a reason for people."""


@dataclass(frozen=True, slots=True)
class LeadCsv:
    """A file whose header is understood; iterating it reads the rows once, from the stream's start.

    ``columns`` are the header's names in order, ``fields`` what each is taken for (None: ignored).
    """

    stream: IO[bytes]
    encoding: str
    delimiter: str
    header_line: int
    columns: tuple[str, ...]
    fields: tuple[str | None, ...]
    region: str

    @property
    def ignored_columns(self) -> tuple[str, ...]:
        return tuple(name for name, field in zip(self.columns, self.fields, strict=True) if field is None and name)

    def __iter__(self) -> Generator[Row | Rejected, None, None]:
        self.stream.seek(0)
        for record in csv_text.records(self.stream, encoding=self.encoding, delimiter=self.delimiter):
            if record.line > self.header_line:
                yield self._row(record)

    def _row(self, record: Record | Broken) -> Row | Rejected:
        if isinstance(record, Broken):
            return Rejected(record.line, record.reason)
        try:
            return _row(record.line, self._values(record.cells), self.region)
        except (_BadCell, phone.BadNumber) as error:
            return Rejected(record.line, str(error))

    def _values(self, cells: list[str]) -> dict[str, str]:
        """Field to value; where several columns mean one field, the first with something in it."""
        if len(cells) < len(self.columns) or any(cell.strip() for cell in cells[len(self.columns) :]):
            raise _BadCell(
                f"The row has {len(cells)} cells, the header {len(self.columns)}: "
                f"put quotation marks around a cell that has the delimiter in it, and leave no cell out."
            )
        values: dict[str, str] = {}
        for field, cell in zip(self.fields, cells, strict=False):
            if field is not None and not values.get(field):
                values[field] = _clean(field, cell)
        return values


def parse_rows(stream: IO[bytes], *, region: str = "US") -> LeadCsv:
    """The rows of the seekable ``stream``: iterate over what comes back for ``Row | Rejected`` in the file's order.

    ``region`` is the country of numbers without a country code. Raises FileRefused where no row can be understood.
    """
    encoding = csv_text.encoding_of(stream)
    firsts = {delimiter: _first_record(stream, encoding, delimiter) for delimiter in _DELIMITERS}
    readings = [
        LeadCsv(
            stream=stream,
            encoding=encoding,
            delimiter=delimiter,
            header_line=first.line,
            columns=tuple(" ".join(name.split()) for name in first.cells),
            fields=tuple(_field(name) for name in first.cells),
            region=region,
        )
        for delimiter, first in firsts.items()
        if isinstance(first, Record)
    ]
    if not readings:
        raise FileRefused(f"The first line, which names the columns, cannot be read. {_reason(firsts)}")
    best = max(readings, key=_known)
    if "phone" not in best.fields:
        raise FileRefused(_without_phone(best.columns))
    return best


def _first_record(stream: IO[bytes], encoding: str, delimiter: str) -> Record | Broken:
    stream.seek(0)
    first = next(csv_text.records(stream, encoding=encoding, delimiter=delimiter), None)
    if first is None:
        raise FileRefused("The file is empty: its first line must name the columns, one of them phone.")
    if isinstance(first, Record) and any("\0" in cell for cell in first.cells):
        raise FileRefused("The file is not text, or UTF-16 without a byte order mark: save it as CSV UTF-8.")
    return first


def _reason(firsts: Mapping[str, Record | Broken]) -> str:
    first = firsts[","]
    return first.reason if isinstance(first, Broken) else ""


def _known(found: LeadCsv) -> tuple[bool, int, int]:
    """More is better: the phone's column, then all columns that are understood, then columns at all."""
    return "phone" in found.fields, sum(field is not None for field in found.fields), len(found.fields)


def _field(column: str) -> str | None:
    words = re.sub(r"[^a-z0-9]+", " ", column.lower()).strip()
    return _FIELD_OF.get(words)


def _without_phone(columns: tuple[str, ...]) -> str:
    names = [name if len(name) <= 30 else f"{name[:30]}…" for name in columns[:12] if name]
    more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
    return (
        f"No column holds the phone number. The first line names: {', '.join(names)}{more}. "
        f"Name one column phone; name, email, interest, address, state, timezone, source, priority, consent_kind, "
        f"consent_source and consent_at are read where they are there. Nothing was imported."
    )


def _clean(field: str, cell: str) -> str:
    """The cell on one line. Raises _BadCell for what a spreadsheet would run, for what is unreadable and too long."""
    value = " ".join(cell.split())
    if value.lower() in _EMPTY:
        return ""
    label = _label(field)
    if "�" in value or any(unicodedata.category(char) == "Cc" for char in value):
        raise _BadCell(f"The {label} has characters that cannot be read: save the file as CSV UTF-8.")
    # OWASP, "CSV Injection": a cell that begins so is run as a formula where the leads are opened again.
    if field != "phone" and value.startswith(_FORMULA):
        raise _BadCell(f'The {label} begins with "{value[0]}", which a spreadsheet runs as a formula: remove it.')
    longest = _LONGEST.get(field)
    if longest is not None and len(value) > longest:
        raise _BadCell(f"The {label} has {len(value)} characters, at most {longest} are kept: shorten it.")
    return value


def _label(field: str) -> str:
    return field.removesuffix("_at").replace("_", " ") if field != "consent_at" else "consent date"


def _row(line: int, values: Mapping[str, str], region: str) -> Row:
    name = values.get("name") or f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    if len(name) > _LONGEST["name"]:
        raise _BadCell(f"The name has {len(name)} characters, at most {_LONGEST['name']} are kept: shorten it.")
    return Row(
        line=line,
        phone=phone.parse(values.get("phone", ""), region=region),
        name=name,
        email=_email(values.get("email", "")),
        interest=_one_of("interest", values.get("interest", ""), sell=_SELL, buy=_BUY),
        address=values.get("address", ""),
        state=_state(values.get("state", "")),
        zone=_zone(values.get("zone", "")),
        source=values.get("source", ""),
        priority=_priority(values.get("priority", "")),
        consent=_consent(values),
    )


def _email(value: str) -> str:
    if value and not _EMAIL.fullmatch(value):
        raise _BadCell(f"{_quoted(value)} is not an e-mail address: correct it or leave it empty.")
    return value


def _one_of(field: str, value: str, **words_of: frozenset[str]) -> str:
    """The keyword among whose words ``value`` is; '' for an empty one."""
    word = re.sub(r"[^a-z]+", " ", value.lower()).strip()
    for meaning, words in words_of.items():
        if word in words:
            return meaning
    if not value:
        return ""
    raise _BadCell(f"The {_label(field)} is {_quoted(value)}: write {' or '.join(words_of)}.")


def _state(value: str) -> str:
    names = {**phone.STATES, **phone.TERRITORIES}
    code = next((names[name] for name in names if name.lower() == value.lower()), value.upper())
    if code and code not in phone.STATE_CODES:
        raise _BadCell(f"The state is {_quoted(value)}: write its two letters, such as CO, or leave it empty.")
    return code


@cache
def _zones() -> Mapping[str, str]:
    """Zones by their lower-case name. Only those of places: EST or Etc/GMT+5 know no summer time."""
    return {zone.lower(): zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}


def _zone(value: str) -> str:
    if not value:
        return ""
    zone = _zones().get(value.lower().replace(" ", "_"))
    if zone is None:
        raise _BadCell(f"The time zone is {_quoted(value)}: write an IANA name, such as America/Denver, or none.")
    return zone


def _priority(value: str) -> int:
    if not value:
        return 5
    if value not in {"1", "2", "3", "4", "5", "6", "7", "8", "9"}:
        raise _BadCell(f"The priority is {_quoted(value)}: write 1 (called first) to 9 (called last).")
    return int(value)


def _consent(values: Mapping[str, str]) -> ConsentGiven | None:
    """The consent where all three of its cells are filled, None where none is."""
    parts = {field: values.get(field, "") for field in ("consent_kind", "consent_source", "consent_at")}
    if not any(parts.values()):
        return None
    if missing := [field for field, value in parts.items() if not value]:
        raise _BadCell(f"The consent is incomplete: fill {' and '.join(missing)}, or empty all three cells.")
    kind = _one_of("consent_kind", parts["consent_kind"], written=_WRITTEN, oral=_ORAL)
    return ConsentGiven(kind, parts["consent_source"], _instant(parts["consent_at"]))


def _instant(value: str) -> datetime:
    """An ISO date (its first moment in UTC) or an ISO instant with its zone."""
    try:
        if len(value) == len("2026-03-04"):
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        at = datetime.fromisoformat(value)
        known = at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        known = None
    if known is None:
        raise _BadCell(
            f"The consent date is {_quoted(value)}: write it as 2026-03-04 or, with its zone, "
            f"as 2026-03-04T15:30:00-07:00."
        )
    return known


def _quoted(value: str) -> str:
    return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
