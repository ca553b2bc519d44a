"""The JSON of uploads."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema
from archive.inbox.types import NewFile

if TYPE_CHECKING:
    from archive.inbox.types import PreviewStudy, Problem, Progress
    from archive.models import UploadFile

_STATES = ["receiving", "examining", "ready", "storing", "done", "failed", "cancelled"]
_FILE_STATES = [
    "receiving", "received", "stored", "duplicate", "quarantined", "refused", "unpacked", "skipped"
]  # fmt: skip


class NewUploadBatchSchema(serializers.Serializer[Any]):
    """An upload to begin."""

    project = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Slug; else your own."
    )
    preview = serializers.BooleanField(
        default=False, help_text="Wait for `store` after looking at the files."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # of DRF's own name
        max_length=255, required=False, allow_blank=True
    )


class UploadBatchSchema(serializers.Serializer[Any]):
    """An upload and how far it is."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=_STATES)
    project = serializers.CharField(allow_null=True)
    preview = serializers.BooleanField()
    source = serializers.CharField()  # type: ignore[assignment]  # as above
    files = serializers.IntegerField()
    bytes_total = serializers.IntegerField()
    bytes_received = serializers.IntegerField()
    by_state = serializers.DictField(child=serializers.IntegerField())
    percent = serializers.IntegerField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class UploadBatchListSchema(serializers.Serializer[Any]):
    results = UploadBatchSchema(many=True)


class NewUploadFileSchema(serializers.Serializer[Any]):
    """A file that is about to be sent; the same name, size and fingerprint goes on."""

    name = serializers.CharField(max_length=4096, trim_whitespace=False)
    size = serializers.IntegerField(min_value=0)
    fingerprint = serializers.CharField(max_length=128, required=False, allow_blank=True)


class NewUploadFilesSchema(serializers.Serializer[Any]):
    files = NewUploadFileSchema(many=True, max_length=2000)  # type: ignore[call-arg]  # of lists


class BatchFileSchema(serializers.Serializer[Any]):
    """A file of an upload; `received` is where the next piece begins."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    received = serializers.IntegerField()
    state = serializers.ChoiceField(choices=_FILE_STATES)
    kind = serializers.CharField()
    outlook = serializers.CharField()
    reason = serializers.CharField()
    study_uid = serializers.CharField(allow_null=True)
    series_uid = serializers.CharField(allow_null=True)
    instance_uid = serializers.CharField(allow_null=True)


class BatchFileListSchema(serializers.Serializer[Any]):
    results = BatchFileSchema(many=True)


class BatchFilePageSchema(BatchFileListSchema):
    count = serializers.IntegerField()


class BatchFilesQuerySchema(PagingSchema):
    state = serializers.ChoiceField(choices=_FILE_STATES, required=False)


class SubmitSchema(serializers.Serializer[Any]):
    preview = serializers.BooleanField(required=False)
    leave_out_missing = serializers.BooleanField(
        default=False, help_text="Go on without files that did not come to their end."
    )


class StoreSchema(serializers.Serializer[Any]):
    leave_out_problems = serializers.BooleanField(
        default=False, help_text="Leave out what would only land in quarantine."
    )
    wrapping = serializers.DictField(
        required=False,
        help_text="What to say in the objects made of pictures, PDFs, volumes and videos.",
    )


class PreviewStudySchema(serializers.Serializer[Any]):
    study_uid = serializers.CharField()
    patient_id = serializers.CharField()
    patient_name = serializers.CharField()
    birth_date = serializers.CharField()
    sex = serializers.CharField()
    date = serializers.CharField()
    description = serializers.CharField()
    modalities = serializers.CharField()
    files = serializers.IntegerField()
    new = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    problems = serializers.IntegerField()
    known = serializers.BooleanField()
    warning = serializers.CharField()


class UploadProblemSchema(serializers.Serializer[Any]):
    reason = serializers.CharField()
    files = serializers.IntegerField()
    example = serializers.CharField()


class PreviewSchema(serializers.Serializer[Any]):
    """What storing an upload would come to."""

    state = serializers.ChoiceField(choices=_STATES)
    outlook = serializers.DictField(child=serializers.IntegerField())
    kinds = serializers.DictField(child=serializers.IntegerField())
    patients = serializers.IntegerField()
    studies = PreviewStudySchema(many=True)
    problems = UploadProblemSchema(many=True)


def new_files(values: dict[str, Any]) -> list[NewFile]:
    """Return validated values as the files to come."""
    return [
        NewFile(one["name"], one["size"], one.get("fingerprint", "")) for one in values["files"]
    ]


def batch_json(progress: Progress) -> dict[str, Any]:
    """Return an upload."""
    batch = progress.batch
    return {
        "id": batch.pk,
        "state": batch.state,
        "project": batch.project.slug if batch.project else None,
        "preview": batch.is_preview_wanted,
        "source": batch.source,
        "files": progress.files,
        "bytes_total": progress.bytes_total,
        "bytes_received": progress.bytes_received,
        "by_state": progress.by_state,
        "percent": progress.share,
        "error": batch.error,
        "created_at": batch.created_at,
        "finished_at": batch.finished_at,
    }


def file_json(file: UploadFile) -> dict[str, Any]:
    """Return a file of an upload."""
    return {
        "id": file.pk,
        "name": file.name,
        "size": file.size_bytes,
        "received": file.received_bytes,
        "state": file.state,
        "kind": file.kind,
        "outlook": file.outlook,
        "reason": file.reason,
        "study_uid": file.study_instance_uid or None,
        "series_uid": file.series_instance_uid or None,
        "instance_uid": file.sop_instance_uid or None,
    }


def preview_study_json(study: PreviewStudy) -> dict[str, Any]:
    """Return a study as its files name it."""
    return asdict(study)


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return why files would not be, or were not archived."""
    return {"reason": problem.reason, "files": problem.files, "example": problem.example}
