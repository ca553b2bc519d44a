"""The JSON of collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema
from archive.collections.types import CasePath, Kind
from archive.deid.types import DatePolicy
from archive.research.teaching.types import ExportOptions

if TYPE_CHECKING:
    from archive.collections.types import CaseCard, CollectionDetail, CollectionSummary

KINDS = [kind.value for kind in Kind]
MAX_ITEMS_A_REQUEST = 500


class CollectionListQuerySchema(PagingSchema):
    """The window of the list, and the kind that it is narrowed to."""

    kind = serializers.ChoiceField(choices=KINDS, required=False)


class NewCollectionSchema(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=128)
    kind = serializers.ChoiceField(choices=KINDS, default=Kind.COHORT.value)
    description = serializers.CharField(max_length=4000, allow_blank=True, default="")
    project = serializers.CharField(
        max_length=64,
        allow_null=True,
        required=False,
        help_text="Slug of the project it is shared in; null for nobody but its owner.",
    )


class CollectionChangeSchema(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=128, required=False)
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    description = serializers.CharField(max_length=4000, allow_blank=True, required=False)
    project = serializers.CharField(
        max_length=64, allow_null=True, required=False, help_text="Null takes the share back."
    )


class NewItemSchema(serializers.Serializer[Any]):
    """A study, series, instance or frame; the most specific UID counts."""

    study = serializers.CharField(max_length=64, required=False)
    series = serializers.CharField(max_length=64, required=False)
    instance = serializers.CharField(max_length=64, required=False)
    frame = serializers.IntegerField(min_value=1, required=False, help_text="From 1.")


class NewItemsSchema(serializers.Serializer[Any]):
    items = serializers.ListField(
        child=NewItemSchema(), allow_empty=False, max_length=MAX_ITEMS_A_REQUEST
    )


class ItemChangeSchema(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=128, allow_blank=True, required=False)
    note = serializers.CharField(max_length=8000, allow_blank=True, required=False)
    diagnosis = serializers.CharField(max_length=255, allow_blank=True, required=False)


class OrderSchema(serializers.Serializer[Any]):
    items = serializers.ListField(
        child=serializers.IntegerField(), help_text="The key of every item, in the order wanted."
    )


class ExportSchema(serializers.Serializer[Any]):
    """How a collection leaves."""

    quiz = serializers.BooleanField(default=False, help_text="Answers folded away.")
    dates = serializers.ChoiceField(
        choices=[one.value for one in DatePolicy], default=DatePolicy.REMOVE.value
    )
    patient_characteristics = serializers.BooleanField(
        default=True, help_text="Keep age (over 89 as 90), sex, size and weight."
    )
    looked_at = serializers.ListField(
        child=serializers.IntegerField(),
        default=list,
        help_text="Items of which you say: I looked at every image and text, none names anybody.",
    )


class ItemSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    number = serializers.IntegerField(help_text="Its place among the items that you see.")
    level = serializers.CharField()
    study_uid = serializers.CharField(allow_null=True)
    series_uid = serializers.CharField(allow_null=True)
    instance_uid = serializers.CharField(allow_null=True)
    frame = serializers.IntegerField(allow_null=True)
    title = serializers.CharField()
    note = serializers.CharField()
    diagnosis = serializers.CharField()
    modality = serializers.CharField()
    body_part = serializers.CharField()
    is_masked = serializers.BooleanField(
        help_text="A case of a quiz that you have not answered: what tells it is left out."
    )


class CollectionSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    description = serializers.CharField()
    owner = serializers.CharField()
    is_own = serializers.BooleanField()
    may_edit = serializers.BooleanField()
    project = serializers.CharField(allow_null=True)
    item_count = serializers.IntegerField(help_text="Of the items that you may see.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CollectionPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = CollectionSchema(many=True)


class CollectionDetailSchema(CollectionSchema):
    items = ItemSchema(many=True)


def case_path(values: dict[str, Any]) -> CasePath:
    """Return validated values as an object."""
    return CasePath(
        study_uid=values.get("study", ""),
        series_uid=values.get("series", ""),
        instance_uid=values.get("instance", ""),
        frame=values.get("frame"),
    )


def export_options(values: dict[str, Any]) -> ExportOptions:
    """Return validated values as options."""
    return ExportOptions(
        is_quiz=values["quiz"],
        dates=DatePolicy(values["dates"]),
        keeps_patient_characteristics=values["patient_characteristics"],
        looked_at=frozenset(values["looked_at"]),
    )


def collection_json(summary: CollectionSummary) -> dict[str, Any]:
    """Return a collection without its items."""
    return {
        "id": summary.pk,
        "name": summary.name,
        "kind": summary.kind.value,
        "description": summary.description,
        "owner": summary.owner_name,
        "is_own": summary.is_own,
        "may_edit": summary.may_edit,
        "project": summary.project_slug or None,
        "item_count": summary.item_count,
        "created_at": summary.created_at,
        "updated_at": summary.updated_at,
    }


def collection_detail_json(detail: CollectionDetail) -> dict[str, Any]:
    """Return a collection with its items."""
    items = [item_json(case) for case in detail.cases]
    return {**collection_json(detail.summary), "items": items}


def item_json(case: CaseCard) -> dict[str, Any]:
    """Return one item."""
    return {
        "id": case.pk,
        "number": case.number,
        "level": case.level.value,
        "study_uid": case.study_uid or None,
        "series_uid": case.series_uid or None,
        "instance_uid": case.instance_uid or None,
        "frame": case.frame,
        "title": case.title,
        "note": case.note,
        "diagnosis": case.diagnosis,
        "modality": case.modality,
        "body_part": case.body_part,
        "is_masked": case.is_masked,
    }
