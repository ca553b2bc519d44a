"""What a trail of years is searched by: a summary of each stretch of it, as small as it is cheap."""

import django.contrib.postgres.indexes
from django.db import migrations

from archive.migrations._concurrently import AddIndexAnew


class Migration(migrations.Migration):
    # The table is large: nobody waits while the index is built.
    atomic = False

    dependencies = [("archive", "0030_changes_filled")]

    operations = [
        AddIndexAnew(
            model_name="auditevent",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True,
                fields=["act", "actor_name", "address", "token_hint"],
                name="audit_summary_idx",
                opclasses=["text_bloom_ops", "text_bloom_ops", "inet_bloom_ops", "text_bloom_ops"],
                pages_per_range=64,
            ),
        ),
    ]
