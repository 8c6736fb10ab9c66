from django.db import migrations

MOVE = """
    INSERT INTO calls_callingwindow (campaign_id, weekdays, opens_at, closes_at)
    SELECT id, ARRAY(SELECT jsonb_array_elements_text(weekdays)::smallint), opens_at, closes_at FROM calls_campaign
    WHERE jsonb_array_length(weekdays) > 0;

    INSERT INTO calls_callerid (number, label, active, daily_cap, rests_why, created_at)
    SELECT DISTINCT from_number, '', true, 100, '', now() FROM calls_campaign WHERE from_number <> '';
    INSERT INTO calls_campaign_caller_ids (campaign_id, callerid_id)
    SELECT campaign.id, caller.id FROM calls_campaign AS campaign JOIN calls_callerid AS caller
    ON caller.number = campaign.from_number;

    INSERT INTO calls_retryrule (campaign_id, outcome, attempts, spacing_min, rotate)
    SELECT id, outcome, least(max_attempts, 10), ARRAY[greatest(retry_after_min, 1)], false
    FROM calls_campaign, unnest(ARRAY['no_answer', 'busy', 'voicemail', 'hung_up', 'failed']) AS outcome
    WHERE retry_after_min <> 45;
"""


class Migration(migrations.Migration):
    """Every campaign keeps its hours, its caller ID and, where it was not the usual one, its pause before a retry."""

    dependencies = [("calls", "0010_dialing")]
    operations = [migrations.RunSQL(MOVE, migrations.RunSQL.noop)]
