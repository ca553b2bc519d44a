"""The schema of the archive in one step, for a database that is new.

What an older one went through is kept beside it: it goes on from where it is. Applications that
were there before come first, for each later change of a table renders all models again.
"""

from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from archive.migrations._in_one_step import InOneStep


def _former(name):
    """What a step wrote by hand, in its own words."""
    return import_module(f"archive.migrations.{name}")


class Migration(migrations.Migration):
    replaces = [
        ("archive", "0001_initial"),
        ("archive", "0002_trigram_indexes"),
        ("archive", "0003_unassigned_project"),
        ("archive", "0004_collections"),
        ("archive", "0005_series_withheld"),
        ("archive", "0006_protocols"),
        ("archive", "0007_removal_scope"),
        ("archive", "0008_store_statement"),
        ("archive", "0009_rights_notices"),
        ("archive", "0010_query_indexes"),
        ("archive", "0011_name_groups"),
        ("archive", "0012_instance_number_index"),
        ("archive", "0013_study_oldest_first"),
        ("archive", "0014_open_steps"),
        ("archive", "0015_portal_and_rights"),
        ("archive", "0016_sharing_notices"),
        ("archive", "0017_merged_patients"),
        ("archive", "0018_audit_chain"),
        ("archive", "0019_service_clients"),
        ("archive", "0020_verifications"),
        ("archive", "0021_arrivals"),
        ("archive", "0022_hl7_messages"),
    ]

    initial = True

    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        InOneStep(
            [
                migrations.CreateModel(
                    name="AuditDelivery",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("destination", models.CharField(max_length=255, unique=True)),
                        ("last_event", models.BigIntegerField(default=0)),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("error", models.CharField(blank=True, max_length=255)),
                        ("retry_at", models.DateTimeField(blank=True, null=True)),
                        ("delivered_at", models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        "verbose_name_plural": "audit deliveries",
                        "ordering": ["destination"],
                    },
                ),
                migrations.CreateModel(
                    name="Instance",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("sop_instance_uid", models.CharField(max_length=64, unique=True)),
                        ("sop_class_uid", models.CharField(max_length=64)),
                        ("transfer_syntax_uid", models.CharField(max_length=64)),
                        ("instance_number", models.BigIntegerField(blank=True, null=True)),
                        ("rows", models.PositiveIntegerField(blank=True, null=True)),
                        ("columns", models.PositiveIntegerField(blank=True, null=True)),
                        ("bits_allocated", models.PositiveSmallIntegerField(blank=True, null=True)),
                        (
                            "samples_per_pixel",
                            models.PositiveSmallIntegerField(blank=True, null=True),
                        ),
                        ("number_of_frames", models.PositiveIntegerField(blank=True, null=True)),
                        ("photometric_interpretation", models.CharField(blank=True, max_length=16)),
                        ("has_pixel_data", models.BooleanField(default=False)),
                        (
                            "image_position_patient",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.FloatField(), blank=True, null=True, size=None
                            ),
                        ),
                        (
                            "image_orientation_patient",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.FloatField(), blank=True, null=True, size=None
                            ),
                        ),
                        ("content_date", models.DateField(blank=True, null=True)),
                        ("content_time", models.TimeField(blank=True, null=True)),
                        ("specific_character_set", models.CharField(blank=True, max_length=128)),
                        (
                            "cleaned_keywords",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=64),
                                blank=True,
                                default=list,
                                help_text="Attributes whose text PostgreSQL could not hold as it came.",
                                size=None,
                            ),
                        ),
                        (
                            "dataset_sha256",
                            models.CharField(
                                help_text="Of the data set after the file meta: the instance's identity.",
                                max_length=64,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("coerced", models.JSONField(blank=True, db_default={}, default=dict)),
                        (
                            "withheld",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Shown"),
                                    ("rejected", "Rejected by a note; given to who names it"),
                                    (
                                        "deleted",
                                        "Deleted, until somebody undoes it or it is purged",
                                    ),
                                ],
                                db_default="",
                                default="",
                                max_length=12,
                            ),
                        ),
                    ],
                    options={
                        "ordering": [
                            "series_id",
                            models.OrderBy(models.F("instance_number"), nulls_last=True),
                            "pk",
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Series",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("series_instance_uid", models.CharField(max_length=64, unique=True)),
                        ("modality", models.CharField(blank=True, max_length=16)),
                        ("series_number", models.BigIntegerField(blank=True, null=True)),
                        ("series_description", models.CharField(blank=True, max_length=255)),
                        ("body_part_examined", models.CharField(blank=True, max_length=64)),
                        ("laterality", models.CharField(blank=True, max_length=16)),
                        ("protocol_name", models.CharField(blank=True, max_length=255)),
                        ("series_date", models.DateField(blank=True, null=True)),
                        ("series_time", models.TimeField(blank=True, null=True)),
                        ("manufacturer", models.CharField(blank=True, max_length=255)),
                        ("manufacturer_model_name", models.CharField(blank=True, max_length=255)),
                        ("station_name", models.CharField(blank=True, max_length=64)),
                        ("institution_name", models.CharField(blank=True, max_length=255)),
                        ("frame_of_reference_uid", models.CharField(blank=True, max_length=64)),
                        (
                            "performed_procedure_step_start_date",
                            models.DateField(blank=True, null=True),
                        ),
                        (
                            "performed_procedure_step_start_time",
                            models.TimeField(blank=True, null=True),
                        ),
                        ("request_attributes", models.JSONField(blank=True, default=list)),
                        (
                            "number_of_series_related_instances",
                            models.PositiveIntegerField(default=0),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "withheld",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Shown"),
                                    ("rejected", "A person rejected what it says"),
                                    (
                                        "superseded",
                                        "A person corrected it: another object says what is right",
                                    ),
                                    ("trial", "For reviewers only"),
                                    (
                                        "deleted",
                                        "Deleted, until somebody undoes it or it is purged",
                                    ),
                                ],
                                db_default="",
                                default="",
                                max_length=12,
                            ),
                        ),
                        ("corrected", models.JSONField(blank=True, db_default=[], default=list)),
                    ],
                    options={
                        "verbose_name_plural": "series",
                        "ordering": [
                            "study_id",
                            models.OrderBy(models.F("series_number"), nulls_last=True),
                            "pk",
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Verification",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("started_at", models.DateTimeField(auto_now_add=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        ("checked", models.BigIntegerField(default=0)),
                        ("found", models.JSONField(blank=True, default=dict)),
                        ("examples", models.JSONField(blank=True, default=list)),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Account",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("person", "Person"), ("service", "Service")],
                                default="person",
                                max_length=8,
                            ),
                        ),
                        (
                            "theme",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "As the device"),
                                    ("dark", "Dark"),
                                    ("light", "Light"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("language", models.CharField(blank=True, max_length=16)),
                        ("must_change_password", models.BooleanField(default=False)),
                        ("worklist_columns", models.JSONField(blank=True, default=list)),
                        ("outside_groups", models.JSONField(blank=True, default=list)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "user",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="account",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["user_id"],
                    },
                ),
                migrations.CreateModel(
                    name="ArrivalHold",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
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
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="AuditSeal",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("first_event", models.BigIntegerField()),
                        ("last_event", models.BigIntegerField()),
                        ("number_of_events", models.PositiveIntegerField()),
                        ("content_sha256", models.CharField(max_length=64)),
                        ("sha256", models.CharField(max_length=64, unique=True)),
                        ("previous_sha256", models.CharField(blank=True, max_length=64)),
                        ("sealed_at", models.DateTimeField(auto_now_add=True)),
                        ("marks", models.BinaryField(db_default=b"", default=bytes)),
                    ],
                    options={
                        "ordering": ["pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("previous_sha256",), name="audit_seal_one_successor"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Blob",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("sha256", models.CharField(max_length=64, unique=True)),
                        ("size_bytes", models.BigIntegerField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("stored", "Stored"),
                                    ("missing", "Missing"),
                                    ("damaged", "Damaged"),
                                ],
                                default="stored",
                                max_length=8,
                            ),
                        ),
                        ("verified_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ["missing", "damaged"])),
                                fields=["state", "id"],
                                name="blob_problem_idx",
                            )
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("size_bytes__gte", 0)),
                                name="blob_size_not_negative",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BulkJob",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("act", models.CharField(max_length=32)),
                        ("options", models.JSONField(blank=True, default=dict)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Queued"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("cancelled", "Cancelled"),
                                    ("failed", "Failed"),
                                ],
                                default="queued",
                                max_length=12,
                            ),
                        ),
                        ("number_of_items", models.PositiveIntegerField(default=0)),
                        ("number_done", models.PositiveIntegerField(default=0)),
                        ("number_failed", models.PositiveIntegerField(default=0)),
                        ("is_cancel_requested", models.BooleanField(default=False)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("result_name", models.CharField(blank=True, max_length=64)),
                        ("result_bytes", models.BigIntegerField(default=0)),
                        ("result_until", models.DateTimeField(blank=True, null=True)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="bulk_jobs",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="BulkItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("study_instance_uid", models.CharField(max_length=64)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("skipped", "Skipped"),
                                ],
                                default="waiting",
                                max_length=8,
                            ),
                        ),
                        ("message", models.CharField(blank=True, max_length=500)),
                        (
                            "job",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="archive.bulkjob",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Collection",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("cohort", "Cohort"),
                                    ("teaching", "Teaching file"),
                                    ("quiz", "Quiz"),
                                ],
                                default="cohort",
                                max_length=16,
                            ),
                        ),
                        ("name", models.CharField(max_length=128)),
                        ("description", models.TextField(blank=True)),
                        ("source", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="collections",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-updated_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="DailyCount",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("day", models.DateField()),
                        ("project_id", models.BigIntegerField(help_text="0: in no project.")),
                        ("modality", models.CharField(blank=True, max_length=16)),
                        ("studies", models.PositiveIntegerField(default=0)),
                        ("series", models.PositiveIntegerField(default=0)),
                        ("instances", models.PositiveIntegerField(default=0)),
                        ("stored_bytes", models.BigIntegerField(default=0)),
                    ],
                    options={
                        "ordering": ["day", "project_id", "modality"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("day", "project_id", "modality"), name="daily_count_unique"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Hl7Message",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "direction",
                            models.CharField(
                                choices=[("in", "Received"), ("out", "Sent")], max_length=3
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Waiting"),
                                    ("done", "Applied"),
                                    ("ignored", "Nothing to apply"),
                                    ("failed", "Failed"),
                                    ("rejected", "Rejected"),
                                ],
                                default="queued",
                                max_length=8,
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(blank=True, help_text="As ADT^A08.", max_length=16),
                        ),
                        ("control_id", models.CharField(blank=True, max_length=199)),
                        ("partner", models.CharField(blank=True, max_length=200)),
                        ("address", models.GenericIPAddressField(blank=True, null=True)),
                        ("sealed_content", models.TextField()),
                        (
                            "digest",
                            models.CharField(help_text="SHA-256 of the message.", max_length=64),
                        ),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("not_before", models.DateTimeField(blank=True, null=True)),
                        ("subject_uid", models.CharField(blank=True, max_length=64)),
                        ("made_at", models.DateTimeField(auto_now_add=True)),
                        ("settled_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "retried_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="retried_messages",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "HL7 message",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="InstanceMetadata",
                    fields=[
                        (
                            "instance",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="stored_metadata",
                                serialize=False,
                                to="archive.instance",
                            ),
                        ),
                        ("content", models.BinaryField()),
                    ],
                    options={
                        "verbose_name_plural": "instance metadata",
                    },
                ),
                migrations.AddField(
                    model_name="instance",
                    name="blob",
                    field=models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instance",
                        to="archive.blob",
                    ),
                ),
                migrations.CreateModel(
                    name="CollectionItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("position", models.PositiveIntegerField()),
                        ("frame", models.PositiveIntegerField(blank=True, null=True)),
                        ("title", models.CharField(blank=True, max_length=128)),
                        ("note", models.TextField(blank=True)),
                        ("diagnosis", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "added_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="added_collection_items",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "collection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="archive.collection",
                            ),
                        ),
                        (
                            "instance",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="collection_items",
                                to="archive.instance",
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="collection_items",
                                to="archive.series",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["collection_id", "position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="NoticeChoice",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("topic", models.CharField(max_length=32)),
                        ("in_portal", models.BooleanField(default=True)),
                        ("by_mail", models.BooleanField(default=False)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notice_choices",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["user_id", "topic"],
                    },
                ),
                migrations.CreateModel(
                    name="OutboxEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("kind", models.CharField(max_length=40)),
                        ("payload", models.JSONField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("published_at", models.DateTimeField(blank=True, null=True)),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("last_error", models.CharField(blank=True, max_length=255)),
                    ],
                    options={
                        "ordering": ["pk"],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("published_at__isnull", True)),
                                fields=["id"],
                                name="outbox_unpublished_idx",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Patient",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("dicom_patient_id", models.CharField(blank=True, max_length=64)),
                        ("issuer_of_patient_id", models.CharField(blank=True, max_length=64)),
                        ("patient_name", models.CharField(blank=True, max_length=324)),
                        ("patient_name_search", models.CharField(blank=True, max_length=512)),
                        ("patient_birth_date", models.DateField(blank=True, null=True)),
                        ("patient_sex", models.CharField(blank=True, max_length=16)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "is_research_refused",
                            models.BooleanField(db_default=False, default=False),
                        ),
                        (
                            "conflict_of",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conflicts",
                                to="archive.patient",
                            ),
                        ),
                        (
                            "merged_into",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="merged",
                                to="archive.patient",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["patient_name_search", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Correction",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("patient-edit", "Patient edited"),
                                    ("study-edit", "Study edited"),
                                    ("series-edit", "Series edited"),
                                    ("patient-merge", "Patients merged"),
                                    ("study-move", "Studies moved to another patient"),
                                    ("series-move", "Series moved to another study"),
                                    ("study-split", "Series split into a study of their own"),
                                    ("reconcile", "Matched with an order"),
                                    ("project-move", "Moved to another project"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("reason", models.CharField(max_length=500)),
                        ("origin", models.CharField(blank=True, max_length=64)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("subject", models.JSONField(blank=True, default=dict)),
                        ("before", models.JSONField(blank=True, default=dict)),
                        ("after", models.JSONField(blank=True, default=dict)),
                        ("made_at", models.DateTimeField(auto_now_add=True)),
                        ("undone_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "made_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="corrections",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "undone_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="undone_corrections",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "patient",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="corrections",
                                to="archive.patient",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="BreakGlass",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("reason", models.CharField(max_length=500)),
                        ("started_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField()),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                        ("review_note", models.CharField(blank=True, max_length=500)),
                        ("is_justified", models.BooleanField(blank=True, null=True)),
                        (
                            "reviewed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="reviewed_emergencies",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="emergencies",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "patient",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="emergencies",
                                to="archive.patient",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "break-glass accesses",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="PatientAlias",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("dicom_patient_id", models.CharField(max_length=64)),
                        ("issuer_of_patient_id", models.CharField(blank=True, max_length=64)),
                        ("is_active", models.BooleanField(default=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "correction",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="aliases",
                                to="archive.correction",
                            ),
                        ),
                        (
                            "patient",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="aliases",
                                to="archive.patient",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "patient aliases",
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Peer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("ae_title", models.CharField(max_length=16)),
                        (
                            "address",
                            models.GenericIPAddressField(help_text="The address it calls from."),
                        ),
                        (
                            "port",
                            models.PositiveIntegerField(
                                blank=True, help_text="Where it listens.", null=True
                            ),
                        ),
                        ("description", models.CharField(blank=True, max_length=128)),
                        ("may_store", models.BooleanField(default=True)),
                        ("may_query", models.BooleanField(default=False)),
                        ("is_enabled", models.BooleanField(default=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "base_url",
                            models.URLField(blank=True, help_text="Of its DICOMweb service."),
                        ),
                        (
                            "certificate_authority",
                            models.TextField(blank=True, help_text="PEM; empty: the system's."),
                        ),
                        ("echo_error", models.CharField(blank=True, max_length=255)),
                        ("echoed_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "host",
                            models.CharField(
                                blank=True,
                                help_text="The name or address it listens at, where that is another.",
                                max_length=255,
                            ),
                        ),
                        (
                            "is_move_destination",
                            models.BooleanField(
                                default=False,
                                help_text="Others may have studies sent to it (C-MOVE).",
                            ),
                        ),
                        ("may_retrieve", models.BooleanField(default=False)),
                        (
                            "protocol",
                            models.CharField(
                                choices=[("dimse", "DICOM (DIMSE)"), ("dicomweb", "DICOMweb")],
                                db_default="dimse",
                                default="dimse",
                                max_length=10,
                            ),
                        ),
                        (
                            "sealed_credentials",
                            models.TextField(
                                blank=True,
                                help_text="Encrypted; what its DICOMweb service asks for.",
                            ),
                        ),
                        (
                            "transfer_syntaxes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=64),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("uses_tls", models.BooleanField(default=False)),
                        (
                            "account",
                            models.ForeignKey(
                                blank=True,
                                help_text="With whose rights it asks and retrieves; empty: it sees nothing.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="peers",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["ae_title", "address"],
                    },
                ),
                migrations.CreateModel(
                    name="PrefetchRule",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=128, unique=True)),
                        ("is_enabled", models.BooleanField(default=False)),
                        (
                            "modalities",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=16),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "prior_modalities",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=16),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("most_studies", models.PositiveIntegerField(default=3)),
                        ("most_years", models.PositiveIntegerField(default=5)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "peer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="prefetch_rules",
                                to="archive.peer",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="Fetch",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("dicom_patient_id", models.CharField(blank=True, max_length=64)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=64)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("fetching", "Fetching"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="waiting",
                                max_length=10,
                            ),
                        ),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("not_before", models.DateTimeField()),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("number_of_instances", models.PositiveIntegerField(default=0)),
                        ("message", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "requested_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="fetches",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "peer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="fetches",
                                to="archive.peer",
                            ),
                        ),
                        (
                            "rule",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="fetches",
                                to="archive.prefetchrule",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "fetches",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Project",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=128)),
                        ("slug", models.SlugField(max_length=64, unique=True)),
                        (
                            "kind",
                            models.CharField(
                                choices=[("standard", "Standard"), ("unassigned", "Unassigned")],
                                default="standard",
                                max_length=16,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "quota_bytes",
                            models.BigIntegerField(
                                blank=True,
                                help_text="Stores are refused past it; empty: no limit.",
                                null=True,
                            ),
                        ),
                        ("is_deidentified", models.BooleanField(db_default=False, default=False)),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("kind", "unassigned")),
                                fields=("kind",),
                                name="project_only_one_unassigned",
                            )
                        ],
                    },
                ),
                migrations.AddField(
                    model_name="peer",
                    name="project",
                    field=models.ForeignKey(
                        blank=True,
                        help_text="What this peer stores goes to this project.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="peers",
                        to="archive.project",
                    ),
                ),
                migrations.CreateModel(
                    name="NoteArrival",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
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
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Membership",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("viewer", "Viewer"),
                                    ("clinician", "Clinician"),
                                    ("annotator", "Annotator"),
                                    ("radiology_admin", "Radiology admin"),
                                    ("researcher", "Researcher (de-identified only)"),
                                    ("auditor", "Auditor"),
                                    ("system", "System"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("origin", models.CharField(blank=True, db_default="", max_length=64)),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["user_id", "project_id", "role"],
                    },
                ),
                migrations.CreateModel(
                    name="GroupMapping",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "provider",
                            models.CharField(
                                help_text="Of the sign-in: an OIDC id, or ldap.", max_length=64
                            ),
                        ),
                        ("group", models.CharField(max_length=255)),
                        ("role", models.CharField(blank=True, max_length=16)),
                        ("is_user_admin", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="group_mappings",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["provider", "group", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="ForwardingRule",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=128, unique=True)),
                        ("is_enabled", models.BooleanField(default=False)),
                        (
                            "modalities",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=16),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("conditions", models.JSONField(blank=True, default=dict)),
                        (
                            "includes_results",
                            models.BooleanField(
                                default=True,
                                help_text="Also what models and readers say about the images.",
                            ),
                        ),
                        ("from_time", models.TimeField(blank=True, null=True)),
                        ("until_time", models.TimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "peer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="forwarding_rules",
                                to="archive.peer",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="forwarding_rules",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.AddField(
                    model_name="collection",
                    name="project",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="collections",
                        to="archive.project",
                    ),
                ),
                migrations.CreateModel(
                    name="Quarantine",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("reason_code", models.CharField(max_length=40)),
                        ("reason", models.TextField()),
                        ("door", models.CharField(max_length=16)),
                        ("source", models.CharField(blank=True, max_length=255)),
                        ("original_name", models.CharField(blank=True, max_length=255)),
                        ("sop_instance_uid", models.CharField(blank=True, max_length=128)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=128)),
                        ("size_bytes", models.BigIntegerField(default=0)),
                        ("received_at", models.DateTimeField(auto_now_add=True)),
                        ("resolved_at", models.DateTimeField(blank=True, null=True)),
                        ("resolution", models.CharField(blank=True, max_length=255)),
                        (
                            "actor",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="quarantined",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "blob",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="quarantines",
                                to="archive.blob",
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="quarantined",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-received_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="QuizAnswer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("answer", models.CharField(max_length=255)),
                        ("is_right", models.BooleanField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="answers",
                                to="archive.collectionitem",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="quiz_answers",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Removal",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("deleted", "Deleted"),
                                    ("rejected", "Rejected by a note (IHE IOCM)"),
                                ],
                                max_length=8,
                            ),
                        ),
                        (
                            "level",
                            models.CharField(
                                choices=[
                                    ("study", "Study"),
                                    ("series", "Series"),
                                    ("instance", "Instance"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("study_instance_uid", models.CharField(max_length=64)),
                        (
                            "uid",
                            models.CharField(
                                help_text="Of the object named: study, series, instance.",
                                max_length=64,
                            ),
                        ),
                        ("reason", models.CharField(max_length=500)),
                        ("note_sop_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("reason_code", models.CharField(blank=True, max_length=16)),
                        ("number_of_instances", models.PositiveIntegerField(default=0)),
                        ("removed_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "purge_after",
                            models.DateTimeField(
                                blank=True, help_text="Empty: never by itself.", null=True
                            ),
                        ),
                        ("undone_at", models.DateTimeField(blank=True, null=True)),
                        ("purged_at", models.DateTimeField(blank=True, null=True)),
                        ("before", models.JSONField(blank=True, default=dict)),
                        (
                            "projects",
                            models.ManyToManyField(
                                blank=True, related_name="removals", to="archive.project"
                            ),
                        ),
                        (
                            "removed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="removals",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "undone_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="undone_removals",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.AddField(
                    model_name="instance",
                    name="removal",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="instances",
                        to="archive.removal",
                    ),
                ),
                migrations.CreateModel(
                    name="SavedFilter",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=64)),
                        (
                            "query",
                            models.CharField(
                                blank=True,
                                help_text="A query string of /studies/.",
                                max_length=2000,
                            ),
                        ),
                        ("is_default", models.BooleanField(default=False)),
                        ("position", models.PositiveIntegerField(default=0)),
                        ("is_followed", models.BooleanField(default=False)),
                        ("seen_up_to", models.BigIntegerField(default=0)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="saved_filters",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["user_id", "position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="ScheduledStep",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("SCHEDULED", "Scheduled"),
                                    ("ARRIVED", "Patient has arrived"),
                                    ("STARTED", "Started"),
                                    ("COMPLETED", "Completed"),
                                    ("DISCONTINUED", "Discontinued"),
                                ],
                                default="SCHEDULED",
                                max_length=12,
                            ),
                        ),
                        ("dicom_patient_id", models.CharField(max_length=64)),
                        ("issuer_of_patient_id", models.CharField(blank=True, max_length=64)),
                        ("patient_name", models.CharField(max_length=324)),
                        ("patient_name_search", models.CharField(blank=True, max_length=512)),
                        ("patient_birth_date", models.DateField(blank=True, null=True)),
                        ("patient_sex", models.CharField(blank=True, max_length=16)),
                        ("patient_weight_kg", models.FloatField(blank=True, null=True)),
                        ("medical_alerts", models.CharField(blank=True, max_length=64)),
                        ("allergies", models.CharField(blank=True, max_length=64)),
                        (
                            "pregnancy_status",
                            models.PositiveSmallIntegerField(blank=True, null=True),
                        ),
                        ("accession_number", models.CharField(blank=True, max_length=16)),
                        ("admission_id", models.CharField(blank=True, max_length=64)),
                        ("referring_physician_name", models.CharField(blank=True, max_length=324)),
                        ("requesting_physician", models.CharField(blank=True, max_length=324)),
                        ("study_instance_uid", models.CharField(max_length=64)),
                        ("requested_procedure_id", models.CharField(max_length=16)),
                        (
                            "requested_procedure_description",
                            models.CharField(blank=True, max_length=64),
                        ),
                        (
                            "requested_procedure_priority",
                            models.CharField(blank=True, max_length=16),
                        ),
                        ("requested_procedure_code", models.JSONField(blank=True, default=dict)),
                        ("protocol_code", models.JSONField(blank=True, default=dict)),
                        ("scheduled_step_id", models.CharField(max_length=16)),
                        ("scheduled_step_description", models.CharField(blank=True, max_length=64)),
                        ("scheduled_station_ae_title", models.CharField(blank=True, max_length=16)),
                        ("scheduled_station_name", models.CharField(blank=True, max_length=16)),
                        ("scheduled_step_location", models.CharField(blank=True, max_length=16)),
                        ("modality", models.CharField(max_length=16)),
                        ("scheduled_date", models.DateField()),
                        ("scheduled_time", models.TimeField(blank=True, null=True)),
                        (
                            "scheduled_performing_physician_name",
                            models.CharField(blank=True, max_length=324),
                        ),
                        ("comments", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="scheduled_steps",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="scheduled_steps",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["scheduled_date", "scheduled_time", "pk"],
                    },
                ),
                migrations.AddField(
                    model_name="instance",
                    name="series",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instances",
                        to="archive.series",
                    ),
                ),
                migrations.CreateModel(
                    name="ServiceClient",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "scopes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=128), default=list, size=None
                            ),
                        ),
                        ("jwks", models.JSONField(blank=True, default=dict)),
                        ("jwks_url", models.URLField(blank=True, max_length=500)),
                        ("is_enabled", models.BooleanField(default=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "application",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="service_client",
                                to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                help_text="What it stores goes to this project.",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="service_clients",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="ApiToken",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(blank=True, max_length=128)),
                        ("digest", models.CharField(max_length=64, unique=True)),
                        ("hint", models.CharField(max_length=12)),
                        (
                            "scopes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=16), size=None
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "granted_scope",
                            models.CharField(blank=True, db_default="", max_length=2000),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="api_tokens",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                help_text="What this token stores goes to this project.",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="api_tokens",
                                to="archive.project",
                            ),
                        ),
                        (
                            "client",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="tokens",
                                to="archive.serviceclient",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-created_at"],
                    },
                ),
                migrations.CreateModel(
                    name="StorageCommitment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("transaction_uid", models.CharField(max_length=64, unique=True)),
                        ("requested", models.JSONField()),
                        ("failed", models.JSONField(blank=True, default=list)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("requested", "Requested"),
                                    ("checked", "Checked"),
                                    ("reported", "Reported"),
                                    ("failed", "Report not delivered"),
                                ],
                                default="requested",
                                max_length=10,
                            ),
                        ),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("not_before", models.DateTimeField()),
                        ("message", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("reported_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "peer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="storage_commitments",
                                to="archive.peer",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="StorageSample",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("taken_at", models.DateTimeField(auto_now_add=True)),
                        ("free_bytes", models.BigIntegerField()),
                        ("total_bytes", models.BigIntegerField()),
                        ("blob_bytes", models.BigIntegerField(default=0)),
                        ("database_bytes", models.BigIntegerField(default=0)),
                        ("instances", models.BigIntegerField(default=0)),
                    ],
                    options={
                        "ordering": ["-taken_at"],
                        "indexes": [models.Index(fields=["-taken_at"], name="storage_sample_idx")],
                    },
                ),
                migrations.CreateModel(
                    name="Study",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("study_instance_uid", models.CharField(max_length=64, unique=True)),
                        ("study_date", models.DateField(blank=True, null=True)),
                        ("study_time", models.TimeField(blank=True, null=True)),
                        ("accession_number", models.CharField(blank=True, max_length=64)),
                        ("dicom_study_id", models.CharField(blank=True, max_length=64)),
                        ("study_description", models.CharField(blank=True, max_length=255)),
                        ("referring_physician_name", models.CharField(blank=True, max_length=324)),
                        (
                            "referring_physician_name_search",
                            models.CharField(blank=True, max_length=512),
                        ),
                        ("patient_age", models.CharField(blank=True, max_length=16)),
                        ("timezone_offset_from_utc", models.CharField(blank=True, max_length=16)),
                        ("specific_character_set", models.CharField(blank=True, max_length=128)),
                        (
                            "modalities_in_study",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=16),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "body_parts",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=64),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("number_of_study_related_series", models.PositiveIntegerField(default=0)),
                        (
                            "number_of_study_related_instances",
                            models.PositiveIntegerField(default=0),
                        ),
                        ("is_deidentified", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        ("stored_bytes", models.BigIntegerField(db_default=0, default=0)),
                        (
                            "withheld",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Shown"),
                                    ("rejected", "Notes rejected all of it; given to who names it"),
                                    (
                                        "deleted",
                                        "Deleted, until somebody undoes it or it is purged",
                                    ),
                                ],
                                db_default="",
                                default="",
                                max_length=12,
                            ),
                        ),
                        ("corrected", models.JSONField(blank=True, db_default=[], default=list)),
                        (
                            "legal_hold_reason",
                            models.CharField(
                                blank=True,
                                db_default="",
                                help_text="While there is one it is not deleted.",
                                max_length=500,
                            ),
                        ),
                        (
                            "patient",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="studies",
                                to="archive.patient",
                            ),
                        ),
                        (
                            "projects",
                            models.ManyToManyField(related_name="studies", to="archive.project"),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "studies",
                        "ordering": [
                            models.OrderBy(
                                models.F("study_date"), descending=True, nulls_last=True
                            ),
                            models.OrderBy(
                                models.F("study_time"), descending=True, nulls_last=True
                            ),
                            "-pk",
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ShareLink",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("digest", models.CharField(max_length=64, unique=True)),
                        ("hint", models.CharField(max_length=12)),
                        ("password", models.CharField(blank=True, max_length=128)),
                        ("note", models.CharField(blank=True, max_length=255)),
                        ("may_download", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField()),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        ("opened", models.PositiveIntegerField(default=0)),
                        ("last_opened_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "collection",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="share_links",
                                to="archive.collection",
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="share_links",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="share_links",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.AddField(
                    model_name="series",
                    name="study",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="series",
                        to="archive.study",
                    ),
                ),
                migrations.CreateModel(
                    name="Notice",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("topic", models.CharField(max_length=32)),
                        ("title", models.CharField(max_length=255)),
                        ("body", models.CharField(blank=True, max_length=1000)),
                        ("path", models.CharField(blank=True, max_length=500)),
                        ("key", models.CharField(blank=True, max_length=200)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("read_at", models.DateTimeField(blank=True, null=True)),
                        ("mail_due_at", models.DateTimeField(blank=True, null=True)),
                        ("mailed_at", models.DateTimeField(blank=True, null=True)),
                        ("mail_attempts", models.PositiveSmallIntegerField(default=0)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notices",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notices",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Forward",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("sending", "Sending"),
                                    ("sent", "Sent"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="waiting",
                                max_length=10,
                            ),
                        ),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("not_before", models.DateTimeField()),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("message", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "requested_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="forwards",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "rule",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="forwards",
                                to="archive.forwardingrule",
                            ),
                        ),
                        (
                            "instance",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="forwards",
                                to="archive.instance",
                            ),
                        ),
                        (
                            "peer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="forwards",
                                to="archive.peer",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="forwards",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Follow",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("whole_patient", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="follows",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="follows",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.AddField(
                    model_name="collectionitem",
                    name="study",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collection_items",
                        to="archive.study",
                    ),
                ),
                migrations.CreateModel(
                    name="StudyGrant",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "granted_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="given_study_grants",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="grants",
                                to="archive.study",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="study_grants",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Tombstone",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("study_instance_uid", models.CharField(max_length=64)),
                        ("series_instance_uid", models.CharField(max_length=64)),
                        ("sop_instance_uid", models.CharField(max_length=64, unique=True)),
                        ("dataset_sha256", models.CharField(max_length=64)),
                        ("buried_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "removal",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tombstones",
                                to="archive.removal",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="UploadBatch",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("source", models.CharField(blank=True, max_length=255)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("receiving", "Receiving"),
                                    ("examining", "Examining"),
                                    ("ready", "Ready to store"),
                                    ("storing", "Storing"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="receiving",
                                max_length=12,
                            ),
                        ),
                        ("is_preview_wanted", models.BooleanField(default=False)),
                        ("wrapping", models.JSONField(blank=True, default=dict)),
                        ("preview", models.JSONField(blank=True, default=dict)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("touched_at", models.DateTimeField(auto_now_add=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="upload_batches",
                                to="archive.project",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="upload_batches",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "upload batches",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="UploadFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("name", models.CharField(max_length=1024)),
                        ("spool_name", models.CharField(blank=True, max_length=64)),
                        ("size_bytes", models.BigIntegerField()),
                        ("received_bytes", models.BigIntegerField(default=0)),
                        ("fingerprint", models.CharField(blank=True, max_length=128)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("receiving", "Receiving"),
                                    ("received", "Received"),
                                    ("stored", "Stored"),
                                    ("duplicate", "Already stored"),
                                    ("quarantined", "In quarantine"),
                                    ("refused", "Refused"),
                                    ("unpacked", "Unpacked"),
                                    ("skipped", "Skipped"),
                                ],
                                default="receiving",
                                max_length=12,
                            ),
                        ),
                        ("kind", models.CharField(blank=True, max_length=16)),
                        (
                            "outlook",
                            models.CharField(
                                blank=True, help_text="What the preview expects.", max_length=32
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=500)),
                        ("patient_id", models.CharField(blank=True, max_length=64)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("series_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("sop_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "batch",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="files",
                                to="archive.uploadbatch",
                            ),
                        ),
                        (
                            "container",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="entries",
                                to="archive.uploadfile",
                            ),
                        ),
                        (
                            "quarantine",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="upload_files",
                                to="archive.quarantine",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="UsedAssertion",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("digest", models.CharField(max_length=64, unique=True)),
                        ("expires_at", models.DateTimeField()),
                    ],
                    options={
                        "ordering": ["pk"],
                        "indexes": [
                            models.Index(fields=["expires_at"], name="used_assertion_expiry_idx")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WatchedFolder",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("path", models.CharField(max_length=1024, unique=True)),
                        (
                            "after",
                            models.CharField(
                                choices=[
                                    ("keep", "Leave them"),
                                    ("move", "Move them to the folder done beside it"),
                                    ("delete", "Delete them once they are safe here"),
                                ],
                                default="keep",
                                max_length=8,
                            ),
                        ),
                        (
                            "quiet_seconds",
                            models.PositiveIntegerField(
                                default=10, help_text="How long a file must not have changed."
                            ),
                        ),
                        ("is_enabled", models.BooleanField(default=True)),
                        ("known", models.JSONField(blank=True, default=dict)),
                        ("scanned_at", models.DateTimeField(blank=True, null=True)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "account",
                            models.ForeignKey(
                                help_text="In whose name its files are stored.",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="watched_folders",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="watched_folders",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["path"],
                    },
                ),
                migrations.CreateModel(
                    name="AuditEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("recorded_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "event_id",
                            models.CharField(help_text="DICOM code, PS3.16 CID 400.", max_length=8),
                        ),
                        ("act", models.CharField(max_length=40)),
                        (
                            "action",
                            models.CharField(
                                choices=[
                                    ("C", "Create"),
                                    ("R", "Read"),
                                    ("U", "Update"),
                                    ("D", "Delete"),
                                    ("E", "Execute"),
                                ],
                                max_length=1,
                            ),
                        ),
                        (
                            "outcome",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, "Success"),
                                    (4, "Minor failure"),
                                    (8, "Serious failure"),
                                ],
                                default=0,
                            ),
                        ),
                        ("actor_name", models.CharField(blank=True, max_length=150)),
                        ("token_hint", models.CharField(blank=True, max_length=12)),
                        ("door", models.CharField(max_length=16)),
                        ("address", models.GenericIPAddressField(blank=True, null=True)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("details", models.JSONField(blank=True, default=dict)),
                        (
                            "actor",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="audit_events",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                        "indexes": [
                            models.Index(
                                fields=["study_instance_uid", "-id"], name="audit_study_idx"
                            ),
                            models.Index(fields=["actor", "-id"], name="audit_actor_idx"),
                            models.Index(fields=["recorded_at"], name="audit_recorded_at_idx"),
                        ],
                    },
                ),
                migrations.AddIndex(
                    model_name="bulkjob",
                    index=models.Index(fields=["user", "-id"], name="bulk_job_user_idx"),
                ),
                migrations.AddIndex(
                    model_name="bulkjob",
                    index=models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["lease_until"],
                        name="bulk_job_open_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="bulkitem",
                    index=models.Index(fields=["job", "state"], name="bulk_item_state_idx"),
                ),
                migrations.AddConstraint(
                    model_name="bulkitem",
                    constraint=models.UniqueConstraint(
                        fields=("job", "study_instance_uid"), name="bulk_item_study_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="hl7message",
                    index=models.Index(
                        fields=["partner", "control_id"], name="hl7_message_control_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="hl7message",
                    index=models.Index(
                        condition=models.Q(("state", "queued")),
                        fields=["not_before"],
                        name="hl7_message_queued_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="hl7message",
                    index=models.Index(fields=["state", "-id"], name="hl7_message_state_idx"),
                ),
                migrations.AddConstraint(
                    model_name="hl7message",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(
                            ("direction", "out"), models.Q(("subject_uid", ""), _negated=True)
                        ),
                        fields=("partner", "subject_uid"),
                        name="hl7_message_subject_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="noticechoice",
                    constraint=models.UniqueConstraint(
                        fields=("user", "topic"), name="notice_choice_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="patient",
                    index=models.Index(
                        fields=["dicom_patient_id"], name="patient_dicom_patient_id_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="patient",
                    index=models.Index(
                        django.contrib.postgres.indexes.OpClass(
                            models.F("patient_name_search"), name="text_pattern_ops"
                        ),
                        name="patient_name_search_prefix_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="patient",
                    index=models.Index(
                        condition=models.Q(("conflict_of__isnull", False)),
                        fields=["conflict_of"],
                        name="patient_conflict_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="patient",
                    index=models.Index(
                        fields=["patient_name_search"], name="patient_name_order_idx"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="patient",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(
                            ("conflict_of__isnull", True),
                            ("merged_into__isnull", True),
                            models.Q(("dicom_patient_id", ""), _negated=True),
                        ),
                        fields=("dicom_patient_id", "issuer_of_patient_id"),
                        name="patient_id_issuer_unique",
                    ),
                ),
                migrations.AddIndex(
                    model_name="correction",
                    index=models.Index(fields=["study_instance_uid"], name="correction_study_idx"),
                ),
                migrations.AddIndex(
                    model_name="correction",
                    index=models.Index(fields=["patient", "-id"], name="correction_patient_idx"),
                ),
                migrations.AddIndex(
                    model_name="breakglass",
                    index=models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["user", "expires_at"],
                        name="break_glass_open_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="patientalias",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("is_active", True)),
                        fields=("dicom_patient_id", "issuer_of_patient_id"),
                        name="patient_alias_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="fetch",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "fetching"])),
                        fields=("peer", "dicom_patient_id", "study_instance_uid"),
                        name="fetch_open_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="peer",
                    constraint=models.UniqueConstraint(
                        fields=("ae_title", "address"), name="peer_ae_title_address_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="membership",
                    constraint=models.UniqueConstraint(
                        fields=("user", "project", "role"),
                        name="membership_user_project_role_unique",
                        nulls_distinct=False,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="groupmapping",
                    constraint=models.UniqueConstraint(
                        fields=("provider", "group", "project", "role"),
                        name="group_mapping_unique",
                        nulls_distinct=False,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="collection",
                    constraint=models.UniqueConstraint(
                        fields=("owner", "name"), name="collection_owner_name_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="quarantine",
                    index=models.Index(
                        condition=models.Q(("resolved_at__isnull", True)),
                        fields=["-received_at"],
                        name="quarantine_open_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quarantine",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("blob__isnull", False), ("resolved_at__isnull", True)),
                        fields=("blob", "reason_code"),
                        name="quarantine_open_blob_reason_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="quizanswer",
                    constraint=models.UniqueConstraint(
                        fields=("item", "user"), name="quiz_answer_item_user_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="removal",
                    index=models.Index(fields=["study_instance_uid"], name="removal_study_idx"),
                ),
                migrations.AddIndex(
                    model_name="removal",
                    index=models.Index(
                        condition=models.Q(
                            ("purged_at__isnull", True), ("undone_at__isnull", True)
                        ),
                        fields=["purge_after"],
                        name="removal_open_purge_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="savedfilter",
                    constraint=models.UniqueConstraint(
                        fields=("user", "name"), name="saved_filter_user_name_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="savedfilter",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("user",),
                        name="saved_filter_one_default",
                    ),
                ),
                migrations.AddIndex(
                    model_name="scheduledstep",
                    index=models.Index(
                        fields=["scheduled_date", "modality"], name="scheduled_step_date_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="scheduledstep",
                    index=models.Index(
                        fields=["dicom_patient_id"], name="scheduled_step_patient_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="scheduledstep",
                    index=models.Index(
                        fields=["accession_number"], name="scheduled_step_accession_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="scheduledstep",
                    index=models.Index(
                        condition=models.Q(("state__in", ["SCHEDULED", "ARRIVED", "STARTED"])),
                        fields=["scheduled_date"],
                        name="scheduled_step_open_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="scheduledstep",
                    constraint=models.UniqueConstraint(
                        fields=("study_instance_uid", "scheduled_step_id"),
                        name="scheduled_step_study_id_unique",
                    ),
                ),
                migrations.AddIndex(
                    model_name="instance",
                    index=models.Index(
                        fields=["series", "instance_number"], name="instance_series_number_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="instance",
                    index=models.Index(fields=["sop_class_uid"], name="instance_sop_class_uid_idx"),
                ),
                migrations.AddIndex(
                    model_name="instance",
                    index=models.Index(
                        condition=models.Q(("removal__isnull", False)),
                        fields=["removal"],
                        name="instance_removal_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="instance",
                    index=models.Index(fields=["instance_number"], name="instance_number_idx"),
                ),
                migrations.AddIndex(
                    model_name="storagecommitment",
                    index=models.Index(
                        condition=models.Q(("state__in", ["requested", "checked"])),
                        fields=["not_before"],
                        name="commitment_open_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(
                        models.OrderBy(models.F("study_date"), descending=True, nulls_last=True),
                        models.OrderBy(models.F("study_time"), descending=True, nulls_last=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="study_date_time_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(
                        fields=["accession_number"], name="study_accession_number_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(fields=["dicom_study_id"], name="study_dicom_study_id_idx"),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(fields=["created_at"], name="study_created_at_idx"),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=django.contrib.postgres.indexes.GinIndex(
                        fields=["modalities_in_study"], name="study_modalities_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(fields=["study_time"], name="study_time_idx"),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(
                        django.contrib.postgres.indexes.OpClass(
                            models.F("referring_physician_name_search"), name="text_pattern_ops"
                        ),
                        name="study_referring_prefix_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(
                        fields=["study_description"], name="study_description_order_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="study",
                    index=models.Index(
                        fields=["study_date", "study_time", "id"], name="study_oldest_first_idx"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="sharelink",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("collection__isnull", True), ("study__isnull", False)),
                            models.Q(("collection__isnull", False), ("study__isnull", True)),
                            _connector="OR",
                        ),
                        name="share_link_one_object",
                    ),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(
                        fields=["study", "series_number"], name="series_study_number_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(fields=["modality"], name="series_modality_idx"),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(fields=["body_part_examined"], name="series_body_part_idx"),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(
                        fields=["performed_procedure_step_start_date"],
                        name="series_pps_start_date_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(fields=["series_number"], name="series_number_idx"),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=models.Index(
                        fields=["performed_procedure_step_start_time"],
                        name="series_pps_start_time_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="series",
                    index=django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass(
                            models.F("request_attributes"), name="jsonb_path_ops"
                        ),
                        name="series_request_attributes_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="notice",
                    index=models.Index(fields=["user", "-id"], name="notice_user_idx"),
                ),
                migrations.AddIndex(
                    model_name="notice",
                    index=models.Index(
                        condition=models.Q(("read_at__isnull", True)),
                        fields=["user"],
                        name="notice_unread_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="notice",
                    index=models.Index(
                        condition=models.Q(
                            ("mail_due_at__isnull", False), ("mailed_at__isnull", True)
                        ),
                        fields=["mail_due_at"],
                        name="notice_mail_due_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="notice",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("key", ""), _negated=True),
                        fields=("user", "key"),
                        name="notice_user_key_unique",
                    ),
                ),
                migrations.AddIndex(
                    model_name="forward",
                    index=models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["not_before"],
                        name="forward_waiting_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="forward",
                    index=models.Index(
                        condition=models.Q(("state", "sending")),
                        fields=["lease_until"],
                        name="forward_sending_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="forward",
                    index=models.Index(fields=["state", "-id"], name="forward_state_idx"),
                ),
                migrations.AddConstraint(
                    model_name="forward",
                    constraint=models.UniqueConstraint(
                        fields=("peer", "instance"), name="forward_peer_instance_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="follow",
                    constraint=models.UniqueConstraint(
                        fields=("user", "study"), name="follow_user_study_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="collectionitem",
                    constraint=models.UniqueConstraint(
                        fields=("collection", "study", "series", "instance", "frame"),
                        name="collection_item_object_unique",
                        nulls_distinct=False,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="collectionitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("instance__isnull", True), ("series__isnull", False), _connector="OR"
                        ),
                        name="collection_item_path_whole",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="studygrant",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("user", "study"),
                        name="study_grant_open_unique",
                    ),
                ),
                migrations.AddIndex(
                    model_name="tombstone",
                    index=models.Index(fields=["study_instance_uid"], name="tombstone_study_idx"),
                ),
                migrations.AddIndex(
                    model_name="tombstone",
                    index=models.Index(fields=["series_instance_uid"], name="tombstone_series_idx"),
                ),
                migrations.AddIndex(
                    model_name="uploadbatch",
                    index=models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["state", "lease_until"],
                        name="upload_batch_open_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="uploadfile",
                    index=models.Index(fields=["batch", "state"], name="upload_file_state_idx"),
                ),
            ]
        ),
        migrations.RunSQL(
            _former("0002_trigram_indexes").CREATE, _former("0002_trigram_indexes").DROP
        ),
        migrations.RunPython(
            _former("0003_unassigned_project").create_unassigned, migrations.RunPython.noop
        ),
        migrations.RunSQL(
            _former("0008_store_statement").CREATE, _former("0008_store_statement").DROP
        ),
        migrations.RunSQL(
            _former("0009_rights_notices").CREATE, _former("0009_rights_notices").DROP
        ),
        migrations.RunSQL(_former("0010_query_indexes").CREATE, _former("0010_query_indexes").DROP),
        migrations.RunSQL(
            _former("0016_sharing_notices").CREATE, _former("0016_sharing_notices").DROP
        ),
        migrations.RunSQL(
            _former("0017_merged_patients").CREATE, _former("0017_merged_patients").FORMER
        ),
        migrations.RunSQL(_former("0018_audit_chain").CREATE, _former("0018_audit_chain").DROP),
        migrations.RunSQL(_former("0021_arrivals").CREATE, _former("0021_arrivals").DROP),
    ]
