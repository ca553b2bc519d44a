"""The order of descriptions with the key behind it: very many studies have the same one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("archive", "0023_lean_indexes")]

    operations = [
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["study_description", "id"], name="study_description_key_idx"
            ),
        ),
        migrations.RemoveIndex(model_name="study", name="study_description_order_idx"),
    ]
