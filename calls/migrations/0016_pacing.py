from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0015_when'),
    ]

    operations = [
        migrations.AddField(
            model_name='callerid',
            name='inactive_why',
            field=models.CharField(blank=True, help_text='What the carrier said, or a person.', max_length=300),
        ),
        migrations.AddField(
            model_name='callerid',
            name='owned_at',
            field=models.DateTimeField(blank=True, help_text="When the carrier last said that it is the account's.", null=True, verbose_name='confirmed at'),
        ),
    ]
