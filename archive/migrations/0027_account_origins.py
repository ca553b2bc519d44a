from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("archive", "0026_reidentification")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="admin_origin",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.AddField(
            model_name="account",
            name="directory",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
    ]
