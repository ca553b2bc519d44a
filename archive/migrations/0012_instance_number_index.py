"""Instance Number is a required key of a search across all instances."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # The table is large: nobody waits while the index is built.
    atomic = False

    dependencies = [("archive", "0011_name_groups")]

    operations = [
        AddIndexConcurrently(
            model_name="instance",
            index=models.Index(fields=["instance_number"], name="instance_number_idx"),
        ),
    ]
