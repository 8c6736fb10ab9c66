"""A CSV of leads, row by row: what each column is called, what may stand in it, and what to change where it may not.

Pure and streaming: memory does not grow with the file. Nothing is guessed that could call a wrong person or claim a
consent that was not given; such a row is rejected with a sentence.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields
from typing import IO

from calls.domain import csv_text
from calls.domain.csv_text import Broken, FileRefused, Record
from calls.domain.lead_fields import BadField, ConsentGiven, LeadFields, clean, read

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
    "consent_scope": ("consent scope",),
    "consent_seller": ("consent seller",),
    "consent_expires_at": ("consent expires", "consent expires at", "consent expiry", "consent valid until"),
    "last_transaction_at": ("last transaction", "last transaction at", "last transaction date", "last deal"),
    "last_inquiry_at": ("last inquiry", "last inquiry at", "last inquiry date", "inquiry date", "last enquiry"),
    "consent_at": ("consent at", "consent date", "consent time", "consented at", "consent given at", "opt in date"),
}  # fmt: skip
_FIELD_OF = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
_DELIMITERS = (",", ";", "\t")
_FIELDS = fields(LeadFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(LeadFields):
    """One person as the file has them."""

    line: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be imported; ``reason`` is a sentence that says what to change."""

    line: int
    reason: str


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
            found = read(self._values(record.cells), region=self.region)
        except BadField as error:
            return Rejected(record.line, str(error))
        return Row(line=record.line, **{field.name: getattr(found, field.name) for field in _FIELDS})

    def _values(self, cells: list[str]) -> dict[str, str]:
        """Field to value; where several columns mean one field, the first with something in it."""
        if len(cells) < len(self.columns) or any(cell.strip() for cell in cells[len(self.columns) :]):
            raise BadField(
                f"The row has {len(cells)} cells, the header {len(self.columns)}: "
                f"put quotation marks around a cell that has the delimiter in it, and leave no cell out."
            )
        values: dict[str, str] = {}
        for field, cell in zip(self.fields, cells, strict=False):
            if field is not None and not values.get(field):
                values[field] = clean(field, cell)
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
        f"consent_source, consent_at, consent_scope, consent_seller, consent_expires, last_transaction and "
        f"last_inquiry are read where they are there. Nothing was imported."
    )
