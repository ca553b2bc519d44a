"""Tables for the site's user administrator: to look at, row by row, and no images by that.

What is changed is changed on pages of the portal, where it is checked and recorded. Tables that
name patients are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import Group, User

from archive.models import (
    Account,
    ApiToken,
    AuditEvent,
    AuditSeal,
    Backup,
    BulkJob,
    DailyCount,
    Fetch,
    Forward,
    GroupMapping,
    Membership,
    NoticeChoice,
    OutboxEvent,
    Peer,
    PrefetchRule,
    Project,
    StorageCommitment,
    StorageSample,
    Verification,
    WatchedFolder,
)

if TYPE_CHECKING:
    from django.http import HttpRequest

admin.site.site_header = "Twinsight tables"
admin.site.site_title = "Twinsight"
admin.site.index_title = "To look at; the portal's pages change things"


def _is_administrator(request: HttpRequest) -> bool:
    user = request.user
    return bool(user.is_active and user.is_staff and user.is_superuser)


admin.site.has_permission = _is_administrator  # type: ignore[method-assign]  # Django's own way in


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at here and written elsewhere."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


if admin.site.is_registered(User):
    admin.site.unregister(User)
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(User)
class UserTable(ReadOnlyAdmin):
    list_display = ["username", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username"]
    # Never the digest of a password.
    exclude = ["password", "groups", "user_permissions"]


@admin.register(Account)
class AccountTable(ReadOnlyAdmin):
    list_display = ["user", "kind", "theme", "language", "must_change_password"]
    list_filter = ["kind"]


@admin.register(Project)
class ProjectTable(ReadOnlyAdmin):
    list_display = ["name", "slug", "kind", "is_deidentified", "quota_bytes", "created_at"]
    search_fields = ["name", "slug"]


@admin.register(Membership)
class MembershipTable(ReadOnlyAdmin):
    list_display = ["user", "role", "project", "origin", "expires_at", "created_at"]
    list_filter = ["role", "project"]
    list_select_related = ["user", "project"]


@admin.register(GroupMapping)
class GroupMappingTable(ReadOnlyAdmin):
    pass


@admin.register(Peer)
class PeerTable(ReadOnlyAdmin):
    list_display = ["ae_title", "address", "port", "project", "may_store", "is_enabled"]
    list_filter = ["is_enabled", "project"]
    search_fields = ["ae_title", "description"]
    # Sealed, and written by the page of peers alone.
    exclude = ["sealed_credentials"]


@admin.register(ApiToken)
class ApiTokenTable(ReadOnlyAdmin):
    list_display = ["hint", "user", "scopes", "project", "expires_at", "last_used_at", "revoked_at"]
    exclude = ["digest"]


@admin.register(AuditEvent)
class AuditEventTable(ReadOnlyAdmin):
    list_display = ["recorded_at", "act", "actor_name", "door", "address", "outcome"]
    list_filter = ["outcome", "door"]
    search_fields = ["=actor_name", "=study_instance_uid"]


@admin.register(AuditSeal)
class AuditSealTable(ReadOnlyAdmin):
    list_display = ["pk", "first_event", "last_event", "number_of_events", "sealed_at"]


@admin.register(OutboxEvent)
class OutboxEventTable(ReadOnlyAdmin):
    list_display = ["pk", "kind", "created_at", "published_at", "attempts", "last_error"]
    list_filter = ["kind"]


@admin.register(Forward)
class ForwardTable(ReadOnlyAdmin):
    list_display = ["pk", "peer", "state", "attempts", "not_before", "lease_until", "message"]
    list_filter = ["state", "peer"]
    list_select_related = ["peer"]


@admin.register(Fetch)
class FetchTable(ReadOnlyAdmin):
    list_display = ["pk", "peer", "state", "attempts", "not_before", "message"]
    list_filter = ["state", "peer"]
    list_select_related = ["peer"]
    exclude = ["dicom_patient_id"]


@admin.register(PrefetchRule)
class PrefetchRuleTable(ReadOnlyAdmin):
    list_display = ["name", "is_enabled", "peer", "most_studies", "most_years"]


@admin.register(StorageCommitment)
class StorageCommitmentTable(ReadOnlyAdmin):
    list_display = ["transaction_uid", "peer", "state", "attempts", "created_at", "reported_at"]
    list_filter = ["state", "peer"]


@admin.register(BulkJob)
class BulkJobTable(ReadOnlyAdmin):
    list_display = ["pk", "act", "user", "state", "number_of_items", "number_done", "created_at"]
    list_filter = ["state", "act"]
    exclude = ["options"]


@admin.register(NoticeChoice)
class NoticeChoiceTable(ReadOnlyAdmin):
    list_display = ["user", "topic", "in_portal", "by_mail"]
    list_filter = ["topic"]


@admin.register(WatchedFolder)
class WatchedFolderTable(ReadOnlyAdmin):
    list_display = ["path", "project", "is_enabled", "scanned_at", "error"]
    # Names of files may name patients.
    exclude = ["known"]


@admin.register(DailyCount)
class DailyCountTable(ReadOnlyAdmin):
    list_display = ["day", "project_id", "modality", "studies", "instances", "stored_bytes"]
    list_filter = ["modality"]


@admin.register(Backup)
class BackupTable(ReadOnlyAdmin):
    list_display = ["snapshot", "finished_at", "number_of_studies", "number_of_files", "lacking"]


@admin.register(StorageSample)
class StorageSampleTable(ReadOnlyAdmin):
    list_display = ["taken_at", "free_bytes", "total_bytes", "blob_bytes", "database_bytes"]


@admin.register(Verification)
class VerificationTable(ReadOnlyAdmin):
    list_display = ["started_at", "finished_at", "checked", "found"]
