from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0027_account_origins"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="first_made_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="hl7message",
            name="sealed_content",
            field=models.TextField(blank=True),
        ),
        migrations.AddIndex(
            model_name="hl7message",
            index=models.Index(
                condition=models.Q(("sealed_content", ""), _negated=True),
                fields=["made_at"],
                name="hl7_message_kept_idx",
            ),
        ),
    ]
