"""WebSockets that subscribers hold open, and until when a performer's claim holds."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0010_withheld_embeddings"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="workitem",
            name="lease_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                condition=models.Q(("state", "IN PROGRESS")),
                fields=["lease_until"],
                name="workitem_lease_idx",
            ),
        ),
        migrations.CreateModel(
            name="WorkitemChannel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ae_title", models.CharField(max_length=16)),
                ("holder", models.UUIDField()),
                ("opened_at", models.DateTimeField()),
                ("alive_until", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="workitem_channels",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("ae_title", "account"), name="workitem_channel_unique"
                    )
                ],
            },
        ),
    ]
