"""Every appointment gets a name of its own, and those that lie ahead keep their time."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0028_calendars")]

    operations = [
        migrations.RunSQL("UPDATE calls_appointment SET uid = gen_random_uuid()", migrations.RunSQL.noop),
        migrations.AlterField(
            "appointment", "uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
        ),
        migrations.RunSQL(
            """
            INSERT INTO calls_reservation (call_id, campaign_id, start_at, span)
            SELECT call_id, campaign_id, start_at, tstzrange(start_at, start_at + minutes * interval '1 minute')
            FROM calls_appointment WHERE start_at > now() - interval '1 day' ORDER BY start_at
            ON CONFLICT DO NOTHING
            """,
            migrations.RunSQL.noop,
        ),
    ]
