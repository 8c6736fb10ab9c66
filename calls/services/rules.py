"""The calling rules as they stand in the database, how they change, and those that are shipped.

A rule is never edited once it began: a new one begins, and the one before ends then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from threading import Lock

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet

from calls.domain.rule_changes import RULES, ended_by
from calls.domain.rules import Kind, Mark, OverlappingRules, RuleBook
from calls.domain.rules import Rule as RuleData
from calls.models import Rule, RuleRevision
from calls.services.rule_file import read_rules, rule_of, terms_of

log = structlog.get_logger(__name__)
DEFAULT_RULES = Path(__file__).resolve().parent.parent / "data" / "rules.yaml"


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule that was set, and the one that ends where it begins, as it was before."""

    rule: RuleData
    before: RuleData | None


@dataclass(frozen=True, slots=True)
class _Kept:
    book: RuleBook
    since: datetime
    until: datetime | None

    def serves(self, token: str, now: datetime) -> bool:
        return self.book.version == token and self.since <= now and (self.until is None or now < self.until)


_kept: _Kept | None = None
_lock = Lock()


def book_at(now: datetime) -> RuleBook:
    """The rules in force. Costs one small query; they are read again only when one has changed, begun or ended."""
    global _kept  # noqa: PLW0603 - one book a process
    token = RuleRevision.objects.values_list("token", flat=True).first() or ""
    kept = _kept
    if kept is not None and kept.serves(token, now):
        return kept.book
    rules = [as_domain(row) for row in Rule.objects.all()]
    book = RuleBook.of(rules, version=token, at=now)
    edges = sorted({edge for rule in rules for edge in (rule.valid_from, rule.valid_until) if edge})
    since = max((edge for edge in edges if edge <= now), default=now)
    with _lock:
        _kept = _Kept(book, since, next((edge for edge in edges if edge > now), None))
    return book


def in_force(at: datetime) -> QuerySet[Rule]:
    return Rule.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)


def by_key(at: datetime) -> dict[str, RuleData]:
    """The rules in force by their keys."""
    return {rule.key: rule for rule in map(as_domain, in_force(at))}


def load_defaults() -> int:
    """Fill an empty table; how many rules were loaded. A table that has a single rule is the operator's.

    Nothing where migrations were taken back to before there were rules.
    """
    if Rule._meta.db_table not in connection.introspection.table_names() or Rule.objects.exists():
        return 0
    with transaction.atomic():
        loaded = Rule.objects.bulk_create(_row_of(rule) for rule in read_rules(DEFAULT_RULES))
        _revise()
    return len(loaded)


def set_rule(values: Mapping[str, object], *, now: datetime, until_at: datetime | None = None) -> NewRule:
    """Let a rule hold from its ``effective_from`` on, to before ``until_at`` (None: until further notice).

    ``values`` are key, kind, place, effective_from, mark, source and the terms of the kind, as a file has them.
    Raises BadRule for what is no rule, PastRule where the key had one between its begin and ``now``,
    OverlappingRules where another begins later, or began while this was set.
    """
    with _alone_with(str(values.get("key", ""))):
        new = new_rule(values, now=now, until_at=until_at)
        if new.before is not None:
            begun = Rule.objects.filter(key=new.rule.key, valid_from=new.before.valid_from)
            begun.update(valid_until=new.rule.valid_from)
        _row_of(new.rule).save(force_insert=True)
        _revise()
    log.info("rule.set", key=new.rule.key, from_at=new.rule.valid_from.isoformat())
    return new


def new_rule(values: Mapping[str, object], *, now: datetime, until_at: datetime | None = None) -> NewRule:
    """What ``set_rule`` would do; it raises the same, and nothing changes."""
    rule = rule_of(values, valid_until=until_at)
    if until_at is not None:
        RULES.check_span(rule.key, rule.valid_from, until_at)
    history = [as_domain(row) for row in Rule.objects.filter(key=rule.key).order_by("valid_from")]
    return NewRule(rule, ended_by(rule, history, now=now))


def change_end(rule_id: int, until_at: datetime | None, *, now: datetime) -> RuleData:
    """Let one rule end at ``until_at``; None: it holds until further notice.

    Raises PastRule where it has ended or would have, BadRule for an end before its begin, OverlappingRules where
    another begins before the new end, Rule.DoesNotExist.
    """
    with _alone_with(Rule.objects.values_list("key", flat=True).get(pk=rule_id)):
        rule = new_end(Rule.objects.get(pk=rule_id), until_at, now=now)
        Rule.objects.filter(pk=rule_id).update(valid_until=until_at)
        _revise()
    log.info("rule.end_set", key=rule.key, until_at=until_at and until_at.isoformat())
    return rule


def new_end(row: Rule, until_at: datetime | None, *, now: datetime) -> RuleData:
    """The rule as ``change_end`` would make it; it raises the same, and nothing changes."""
    RULES.check_end(as_domain(row), until_at, now=now)
    rule = replace(as_domain(row), valid_until=until_at)
    RULES.check_no_later(rule, (as_domain(other) for other in Rule.objects.filter(key=row.key).exclude(pk=row.pk)))
    return rule


def withdraw(rule_id: int, *, now: datetime) -> None:
    """Delete a rule that has not begun. The one that would have ended there goes on in its place.

    Raises PastRule for one that has begun, Rule.DoesNotExist.
    """
    with _alone_with(Rule.objects.values_list("key", flat=True).get(pk=rule_id)):
        row = Rule.objects.get(pk=rule_id)
        RULES.check_not_begun(row.key, row.valid_from, now=now)
        row.delete()
        Rule.objects.filter(key=row.key, valid_until=row.valid_from).update(valid_until=row.valid_until)
        _revise()
    log.info("rule.withdrawn", key=row.key, from_at=row.valid_from.isoformat())


def as_domain(row: Rule) -> RuleData:
    """Raises BadRule where the row's terms are none of its kind."""
    kind = Kind(row.kind)
    return RuleData(
        row.key,
        kind,
        row.place,
        terms_of(kind, row.params),
        row.source,
        Mark(row.mark),
        row.valid_from,
        row.valid_until,
        row.params,
    )


def _row_of(rule: RuleData) -> Rule:
    return Rule(
        key=rule.key,
        kind=rule.kind.value,
        place=rule.place,
        params=dict(rule.params),
        source=rule.source,
        mark=rule.mark.value,
        valid_from=rule.valid_from,
        valid_until=rule.valid_until,
    )


def _revise() -> None:
    """From the commit on, every process reads the rules anew at its next decision."""
    revision, _ = RuleRevision.objects.select_for_update().get_or_create(pk=1)
    number = revision.number + 1
    RuleRevision.objects.filter(pk=1).update(number=F("number") + 1, token=f"{number}-{token_hex(4)}")


@contextmanager
def _alone_with(key: str) -> Iterator[None]:
    """A transaction in which nobody else changes the rules of ``key`` through this module.

    Raises OverlappingRules where the database's own constraint finds a row that came another way.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"calls.rule:{key}"])
            yield
    except IntegrityError:
        raise OverlappingRules(f"Somebody else changed {key!r} at the same moment: look at it again.") from None
