"""REST endpoints of labels: what people say about studies, series, images and regions."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from archive.api.endpoints import Endpoint, checked_uid
from archive.api.parsers import BoundedJsonParser
from inference.api.schemas import LabelledSchema, LabelSchema, new_label
from inference.training.labelling import add_labels, remove_label
from inference.training.labels import study_labels

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from inference.training.labels import LabelView as LabelRow


class GivenLabelSchema(serializers.Serializer[Any]):
    """A label that somebody gave, and who."""

    id = serializers.IntegerField()
    label_set = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    series = serializers.CharField(help_text="Empty for a label on the whole study.")
    instance = serializers.CharField(help_text="Empty for a label on a study or a series.")
    frame = serializers.IntegerField(allow_null=True)
    region = serializers.ListField(child=serializers.IntegerField())
    reader = serializers.CharField(help_text="Empty where it came without its reader.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["person", "file", "report", "review"]
    )
    created_at = serializers.DateTimeField()


class LabelListSchema(serializers.Serializer[Any]):
    results = GivenLabelSchema(many=True)


class LabelsView(Endpoint):
    """Labels that people give."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="labels_list",
        parameters=[OpenApiParameter("study", OpenApiTypes.STR, required=True)],
        responses={200: LabelListSchema},
    )
    def get(self, request: Request) -> Response:
        """List the labels on a study and on all that it holds, of every reader."""
        study_uid = checked_uid(request.query_params.get("study", ""))
        rows = study_labels(request.user, study_uid).labels
        return Response({"results": [_label_json(row) for row in rows]})

    @extend_schema(
        operation_id="labels_create",
        request=LabelSchema(many=True),
        responses={201: LabelledSchema},
    )
    def post(self, request: Request) -> Response:
        """Add labels to studies, series, instances or regions: all or none, in your own name."""
        schema = LabelSchema(data=request.data, many=True, allow_empty=False)
        schema.is_valid(raise_exception=True)
        labels = [new_label(values) for values in schema.validated_data]
        counts = add_labels(asker=_asker(request), labels=labels)
        body = {"created": counts.created, "existing": counts.existing}
        return Response(body, status=HTTPStatus.CREATED)


class LabelView(Endpoint):
    """One label."""

    @extend_schema(operation_id="labels_delete", responses={204: None})
    def delete(self, request: Request, label_id: int) -> Response:
        """Take it back: your own, or any as a radiology admin."""
        remove_label(asker=_asker(request), label_id=label_id)
        return Response(status=HTTPStatus.NO_CONTENT)


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _label_json(row: LabelRow) -> dict[str, Any]:
    return {
        "id": row.pk,
        "label_set": row.label_set,
        "label": row.label,
        "series": row.series_uid,
        "instance": row.instance_uid,
        "frame": row.frame,
        "region": list(row.region),
        "reader": row.reader,
        "source": row.source,
        "created_at": row.created_at,
    }
