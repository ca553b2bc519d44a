"""The JSON of the AI's REST door."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.similarity.types import (
    DEFAULT_K,
    MAX_EXAMPLES,
    MAX_K,
    Filters,
    Level,
    PatientScope,
    Region,
    ScoreKind,
    SimilarQuery,
)
from inference.training.labelling import NewLabel

if TYPE_CHECKING:
    from inference.models import Run
    from inference.similarity.types import Explanation, SimilarAnswer, SimilarResult

UID_LENGTH = 64
RUN_STATES = ["queued", "running", "succeeded", "skipped", "dead"]


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt filter must not become no filter."""

    def to_internal_value(self, data: Any) -> Any:
        """Check for unknown names first."""
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({unknown[0][:64]: ["There is no such field."]})
        return super().to_internal_value(data)


class TextsField(serializers.ListField):
    """A list of texts; one text stands for a list of one."""

    child = serializers.CharField(max_length=128)

    def to_internal_value(self, data: Any) -> Any:
        """Take a single text too."""
        return super().to_internal_value([data] if isinstance(data, str) else data)


class FiltersSchema(StrictSerializer):
    """Conditions on results: a list means any of it; different conditions hold together."""

    modality = TextsField(required=False)
    body_part = TextsField(required=False)
    laterality = TextsField(required=False)
    manufacturer = TextsField(required=False)
    sex = TextsField(required=False)
    # DRF takes declared fields off the class, so that its own attribute stays.
    label = TextsField(  # type: ignore[assignment]
        required=False, help_text="A label of any set, or `set:label`."
    )
    project = TextsField(required=False, help_text="Slugs of projects.")
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    age_from = serializers.IntegerField(required=False, min_value=0, max_value=200)
    age_to = serializers.IntegerField(required=False, min_value=0, max_value=200)


class SimilarQuerySchema(StrictSerializer):
    """What cases are to be like: a stored object, or an image sent as multipart/form-data."""

    study = serializers.CharField(required=False, max_length=UID_LENGTH)
    series = serializers.CharField(required=False, max_length=UID_LENGTH)
    instance = serializers.CharField(required=False, max_length=UID_LENGTH)
    frame = serializers.IntegerField(required=False, min_value=1, help_text="From 1.")
    region = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**31),
        required=False,
        min_length=4,
        max_length=4,
        help_text="[x, y, width, height] in pixels of the stored frame.",
    )
    text = serializers.CharField(required=False, max_length=1000)
    positive = serializers.ListField(
        child=serializers.CharField(max_length=UID_LENGTH), required=False, max_length=MAX_EXAMPLES
    )
    negative = serializers.ListField(
        child=serializers.CharField(max_length=UID_LENGTH), required=False, max_length=MAX_EXAMPLES
    )
    filters = FiltersSchema(required=False)
    level = serializers.ChoiceField(
        choices=[level.value for level in Level], default=Level.SERIES.value
    )
    k = serializers.IntegerField(default=DEFAULT_K, min_value=1, max_value=MAX_K)
    patient = serializers.ChoiceField(
        choices=[scope.value for scope in PatientScope], default=PatientScope.EXCLUDE.value
    )
    fold = serializers.BooleanField(default=True, help_text="One result per patient.")
    space = serializers.CharField(required=False, max_length=64, allow_blank=True)
    explain = serializers.BooleanField(default=True)


class SimilarFormSchema(SimilarQuerySchema):
    """The same with an image; lists and filters are JSON texts."""

    image = serializers.FileField(help_text="DICOM, PNG or JPEG. Never stored.")


class SlicePairSchema(serializers.Serializer[Any]):
    query_instance_uid = serializers.CharField()
    result_instance_uid = serializers.CharField()
    score = serializers.FloatField()


class ExplanationSchema(serializers.Serializer[Any]):
    agrees = serializers.ListField(child=serializers.CharField())
    shared_labels = serializers.ListField(child=serializers.CharField())
    best_pair = SlicePairSchema(allow_null=True)


class SimilarResultSchema(serializers.Serializer[Any]):
    study_uid = serializers.CharField()
    series_uid = serializers.CharField()
    instance_uid = serializers.CharField(allow_null=True)
    frame = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()
    score_kind = serializers.ChoiceField(choices=[kind.value for kind in ScoreKind])
    percentile = serializers.FloatField(allow_null=True)
    is_close = serializers.BooleanField(allow_null=True, help_text="At or above the cut.")
    siblings = serializers.IntegerField()
    thumbnail = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    explain = ExplanationSchema(allow_null=True)
    modality = serializers.CharField()
    body_part = serializers.CharField()
    study_date = serializers.DateField(allow_null=True)
    study_description = serializers.CharField()
    series_description = serializers.CharField()


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


class SimilarAnswerSchema(serializers.Serializer[Any]):
    results = SimilarResultSchema(many=True)
    space = serializers.CharField()
    level = serializers.ChoiceField(choices=[level.value for level in Level])
    exact = serializers.BooleanField(help_text="Searched exactly, without an index between.")
    took_ms = serializers.FloatField()
    closeness = ClosenessSchema()


class LabelSchema(StrictSerializer):
    """A label on exactly one object."""

    study = serializers.CharField(required=False, max_length=UID_LENGTH)
    series = serializers.CharField(required=False, max_length=UID_LENGTH)
    instance = serializers.CharField(required=False, max_length=UID_LENGTH)
    label_set = serializers.CharField(max_length=64)
    label = serializers.CharField(max_length=64)  # type: ignore[assignment]


class LabelledSchema(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    existing = serializers.IntegerField()


class RunRequestSchema(StrictSerializer):
    """Which model to run on which series."""

    model = serializers.CharField(max_length=100, help_text="`name`, or `name:version`.")
    series = serializers.CharField(max_length=UID_LENGTH, help_text="Series Instance UID.")


class RunSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    model = serializers.CharField()
    version = serializers.CharField()
    series_uid = serializers.CharField()
    state = serializers.ChoiceField(choices=RUN_STATES)
    message = serializers.CharField()
    device = serializers.CharField()


class StudyStatusSchema(serializers.Serializer[Any]):
    """How far the AI is with a study."""

    instances = serializers.IntegerField()
    embedded = serializers.IntegerField(help_text="Instances with a vector in the default space.")
    runs = RunSchema(many=True)
    idle = serializers.BooleanField(help_text="Nothing is queued, running or waiting for it.")


def similar_query(values: dict[str, Any], image: bytes = b"") -> SimilarQuery:
    """Return validated values as the search's question."""
    filters: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.get("filters", {}).items()
    }
    region = values.get("region")
    return SimilarQuery(
        study=values.get("study", ""),
        series=values.get("series", ""),
        instance=values.get("instance", ""),
        text=values.get("text", ""),
        space=values.get("space", ""),
        positive=tuple(values.get("positive", ())),
        negative=tuple(values.get("negative", ())),
        frame=values.get("frame"),
        region=Region(*region) if region else None,
        image=image,
        filters=Filters(**filters),
        level=Level(values["level"]),
        k=values["k"],
        patient=PatientScope(values["patient"]),
        fold=values["fold"],
        explain=values["explain"],
    )


def similar_answer_json(answer: SimilarAnswer) -> dict[str, Any]:
    """Return the answer as the API gives it."""
    return {
        "results": [_result_json(result) for result in answer.results],
        "space": answer.space,
        "level": answer.level.value,
        "exact": answer.exact,
        "took_ms": answer.took_ms,
        "closeness": asdict(answer.closeness),
    }


def _result_json(result: SimilarResult) -> dict[str, Any]:
    return {
        "study_uid": result.study_uid,
        "series_uid": result.series_uid,
        "instance_uid": result.instance_uid or None,
        "frame": result.frame,
        "score": result.score,
        "score_kind": result.score_kind.value,
        "percentile": result.percentile,
        "is_close": result.is_close,
        "siblings": result.siblings,
        "thumbnail": result.thumbnail,
        "labels": list(result.labels),
        "explain": _explanation_json(result.explain),
        "modality": result.modality,
        "body_part": result.body_part,
        "study_date": result.study_date,
        "study_description": result.study_description,
        "series_description": result.series_description,
    }


def _explanation_json(explanation: Explanation | None) -> dict[str, Any] | None:
    if explanation is None:
        return None
    pair = explanation.best_pair
    return {
        "agrees": list(explanation.agrees),
        "shared_labels": list(explanation.shared_labels),
        "best_pair": pair
        and {
            "query_instance_uid": pair.query_instance_uid,
            "result_instance_uid": pair.result_instance_uid,
            "score": pair.score,
        },
    }


def new_label(values: dict[str, Any]) -> NewLabel:
    """Return validated values as a label."""
    return NewLabel(**values)


def run_json(run: Run) -> dict[str, Any]:
    """Return a run as the API gives it."""
    return {
        "id": run.pk,
        "model": run.model_version.name,
        "version": run.model_version.version,
        "series_uid": run.series.series_instance_uid,
        "state": run.state,
        "message": run.message,
        "device": run.device,
    }
