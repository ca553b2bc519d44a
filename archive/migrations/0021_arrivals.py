"""Whose rejection notes are whose, series withheld on arrival, and notices of new projects."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CREATE = """
DROP TRIGGER project_rights ON archive_project;
CREATE TRIGGER project_rights
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON archive_project
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();
CREATE TRIGGER arrivalhold_rights
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON archive_arrivalhold
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();
"""
DROP = """
DROP TRIGGER arrivalhold_rights ON archive_arrivalhold;
DROP TRIGGER project_rights ON archive_project;
CREATE TRIGGER project_rights
AFTER UPDATE OR DELETE OR TRUNCATE ON archive_project
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();
"""


def _key() -> models.BigAutoField:
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0020_verifications"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NoteArrival",
            fields=[
                ("id", _key()),
                ("sop_instance_uid", models.CharField(max_length=64, unique=True)),
                ("door", models.CharField(max_length=16)),
                ("source", models.CharField(blank=True, max_length=255)),
                ("had_account", models.BooleanField(default=False)),
                ("is_obeyed", models.BooleanField(null=True)),
                ("arrived_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="rejection_notes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="rejection_notes",
                        to="archive.project",
                    ),
                ),
            ],
            options={"ordering": ["pk"]},
        ),
        migrations.CreateModel(
            name="ArrivalHold",
            fields=[
                ("id", _key()),
                ("key", models.CharField(max_length=64, unique=True)),
                ("study_instance_uid", models.CharField(max_length=64)),
                (
                    "ae_titles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("reason", models.CharField(max_length=12)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="arrival_holds",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["pk"]},
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
