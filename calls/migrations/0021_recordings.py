# A call's recordings are rows of their own, one a line that held it; they are brought into a store, and erased.

from django.db import migrations, models

TO_ROWS = """
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO calls_recording (call_id, part, name, started_at, duration_ms, bytes, erased_why)
SELECT id, 1, recording, coalesce(recording_started_at, answered_at, queued_at), recording_ms, 0, ''
FROM calls_call WHERE recording <> ''
ON CONFLICT (call_id, part) DO NOTHING
"""
TO_COLUMNS = """
UPDATE calls_call SET recording = kept.name, recording_started_at = kept.started_at, recording_ms = kept.duration_ms
FROM calls_recording AS kept WHERE kept.call_id = calls_call.id AND kept.part = 1 AND kept.name <> ''
"""


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0020_headroom'),
    ]

    operations = [
        migrations.AddField(
            model_name='recording',
            name='stored_at',
            field=models.DateTimeField(blank=True, help_text="Empty: on the worker's disk still.", null=True),
        ),
        migrations.AlterField(
            model_name='recording',
            name='bytes',
            field=models.PositiveBigIntegerField(default=0, help_text='Of the sealed file; 0: not known.'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(condition=models.Q(models.Q(('name', ''), _negated=True), ('stored_at', None)), fields=['started_at'], name='recording_to_store'),
        ),
        migrations.RunSQL(TO_ROWS, TO_COLUMNS),
        migrations.RemoveField(model_name='call', name='recording'),
        migrations.RemoveField(model_name='call', name='recording_ms'),
        migrations.RemoveField(model_name='call', name='recording_started_at'),
    ]
