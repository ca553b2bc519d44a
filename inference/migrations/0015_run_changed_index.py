"""Reviews from before there was a trigger, and the order in which reports changed."""

from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from archive.migrations._concurrently import AddIndexAnew

REVIEWED = """
UPDATE inference_run SET reviewed_at = said.moment
FROM (SELECT run_id, max(created_at) AS moment FROM inference_resultreview GROUP BY run_id) said
WHERE said.run_id = inference_run.id AND reviewed_at IS NULL;
"""


class Migration(migrations.Migration):
    # The table may be large: nobody waits while the index is built.
    atomic = False

    dependencies = [("inference", "0014_run_reviewed_at")]

    operations = [
        migrations.RunSQL(REVIEWED, migrations.RunSQL.noop),
        AddIndexAnew(
            model_name="run",
            index=models.Index(
                Coalesce("reviewed_at", "finished_at", "created_at"),
                F("id"),
                condition=Q(state="succeeded"),
                name="run_changed_idx",
            ),
        ),
    ]
