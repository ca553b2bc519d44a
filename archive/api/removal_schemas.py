"""Shapes of deletions and rejections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema

if TYPE_CHECKING:
    from archive.curation.selectors import RemovalRow
    from archive.models import Removal


class RemovalListQuerySchema(PagingSchema):
    """The window of the list."""


class NewRemovalSchema(serializers.Serializer[Any]):
    """What is to be deleted, and why."""

    study = serializers.CharField(max_length=64, help_text="Study Instance UID.")
    series = serializers.CharField(max_length=64, required=False)
    instance = serializers.CharField(
        max_length=64, required=False, help_text="SOP Instance UID; its series is named, too."
    )
    reason = serializers.CharField(max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Want the series of an instance."""
        if attrs.get("instance") and not attrs.get("series"):
            raise serializers.ValidationError({"series": "Say in which series the instance is."})
        return attrs


class RemovalSchema(serializers.Serializer[Any]):
    """A deletion, or what a rejection note took away."""

    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="deleted or rejected")
    level = serializers.CharField(help_text="study, series or instance")
    study_uid = serializers.CharField()
    uid = serializers.CharField()
    reason = serializers.CharField()
    note_uid = serializers.CharField(allow_null=True, help_text="Of the rejection note.")
    instances = serializers.IntegerField()
    removed_by = serializers.CharField(allow_null=True)
    removed_at = serializers.DateTimeField()
    purge_after = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)
    purged_at = serializers.DateTimeField(allow_null=True)
    is_undoable = serializers.BooleanField()


class RemovalPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = RemovalSchema(many=True)


def removal_json(row: RemovalRow) -> dict[str, Any]:
    """Return a removal as it is listed."""
    return {**bare_removal_json(row.removal), "is_undoable": row.is_undoable}


def bare_removal_json(removal: Removal) -> dict[str, Any]:
    """Return a removal; it is undoable until it was undone or purged."""
    return {
        "id": removal.pk,
        "kind": removal.kind,
        "level": removal.level,
        "study_uid": removal.study_instance_uid,
        "uid": removal.uid,
        "reason": removal.reason,
        "note_uid": removal.note_sop_instance_uid or None,
        "instances": removal.number_of_instances,
        "removed_by": removal.removed_by.get_username() if removal.removed_by else None,
        "removed_at": removal.removed_at,
        "purge_after": removal.purge_after,
        "undone_by": removal.undone_by.get_username() if removal.undone_by else None,
        "undone_at": removal.undone_at,
        "purged_at": removal.purged_at,
        "is_undoable": removal.undone_at is None and removal.purged_at is None,
    }
