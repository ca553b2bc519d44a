"""The JSON of a question for similar cases."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inference.api.schemas import UID_LENGTH, StrictSerializer
from inference.similarity.types import (
    DEFAULT_K,
    MAX_EXAMPLES,
    MAX_K,
    MAX_TEXT_LENGTH,
    Filters,
    Level,
    PatientScope,
    Region,
    SimilarQuery,
)

MAX_ATTRIBUTES = 20
MAX_ATTRIBUTE_LENGTH = 128
_KEYWORD = re.compile(r"[A-Za-z0-9]{1,64}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class TextsField(serializers.ListField):
    """A list of texts; one text stands for a list of one."""

    child = serializers.CharField(max_length=128)

    def to_internal_value(self, data: Any) -> Any:
        """Take a single text too."""
        return super().to_internal_value([data] if isinstance(data, str) else data)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
        "example": {"KVP": ["120"]},
    }
)
class AttributesField(serializers.Field[Any, Any, Any, Any]):
    """DICOM keywords with values: an object, or a list of pairs or of ``Keyword=value``."""

    default_error_messages = {
        "shape": "Give an object of keywords and values, or a list of Keyword=value.",
        "many": f"At most {MAX_ATTRIBUTES} values.",
    }

    def to_internal_value(self, data: Any) -> list[tuple[str, str]]:
        """Return pairs of keyword and value."""
        pairs: list[tuple[Any, Any]] = []
        if isinstance(data, dict):
            for keyword, values in data.items():
                listed = values if isinstance(values, list) else [values]
                pairs += [(keyword, value) for value in listed]
        elif isinstance(data, list):
            pairs = [_pair(item) for item in data]
        else:
            self.fail("shape")
        if len(pairs) > MAX_ATTRIBUTES:
            self.fail("many")
        texts = [(keyword, _attribute_text(value)) for keyword, value in pairs]
        if any(
            not isinstance(keyword, str) or not _KEYWORD.fullmatch(keyword) or value is None
            for keyword, value in texts
        ):
            self.fail("shape")
        return [(str(keyword), str(value)) for keyword, value in texts]

    def to_representation(self, value: Any) -> Any:
        """Return what was kept."""
        return value


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, str):
        keyword, equals, value = item.partition("=")
        return keyword, value if equals else None
    if isinstance(item, list) and len(item) == 2:
        return item[0], item[1]
    return None, None


def _attribute_text(value: Any) -> str | None:
    """Return a value as text; numbers are written as people write them."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    # Half of a surrogate pair is a text that nothing below can hold.
    is_fit = len(text) <= MAX_ATTRIBUTE_LENGTH and not _SURROGATE.search(text)
    return text if is_fit else None


class FiltersSchema(StrictSerializer):
    """Conditions on results: a list means any of it; different conditions hold together."""

    modality = TextsField(required=False)
    body_part = TextsField(required=False)
    laterality = TextsField(required=False)
    view = TextsField(required=False, help_text="View Position.")
    manufacturer = TextsField(required=False)
    sex = TextsField(required=False)
    # DRF takes declared fields off the class, so that its own attribute stays.
    label = TextsField(  # type: ignore[assignment]
        required=False, help_text="A label of any set, or `set:label`."
    )
    finding = TextsField(
        required=False, help_text="A model's finding by its label, by `name:label`, or `any`."
    )
    project = TextsField(required=False, help_text="Slugs of projects.")
    attribute = AttributesField(
        required=False, help_text="DICOM keywords with values that an image of the series has."
    )
    date_from = serializers.DateField(required=False)
    date_to = serializers.DateField(required=False)
    age_from = serializers.IntegerField(required=False, min_value=0, max_value=200)
    age_to = serializers.IntegerField(required=False, min_value=0, max_value=200)


class QuestionSchema(StrictSerializer):
    """What cases are to be like: a stored object, words, examples, or any of them together."""

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
    text = serializers.CharField(
        required=False,
        max_length=MAX_TEXT_LENGTH,
        help_text="Words of labels, findings, descriptions and reports. `or`, -word, quotes.",
    )
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
    rerank = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="False: series stay in the order of their mean vectors.",
    )


class SimilarQuerySchema(QuestionSchema):
    """The same, perhaps as the next round of a kept search."""

    session = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="A search of your own: this becomes its next round. Needs the scope write.",
    )


class SimilarFormSchema(SimilarQuerySchema):
    """The same with an image; lists and filters are JSON texts."""

    image = serializers.FileField(help_text="DICOM, PNG or JPEG. Never stored: in no session.")


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
        rerank=values.get("rerank"),
    )
