from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0022_voicemail_rules")]

    operations = [
        migrations.AddField(
            model_name="voiceworker",
            name="address",
            field=models.CharField(
                blank=True, help_text="Where the web finds its media server, for test calls.", max_length=200
            ),
        ),
    ]
