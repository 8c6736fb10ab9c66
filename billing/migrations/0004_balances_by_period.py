from django.db import migrations

# A hold, and what follows from it, counts in the periods of the hold's instant.
BOOKED = """
    UPDATE billing_ledgerentry entry SET booked_at = held.at FROM billing_ledgerentry held
    WHERE held.kind = 'hold' AND held.budget_id = entry.budget_id AND held.reference = entry.reference;
"""
TOTALS = """
    INSERT INTO billing_balance (budget_id, period, "window", "limit", spent, held)
    SELECT id, 'total', tstzrange(NULL, NULL), "limit", spent, held FROM billing_budget;
"""
RUNNING = """
    INSERT INTO billing_balance (budget_id, period, "window", "limit", spent, held)
    SELECT budget.id, running.period, running.span, NULL,
           coalesce(sum(entry.amount) FILTER (WHERE entry.kind = 'charge'), 0),
           coalesce(sum(CASE entry.kind WHEN 'hold' THEN entry.amount WHEN 'release' THEN -entry.amount END), 0)
    FROM billing_budget budget
    CROSS JOIN (
        SELECT period, tstzrange(date_trunc(period, now(), 'UTC'),
                                 date_trunc(period, now(), 'UTC') + ('1 ' || period)::interval) AS span
        FROM unnest(ARRAY['day', 'week', 'month']) AS period
    ) AS running
    LEFT JOIN billing_ledgerentry entry ON entry.budget_id = budget.id AND running.span @> entry.booked_at
    GROUP BY budget.id, running.period, running.span;
"""
APPEND_ONLY = """
    CREATE FUNCTION billing_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'The ledger is append-only: book a correction instead.' USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER billing_ledger_is_append_only BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION billing_ledger_is_append_only();
"""
CHANGEABLE = """
    DROP TRIGGER billing_ledger_is_append_only ON billing_ledgerentry;
    DROP FUNCTION billing_ledger_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_money")]

    operations = [
        migrations.RunSQL(BOOKED, migrations.RunSQL.noop),
        migrations.RunSQL(TOTALS + RUNNING, "DELETE FROM billing_balance;"),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;", migrations.RunSQL.noop),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
        migrations.RemoveField("budget", "held"),
        migrations.RemoveField("budget", "spent"),
    ]
