"""Folded names keep their component groups apart, so that a search knows where each ends."""

from django.db import migrations

from archive.dicom.charsets import fold_name

BATCH = 1000


def fold_again(apps, schema_editor):
    """Fold the names of several groups anew; all others are what they were."""
    for model, field in (("Patient", "patient_name"), ("Study", "referring_physician_name")):
        manager = apps.get_model("archive", model).objects
        rows = list(manager.filter(**{f"{field}__contains": "="}).only("pk", field))
        for row in rows:
            setattr(row, f"{field}_search", fold_name(getattr(row, field))[:512])
        manager.bulk_update(rows, [f"{field}_search"], batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [("archive", "0010_query_indexes")]

    operations = [migrations.RunPython(fold_again, migrations.RunPython.noop, elidable=True)]
