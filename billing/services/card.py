"""The rate card as it stands in the database, how it changes, and the default one that is shipped.

A price is never overwritten: a new one begins, and the one before ends then. So a call keeps the price of its time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypedDict, Unpack

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from billing.domain.card import BadRate, MissingRate, OverlappingRates, RateCard
from billing.domain.card_changes import PRICES, ended_by
from billing.domain.rates import Rate as RateData
from billing.models import Rate
from billing.services.card_file import rate_of, read_card

log = structlog.get_logger(__name__)
DEFAULT_CARD = Path(__file__).resolve().parent.parent / "data" / "rates.yaml"


class Terms(TypedDict, total=False):
    """What a price is for. A key that has a price keeps its terms where they are not given."""

    kind: str
    unit: str
    per: int
    increment: int
    minimum: int
    currency: str
    in_carrier_price: bool


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price that was set, and the one that ends where it begins, as it was before."""

    rate: RateData
    before: RateData | None


def card_at(at: datetime) -> RateCard:
    """The rates in force at ``at``."""
    return RateCard.of((rate.as_domain() for rate in in_force(at)), at=at)


def in_force(at: datetime) -> QuerySet[Rate]:
    return Rate.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)


def default_rates(path: Path = DEFAULT_CARD) -> list[RateData]:
    """The shipped card."""
    return read_card(path)


def load_defaults() -> int:
    """Fill an empty card; how many rates were loaded. A card that has a single rate is the operator's.

    Nothing where migrations were taken back to before there was a card.
    """
    if Rate._meta.db_table not in connection.introspection.table_names() or Rate.objects.exists():
        return 0
    return len(Rate.objects.bulk_create(row_of(rate) for rate in default_rates()))


def set_price(
    key: str,
    price: Decimal,
    *,
    from_at: datetime,
    now: datetime,
    source: str,
    until_at: datetime | None = None,
    **terms: Unpack[Terms],
) -> NewPrice:
    """Let ``key`` cost ``price`` from ``from_at`` to before ``until_at`` (None: until further notice).

    A key that has a price keeps its terms where none are given; one that is new needs at least kind and unit.
    Raises BadRate for what is no price or is counted in another unit, PastRate where the key had a price between
    ``from_at`` and ``now``, OverlappingRates where another price begins later, or began while this was set.
    """
    with _alone_with(key):
        new = new_price(key, price, from_at=from_at, now=now, source=source, until_at=until_at, **terms)
        if new.before is not None:
            Rate.objects.filter(key=key, valid_from=new.before.valid_from).update(valid_until=from_at)
        row_of(new.rate).save(force_insert=True)
    log.info("rate.set", key=key, price=f"{new.rate.price:f}", unit=new.rate.unit.value, from_at=from_at.isoformat())
    return new


def new_price(
    key: str,
    price: Decimal,
    *,
    from_at: datetime,
    now: datetime,
    source: str,
    until_at: datetime | None = None,
    **terms: Unpack[Terms],
) -> NewPrice:
    """What ``set_price`` would do; it raises the same, and nothing changes."""
    history = [row.as_domain() for row in Rate.objects.filter(key=key).order_by("valid_from")]
    given = {name: value for name, value in terms.items() if value is not None}
    kept = _terms_of(history, from_at) if history else {"currency": "USD"}
    values = {**kept, **given, "key": key, "price": price, "source": source, "effective_from": from_at}
    try:
        rate = rate_of(values, valid_until=until_at)
    except BadRate as error:
        raise BadRate(f"{key}: {error}", field=error.field) from None
    if until_at is not None:
        PRICES.check_span(key, from_at, until_at)
    return NewPrice(rate, ended_by(rate, history, now=now))


def end_rate(key: str, at: datetime, *, now: datetime) -> RateData:
    """Let the price of ``key`` that holds before ``at`` end then; the ended one. Raises MissingRate, PastRate."""
    holding = Rate.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=at), key=key, valid_from__lt=at)
    if (row := holding.first()) is None:
        raise MissingRate(key, at)
    return change_end(row.pk, at, now=now)


def change_end(rate_id: int, until_at: datetime | None, *, now: datetime) -> RateData:
    """Let one price end at ``until_at``; None: it holds until further notice.

    Raises PastRate where it has ended or would have, BadRate for an end before its begin, OverlappingRates where
    another price begins before the new end, Rate.DoesNotExist.
    """
    key = Rate.objects.values_list("key", flat=True).get(pk=rate_id)
    with _alone_with(key):
        rate = new_end(Rate.objects.get(pk=rate_id), until_at, now=now)
        Rate.objects.filter(pk=rate_id).update(valid_until=until_at)
    log.info("rate.end_set", key=key, until_at=until_at and until_at.isoformat())
    return rate


def new_end(row: Rate, until_at: datetime | None, *, now: datetime) -> RateData:
    """The price as ``change_end`` would make it; it raises the same, and nothing changes."""
    PRICES.check_end(row.as_domain(), until_at, now=now)
    rate = replace(row.as_domain(), valid_until=until_at)
    PRICES.check_no_later(rate, (other.as_domain() for other in Rate.objects.filter(key=row.key).exclude(pk=row.pk)))
    return rate


def withdraw(rate_id: int, *, now: datetime) -> RateData | None:
    """Delete a price that has not begun. The one that would have ended there goes on in its place and is returned.

    Raises PastRate for one that has begun: what calls were priced by is not deleted. Rate.DoesNotExist.
    """
    key = Rate.objects.values_list("key", flat=True).get(pk=rate_id)
    with _alone_with(key):
        row = Rate.objects.get(pk=rate_id)
        PRICES.check_not_begun(key, row.valid_from, now=now)
        row.delete()
        before = Rate.objects.filter(key=key, valid_until=row.valid_from).first()
        if before is not None:
            before.valid_until = row.valid_until
            before.save(update_fields=["valid_until"])
    log.info("rate.withdrawn", key=key, from_at=row.valid_from.isoformat())
    return None if before is None else before.as_domain()


def row_of(rate: RateData) -> Rate:
    return Rate(
        key=rate.key,
        kind=rate.kind.value,
        price=rate.price,
        currency=rate.currency,
        unit=rate.unit.value,
        per=rate.per,
        increment=rate.increment,
        minimum=rate.minimum,
        in_carrier_price=rate.in_carrier_price,
        valid_from=rate.valid_from,
        valid_until=rate.valid_until,
        source=rate.source,
    )


@contextmanager
def _alone_with(key: str) -> Iterator[None]:
    """A transaction in which nobody else changes the prices of ``key`` through this module.

    Raises OverlappingRates where the database's own constraint finds a row that came another way.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"billing.rate:{key}"])
            yield
    except IntegrityError:
        raise OverlappingRates(
            f"Somebody else changed the price of {key!r} at the same moment: look at it again."
        ) from None


def _terms_of(history: list[RateData], at: datetime) -> dict[str, object]:
    """Those of the latest price that begins by ``at``, or of the first one."""
    last = [rate for rate in history if rate.valid_from <= at][-1:] or history[:1]
    return {name: getattr(last[0], name) for name in Terms.__annotations__}
