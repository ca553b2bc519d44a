"""The JSON of kept searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.query.picture_words import pictures_in_words
from inference.api.query_schemas import QuestionSchema
from inference.api.schemas import StrictSerializer
from inference.similarity.explaining.answers import thumbnail_path
from inference.similarity.searches.selectors import shown_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.querysets import AnyUser
    from inference.models import SearchMatch, SearchSession

MAX_SEEN = 1000


class NewRoundSchema(StrictSerializer):
    """The next question of a search, whole."""

    query = QuestionSchema()


class NewSearchSchema(StrictSerializer):
    """A question to be kept; named, it is a saved search."""

    query = QuestionSchema()
    name = serializers.CharField(required=False, max_length=128)
    project = serializers.CharField(
        required=False, max_length=64, allow_blank=True, help_text="Slug: shared with its members."
    )
    is_notifying = serializers.BooleanField(default=False, help_text="Note new cases that match.")


class SearchChangeSchema(StrictSerializer):
    """What is to change; what is left out stays."""

    name = serializers.CharField(required=False, max_length=128)
    project = serializers.CharField(
        required=False, max_length=64, allow_blank=True, help_text="Empty: no longer shared."
    )
    is_notifying = serializers.BooleanField(required=False)


class SearchSchema(serializers.Serializer[Any]):
    """A kept search, without its question."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Empty: not saved, and forgotten after a month.")
    owner = serializers.CharField()
    is_own = serializers.BooleanField()
    project = serializers.CharField(allow_null=True)
    is_notifying = serializers.BooleanField()
    position = serializers.IntegerField(help_text="The round that holds, from 0.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SearchDetailSchema(SearchSchema):
    """A kept search with the question that holds."""

    rounds = serializers.IntegerField(help_text="Undone ones are among them until the next is new.")
    query = QuestionSchema()
    is_complete = serializers.BooleanField(
        help_text="False: the question names objects outside of your rights, left out here."
    )


class SearchListSchema(serializers.Serializer[Any]):
    results = SearchSchema(many=True)


class MatchSchema(serializers.Serializer[Any]):
    """A new case that a saved search found."""

    id = serializers.IntegerField()
    study_uid = serializers.CharField()
    series_uid = serializers.CharField()
    score = serializers.FloatField()
    found_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True)
    thumbnail = serializers.CharField()
    description = serializers.CharField(
        help_text="What the thumbnail shows, in words; models' findings with their review."
    )
    modality = serializers.CharField()
    body_part = serializers.CharField()
    study_date = serializers.DateField(allow_null=True)


class MatchListSchema(serializers.Serializer[Any]):
    results = MatchSchema(many=True)


class SeenSchema(StrictSerializer):
    """Which matches were seen; all of the search where none are named."""

    matches = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=MAX_SEEN,
    )


class SeenCountSchema(serializers.Serializer[Any]):
    seen = serializers.IntegerField(help_text="So many were new before.")


def search_json(user: AnyUser, session: SearchSession) -> dict[str, Any]:
    """Return a search as lists show it."""
    return {
        "id": session.pk,
        "name": session.name,
        "owner": session.owner.get_username(),
        "is_own": session.owner_id == user.pk,
        "project": session.project.slug if session.project else None,
        "is_notifying": session.is_notifying and session.owner_id == user.pk,
        "position": session.position,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def search_detail_json(user: AnyUser, session: SearchSession) -> dict[str, Any]:
    """Return a search with as much of its question as the reader may know."""
    query, is_hidden = shown_query(user, session)
    return {
        **search_json(user, session),
        "rounds": session.rounds.count(),
        "query": query,
        "is_complete": not is_hidden,
    }


def matches_json(user: AnyUser, matches: Sequence[SearchMatch]) -> list[dict[str, Any]]:
    """Return matches as the API gives them."""
    words = pictures_in_words(user, [match.series.series_instance_uid for match in matches])
    return [
        _match_json(match, words.get(match.series.series_instance_uid, "")) for match in matches
    ]


def _match_json(match: SearchMatch, description: str) -> dict[str, Any]:
    return {
        "id": match.pk,
        "study_uid": match.study.study_instance_uid,
        "series_uid": match.series.series_instance_uid,
        "score": match.score,
        "found_at": match.found_at,
        "seen_at": match.seen_at,
        "thumbnail": thumbnail_path(match.series, "", None),
        "description": description,
        "modality": match.series.modality,
        "body_part": match.series.body_part_examined,
        "study_date": match.study.study_date,
    }
