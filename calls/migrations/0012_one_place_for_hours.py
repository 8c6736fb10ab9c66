from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("calls", "0011_hours_as_windows")]
    operations = [
        migrations.RemoveConstraint(
            model_name='campaign',
            name='campaign_opens_before_it_closes',
        ),
        migrations.RemoveField(
            model_name='campaign',
            name='closes_at',
        ),
        migrations.RemoveField(
            model_name='campaign',
            name='from_number',
        ),
        migrations.RemoveField(
            model_name='campaign',
            name='opens_at',
        ),
        migrations.RemoveField(
            model_name='campaign',
            name='retry_after_min',
        ),
        migrations.RemoveField(
            model_name='campaign',
            name='weekdays',
        ),
    ]
