"""The JSON of acts on many studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema, StudyListQuerySchema
from archive.query.worklist import WorklistFilters

if TYPE_CHECKING:
    from archive.bulk.types import Act, JobView
    from archive.models import BulkItem
    from archive.models.querysets import AnyUser

JOB_STATES = ["queued", "running", "done", "cancelled", "failed"]
ITEM_STATES = ["waiting", "done", "failed", "skipped"]


class JobFiltersSchema(StudyListQuerySchema):
    """Which studies: as the list of studies takes it, page and order left out."""

    project = serializers.SlugField(required=False, max_length=64)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields that narrow."""
        fields: dict[str, Any] = super().get_fields()
        for name in ("page", "page_size", "sort", "descending"):
            fields.pop(name, None)
        return fields


class NewJobSchema(serializers.Serializer[Any]):
    """An act, what it asks for, and the studies: named, or all that filters leave."""

    act = serializers.CharField(max_length=32)
    options = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=500), default=dict
    )
    studies = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=10_000
    )
    filters = JobFiltersSchema(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take studies or filters, not both."""
        if ("studies" in attrs) == ("filters" in attrs):
            raise serializers.ValidationError("Name studies, or filters.")
        return attrs


class JobSchema(serializers.Serializer[Any]):
    """How far it is."""

    id = serializers.IntegerField()
    act = serializers.CharField()
    state = serializers.ChoiceField(choices=JOB_STATES)
    studies = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    is_cancel_requested = serializers.BooleanField()
    error = serializers.CharField()
    result_bytes = serializers.IntegerField(allow_null=True, help_text="Of its file, if it has one")
    result_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class JobPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = JobSchema(many=True)


class JobItemSchema(serializers.Serializer[Any]):
    study_uid = serializers.CharField()
    state = serializers.ChoiceField(choices=ITEM_STATES)
    message = serializers.CharField()


class JobItemPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = JobItemSchema(many=True)


class ActFieldSchema(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    is_required = serializers.BooleanField()
    choices = serializers.ListField(child=serializers.CharField())


class ActSchema(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    options = ActFieldSchema(many=True)


class ActListSchema(serializers.Serializer[Any]):
    results = ActSchema(many=True)


class JobListQuerySchema(PagingSchema):
    """Which of the asker's jobs."""

    open = serializers.BooleanField(default=False, help_text="Only those not at their end.")


def job_json(job: JobView) -> dict[str, Any]:
    """Return one job."""
    return {
        "id": job.pk,
        "act": job.act,
        "state": job.state,
        "studies": job.items,
        "done": job.done,
        "failed": job.failed,
        "skipped": job.skipped,
        "is_cancel_requested": job.is_cancel_requested,
        "error": job.error,
        "result_bytes": job.result_bytes if job.has_result else None,
        "result_until": job.result_until if job.has_result else None,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def item_json(item: BulkItem) -> dict[str, Any]:
    """Return what became of one study."""
    return {"study_uid": item.study_instance_uid, "state": item.state, "message": item.message}


def act_json(act: Act, user: AnyUser) -> dict[str, Any]:
    """Return an act and what it asks for."""
    options = [
        {
            "name": field.name,
            "title": str(field.label),
            "is_required": field.is_required,
            "choices": [value for value, _words in field.choices],
        }
        for field in act.fields(user)
    ]
    return {"name": act.name, "title": str(act.label), "options": options}


def job_filters(values: dict[str, Any]) -> WorklistFilters:
    """Return validated values as filters."""
    return WorklistFilters(
        search=values.get("q", ""),
        project=values.get("project", ""),
        patient=values.get("patient", ""),
        date_from=values.get("date_from"),
        date_to=values.get("date_to"),
        modalities=tuple(values.get("modality", ())),
        accession=values.get("accession", ""),
        description=values.get("description", ""),
    )
