"""Which leads of a campaign are to be called next.

The query reads the index of open leads alone: for each list and priority that there is, from the longest due on, so
what is due later costs nothing. A lead whose number has an unfinished call is passed over; one whose number is on the
do-not-call list is not, since the gates close it, and so it is looked at once.
"""

from datetime import datetime

from django.db import connection

from calls.domain.status import UNFINISHED

_UNLISTED_PRIORITY = 5
_SPARE = 50
"""So many due leads that others have locked at this moment are passed over."""
_IN_STATUS = ", ".join(f"'{status}'" for status in sorted(UNFINISHED))
_DUE = "lead.campaign_id = %(campaign)s AND lead.status = 'open' AND lead.next_attempt_at <= %(now)s"
# Of the locked row, which may be a newer one; put so that no index but that of the ids answers it.
_STILL = "lead.status || '' = 'open' AND lead.next_attempt_at - %(now)s <= interval '0'"
# The statuses are written out, so that PostgreSQL sees that its index of unfinished calls answers this.
_IDLE = f"""NOT EXISTS (
    SELECT 1 FROM calls_call AS call WHERE call.to_number = lead.phone AND call.status IN ({_IN_STATUS})
)"""  # noqa: S608 - constants
# The priorities of a list are found by going from one to the next in the index, which holds few different ones. Leads
# are put in the order of the whole index, since PostgreSQL does not see that list_id IS NULL leaves one value.
_PRIORITIES = """
    SELECT lead.priority FROM calls_lead AS lead
    WHERE lead.campaign_id = %(campaign)s AND lead.status = 'open' AND {of_list} AND lead.priority > {after}
    ORDER BY lead.list_id, lead.priority LIMIT 1
"""
_HEAD = f"""
    SELECT lead.id, lead.next_attempt_at FROM calls_lead AS lead
    WHERE {_DUE} AND {{of_list}} AND lead.priority = head.priority AND lead.commitment_at IS NULL AND {_IDLE}
    ORDER BY lead.list_id, lead.priority, lead.next_attempt_at, lead.id LIMIT %(most)s
"""  # noqa: S608 - constants
_PROMISED = f"""
    SELECT lead.id, lead.next_attempt_at FROM calls_lead AS lead
    WHERE head.list_priority = 0 AND {_DUE} AND lead.commitment_at IS NOT NULL AND {_IDLE}
      AND (lead.list_id IS NULL OR lead.list_id IN (SELECT list_id FROM list))
    ORDER BY lead.next_attempt_at, lead.id LIMIT %(most)s
"""  # noqa: S608 - constants
_LISTED, _UNLISTED = "lead.list_id = {0}.list_id", "lead.list_id IS NULL"
_SQL = f"""
WITH RECURSIVE list AS MATERIALIZED (
    SELECT id AS list_id, priority FROM calls_leadlist WHERE campaign_id = %(campaign)s AND active
), listed AS (
    SELECT list.list_id, list.priority AS list_priority, first.priority FROM list
    CROSS JOIN LATERAL ({_PRIORITIES.format(of_list=_LISTED.format("list"), after="-1")}) AS first
    UNION ALL
    SELECT head.list_id, head.list_priority, next.priority FROM listed AS head
    CROSS JOIN LATERAL ({_PRIORITIES.format(of_list=_LISTED.format("head"), after="head.priority")}) AS next
), unlisted AS (
    SELECT first.priority FROM ({_PRIORITIES.format(of_list=_UNLISTED, after="-1")}) AS first
    UNION ALL
    SELECT next.priority FROM unlisted AS head
    CROSS JOIN LATERAL ({_PRIORITIES.format(of_list=_UNLISTED, after="head.priority")}) AS next
), head AS (
    SELECT list_id, list_priority, priority FROM listed
    UNION ALL SELECT NULL, {_UNLISTED_PRIORITY}, priority FROM unlisted
    UNION ALL SELECT NULL, 0, -1
), chosen AS MATERIALIZED (
    SELECT due.id, head.list_priority, head.priority, due.next_attempt_at
    FROM (SELECT * FROM head ORDER BY list_priority, priority) AS head
    CROSS JOIN LATERAL (
        ({_PROMISED})
        UNION ALL ({_HEAD.format(of_list="lead.list_id = head.list_id")})
        UNION ALL ({_HEAD.format(of_list="head.list_id IS NULL AND lead.list_id IS NULL")})
    ) AS due
    ORDER BY head.list_priority, head.priority, due.next_attempt_at, due.id LIMIT %(most)s
), in_order AS MATERIALIZED (
    SELECT array_agg(id ORDER BY list_priority, priority, next_attempt_at, id) AS ids FROM chosen
)
SELECT lead.id FROM calls_lead AS lead
WHERE lead.id = ANY((SELECT ids FROM in_order)::bigint[]) AND {_STILL}
ORDER BY array_position((SELECT ids FROM in_order), lead.id)
LIMIT %(count)s FOR NO KEY UPDATE OF lead SKIP LOCKED
"""  # noqa: S608 - constants

_PLANS = ("enable_bitmapscan", "enable_seqscan")
BY_INDEX = "; ".join(f"SET LOCAL {plan} TO off" for plan in _PLANS)
"""Where PostgreSQL counts too few leads, as before its first ANALYZE, it would read and sort them all."""
_AS_BEFORE = "; ".join(f"SET LOCAL {plan} TO DEFAULT" for plan in _PLANS)


def next_due(campaign_id: int, *, now: datetime, count: int) -> list[int]:
    """Ids of up to ``count`` leads that are due and have no unfinished call, locked until the transaction's end.

    Calls that were promised come first; then the active lists by their priority, where leads without a list are in
    one of priority 5; in a list the lead's priority and how long it is due. Leads that others have locked are passed
    over. Raises TransactionManagementError outside a transaction.
    """
    sql, asked = query(campaign_id, now=now, count=count)
    with connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        cursor.execute(sql, asked)
        ids = [lead_id for (lead_id,) in cursor.fetchall()]
        cursor.execute(_AS_BEFORE)
    return ids


def query(campaign_id: int, *, now: datetime, count: int) -> tuple[str, dict[str, int | datetime]]:
    """The statement of ``next_due`` and its parameters, whose plan the benchmark shows."""
    return _SQL, {"campaign": campaign_id, "now": now, "count": count, "most": count + _SPARE}
