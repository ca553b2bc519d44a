"""Models and their routing, for whoever administers the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from inference.models import ModelVersion, RoutingRule

if TYPE_CHECKING:
    from django.http import HttpRequest


class RoutingRuleInline(admin.TabularInline):
    model = RoutingRule
    extra = 0


@admin.register(ModelVersion)
class ModelVersionAdmin(admin.ModelAdmin):
    list_display = ["name", "version", "task", "state", "pipeline", "is_trusted"]
    list_filter = ["task", "state"]
    # States, trust and notice are changed on the portal's page or by command: checked, audited.
    readonly_fields = [
        "name",
        "version",
        "task",
        "state",
        "pipeline",
        "digest",
        "bundle_path",
        "is_trusted",
        "is_diagnostic",
        "checks",
        "source",
        "registered_by",
    ]
    inlines = [RoutingRuleInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: models come in through ``manage.py models``."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """Refuse: runs refer to it; retire it instead."""
        return False
