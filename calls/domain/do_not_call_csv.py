"""A CSV of numbers that must not be called. Only the number has to be right: whatever else stands beside it is kept
out of its way, so that no opt-out is lost to a bad e-mail address.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from calls.domain import csv_text, phone
from calls.domain.csv_text import Broken
from calls.domain.lead_csv import Rejected, parse_rows

_REASONS = frozenset({"reason", "note", "notes", "comment", "evidence"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A number in E.164, and why it is on the list where the file says so."""

    line: int
    phone: str
    reason: str = ""


def parse_numbers(stream: IO[bytes], *, region: str = "US") -> Iterator[Listed | Rejected]:
    """The rows of the seekable ``stream`` in order. A row with several numbers gives several.

    ``region`` is the country of numbers without a country code. Raises FileRefused, before the first row, where no
    column holds numbers.
    """
    file = parse_rows(stream, region=region)
    phones = [place for place, field in enumerate(file.fields) if field == "phone"]
    reasons = [place for place, name in enumerate(file.columns) if name.lower() in _REASONS]
    stream.seek(0)
    for record in csv_text.records(stream, encoding=file.encoding, delimiter=file.delimiter):
        if record.line <= file.header_line:
            continue
        if isinstance(record, Broken):
            yield Rejected(record.line, record.reason)
            continue
        cells = dict(enumerate(" ".join(cell.split()) for cell in record.cells))
        reason = next((cells[place] for place in reasons if cells.get(place)), "")
        numbers = [cells[place] for place in phones if cells.get(place)] or [""]
        for number in numbers:
            try:
                yield Listed(record.line, phone.parse(number, region=region), reason)
            except phone.BadNumber as error:
                yield Rejected(record.line, str(error))
