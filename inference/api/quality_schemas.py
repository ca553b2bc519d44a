"""The JSON of embedding spaces and of their measured quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.api.schemas import StrictSerializer
from inference.similarity.spaces.registry import space_provenance

if TYPE_CHECKING:
    from inference.models import RetrievalEvaluation
    from inference.similarity.quality.services import SpaceOverview

_FIGURE_HELP = "Each figure is [value, low, high]: a 95 % interval over patients, null for few."


class FiguresSchema(serializers.Serializer[Any]):
    """Means over the queries of a group."""

    queries = serializers.IntegerField()
    patients = serializers.IntegerField()
    p_at_1 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    p_at_5 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    p_at_10 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    recall_at_10 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    recall_at_50 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    recall_at_100 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    map = serializers.ListField(child=serializers.FloatField(allow_null=True))
    ndcg_at_10 = serializers.ListField(child=serializers.FloatField(allow_null=True))
    chance = serializers.ListField(child=serializers.FloatField(allow_null=True))


class EvaluationSchema(serializers.Serializer[Any]):
    """How well a space finds what a set of labels calls the same; the same patient left out."""

    id = serializers.IntegerField()
    space = serializers.CharField()
    label_set = serializers.CharField()
    level = serializers.ChoiceField(choices=["series", "instance"])
    number_of_queries = serializers.IntegerField()
    measured_at = serializers.DateTimeField()
    actor = serializers.CharField(allow_null=True, help_text="Null for the scheduler.")
    figures = serializers.DictField(
        help_text="`all`, `by` label, modality, body_part, scanner, sex, age_group and their "
        "groups, `within` one modality and body part, `index_recall`, `against` the default "
        f"space. {_FIGURE_HELP}"
    )


class EvaluationPageSchema(serializers.Serializer[Any]):
    results = EvaluationSchema(many=True)


class EvaluationQuerySchema(StrictSerializer):
    """Which evaluations, newest first."""

    space = serializers.CharField(required=False, max_length=64)
    label_set = serializers.CharField(required=False, max_length=64)
    level = serializers.ChoiceField(choices=["series", "instance"], required=False)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=50)


class EvaluationRequestSchema(StrictSerializer):
    """What to measure; a worker does it."""

    space = serializers.CharField(
        required=False, max_length=64, allow_blank=True, help_text="The default one if absent."
    )
    label_set = serializers.CharField(max_length=64)
    level = serializers.ChoiceField(choices=["series", "instance"], default="series")


class EvaluationRequestedSchema(serializers.Serializer[Any]):
    queued = serializers.BooleanField(help_text="False where the same is being measured already.")


class SpaceFiguresSchema(FiguresSchema):
    """The newest figures of a space by a set of labels."""

    label_set = serializers.CharField()
    level = serializers.CharField()
    measured_at = serializers.DateTimeField()


class SpaceProgressSchema(serializers.Serializer[Any]):
    """How far a space is filled."""

    images_done = serializers.IntegerField()
    images = serializers.IntegerField()
    images_per_minute = serializers.FloatField()
    seconds_left = serializers.IntegerField(allow_null=True)
    is_paused = serializers.BooleanField()


class SpaceSchema(serializers.Serializer[Any]):
    """An embedding space; the last three are for radiology admins of the whole archive."""

    name = serializers.CharField()
    dimension = serializers.IntegerField()
    is_default = serializers.BooleanField()
    has_encoder = serializers.BooleanField(help_text="Pictures can be asked with here.")
    metric = serializers.CharField()
    state = serializers.ChoiceField(choices=["registered", "filling", "ready", "retired"])
    provenance = serializers.DictField(
        help_text="What its vectors come from, which never changes: model, weights (SHA-256), "
        "preprocessing, metric, dimension; of a projected space its base and projection."
    )
    vectors = serializers.DictField(
        child=serializers.IntegerField(), allow_null=True, help_text="Vectors by level."
    )
    progress = SpaceProgressSchema(allow_null=True)
    figures = SpaceFiguresSchema(many=True, allow_null=True)


class SpaceListSchema(serializers.Serializer[Any]):
    results = SpaceSchema(many=True)


def evaluation_json(row: RetrievalEvaluation) -> dict[str, Any]:
    """Return an evaluation as the API gives it."""
    return {
        "id": row.pk,
        "space": row.space.name,
        "label_set": row.label_set,
        "level": row.level,
        "number_of_queries": row.number_of_queries,
        "measured_at": row.created_at,
        "actor": row.actor.get_username() if row.actor else None,
        "figures": row.figures,
    }


def space_json(overview: SpaceOverview) -> dict[str, Any]:
    """Return a space as the API gives it."""
    space, quality, progress = overview.space, overview.quality, overview.progress
    newest = quality.evaluations if quality else []
    figures = [
        {
            "label_set": row.label_set,
            "level": row.level,
            "measured_at": row.created_at,
            **row.figures["all"],
        }
        for row in newest
    ]
    return {
        "name": space.name,
        "dimension": space.dimension,
        "is_default": space.is_default,
        "has_encoder": overview.has_encoder,
        "metric": space.metric,
        "state": space.state,
        "provenance": space_provenance(space),
        "vectors": quality.vectors if quality else None,
        "progress": progress
        and {
            name: getattr(progress, name)
            for name in ("images_done", "images", "images_per_minute", "seconds_left", "is_paused")
        },
        "figures": figures if quality else None,
    }
