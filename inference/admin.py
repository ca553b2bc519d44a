"""Models and runs for the site's user administrator: to look at, as all tables here."""

from __future__ import annotations

from django.contrib import admin

from archive.admin import ReadOnlyAdmin
from inference.models import ModelVersion, Run


@admin.register(ModelVersion)
class ModelVersionTable(ReadOnlyAdmin):
    list_display = ["name", "version", "task", "state", "pipeline", "is_trusted"]
    list_filter = ["task", "state"]
    search_fields = ["name"]


@admin.register(Run)
class RunTable(ReadOnlyAdmin):
    list_display = ["pk", "model_version", "state", "attempts", "device", "created_at"]
    list_filter = ["state"]
    list_select_related = ["model_version"]
    fields = [
        "model_version",
        "state",
        "priority",
        "attempts",
        "worker_deaths",
        "not_before",
        "lease_until",
        "device",
        "message",
        "timings",
        "memory_mb",
        "created_at",
        "started_at",
        "finished_at",
    ]
