"""REST endpoint of media: studies with a DICOMDIR, as a ZIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from archive.api.schemas import ProblemSchema
from archive.inbox.media import services

if TYPE_CHECKING:
    from rest_framework.request import Request


class MediumSchema(serializers.Serializer[Any]):
    """What shall be on it: studies by UID, or those of a collection."""

    studies = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=200
    )
    collection = serializers.IntegerField(required=False, min_value=1)
    keeps_compression = serializers.BooleanField(default=False)


class MediaView(Endpoint):
    """Studies on a medium."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="media_create",
        request=MediumSchema,
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            400: OpenApiResponse(ProblemSchema, "No study is named."),
            403: OpenApiResponse(ProblemSchema, "Your role does not take images out."),
            404: OpenApiResponse(ProblemSchema, "A study is not there, or not for you."),
            413: OpenApiResponse(ProblemSchema, "Too many studies or instances."),
        },
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Give a ZIP with DICOMDIR, the files, and pages for people (IHE PDI)."""
        schema = MediumSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        values = schema.validated_data
        asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
        uids = list(values.get("studies", []))
        if "collection" in values:
            uids += services.collection_studies(asker=asker, collection_id=values["collection"])
        made = services.write_medium(
            asker=asker, study_uids=uids, keeps_compression=values["keeps_compression"]
        )
        response = StreamingHttpResponse(made.chunks, content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{made.name}"'
        return response
