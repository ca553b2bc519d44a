"""REST endpoints of news, what to be told of, and studies to follow."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.endpoints import Endpoint, checked_uid
from archive.api.parsers import BoundedJsonParser
from archive.api.schemas import PagingSchema
from archive.notices import follows, selectors, services
from archive.notices.topics import topics

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from archive.models import Notice

_MOST_MARKED = 1000


class NoticeSchema(serializers.Serializer[Any]):
    """One piece of news."""

    id = serializers.IntegerField()
    topic = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    path = serializers.CharField(help_text="In the portal.")
    study_uid = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class NoticePageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    unread = serializers.IntegerField(help_text="Up to 100, which stands for more.")
    results = NoticeSchema(many=True)


class NoticeListQuerySchema(PagingSchema):
    """The window of the list, and what it is narrowed to."""

    unread = serializers.BooleanField(default=False)
    topic = serializers.CharField(max_length=32, default="")


class NoticeReadSchema(serializers.Serializer[Any]):
    """Which to mark as read; all where none is named."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=_MOST_MARKED,
        required=False,
    )


class NoticesReadSchema(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many were unread before.")


class NoticeChoiceSchema(serializers.Serializer[Any]):
    """A topic and what is wanted of it."""

    topic = serializers.ChoiceField(choices=[])
    in_portal = serializers.BooleanField()
    by_mail = serializers.BooleanField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["topic"]
        field.choices = sorted(topics)  # type: ignore[attr-defined]  # a ChoiceField


class FollowSchema(serializers.Serializer[Any]):
    """Whether the study is followed, and with it its patient."""

    whole_patient = serializers.BooleanField(default=False)


class NoticesView(Endpoint):
    """News of what concerns you."""

    @extend_schema(
        operation_id="notices_list",
        parameters=[NoticeListQuerySchema],
        responses={200: NoticePageSchema},
    )
    def get(self, request: Request) -> Response:
        """List your news, the newest first."""
        held = _values(NoticeListQuerySchema(data=request.query_params.dict()))
        found = selectors.notices_of(request.user, topic=held["topic"], is_unread=held["unread"])
        rows = found[held["offset"] : held["offset"] + held["limit"]]
        return Response(
            {
                "count": found.count(),
                "unread": selectors.unread_count(request.user),
                "results": [_notice_json(row) for row in rows],
            }
        )


@requires_scope("read")
class NoticesReadView(Endpoint):
    """What you have seen."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="notices_read", request=NoticeReadSchema, responses={200: NoticesReadSchema}
    )
    def post(self, request: Request) -> Response:
        """Mark news as read: the named ones, or all."""
        ids = _values(NoticeReadSchema(data=request.data)).get("ids")
        return Response({"read": services.mark_read(request.user, ids)})


class NoticeChoicesView(Endpoint):
    """What you are told of, in the portal and by mail."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="notice_choices_list", responses={200: NoticeChoiceSchema(many=True)}
    )
    def get(self, request: Request) -> Response:
        """List the topics that are for you."""
        return Response(_choices_json(request))

    @extend_schema(
        operation_id="notice_choices_change",
        request=NoticeChoiceSchema(many=True),
        responses={200: NoticeChoiceSchema(many=True)},
    )
    def put(self, request: Request) -> Response:
        """Say what you want; topics that are left out stay as they are."""
        schema = NoticeChoiceSchema(data=request.data, many=True)
        schema.is_valid(raise_exception=True)
        wanted = {one["topic"]: (one["in_portal"], one["by_mail"]) for one in schema.validated_data}
        services.change_choices(request.user, wanted)
        return Response(_choices_json(request))


class FollowView(Endpoint):
    """News of a study."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="studies_follow", request=FollowSchema, responses={200: FollowSchema}
    )
    def put(self, request: Request, study_uid: str) -> Response:
        """Follow a study: you are told of what arrives for it."""
        said = _values(FollowSchema(data=request.data))
        follows.follow_study(asker=_asker(request), study_uid=checked_uid(study_uid), **said)
        return Response(said)

    @extend_schema(operation_id="studies_unfollow", responses={204: None})
    def delete(self, request: Request, study_uid: str) -> Response:
        """Follow it no more."""
        follows.unfollow_study(asker=_asker(request), study_uid=checked_uid(study_uid))
        return Response(status=HTTPStatus.NO_CONTENT)


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: serializers.Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


def _notice_json(row: Notice) -> dict[str, Any]:
    study = row.study
    return {
        "id": row.pk,
        "topic": row.topic,
        "title": row.title,
        "body": row.body,
        "path": row.path,
        "study_uid": study.study_instance_uid if study else None,
        "created_at": row.created_at,
        "read_at": row.read_at,
    }


def _choices_json(request: Request) -> list[dict[str, Any]]:
    return [
        {"topic": one.topic.key, "in_portal": one.in_portal, "by_mail": one.by_mail}
        for one in selectors.choices_of(request.user)
    ]
