"""Instance Number is a required key of a search across all instances."""

from django.db import migrations, models

from archive.migrations._concurrently import AddIndexAnew


class Migration(migrations.Migration):
    # The table is large: nobody waits while the index is built.
    atomic = False

    dependencies = [("archive", "0011_name_groups")]

    operations = [
        AddIndexAnew(
            model_name="instance",
            index=models.Index(fields=["instance_number"], name="instance_number_idx"),
        ),
    ]
