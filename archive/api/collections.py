"""REST endpoints of collections."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.collection_schemas import (
    CollectionChangeSchema,
    CollectionDetailSchema,
    CollectionListQuerySchema,
    CollectionPageSchema,
    ExportSchema,
    ItemChangeSchema,
    ItemSchema,
    NewCollectionSchema,
    NewItemsSchema,
    OrderSchema,
    case_path,
    collection_detail_json,
    collection_json,
    export_options,
    item_json,
)
from archive.api.endpoints import Endpoint
from archive.api.job_schemas import JobSchema, job_json
from archive.api.schemas import ProblemSchema
from archive.bulk.selectors import job_view
from archive.collections import cases, selectors, services
from archive.errors import NotVisibleError
from archive.research.teaching.services import export_collection
from archive.retrieve.downloads import Download

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker

REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `field` or `errors` name it.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "You may look, and no more.")
MANY = OpenApiResponse(ProblemSchema, "More studies, or more open jobs, than there may be.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not for you.")


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _user(request: Request) -> User:
    """Return the account: the middleware lets no stranger through."""
    user: Any = request.user
    account: User = user
    return account


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


def _detail(request: Request, pk: int, status: HTTPStatus = HTTPStatus.OK) -> Response:
    detail = selectors.collection_detail(request.user, pk)
    return Response(collection_detail_json(detail), status=status)


class CollectionsView(Endpoint):
    """The collections that the asker may see."""

    @extend_schema(
        operation_id="collections_list",
        parameters=[CollectionListQuerySchema],
        responses={200: CollectionPageSchema, 400: REFUSED},
    )
    def get(self, request: Request) -> Response:
        """List own and shared collections, the latest changed first."""
        values = _values(CollectionListQuerySchema(data=request.query_params))
        kind = values.get("kind", "")
        found = selectors.list_collections(
            request.user, kind=kind, limit=values["limit"], offset=values["offset"]
        )
        count = selectors.count_collections(request.user, kind=kind)
        return Response({"count": count, "results": [collection_json(one) for one in found]})

    @extend_schema(
        operation_id="collections_create",
        request=NewCollectionSchema,
        responses={201: CollectionDetailSchema, 400: REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Make a collection of the asker's own."""
        values = _values(NewCollectionSchema(data=request.data))
        pk = services.create_collection(_user(request), asker=_asker(request), **values)
        return _detail(request, pk, HTTPStatus.CREATED)


class CollectionView(Endpoint):
    """One collection."""

    @extend_schema(
        operation_id="collections_retrieve",
        responses={200: CollectionDetailSchema, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a collection with the items that the asker may see."""
        return _detail(request, pk)

    @extend_schema(
        operation_id="collections_change",
        request=CollectionChangeSchema,
        responses={200: CollectionDetailSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change name, kind, description or share; what is not sent stays."""
        values = _values(CollectionChangeSchema(data=request.data))
        services.update_collection(_user(request), pk, asker=_asker(request), values=values)
        return _detail(request, pk)

    @extend_schema(
        operation_id="collections_delete", responses={204: None, 403: FORBIDDEN, 404: ABSENT}
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a collection; its studies stay."""
        services.delete_collection(_user(request), pk, asker=_asker(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class CollectionItemsView(Endpoint):
    """The items of a collection."""

    @extend_schema(
        operation_id="collections_add_items",
        request=NewItemsSchema,
        responses={201: CollectionDetailSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Add studies, series, instances or frames: all of them, or none."""
        values = _values(NewItemsSchema(data=request.data))
        paths = [case_path(item) for item in values["items"]]
        cases.add_cases(_user(request), pk, paths, asker=_asker(request))
        return _detail(request, pk, HTTPStatus.CREATED)

    @extend_schema(
        operation_id="collections_order_items",
        request=OrderSchema,
        responses={200: CollectionDetailSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Put the items into another order."""
        values = _values(OrderSchema(data=request.data))
        cases.order_cases(_user(request), pk, values["items"], asker=_asker(request))
        return _detail(request, pk)


class CollectionItemView(Endpoint):
    """One item of a collection."""

    @extend_schema(
        operation_id="collections_describe_item",
        request=ItemChangeSchema,
        responses={200: ItemSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def patch(self, request: Request, pk: int, item: int) -> Response:
        """Write title, note or diagnosis; what is not sent stays."""
        values = _values(ItemChangeSchema(data=request.data))
        cases.describe_case(_user(request), pk, item, asker=_asker(request), **values)
        card = selectors.case_card(request.user, pk, item)
        if card is None:
            raise NotVisibleError("There is no such case in this collection.")
        return Response(item_json(card))

    @extend_schema(
        operation_id="collections_remove_item",
        responses={204: None, 403: FORBIDDEN, 404: ABSENT},
    )
    def delete(self, request: Request, pk: int, item: int) -> Response:
        """Take an item out."""
        cases.remove_case(_user(request), pk, item, asker=_asker(request))
        return Response(status=HTTPStatus.NO_CONTENT)


@requires_scope("read")
class CollectionExportView(Endpoint):
    """A collection without identities."""

    @extend_schema(
        operation_id="collections_export",
        request=ExportSchema,
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            202: JobSchema,
            400: REFUSED,
            403: FORBIDDEN,
            404: ABSENT,
            413: MANY,
        },
    )
    def post(self, request: Request, pk: int) -> HttpResponseBase:
        """Send a ZIP with pages, pictures, a manifest and de-identified DICOM files.

        Where pixels have to be read or changed (text burned in, faces), a job makes it: 202, and
        the job; its file is at ``/jobs/<id>/file``.
        """
        options = export_options(_values(ExportSchema(data=request.data)))
        made = export_collection(_user(request), pk, asker=_asker(request), options=options)
        if not isinstance(made, Download):
            view = job_view(request.user, made.pk)
            return Response(job_json(view), status=HTTPStatus.ACCEPTED)
        response = StreamingHttpResponse(made.chunks, content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{made.filename}"'
        return response
