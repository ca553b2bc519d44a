"""The JSON of the REST door, for the OpenAPI document and for paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from archive.errors import ArchiveError
    from archive.ingest.types import IngestResult
    from archive.models import Quarantine

OUTCOMES = ["stored", "duplicate", "quarantined", "failed"]
DEFAULT_LIMIT, MAX_LIMIT = 50, 500


class PagingSchema(serializers.Serializer[Any]):
    """The window of a list."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    offset = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class ReasonSchema(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable slug for programs.")
    text = serializers.CharField(help_text="For people.")


class UploadedFileSchema(serializers.Serializer[Any]):
    """The fate of one file, or of one member of a ZIP."""

    name = serializers.CharField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    study_uid = serializers.CharField(allow_null=True)
    series_uid = serializers.CharField(allow_null=True)
    instance_uid = serializers.CharField(allow_null=True)
    reason = ReasonSchema(allow_null=True)
    cleaned = serializers.ListField(
        child=serializers.CharField(),
        help_text="Keywords of attributes that are indexed other than they were sent.",
    )


class UploadResultsSchema(serializers.Serializer[Any]):
    results = UploadedFileSchema(many=True)


class ProblemSchema(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()


class UploadFormSchema(serializers.Serializer[Any]):
    """What the upload takes."""

    files = serializers.ListField(
        child=serializers.FileField(), help_text="DICOM files, or ZIPs of them."
    )
    project = serializers.CharField(
        required=False,
        help_text="Slug of the project they go to, sent before the files; else the token's.",
    )


class QuarantineEntrySchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    reason = ReasonSchema()
    door = serializers.CharField()
    name = serializers.CharField()
    project = serializers.CharField(allow_null=True)
    study_uid = serializers.CharField(allow_null=True)
    instance_uid = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField()
    received_at = serializers.DateTimeField()


class QuarantinePageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = QuarantineEntrySchema(many=True)


def reason_json(error: ArchiveError | None) -> dict[str, str] | None:
    """Return the error as a reason."""
    return None if error is None else {"code": error.code, "text": error.message}


def uploaded_file_json(result: IngestResult) -> dict[str, Any]:
    """Return one file's result."""
    return {
        "name": result.name,
        "outcome": result.outcome.value,
        "study_uid": result.study_instance_uid or None,
        "series_uid": result.series_instance_uid or None,
        "instance_uid": result.sop_instance_uid or None,
        "reason": reason_json(result.error),
        "cleaned": list(result.warnings),
    }


def quarantine_entry_json(entry: Quarantine) -> dict[str, Any]:
    """Return one quarantine entry."""
    return {
        "id": entry.pk,
        "reason": {"code": entry.reason_code, "text": entry.reason},
        "door": entry.door,
        "name": entry.original_name,
        "project": entry.project.slug if entry.project else None,
        "study_uid": entry.study_instance_uid or None,
        "instance_uid": entry.sop_instance_uid or None,
        "size_bytes": entry.size_bytes,
        "received_at": entry.received_at,
    }
