"""What verification found is kept; blobs with something wrong are found without looking at all."""

from django.db import migrations, models
from django.db.models import Q

from archive.migrations._concurrently import AddIndexAnew, CreateModelOnce


class Migration(migrations.Migration):
    # The table of blobs is large: nobody waits while the index is built.
    atomic = False

    dependencies = [("archive", "0019_service_clients")]

    operations = [
        CreateModelOnce(
            name="Verification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("checked", models.BigIntegerField(default=0)),
                ("found", models.JSONField(blank=True, default=dict)),
                ("examples", models.JSONField(blank=True, default=list)),
            ],
            options={"ordering": ["-pk"]},
        ),
        AddIndexAnew(
            model_name="blob",
            index=models.Index(
                condition=Q(state__in=["missing", "damaged"]),
                fields=["state", "id"],
                name="blob_problem_idx",
            ),
        ),
    ]
