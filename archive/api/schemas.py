"""The JSON of the REST door, for the OpenAPI document and for paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.query.worklist import WorklistFilters
from archive.query.worklist_order import SORT_KEYS

if TYPE_CHECKING:
    from archive.errors import ArchiveError
    from archive.ingest.types import IngestResult
    from archive.models import Quarantine
    from archive.query.study_overview import StudyOverview
    from archive.query.worklist import WorklistPage, WorklistRow

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


class StudyListQuerySchema(serializers.Serializer[Any]):
    """What the list is narrowed to."""

    page = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    q = serializers.CharField(
        required=False,
        max_length=128,
        help_text="Words, each in the name, an ID, the accession or the description.",
    )
    patient = serializers.CharField(
        required=False, max_length=128, help_text="Words of the name, or the ID's beginning."
    )
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    modality = serializers.ListField(child=serializers.CharField(max_length=16), required=False)
    accession = serializers.CharField(required=False, max_length=64)
    description = serializers.CharField(required=False, max_length=128)
    sort = serializers.ChoiceField(choices=sorted(SORT_KEYS), default="date")
    descending = serializers.BooleanField(default=True)


class PatientSchema(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    sex = serializers.CharField()


class StudySchema(serializers.Serializer[Any]):
    study_uid = serializers.CharField()
    patient = PatientSchema()
    date = serializers.DateField(allow_null=True)
    time = serializers.TimeField(allow_null=True)
    description = serializers.CharField()
    accession_number = serializers.CharField()
    modalities = serializers.ListField(child=serializers.CharField())
    body_parts = serializers.ListField(child=serializers.CharField())
    series_count = serializers.IntegerField()
    instance_count = serializers.IntegerField()
    received_at = serializers.DateTimeField()


class StudyPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    results = StudySchema(many=True)


class SeriesSchema(serializers.Serializer[Any]):
    series_uid = serializers.CharField()
    modality = serializers.CharField()
    number = serializers.IntegerField(allow_null=True)
    description = serializers.CharField()
    body_part = serializers.CharField()
    instance_count = serializers.IntegerField()


class StudyDetailSchema(StudySchema):
    projects = serializers.ListField(child=serializers.CharField())
    series = SeriesSchema(many=True)


def worklist_filters(values: dict[str, Any]) -> WorklistFilters:
    """Return validated values as the list's filters."""
    return WorklistFilters(
        search=values.get("q", ""),
        patient=values.get("patient", ""),
        date_from=values.get("date_from"),
        date_to=values.get("date_to"),
        modalities=tuple(values.get("modality", ())),
        accession=values.get("accession", ""),
        description=values.get("description", ""),
        sort=values["sort"],
        is_descending=values["descending"],
    )


def study_json(row: WorklistRow) -> dict[str, Any]:
    """Return one study."""
    return {
        "study_uid": row.study_uid,
        "patient": {
            "id": row.patient_id,
            "name": row.patient_name,
            "birth_date": row.patient_birth_date,
            "sex": row.patient_sex,
        },
        "date": row.study_date,
        "time": row.study_time,
        "description": row.description,
        "accession_number": row.accession_number,
        "modalities": list(row.modalities),
        "body_parts": list(row.body_parts),
        "series_count": row.number_of_series,
        "instance_count": row.number_of_instances,
        "received_at": row.received_at,
    }


def study_page_json(page: WorklistPage) -> dict[str, Any]:
    """Return a page of studies."""
    return {
        "count": page.total,
        "page": page.page,
        "pages": page.number_of_pages,
        "results": [study_json(row) for row in page.rows],
    }


def study_detail_json(overview: StudyOverview) -> dict[str, Any]:
    """Return one study with its series."""
    series = [
        {
            "series_uid": card.series_uid,
            "modality": card.modality,
            "number": card.number,
            "description": card.description,
            "body_part": card.body_part,
            "instance_count": card.number_of_instances,
        }
        for card in (*overview.pictures, *overview.results)
    ]
    return {**study_json(overview.study), "projects": list(overview.projects), "series": series}


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
