"""The project of studies that no door claims; only radiology admins see it."""

from django.db import migrations


def create_unassigned(apps, schema_editor):
    project = apps.get_model("archive", "Project")
    project.objects.get_or_create(
        kind="unassigned", defaults={"name": "Unassigned", "slug": "unassigned"}
    )


class Migration(migrations.Migration):
    dependencies = [("archive", "0002_trigram_indexes")]

    operations = [migrations.RunPython(create_unassigned, migrations.RunPython.noop)]
