"""REST endpoints of grants, links, emergencies and the audit trail."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.access import break_glass, grants, share_links
from archive.access.audit_search import AuditFilters, search_trail
from archive.access.scopes import requires_scope
from archive.api.endpoints import Endpoint, checked_uid, require_recent_login
from archive.api.schemas import ProblemSchema
from archive.api.sharing_schemas import (
    AuditPageSchema,
    AuditQuerySchema,
    EmergencyListSchema,
    GrantListSchema,
    GrantSchema,
    LinkListSchema,
    MadeLinkSchema,
    NewEmergencySchema,
    NewGrantSchema,
    NewLinkSchema,
    ReviewSchema,
    plain,
    record_json,
)

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker

REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `field` or `errors` name it.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "Your role does not allow it.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not for you.")
CONFLICT = OpenApiResponse(ProblemSchema, "It is so already.")


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class StudyGrantsView(Endpoint):
    """To whom a study is shown beside its projects."""

    @extend_schema(
        operation_id="study_grants_list",
        responses={200: GrantListSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, study_uid: str) -> Response:
        """List the accounts, for those who may share the study."""
        found = grants.grants_of(request.user, checked_uid(study_uid))
        return Response({"results": [plain(one) for one in found]})

    @extend_schema(
        operation_id="study_grants_create",
        request=NewGrantSchema,
        responses={
            201: GrantSchema,
            400: REFUSED,
            403: FORBIDDEN,
            404: ABSENT,
            409: CONFLICT,
        },
    )
    def post(self, request: Request, study_uid: str) -> Response:
        """Show the study to an account."""
        require_recent_login(request)
        values = _values(NewGrantSchema(data=request.data))
        made = grants.grant_study(asker=_asker(request), study_uid=checked_uid(study_uid), **values)
        return Response(plain(made), status=HTTPStatus.CREATED)


class GrantView(Endpoint):
    """One grant."""

    @extend_schema(operation_id="grants_delete", responses={204: None, 404: ABSENT})
    def delete(self, request: Request, pk: int) -> Response:
        """Take it back."""
        grants.revoke_grant(asker=_asker(request), grant_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class LinksView(Endpoint):
    """Links for people without an account."""

    @extend_schema(operation_id="links_list", responses={200: LinkListSchema})
    def get(self, request: Request) -> Response:
        """List the links that the asker made or may end."""
        found = share_links.links_of(request.user)
        return Response({"results": [plain(one) for one in found]})

    @extend_schema(
        operation_id="links_create",
        request=NewLinkSchema,
        responses={201: MadeLinkSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def post(self, request: Request) -> Response:
        """Make a link to a study or a collection; its path is told this once."""
        require_recent_login(request)
        values = _values(NewLinkSchema(data=request.data))
        study, collection = values.pop("study", ""), values.pop("collection", None)
        made, secret = share_links.make_link(
            asker=_asker(request),
            study_uid=checked_uid(study) if study else "",
            collection_id=collection,
            **values,
        )
        return Response(plain(made) | {"path": f"/s/{secret}/"}, status=HTTPStatus.CREATED)


class LinkView(Endpoint):
    """One link."""

    @extend_schema(operation_id="links_delete", responses={204: None, 404: ABSENT})
    def delete(self, request: Request, pk: int) -> Response:
        """End it."""
        share_links.revoke_link(asker=_asker(request), link_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class EmergenciesView(Endpoint):
    """Emergency accesses."""

    @extend_schema(operation_id="emergencies_list", responses={200: EmergencyListSchema})
    def get(self, request: Request) -> Response:
        """List the asker's own, and those they review."""
        found = break_glass.emergency_list(request.user)
        return Response({"results": [plain(one) for one in found]})

    @extend_schema(
        operation_id="emergencies_create",
        request=NewEmergencySchema,
        responses={
            201: EmergencyListSchema,
            400: REFUSED,
            403: FORBIDDEN,
            404: ABSENT,
            409: CONFLICT,
        },
    )
    def post(self, request: Request) -> Response:
        """Open a patient by the exact ID, on record; for people, not for programs."""
        require_recent_login(request)
        values = _values(NewEmergencySchema(data=request.data))
        opened = break_glass.begin_emergency(asker=_asker(request), **values)
        body = {"results": [plain(one) for one in opened]}
        return Response(body, status=HTTPStatus.CREATED)


class EmergencyView(Endpoint):
    """One emergency access."""

    @extend_schema(operation_id="emergencies_end", responses={204: None, 404: ABSENT})
    def delete(self, request: Request, pk: int) -> Response:
        """Close one's own before its time."""
        break_glass.end_emergency(asker=_asker(request), emergency_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)

    @extend_schema(
        operation_id="emergencies_review",
        request=ReviewSchema,
        responses={204: None, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT, 409: CONFLICT},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say whether somebody else's was right."""
        values = _values(ReviewSchema(data=request.data))
        break_glass.review_emergency(asker=_asker(request), emergency_id=pk, **values)
        return Response(status=HTTPStatus.NO_CONTENT)


@requires_scope("admin")
class AuditView(Endpoint):
    """The audit trail."""

    @extend_schema(
        operation_id="audit_list",
        parameters=[AuditQuerySchema],
        responses={200: AuditPageSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """Search what is on record, newest first, within the asker's projects."""
        values = _values(AuditQuerySchema(data=request.query_params))
        before, limit = values.pop("before", None), values.pop("limit")
        page = search_trail(
            asker=_asker(request), filters=AuditFilters(**values), before=before, number=limit
        )
        body = {
            "results": [record_json(row) for row in page.rows],
            "next_before": page.next_before,
        }
        return Response(body)
