"""The JSON of a likeness map: two pictures, and which of their places look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.api.schemas import UID_LENGTH, StrictSerializer
from inference.similarity.explaining.maps import MapQuery, Place
from inference.similarity.types import Region

if TYPE_CHECKING:
    from inference.similarity.explaining.maps import MapAnswer, MappedPicture

_DECIMALS = 4


class ResultPlaceSchema(StrictSerializer):
    """A stored picture: a frame from 1, the middle one where it is left out."""

    instance = serializers.CharField(max_length=UID_LENGTH)
    frame = serializers.IntegerField(required=False, allow_null=True, min_value=1)


class QueryPlaceSchema(StrictSerializer):
    """The same, or a region of it; without an instance the form's image is meant."""

    instance = serializers.CharField(required=False, max_length=UID_LENGTH)
    frame = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    region = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**31),
        required=False,
        allow_null=True,
        min_length=4,
        max_length=4,
        help_text="[x, y, width, height] in pixels of the frame.",
    )


class MapQuerySchema(StrictSerializer):
    """Two pictures to compare place by place."""

    query = QueryPlaceSchema(required=False)
    result = ResultPlaceSchema()
    space = serializers.CharField(required=False, max_length=64, allow_blank=True)


class MapFormSchema(MapQuerySchema):
    """The same with an image; query and result are JSON texts."""

    image = serializers.FileField(help_text="DICOM, PNG or JPEG. Never stored.")


class LikenessMapSchema(serializers.Serializer[Any]):
    """A grid over the picture, in row order, from its upper left."""

    columns = serializers.IntegerField()
    rows = serializers.IntegerField()
    values = serializers.ListField(
        child=serializers.FloatField(),
        help_text="0: no more alike than two places of one picture at random; 1: the same.",
    )
    best = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Index of the most similar place of the other picture; -1 for background.",
    )


class MappedPictureSchema(serializers.Serializer[Any]):
    instance_uid = serializers.CharField(allow_null=True)
    frame = serializers.IntegerField(allow_null=True)
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    region = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="What the map covers; null for the whole picture.",
    )
    picture = serializers.CharField(help_text="A path, or a data URL of an upload.")


class PatchPairSchema(serializers.Serializer[Any]):
    query = serializers.IntegerField(help_text="Index of the place in the query's map.")
    result = serializers.IntegerField(help_text="Index of the place in the result's map.")
    value = serializers.FloatField()


class MapAnswerSchema(serializers.Serializer[Any]):
    query = MappedPictureSchema()
    result = MappedPictureSchema()
    query_map = LikenessMapSchema()
    result_map = LikenessMapSchema()
    pairs = PatchPairSchema(many=True)
    space = serializers.CharField()
    took_ms = serializers.FloatField()


def map_query(values: dict[str, Any], image: bytes = b"") -> MapQuery:
    """Return validated values as the service's question."""
    query, result = values.get("query", {}), values["result"]
    region = query.get("region")
    return MapQuery(
        query=Place(
            instance=query.get("instance", ""),
            frame=query.get("frame"),
            region=Region(*region) if region else None,
            image=image,
        ),
        result=Place(instance=result["instance"], frame=result.get("frame")),
        space=values.get("space", ""),
    )


def map_answer_json(answer: MapAnswer) -> dict[str, Any]:
    """Return the answer as the API gives it."""
    return {
        "query": _picture_json(answer.query),
        "result": _picture_json(answer.result),
        "query_map": _map_json(answer.query),
        "result_map": _map_json(answer.result),
        "pairs": [
            {"query": pair.query, "result": pair.result, "value": round(pair.value, _DECIMALS)}
            for pair in answer.pairs
        ],
        "space": answer.space,
        "took_ms": answer.took_ms,
    }


def _picture_json(picture: MappedPicture) -> dict[str, Any]:
    region = picture.region
    return {
        "instance_uid": picture.instance_uid or None,
        "frame": picture.frame,
        "rows": picture.rows,
        "columns": picture.columns,
        "region": region and [region.x, region.y, region.width, region.height],
        "picture": picture.picture,
    }


def _map_json(picture: MappedPicture) -> dict[str, Any]:
    rows, columns = picture.map.values.shape
    return {
        "rows": rows,
        "columns": columns,
        "values": [round(float(value), _DECIMALS) for value in picture.map.values.flat],
        "best": [int(index) for index in picture.map.best.flat],
    }
