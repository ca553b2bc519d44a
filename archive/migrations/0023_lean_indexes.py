"""Indexes that every stored instance pays for and nothing reads.

UIDs and digests are compared as a whole, never by a pattern, so that their second indexes for
patterns go; and a foreign key needs none of its own where a longer index begins with it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_PATTERNS = {
    "archive_blob_sha256_24ec7f53_like": "archive_blob (sha256 varchar_pattern_ops)",
    "archive_instance_sop_instance_uid_53550f2d_like": (
        "archive_instance (sop_instance_uid varchar_pattern_ops)"
    ),
    "archive_series_series_instance_uid_88d37da0_like": (
        "archive_series (series_instance_uid varchar_pattern_ops)"
    ),
    "archive_study_study_instance_uid_87753790_like": (
        "archive_study (study_instance_uid varchar_pattern_ops)"
    ),
}
DROP = "".join(f'DROP INDEX IF EXISTS "{name}";' for name in _PATTERNS)
CREATE = "".join(
    f'CREATE INDEX IF NOT EXISTS "{name}" ON {place};' for name, place in _PATTERNS.items()
)


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0022_hl7_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(DROP, CREATE),
        migrations.AlterField(
            model_name="instance",
            name="series",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="instances",
                to="archive.series",
            ),
        ),
        migrations.AlterField(
            model_name="series",
            name="study",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="series",
                to="archive.study",
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_events",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
