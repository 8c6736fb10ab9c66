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
_PREFIX = re.compile(r"\+1[2-9]\d\d|\+(?!1)\d{1,3}")


class ScrubRefused(Exception):
    """The file was not taken; the text says what to change."""


def prefix_of(number: str) -> str:
    """What a scrub covers numbers by: the area code in North America, such as ``+1303``, else the country's code."""
    if number.startswith("+1"):
        return number[:5]
    return f"+{phonenumbers.parse(number, None).country_code}"


def newest(name: str, number: str) -> ScrubFacts:
    """The newest scrub of the list that covers the number, and whether it names it."""
    covering = Scrub.objects.filter(list=name, covers__contains=[prefix_of(number)])
    scrub = covering.order_by("-as_of", "-pk").first()
    if scrub is None:
        return ScrubFacts(None)
    return ScrubFacts(scrub.as_of, ScrubHit.objects.filter(scrub=scrub, phone=number).exists())


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
