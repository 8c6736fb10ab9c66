"""Taking a do-not-call list from a CSV: every number that can be read, whatever the other lines are like."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import IO

import structlog

from calls.domain.do_not_call_csv import Listed, parse_numbers
from calls.domain.lead_csv import FileRefused, Rejected
from calls.services.opting_out import OptOut, suppress_all

__all__ = ["FileRefused", "ListImport", "import_do_not_call"]

log = structlog.get_logger(__name__)
_CHUNK = 500
"""Rows of one transaction, which holds other opt-outs and the next rings off for a moment."""


@dataclass(slots=True)
class ListImport:
    """What a file came to, in numbers."""

    added: int = 0
    known: int = 0
    followed: int = 0
    """Other numbers of the same persons, which the file does not name."""
    rejected: list[Rejected] = field(default_factory=list)


def import_do_not_call(stream: IO[bytes], *, reason: str, by: str, now: datetime) -> ListImport:
    """Put the file's numbers on the list, chunk by chunk; the same file again changes nothing.

    ``reason`` stands where a row has none of its own. Raises FileRefused where no column holds numbers.
    """
    done = ListImport()
    rows = parse_numbers(stream)
    while chunk := list(islice(rows, _CHUNK)):
        requests = [
            OptOut(row.phone, "import", row.reason or reason, by=by) for row in chunk if isinstance(row, Listed)
        ]
        done.rejected += [row for row in chunk if isinstance(row, Rejected)]
        added = suppress_all(requests, now=now)
        asked = {one.phone for one in requests}
        done.added += len(added & asked)
        done.known += len(requests) - len(added & asked)
        done.followed += len(added - asked)
    if not (done.added or done.known or done.rejected):
        raise FileRefused("The file names its columns but has no row below them: there is nothing to import.")
    log.info("do_not_call.imported", added=done.added, known=done.known, rejected=len(done.rejected))
    return done
