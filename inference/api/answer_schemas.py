"""The JSON of similar cases, as they are answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.query.picture_words import pictures_in_words
from inference.similarity.types import Level, ScoreKind

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser
    from inference.similarity.types import Explanation, SimilarAnswer, SimilarResult


class SlicePairSchema(serializers.Serializer[Any]):
    query_instance_uid = serializers.CharField()
    result_instance_uid = serializers.CharField()
    score = serializers.FloatField()


class ExplanationSchema(serializers.Serializer[Any]):
    agrees = serializers.ListField(
        child=serializers.CharField(), help_text="Attributes that query and result share."
    )
    differs = serializers.ListField(
        child=serializers.CharField(), help_text="Those that both state, and otherwise."
    )
    shared_labels = serializers.ListField(child=serializers.CharField())
    best_pair = SlicePairSchema(allow_null=True)


class SimilarResultSchema(serializers.Serializer[Any]):
    study_uid = serializers.CharField()
    series_uid = serializers.CharField()
    instance_uid = serializers.CharField(allow_null=True)
    frame = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()
    score_kind = serializers.ChoiceField(choices=[kind.value for kind in ScoreKind])
    percentile = serializers.FloatField(
        allow_null=True, help_text="Of random pairs, those that are less alike."
    )
    rerank_score = serializers.FloatField(
        allow_null=True, help_text="What series compared slice by slice are ordered by."
    )
    is_close = serializers.BooleanField(allow_null=True, help_text="At or above the cut.")
    matched_by = serializers.ListField(
        child=serializers.CharField(),
        help_text="Of words or several parts: which found it, by the names of their fields.",
    )
    siblings = serializers.IntegerField(help_text="The patient's others, folded behind this one.")
    thumbnail = serializers.CharField()
    description = serializers.CharField(
        help_text="What the thumbnail shows, in words; models' findings with their review."
    )
    labels = serializers.ListField(child=serializers.CharField())
    explain = ExplanationSchema(allow_null=True)
    modality = serializers.CharField()
    body_part = serializers.CharField()
    study_date = serializers.DateField(allow_null=True)
    study_description = serializers.CharField()
    series_description = serializers.CharField()
    patient_sex = serializers.CharField()
    patient_age = serializers.CharField()


class ClosenessSchema(serializers.Serializer[Any]):
    """Whether anything is close at all; says nothing where ``cut`` is null."""

    cut = serializers.FloatField(
        allow_null=True, help_text="Calibrated score from which on a result counts as close."
    )
    number_close = serializers.IntegerField()
    is_nothing_close = serializers.BooleanField()
    is_out_of_distribution = serializers.BooleanField(
        help_text="Further from everything than what the archive holds lies from each other."
    )


class SummaryLineSchema(serializers.Serializer[Any]):
    """What some of the nearest cases carry. Never a diagnosis."""

    # DRF takes declared fields off the class, so that its own attributes stay.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["label", "finding", "result"]
    )
    name = serializers.CharField(help_text="The label set's, finding's or model's name.")
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField(help_text="So many of those considered carry it.")
    considered = serializers.IntegerField()
    share = serializers.FloatField(help_text="Weighted by rank and score, 0 to 1.")
    low = serializers.FloatField(help_text="Lower end of its 95 % interval.")
    high = serializers.FloatField(help_text="Upper end of its 95 % interval.")
    carrying = serializers.IntegerField(help_text="Those that carry anything of this name.")
    mean_probability = serializers.FloatField(
        allow_null=True, help_text="Given by the model, on average; null for people's labels."
    )


class SimilarAnswerSchema(serializers.Serializer[Any]):
    results = SimilarResultSchema(many=True)
    space = serializers.CharField()
    level = serializers.ChoiceField(choices=[level.value for level in Level])
    exact = serializers.BooleanField(help_text="Searched exactly, without an index between.")
    took_ms = serializers.FloatField()
    closeness = ClosenessSchema()
    summary = SummaryLineSchema(many=True)
    session = serializers.IntegerField(allow_null=True, help_text="The search it is a round of.")


def similar_answer_json(
    user: AnyUser, answer: SimilarAnswer, *, session: int | None = None
) -> dict[str, Any]:
    """Return the answer as the API gives it; the session is the search it is a round of."""
    words = pictures_in_words(user, [result.series_uid for result in answer.results])
    return {
        "results": [
            _result_json(result, words.get(result.series_uid, "")) for result in answer.results
        ],
        "space": answer.space,
        "level": answer.level.value,
        "exact": answer.exact,
        "took_ms": answer.took_ms,
        "closeness": asdict(answer.closeness),
        "summary": [asdict(line) for line in answer.summary],
        "session": session,
    }


def _result_json(result: SimilarResult, description: str) -> dict[str, Any]:
    return {
        "study_uid": result.study_uid,
        "series_uid": result.series_uid,
        "instance_uid": result.instance_uid or None,
        "frame": result.frame,
        "score": result.score,
        "score_kind": result.score_kind.value,
        "percentile": result.percentile,
        "rerank_score": result.rerank_score,
        "is_close": result.is_close,
        "matched_by": list(result.matched_by),
        "siblings": result.siblings,
        "thumbnail": result.thumbnail,
        "description": description,
        "labels": list(result.labels),
        "explain": _explanation_json(result.explain),
        "modality": result.modality,
        "body_part": result.body_part,
        "study_date": result.study_date,
        "study_description": result.study_description,
        "series_description": result.series_description,
        "patient_sex": result.patient_sex,
        "patient_age": result.patient_age,
    }


def _explanation_json(explanation: Explanation | None) -> dict[str, Any] | None:
    if explanation is None:
        return None
    pair = explanation.best_pair
    return {
        "agrees": list(explanation.agrees),
        "differs": list(explanation.differs),
        "shared_labels": list(explanation.shared_labels),
        "best_pair": pair
        and {
            "query_instance_uid": pair.query_instance_uid,
            "result_instance_uid": pair.result_instance_uid,
            "score": pair.score,
        },
    }
