"""The schema of models, runs and embeddings in one step, for a database that is new."""

from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django.halfvec
from django.conf import settings
from django.db import migrations, models
from pgvector.django import VectorExtension

from archive.migrations._in_one_step import InOneStep


def _former(name):
    """What a step wrote by hand, in its own words."""
    return import_module(f"inference.migrations.{name}")


class Migration(migrations.Migration):
    replaces = [
        ("inference", "0001_initial"),
        ("inference", "0002_retrieval"),
        ("inference", "0003_space_fill"),
        ("inference", "0004_series_text_stale"),
        ("inference", "0005_series_check"),
        ("inference", "0006_series_attributes"),
        ("inference", "0007_embedding_facts"),
        ("inference", "0008_inference_complete"),
        ("inference", "0009_workitems"),
        ("inference", "0010_withheld_embeddings"),
        ("inference", "0011_workitem_channels"),
        ("inference", "0012_moved_series"),
        ("inference", "0013_run_dead_index"),
    ]

    initial = True

    dependencies = [
        ("archive", "0022_hl7_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        VectorExtension(),
        InOneStep(
            [
                migrations.CreateModel(
                    name="Projection",
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
                                    ("pca", "Principal components"),
                                    ("lda", "Adapted to labels"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("matrix", models.BinaryField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("parameters", models.JSONField(blank=True, default=dict)),
                        (
                            "label_sets",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=64),
                                blank=True,
                                default=list,
                                size=None,
                            ),
                        ),
                        ("number_of_vectors", models.PositiveIntegerField()),
                        ("fitted_at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Finding",
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
                                    ("classification", "Classification"),
                                    ("measurement", "Measurement"),
                                    ("detection", "Detection"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("name", models.CharField(max_length=64)),
                        ("label", models.CharField(blank=True, max_length=64)),
                        ("value", models.FloatField(blank=True, null=True)),
                        ("unit", models.CharField(blank=True, max_length=16)),
                        ("probability", models.FloatField(blank=True, null=True)),
                        ("is_critical", models.BooleanField(default=False)),
                        ("location", models.JSONField(blank=True, default=dict)),
                        (
                            "review",
                            models.CharField(
                                choices=[
                                    ("unverified", "Not reviewed"),
                                    ("accepted", "Accepted"),
                                    ("rejected", "Rejected"),
                                ],
                                default="unverified",
                                max_length=16,
                            ),
                        ),
                        ("tracking_uid", models.CharField(blank=True, max_length=64)),
                        (
                            "series",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="findings",
                                to="archive.series",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["run_id", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="ModelVersion",
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
                        ("version", models.CharField(max_length=32)),
                        (
                            "task",
                            models.CharField(
                                choices=[
                                    ("embed", "Embedding"),
                                    ("classify", "Classification"),
                                    ("segment", "Segmentation"),
                                    ("detect", "Detection"),
                                ],
                                max_length=16,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "Draft: runs where somebody asks for it"),
                                    (
                                        "shadow",
                                        "Shadow: runs on new series, seen by reviewers only",
                                    ),
                                    ("active", "Active: runs on new series"),
                                    ("retired", "Retired"),
                                ],
                                default="draft",
                                max_length=16,
                            ),
                        ),
                        (
                            "pipeline",
                            models.CharField(
                                help_text="Which pipeline runs it: lite0, linear_head, ct_threshold, bundle.",
                                max_length=32,
                            ),
                        ),
                        (
                            "digest",
                            models.CharField(
                                help_text="SHA-256 over the model's files.", max_length=64
                            ),
                        ),
                        ("bundle_path", models.CharField(blank=True, max_length=500)),
                        ("config", models.JSONField(blank=True, default=dict)),
                        (
                            "is_trusted",
                            models.BooleanField(
                                default=False,
                                help_text="An admin allowed this digest's scripts and expressions to run.",
                            ),
                        ),
                        ("description", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("card", models.TextField(blank=True, help_text="Model card, Markdown.")),
                        ("checks", models.JSONField(blank=True, default=dict)),
                        ("inputs", models.JSONField(blank=True, default=dict)),
                        ("intended_use", models.TextField(blank=True)),
                        (
                            "is_diagnostic",
                            models.BooleanField(
                                default=False,
                                help_text="Its results need not say: not for diagnostic use.",
                            ),
                        ),
                        ("labels", models.JSONField(blank=True, default=list)),
                        ("licence", models.CharField(blank=True, max_length=120)),
                        ("metrics", models.JSONField(blank=True, default=dict)),
                        (
                            "source",
                            models.CharField(
                                blank=True,
                                help_text="Where its files came from: an address or a folder.",
                                max_length=500,
                            ),
                        ),
                        (
                            "registered_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="registered_models",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "-created_at"],
                    },
                ),
                migrations.CreateModel(
                    name="DriftAlarm",
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
                            "measure",
                            models.CharField(
                                help_text="What moved: a label's share, an input.", max_length=64
                            ),
                        ),
                        ("reference", models.JSONField(default=dict)),
                        ("recent", models.JSONField(default=dict)),
                        ("statistic", models.FloatField()),
                        ("threshold", models.FloatField()),
                        ("settled_at", models.DateTimeField(blank=True, null=True)),
                        ("note", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "settled_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="settled_drift_alarms",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="drift_alarms",
                                to="inference.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="EmbeddingSpace",
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
                        ("name", models.CharField(max_length=64, unique=True)),
                        ("dimension", models.PositiveIntegerField()),
                        ("is_default", models.BooleanField(default=False)),
                        ("random_pair_quantiles", models.JSONField(blank=True, default=dict)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "metric",
                            models.CharField(
                                choices=[
                                    ("cosine", "Cosine"),
                                    ("euclidean", "Euclidean distance"),
                                    ("inner_product", "Inner product"),
                                    ("bhattacharyya", "Bhattacharyya coefficient"),
                                ],
                                default="cosine",
                                max_length=16,
                            ),
                        ),
                        ("preprocessing_version", models.CharField(blank=True, max_length=32)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("registered", "Not filled"),
                                    ("filling", "Being filled"),
                                    ("ready", "Ready"),
                                    ("retired", "Retired"),
                                ],
                                default="ready",
                                max_length=12,
                            ),
                        ),
                        ("weights_digest", models.CharField(blank=True, max_length=64)),
                        (
                            "base_space",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="projected_spaces",
                                to="inference.embeddingspace",
                            ),
                        ),
                        (
                            "model_version",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="embedding_space",
                                to="inference.modelversion",
                            ),
                        ),
                        (
                            "projection",
                            models.OneToOneField(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="space",
                                to="inference.projection",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="ResultReview",
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
                            "decision",
                            models.CharField(
                                choices=[
                                    ("accepted", "Accepted"),
                                    ("edited", "Accepted with changes"),
                                    ("rejected", "Rejected"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=500)),
                        ("changes", models.JSONField(blank=True, default=list)),
                        ("successor_uid", models.CharField(blank=True, max_length=64)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "reviewer",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="result_reviews",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="FindingVerdict",
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
                        ("is_agreed", models.BooleanField()),
                        ("label", models.CharField(blank=True, max_length=64)),
                        ("value", models.FloatField(blank=True, null=True)),
                        (
                            "finding",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="verdicts",
                                to="inference.finding",
                            ),
                        ),
                        (
                            "review",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="verdicts",
                                to="inference.resultreview",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="RetrievalEvaluation",
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
                        ("label_set", models.CharField(max_length=64)),
                        ("level", models.CharField(max_length=8)),
                        ("number_of_queries", models.PositiveIntegerField()),
                        ("figures", models.JSONField(default=dict)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "actor",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="retrieval_evaluations",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "space",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="evaluations",
                                to="inference.embeddingspace",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-created_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="RoutingRule",
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
                            "modalities",
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
                        ("description_contains", models.CharField(blank=True, max_length=64)),
                        ("minimum_instances", models.PositiveIntegerField(default=1)),
                        ("is_enabled", models.BooleanField(default=True)),
                        ("attributes", models.JSONField(blank=True, default=dict)),
                        ("created_at", models.DateTimeField(auto_now_add=True, null=True)),
                        (
                            "is_shadow",
                            models.BooleanField(
                                default=False,
                                help_text="Results of these runs are for reviewers only.",
                            ),
                        ),
                        ("name", models.CharField(blank=True, max_length=120)),
                        (
                            "priority",
                            models.PositiveSmallIntegerField(
                                choices=[(0, "Routine"), (5, "High"), (9, "Stat")], default=0
                            ),
                        ),
                        ("time_from", models.TimeField(blank=True, null=True)),
                        ("time_until", models.TimeField(blank=True, null=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="routing_rules",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="routing_rules",
                                to="inference.modelversion",
                            ),
                        ),
                        (
                            "projects",
                            models.ManyToManyField(
                                blank=True, related_name="routing_rules", to="archive.project"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Run",
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
                                    ("queued", "Queued"),
                                    ("running", "Running"),
                                    ("succeeded", "Succeeded"),
                                    ("skipped", "Not applicable"),
                                    ("dead", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="queued",
                                max_length=16,
                            ),
                        ),
                        (
                            "input_digest",
                            models.CharField(
                                blank=True,
                                help_text="SHA-256 over the series' instances, set at the claim.",
                                max_length=64,
                            ),
                        ),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        (
                            "not_before",
                            models.DateTimeField(
                                help_text="The series may still be arriving until then."
                            ),
                        ),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("device", models.CharField(blank=True, max_length=64)),
                        ("message", models.CharField(blank=True, max_length=500)),
                        ("outputs", models.JSONField(blank=True, default=dict)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "is_background",
                            models.BooleanField(
                                default=False,
                                help_text="After everything else, and nobody waits for it.",
                            ),
                        ),
                        ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                        ("inputs", models.JSONField(blank=True, default=dict)),
                        (
                            "is_shadow",
                            models.BooleanField(
                                default=False, help_text="Its results are for reviewers only."
                            ),
                        ),
                        ("log", models.TextField(blank=True)),
                        (
                            "memory_mb",
                            models.FloatField(
                                blank=True, help_text="Peak of the process.", null=True
                            ),
                        ),
                        (
                            "priority",
                            models.PositiveSmallIntegerField(
                                choices=[(0, "Routine"), (5, "High"), (9, "Stat")], default=0
                            ),
                        ),
                        ("timings", models.JSONField(blank=True, default=dict)),
                        ("worker_deaths", models.PositiveIntegerField(default=0)),
                        (
                            "again_of",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="repeats",
                                to="inference.run",
                            ),
                        ),
                        (
                            "model_version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="runs",
                                to="inference.modelversion",
                            ),
                        ),
                        (
                            "requested_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="requested_runs",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="runs",
                                to="archive.series",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="runs",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.AddField(
                    model_name="resultreview",
                    name="run",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="inference.run",
                    ),
                ),
                migrations.AddField(
                    model_name="finding",
                    name="run",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="inference.run",
                    ),
                ),
                migrations.CreateModel(
                    name="RunNotice",
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
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("critical", "Critical finding"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("not_before", models.DateTimeField()),
                        ("error", models.CharField(blank=True, max_length=200)),
                        ("sent_at", models.DateTimeField(blank=True, null=True)),
                        ("seen_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "run",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="notices",
                                to="inference.run",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="run_notices",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="RunSubscription",
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
                            "on_done",
                            models.BooleanField(
                                default=False, help_text="Runs that they asked for."
                            ),
                        ),
                        ("on_failed", models.BooleanField(default=False)),
                        ("on_critical", models.BooleanField(default=False)),
                        ("by_mail", models.BooleanField(default=False)),
                        ("webhook_url", models.URLField(blank=True, max_length=500)),
                        ("webhook_secret", models.CharField(blank=True, max_length=128)),
                        (
                            "user",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="run_subscription",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SearchSession",
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
                        ("position", models.PositiveIntegerField(default=0)),
                        ("is_notifying", models.BooleanField(default=False)),
                        ("notified_through", models.BigIntegerField(default=0)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "owner",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="search_sessions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="search_sessions",
                                to="archive.project",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-updated_at", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SearchRound",
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
                        ("query", models.JSONField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "session",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="rounds",
                                to="inference.searchsession",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["session_id", "position"],
                    },
                ),
                migrations.CreateModel(
                    name="SearchMatch",
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
                        ("score", models.FloatField()),
                        ("found_at", models.DateTimeField(auto_now_add=True)),
                        ("seen_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "series",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="search_matches",
                                to="archive.series",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="search_matches",
                                to="archive.study",
                            ),
                        ),
                        (
                            "session",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="matches",
                                to="inference.searchsession",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "search matches",
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SeriesAttributes",
                    fields=[
                        (
                            "series",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="searchable_attributes",
                                serialize=False,
                                to="archive.series",
                            ),
                        ),
                        ("values", models.JSONField(blank=True, default=dict)),
                        ("number_of_instances", models.PositiveIntegerField(default=0)),
                        ("last_instance_id", models.BigIntegerField(default=0)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name_plural": "series attributes",
                        "ordering": ["pk"],
                        "indexes": [
                            django.contrib.postgres.indexes.GinIndex(
                                fields=["values"],
                                name="series_attributes_values_idx",
                                opclasses=["jsonb_path_ops"],
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SeriesCheck",
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
                        ("number_of_instances", models.PositiveIntegerField()),
                        ("checked_at", models.DateTimeField(auto_now=True)),
                        (
                            "series",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="check_row",
                                to="archive.series",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SeriesText",
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
                        ("document", django.contrib.postgres.search.SearchVectorField()),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        ("is_stale", models.BooleanField(default=True)),
                        (
                            "series",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="text",
                                to="archive.series",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="series_texts",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SpaceFill",
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
                        ("is_paused", models.BooleanField(default=False)),
                        ("cursor", models.BigIntegerField(blank=True, null=True)),
                        ("allowance", models.FloatField(default=0.0)),
                        ("ticked_at", models.DateTimeField(blank=True, null=True)),
                        ("number_of_series", models.PositiveIntegerField(default=0)),
                        ("number_of_series_done", models.PositiveIntegerField(default=0)),
                        ("number_of_images", models.PositiveBigIntegerField(default=0)),
                        ("number_of_images_done", models.PositiveBigIntegerField(default=0)),
                        ("images_per_minute", models.FloatField(default=0.0)),
                        ("measured_at", models.DateTimeField(blank=True, null=True)),
                        ("started_at", models.DateTimeField()),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "space",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="fill",
                                to="inference.embeddingspace",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SpacePromotion",
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
                        ("is_rollback", models.BooleanField(default=False)),
                        ("reason", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "actor",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="space_promotions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "previous_space",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="promotions_after",
                                to="inference.embeddingspace",
                            ),
                        ),
                        (
                            "space",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="promotions",
                                to="inference.embeddingspace",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Suspicion",
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
                                    ("near_duplicate", "The same image under two patients"),
                                    (
                                        "contradiction",
                                        "The pixels contradict the body part or modality",
                                    ),
                                ],
                                max_length=16,
                            ),
                        ),
                        (
                            "score",
                            models.FloatField(
                                help_text="Cosine of the twins, or probability of the contradiction."
                            ),
                        ),
                        ("evidence", models.JSONField(default=dict)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "Open"),
                                    ("confirmed", "Confirmed"),
                                    ("dismissed", "Dismissed"),
                                ],
                                default="open",
                                max_length=16,
                            ),
                        ),
                        ("resolved_at", models.DateTimeField(blank=True, null=True)),
                        ("note", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "other_series",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="other_suspicions",
                                to="archive.series",
                            ),
                        ),
                        (
                            "resolved_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="resolved_suspicions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="suspicions",
                                to="archive.series",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="TrainingRun",
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
                        ("recipe", models.JSONField(default=dict)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("queued", "Queued"),
                                    ("running", "Running"),
                                    ("succeeded", "Succeeded"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="queued",
                                max_length=16,
                            ),
                        ),
                        ("progress", models.JSONField(blank=True, default=dict)),
                        ("metrics", models.JSONField(blank=True, default=dict)),
                        (
                            "folder",
                            models.CharField(
                                blank=True, help_text="Checkpoints and TensorBoard.", max_length=500
                            ),
                        ),
                        ("message", models.CharField(blank=True, max_length=500)),
                        ("device", models.CharField(blank=True, max_length=64)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("started_at", models.DateTimeField(blank=True, null=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="training_runs",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "model_version",
                            models.OneToOneField(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="training_run",
                                to="inference.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Workitem",
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
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("SCHEDULED", "Scheduled"),
                                    ("IN PROGRESS", "In progress"),
                                    ("COMPLETED", "Completed"),
                                    ("CANCELED", "Canceled"),
                                ],
                                default="SCHEDULED",
                                max_length=12,
                            ),
                        ),
                        ("transaction_uid", models.CharField(blank=True, max_length=64)),
                        ("attributes", models.JSONField(default=dict)),
                        ("priority", models.CharField(default="MEDIUM", max_length=8)),
                        ("procedure_step_label", models.CharField(blank=True, max_length=64)),
                        ("worklist_label", models.CharField(blank=True, max_length=64)),
                        ("scheduled_start", models.DateTimeField(blank=True, null=True)),
                        ("dicom_patient_id", models.CharField(blank=True, max_length=64)),
                        ("patient_name", models.CharField(blank=True, max_length=324)),
                        ("accession_number", models.CharField(blank=True, max_length=64)),
                        ("study_instance_uid", models.CharField(blank=True, max_length=64)),
                        ("station_code", models.CharField(blank=True, max_length=64)),
                        ("cancel_reason", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                        ("lease_until", models.DateTimeField(blank=True, null=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="created_workitems",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "performer",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="performed_workitems",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "project",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="workitems",
                                to="archive.project",
                            ),
                        ),
                        (
                            "run",
                            models.OneToOneField(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="workitem",
                                to="inference.run",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="WorkitemChannel",
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
                        ("holder", models.UUIDField()),
                        ("opened_at", models.DateTimeField()),
                        ("alive_until", models.DateTimeField()),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="workitem_channels",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="WorkitemSubscription",
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
                        ("workitem_uid", models.CharField(blank=True, max_length=64)),
                        ("filters", models.JSONField(blank=True, default=dict)),
                        ("has_deletion_lock", models.BooleanField(default=False)),
                        ("is_suspended", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "subscribed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="workitem_subscriptions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="WorkitemEvent",
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
                        ("workitem_uid", models.CharField(max_length=64)),
                        ("event_type", models.PositiveSmallIntegerField()),
                        ("information", models.JSONField(default=dict)),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("not_before", models.DateTimeField()),
                        ("delivered_at", models.DateTimeField(blank=True, null=True)),
                        ("message", models.CharField(blank=True, max_length=255)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "subscription",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="events",
                                to="inference.workitemsubscription",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Embedding",
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
                            "level",
                            models.CharField(
                                choices=[
                                    ("frame", "Frame"),
                                    ("instance", "Instance"),
                                    ("series", "Series"),
                                ],
                                max_length=8,
                            ),
                        ),
                        (
                            "frame",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Frame number from 1, at frame level.",
                                null=True,
                            ),
                        ),
                        ("vector", pgvector.django.halfvec.HalfVectorField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "facts",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(),
                                db_default=models.Value([]),
                                editable=False,
                                size=None,
                            ),
                        ),
                        ("patient_key", models.BigIntegerField(db_default=0, editable=False)),
                        (
                            "instance",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="embeddings",
                                to="archive.instance",
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="embeddings",
                                to="archive.series",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="embeddings",
                                to="archive.study",
                            ),
                        ),
                        (
                            "space",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="embeddings",
                                to="inference.embeddingspace",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "indexes": [
                            models.Index(
                                fields=["study", "space", "level"], name="embedding_study_idx"
                            ),
                            models.Index(
                                fields=["series", "space", "level"], name="embedding_series_idx"
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("space", "level", "series", "instance", "frame"),
                                name="embedding_object_unique",
                                nulls_distinct=False,
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("frame__isnull", True),
                                        ("instance__isnull", True),
                                        ("level", "series"),
                                    ),
                                    models.Q(
                                        ("frame__isnull", True),
                                        ("instance__isnull", False),
                                        ("level", "instance"),
                                    ),
                                    models.Q(
                                        ("frame__isnull", False),
                                        ("instance__isnull", False),
                                        ("level", "frame"),
                                    ),
                                    _connector="OR",
                                ),
                                name="embedding_level_matches_object",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Calibration",
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
                        ("level", models.CharField(max_length=8)),
                        ("modality", models.CharField(blank=True, max_length=16)),
                        ("cut", models.FloatField()),
                        ("nearest_quantiles", models.JSONField(default=list)),
                        ("number_of_objects", models.PositiveIntegerField()),
                        ("created_at", models.DateTimeField(auto_now=True)),
                        (
                            "space",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="calibrations",
                                to="inference.embeddingspace",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["space_id", "level", "modality"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("space", "level", "modality"),
                                name="calibration_space_level_modality",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Label",
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
                        ("label_set", models.CharField(max_length=64)),
                        ("label", models.CharField(max_length=64)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("frame", models.PositiveIntegerField(blank=True, null=True)),
                        ("region", models.JSONField(blank=True, default=list)),
                        (
                            "source",
                            models.CharField(
                                choices=[
                                    ("person", "Person"),
                                    ("file", "File"),
                                    ("report", "Report"),
                                    ("review", "Review of a result"),
                                ],
                                default="person",
                                max_length=16,
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="labels",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "instance",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="labels",
                                to="archive.instance",
                            ),
                        ),
                        (
                            "series",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="labels",
                                to="archive.series",
                            ),
                        ),
                        (
                            "study",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="labels",
                                to="archive.study",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["label_set", "label", "pk"],
                        "indexes": [
                            models.Index(fields=["label_set", "label"], name="label_set_label_idx")
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "study",
                                    "series",
                                    "instance",
                                    "frame",
                                    "region",
                                    "label_set",
                                    "label",
                                    "created_by",
                                ),
                                name="label_object_set_unique",
                                nulls_distinct=False,
                            )
                        ],
                    },
                ),
                migrations.AddConstraint(
                    model_name="modelversion",
                    constraint=models.UniqueConstraint(
                        fields=("name", "version"), name="model_version_name_version_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="driftalarm",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("settled_at__isnull", True)),
                        fields=("model_version", "measure"),
                        name="drift_alarm_open_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="embeddingspace",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="embedding_space_one_default",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="embeddingspace",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("base_space__isnull", True), ("projection__isnull", True)),
                            models.Q(("base_space__isnull", False), ("projection__isnull", False)),
                            _connector="OR",
                        ),
                        name="embedding_space_projection_has_base",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="findingverdict",
                    constraint=models.UniqueConstraint(
                        fields=("review", "finding"), name="finding_verdict_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="retrievalevaluation",
                    index=models.Index(
                        fields=["space", "label_set", "-created_at"],
                        name="evaluation_space_set_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="run",
                    index=models.Index(
                        condition=models.Q(("state", "queued")),
                        fields=["not_before"],
                        name="run_queued_not_before_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="run",
                    index=models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["lease_until"],
                        name="run_running_lease_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="run",
                    index=models.Index(
                        condition=models.Q(("state", "dead")), fields=["id"], name="run_dead_idx"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="run",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("state", "queued")),
                        fields=("model_version", "series"),
                        name="run_queued_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="run",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("model_version", "series"),
                        name="run_running_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="run",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("state", "succeeded")),
                        fields=("model_version", "series", "input_digest"),
                        name="run_succeeded_input_unique",
                    ),
                ),
                migrations.AddIndex(
                    model_name="resultreview",
                    index=models.Index(fields=["run", "-created_at"], name="result_review_run_idx"),
                ),
                migrations.AddIndex(
                    model_name="finding",
                    index=models.Index(fields=["name", "label"], name="finding_name_label_idx"),
                ),
                migrations.AddConstraint(
                    model_name="finding",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("probability__isnull", True),
                            ("probability__range", (0.0, 1.0)),
                            _connector="OR",
                        ),
                        name="finding_probability_range",
                    ),
                ),
                migrations.AddIndex(
                    model_name="runnotice",
                    index=models.Index(
                        condition=models.Q(("sent_at__isnull", True)),
                        fields=["not_before"],
                        name="run_notice_due_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="runnotice",
                    constraint=models.UniqueConstraint(
                        fields=("run", "user", "kind"), name="run_notice_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="searchsession",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        fields=("owner", "name"),
                        name="search_session_owner_name_unique",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="searchsession",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("is_notifying", False),
                            models.Q(("name", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="search_session_notifying_is_saved",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="searchround",
                    constraint=models.UniqueConstraint(
                        fields=("session", "position"), name="search_round_session_position_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="searchmatch",
                    index=models.Index(
                        condition=models.Q(("seen_at__isnull", True)),
                        fields=["session"],
                        name="search_match_unseen_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="searchmatch",
                    constraint=models.UniqueConstraint(
                        fields=("session", "series"), name="search_match_session_series_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="seriestext",
                    index=django.contrib.postgres.indexes.GinIndex(
                        fields=["document"], name="series_text_document_idx"
                    ),
                ),
                migrations.AddIndex(
                    model_name="seriestext",
                    index=models.Index(
                        condition=models.Q(("is_stale", True)),
                        fields=["study"],
                        name="series_text_stale_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="seriestext",
                    index=models.Index(fields=["updated_at"], name="series_text_updated_at_idx"),
                ),
                migrations.AddIndex(
                    model_name="suspicion",
                    index=models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["kind"],
                        name="suspicion_open_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="suspicion",
                    constraint=models.UniqueConstraint(
                        fields=("kind", "series", "other_series"),
                        name="suspicion_kind_series_unique",
                        nulls_distinct=False,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="suspicion",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "near_duplicate"), ("other_series__isnull", False)),
                            models.Q(("kind", "contradiction"), ("other_series__isnull", True)),
                            _connector="OR",
                        ),
                        name="suspicion_kind_matches_series",
                    ),
                ),
                migrations.AddIndex(
                    model_name="trainingrun",
                    index=models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["lease_until"],
                        name="training_run_lease_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="workitem",
                    index=models.Index(
                        condition=models.Q(("state", "SCHEDULED")),
                        fields=["priority", "scheduled_start"],
                        name="workitem_scheduled_idx",
                    ),
                ),
                migrations.AddIndex(
                    model_name="workitem",
                    index=models.Index(fields=["study_instance_uid"], name="workitem_study_idx"),
                ),
                migrations.AddIndex(
                    model_name="workitem",
                    index=models.Index(
                        condition=models.Q(("state", "IN PROGRESS")),
                        fields=["lease_until"],
                        name="workitem_lease_idx",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="workitemchannel",
                    constraint=models.UniqueConstraint(
                        fields=("ae_title", "account"), name="workitem_channel_unique"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="workitemsubscription",
                    constraint=models.UniqueConstraint(
                        fields=("ae_title", "workitem_uid"), name="workitem_subscription_unique"
                    ),
                ),
                migrations.AddIndex(
                    model_name="workitemevent",
                    index=models.Index(
                        condition=models.Q(("delivered_at__isnull", True)),
                        fields=["not_before"],
                        name="workitem_event_open_idx",
                    ),
                ),
            ]
        ),
        migrations.RunSQL(_former("0003_space_fill").FREEZE, _former("0003_space_fill").THAW),
        migrations.RunSQL(
            _former("0007_embedding_facts").COPY, _former("0007_embedding_facts").DROP
        ),
        migrations.RunSQL(
            _former("0010_withheld_embeddings").HIDE, _former("0010_withheld_embeddings").SHOW
        ),
        migrations.RunSQL(_former("0012_moved_series").CREATE, _former("0012_moved_series").DROP),
    ]
