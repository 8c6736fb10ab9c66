# Recordings that find no store are told of.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0009_queues'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='alert',
            name='money_alerts_have_a_budget',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('share', 'share of a limit spent'), ('burn_rate', "limit reached before the period's end"), ('call_cost', 'cost per call'), ('appointment_cost', 'cost per appointment'), ('price_difference', "carrier's price differs"), ('queue_unserved', 'no voice worker'), ('recordings_wait', 'recordings not stored')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('budget__isnull', False), ('kind__in', ['queue_unserved', 'recordings_wait']), _connector='XOR'), name='money_alerts_have_a_budget'),
        ),
    ]
