"""Runs that failed are counted without looking at all runs."""

from django.db import migrations, models
from django.db.models import Q

from archive.migrations._concurrently import AddIndexAnew


class Migration(migrations.Migration):
    # The table may be large: nobody waits while the index is built.
    atomic = False

    dependencies = [("inference", "0012_moved_series")]

    operations = [
        AddIndexAnew(
            model_name="run",
            index=models.Index(condition=Q(state="dead"), fields=["id"], name="run_dead_idx"),
        ),
    ]
