from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("archive", "0012_instance_number_index")]

    operations = [
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                fields=["study_date", "study_time", "id"], name="study_oldest_first_idx"
            ),
        ),
    ]
