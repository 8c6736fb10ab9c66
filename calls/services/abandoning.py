"""How many live answers of a campaign heard nothing in time."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import connection

from calls.domain.rules import EVERYWHERE, Abandonment, Kind, RuleBook

_KEPT_S = 60
_SQL = """
SELECT count(*), count(*) FILTER (WHERE heard.ms IS NULL OR heard.ms > %(within_ms)s)
FROM calls_call AS call
LEFT JOIN LATERAL (
    SELECT min(turn.start_ms) AS ms
    FROM calls_turn AS turn WHERE turn.call_id = call.id AND turn.speaker = 'agent'
) AS heard ON true
WHERE call.campaign_id = %(campaign_id)s AND call.answered_at > %(since)s AND call.answered_at <= %(now)s
  AND call.status = 'done' AND call.answered_by NOT LIKE 'machine%%' AND call.answered_by <> 'fax'
  AND call.ended_at > call.answered_at + make_interval(secs => %(within_ms)s / 1000.0)
"""


def counts(campaign_id: int, *, now: datetime, book: RuleBook) -> tuple[int, int]:
    """Live answers of a campaign in the days that the rule names, and those of them that were abandoned.

    A machine is no live answer, and who hangs up before the time is over was not abandoned: 47 CFR 64.1200(a)(7).
    Up to a minute old, since it is asked for every call.
    """
    terms = [rule.terms for rule in book.at(Kind.ABANDONMENT, EVERYWHERE) if isinstance(rule.terms, Abandonment)]
    if not terms:
        return 0, 0
    key = f"calls.abandoned.{campaign_id}.{int(now.timestamp()) // _KEPT_S}.{book.version}"
    if (kept := cache.get(key)) is not None:
        answered, abandoned = kept
        return int(answered), int(abandoned)
    counted = _count(campaign_id, now - timedelta(days=terms[0].days), now, terms[0].audio_within_ms)
    cache.set(key, counted, _KEPT_S)
    return counted


def _count(campaign_id: int, since: datetime, now: datetime, within_ms: int) -> tuple[int, int]:
    asked: dict[str, int | datetime] = {
        "campaign_id": campaign_id,
        "since": since,
        "now": now,
        "within_ms": within_ms,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, asked)
        answered, abandoned = cursor.fetchone()
    return int(answered), int(abandoned)
