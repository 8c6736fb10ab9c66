"""Public do-not-call lists: imported as files of numbers, asked for one number."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import phonenumbers
import structlog
from django.db import connection, transaction

from calls.domain import phone
from calls.domain.compliance import ScrubFacts
from calls.domain.rules import DoNotCallList, Kind
from calls.models import Scrub, ScrubHit
from calls.services.rules import book_at

log = structlog.get_logger(__name__)
_MOST_PROBLEMS = 20
_NEWEST = """
SELECT asked.list, asked.prefix, newest.id, newest.as_of
FROM unnest(%s::text[], %s::text[]) AS asked(list, prefix)
CROSS JOIN LATERAL (
    SELECT scrub.id, scrub.as_of FROM calls_scrub AS scrub
    WHERE scrub.list = asked.list AND scrub.covers @> ARRAY[asked.prefix]::varchar[]
    ORDER BY scrub.as_of DESC, scrub.id DESC LIMIT 1
) AS newest
"""
_PREFIX = re.compile(r"\+1[2-9]\d\d|\+(?!1)\d{1,3}")


class ScrubRefused(Exception):
    """The file was not taken; the text says what to change."""


def prefix_of(number: str) -> str:
    """What a scrub covers numbers by: the area code in North America, such as ``+1303``, else the country's code."""
    if number.startswith("+1"):
        return number[:5]
    return f"+{phonenumbers.parse(number, None).country_code}"


def newest_of(asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ScrubFacts]:
    """For each list and number: the newest scrub of the list that covers the number, and whether it names it."""
    wanted = {(name, number): prefix_of(number) for name, number in asked}
    if not wanted:
        return {}
    pairs = sorted({(name, prefix) for (name, _), prefix in wanted.items()})
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [list(column) for column in zip(*pairs, strict=True)])
        scrubs = {(name, prefix): (pk, as_of) for name, prefix, pk, as_of in cursor.fetchall()}
    ids, numbers = {pk for pk, _ in scrubs.values()}, {number for _, number in wanted}
    hits = set(ScrubHit.objects.filter(scrub__in=ids, phone__in=numbers).values_list("scrub_id", "phone"))
    found = {}
    for (name, number), prefix in wanted.items():
        pk, as_of = scrubs.get((name, prefix), (None, None))
        found[name, number] = ScrubFacts(as_of, (pk, number) in hits)
    return found


def import_scrub(
    path: Path, *, name: str, as_of: datetime, now: datetime, covers: Iterable[str] = ()
) -> tuple[Scrub, bool]:
    """Take the list ``name`` as it was at ``as_of``: a file of numbers, one a line, as ``303,5550100`` or E.164.

    It covers the area codes that it names and those of ``covers``. The scrub, and whether it is new: the same file of
    the same day is taken once. Raises ScrubRefused.
    """
    _check(name, as_of, now)
    wanted = [_prefix(one) for one in covers]
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ScrubRefused(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ScrubRefused(f"{path.name} is not UTF-8 text: save it as that.") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if known := Scrub.objects.filter(list=name, sha256=sha256, as_of=as_of).first():
        return known, False
    numbers = sorted(set(_numbers(text)))
    covered = sorted({*wanted, *map(prefix_of, numbers)})
    if not covered:
        raise ScrubRefused(f"{path.name} has no number: name the area codes that it covers with --covers +1303.")
    scrub = Scrub(
        list=name,
        as_of=as_of,
        covers=covered,
        file_name=path.name[:200],
        sha256=sha256,
        count=len(numbers),
        imported_at=now,
    )
    return _write(scrub, numbers), True


def _check(name: str, as_of: datetime, now: datetime) -> None:
    if as_of > now:
        raise ScrubRefused(f"The list would be of {as_of:%Y-%m-%d}, which is in the future: correct --as-of.")
    rules = (rule.terms for rule in book_at(now).of_kind(Kind.LIST))
    known = sorted({terms.name for terms in rules if isinstance(terms, DoNotCallList)})
    if name not in known:
        raise ScrubRefused(f"No rule asks for a list {name!r}: there are {', '.join(known) or 'none'}.")


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ScrubRefused(f"--covers {text!r} is no area code: write one such as +1303, or +44 abroad.")
    return text


def _numbers(text: str) -> Iterator[str]:
    problems = []
    for line, row in enumerate(text.splitlines(), start=1):
        if not row.strip():
            continue
        try:
            yield phone.parse(row.replace(",", "").strip().strip('"'))
        except phone.BadNumber as error:
            problems.append(f"Line {line}: {error}")
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        said = problems[:_MOST_PROBLEMS] + ([f"And {more} more."] if more > 0 else [])
        raise ScrubRefused("Nothing was imported.\n" + "\n".join(said))


@transaction.atomic
def _write(scrub: Scrub, numbers: list[str]) -> Scrub:
    scrub.save(force_insert=True)
    with connection.cursor() as cursor, cursor.copy("COPY calls_scrubhit (scrub_id, phone) FROM STDIN") as copy:
        for number in numbers:
            copy.write_row((scrub.pk, number))
    log.info("scrub.imported", list=scrub.list, as_of=scrub.as_of.isoformat(), numbers=len(numbers))
    return scrub
