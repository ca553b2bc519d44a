"""The JSON of the quarantine and of watched folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import quarantine_entry_json

if TYPE_CHECKING:
    from archive.inbox.quarantine.types import Details
    from archive.models import WatchedFolder

_AFTER = ["keep", "move", "delete"]


class QuarantineDetailsSchema(serializers.Serializer[Any]):
    """An entry, what its file says, and whether values of it may be mended."""

    id = serializers.IntegerField()
    reason = serializers.DictField()
    door = serializers.CharField()
    name = serializers.CharField()
    project = serializers.CharField(allow_null=True)
    study_uid = serializers.CharField(allow_null=True)
    instance_uid = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField()
    received_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()
    has_bytes = serializers.BooleanField()
    is_mendable = serializers.BooleanField()
    unreadable = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField())


class QuarantineRetrySchema(serializers.Serializer[Any]):
    """What to try: as it came, or a copy with other values."""

    project = serializers.CharField(max_length=64, required=False, allow_blank=True)
    values = serializers.DictField(
        required=False, help_text="DICOM keyword to value; `new` makes a UID."
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class QuarantineDiscardSchema(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class WatchedFolderSchema(serializers.Serializer[Any]):
    """A folder whose files are taken in."""

    id = serializers.IntegerField()
    path = serializers.CharField()
    project = serializers.CharField(allow_null=True)
    account = serializers.CharField()
    after = serializers.ChoiceField(choices=_AFTER)
    quiet_seconds = serializers.IntegerField()
    is_enabled = serializers.BooleanField()
    scanned_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class WatchedFolderListSchema(serializers.Serializer[Any]):
    roots = serializers.ListField(child=serializers.CharField())
    results = WatchedFolderSchema(many=True)


class FolderFieldsSchema(serializers.Serializer[Any]):
    """What may be changed of a watched folder."""

    project = serializers.CharField(max_length=64, required=False, allow_blank=True)
    after = serializers.ChoiceField(choices=_AFTER, required=False)
    quiet_seconds = serializers.IntegerField(min_value=1, max_value=86_400, required=False)
    is_enabled = serializers.BooleanField(required=False)


class NewFolderSchema(FolderFieldsSchema):
    path = serializers.CharField(max_length=1024)


def details_json(details: Details) -> dict[str, Any]:
    """Return an entry of the quarantine with what its file says."""
    return {
        **quarantine_entry_json(details.entry),
        "resolved_at": details.entry.resolved_at,
        "resolution": details.entry.resolution,
        "has_bytes": details.has_bytes,
        "is_mendable": details.is_mendable,
        "unreadable": details.unreadable,
        "values": details.values,
    }


def folder_json(folder: WatchedFolder) -> dict[str, Any]:
    """Return a watched folder."""
    return {
        "id": folder.pk,
        "path": folder.path,
        "project": folder.project.slug if folder.project else None,
        "account": folder.account.get_username(),
        "after": folder.after,
        "quiet_seconds": folder.quiet_seconds,
        "is_enabled": folder.is_enabled,
        "scanned_at": folder.scanned_at,
        "error": folder.error,
    }
