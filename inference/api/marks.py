"""REST endpoints of what models mark on images, and of asking why."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from inference.runs.explanations import request_explanation
from inference.runs.marks import marks_of_series

if TYPE_CHECKING:
    from rest_framework.request import Request


class _MarkSchema(serializers.Serializer[Any]):
    """Which model said it."""

    run = serializers.IntegerField()
    model = serializers.CharField()
    notice = serializers.CharField(help_text="What the reader must be told; may be empty.")


class BoxSchema(_MarkSchema):
    """A detection."""

    finding = serializers.IntegerField()
    says = serializers.CharField()
    probability = serializers.FloatField(allow_null=True)
    size = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    review = serializers.CharField()
    slices = serializers.ListField(
        child=serializers.ListField(),
        help_text="SOP Instance UID, frame from 1, left, top, width and height in pixels.",
    )


class HeatSchema(_MarkSchema):
    """How much each place of a frame speaks for an answer."""

    image = serializers.CharField(help_text="SOP Instance UID")
    frame = serializers.IntegerField(help_text="From 1.")
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    values = serializers.CharField(help_text="Base64 of rows x columns bytes, 255 = most.")
    says = serializers.CharField()
    method = serializers.CharField()
    strength = serializers.FloatField(
        help_text="Probability lost where the most telling place is hidden."
    )


class UnexplainedSchema(_MarkSchema):
    """A classification that can be explained and isn't."""

    says = serializers.CharField()


class SeriesMarksSchema(serializers.Serializer[Any]):
    """All that is marked on a series."""

    boxes = BoxSchema(many=True)
    heat = HeatSchema(many=True)
    unexplained = UnexplainedSchema(many=True)


class SeriesMarksView(Endpoint):
    """What models mark on a series."""

    @extend_schema(operation_id="series_marks", responses={200: SeriesMarksSchema})
    def get(self, request: Request, series_uid: str) -> Response:
        """Show boxes and heat maps of the newest run of each model."""
        return Response(SeriesMarksSchema(marks_of_series(request.user, series_uid)).data)


class RunExplainView(Endpoint):
    """Why a classifier said so."""

    @extend_schema(operation_id="runs_explain", request=None, responses={202: None})
    def post(self, request: Request, run_id: int) -> Response:
        """Have a heat map made; it comes as a DICOM object of the study and as a mark."""
        request_explanation(
            asker=request._request.asker,  # type: ignore[attr-defined]  # noqa: SLF001
            run_id=run_id,
        )
        return Response(status=HTTPStatus.ACCEPTED)
