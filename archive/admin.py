"""The site's user administrator: accounts, projects, peers and the trail; no images by that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from archive.models import ApiToken, AuditEvent, Membership, Peer, Project

if TYPE_CHECKING:
    from django.http import HttpRequest

admin.site.site_header = "Twinsight administration"
admin.site.site_title = "Twinsight"
admin.site.index_title = "Accounts, projects and peers"


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 1
    autocomplete_fields = ["user"]


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "kind", "created_at"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        """Keep the kind: there is one *Unassigned*, and it stays."""
        return ["kind"]

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """Refuse: studies would lose the project that decides who sees them."""
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["user", "role", "project", "created_at"]
    list_filter = ["role", "project"]
    autocomplete_fields = ["user", "project"]


@admin.register(Peer)
class PeerAdmin(admin.ModelAdmin):
    list_display = ["ae_title", "address", "port", "project", "may_store", "is_enabled"]
    list_filter = ["is_enabled", "project"]
    search_fields = ["ae_title", "description"]
    # Sealed and written by the page of peers alone.
    exclude = ["sealed_credentials", "echoed_at", "echo_error"]


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at here and written elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["hint", "user", "scopes", "project", "expires_at", "last_used_at", "revoked_at"]
    exclude = ["digest"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["recorded_at", "act", "actor_name", "door", "address", "outcome"]
    list_filter = ["act", "outcome", "door"]
    search_fields = ["actor_name", "study_instance_uid"]
