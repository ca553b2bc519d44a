"""From a query to what is searched for: vectors of its parts, and its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from inference.similarity.errors import InvalidQueryError, NotEmbeddedError
from inference.similarity.feedback import moved
from inference.similarity.filters import Scope
from inference.similarity.metrics import is_normalised
from inference.similarity.pictures import cropped, decode_upload, stored_picture
from inference.similarity.spaces.embedder import embed_pictures
from inference.similarity.spaces.stored_vectors import mean_vector_of_series, vector_of_instance
from inference.similarity.spaces.text_encoder import embed_text, has_text_encoder
from inference.similarity.types import Level, PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.types import SimilarQuery

    Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryObject:
    """A stored study, series or instance of the query, by keys; deeper keys may be absent."""

    study_id: int
    patient_id: int
    series_id: int | None = None
    instance_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What the query's series say about themselves, to compare with a hit's."""

    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualPart:
    """One vector to be near to; ``name`` is the query's field that it came from."""

    name: str
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is searched for: vectors and words, and the stored objects and attributes behind them.

    Several parts are ranked apart and fused. Without parts there are words.
    """

    parts: tuple[VisualPart, ...] = ()
    words: str = field(default="", repr=False)
    objects: tuple[QueryObject, ...] = ()
    negatives: tuple[QueryObject, ...] = ()
    attributes: Attributes = field(default_factory=Attributes)

    @property
    def has_vector(self) -> bool:
        """Whether anything is searched for by its looks."""
        return bool(self.parts)

    @property
    def vector(self) -> Vector:
        """The vector of the first part: the stored object's, else the picture's."""
        return self.parts[0].vector

    @property
    def is_mixed(self) -> bool:
        """Whether rankings of several parts have to be fused."""
        return len(self.parts) + bool(self.words) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A part of the query before examples moved it."""

    name: str
    vector: Vector
    objects: tuple[QueryObject, ...] = ()
    attributes: Attributes = field(default_factory=Attributes)


def resolve_question(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question:
    """Find the query's objects inside the user's rights and make the vectors of its parts.

    A series stands for its slices by their mean, a study for the series that it shows by
    theirs. An instance without a stored vector, every region and every upload is embedded now,
    and a text where the space has an encoder for texts. Examples move every vector by Rocchio;
    where nothing else has a vector, the positives are one of their own.

    Parameters
    ----------
    user : the asker
    query : checked by `inference.similarity.validation.check_query`
    space : in which the vectors lie

    Returns
    -------
    The question with one vector a part, and the words as they came.

    Raises
    ------
    NotVisibleError
        An object is absent or outside the asker's rights.
    NotEmbeddedError
        A study or series has no vector yet.
    InvalidQueryError
        A frame or region does not exist, or the examples cancel each other out.
    ModelUnavailableError
        An image has to be embedded, and the encoder is not on this machine.
    """
    positives = _find_instances(user, query.positive)
    negatives = _find_instances(user, query.negative)
    asked = _asked(user, query, space)
    towards = [vector_of_instance(space, instance) for instance in positives]
    # Away from what? Beside words alone a negative example is only left out.
    has_vector = bool(asked or towards)
    away = [vector_of_instance(space, instance) for instance in negatives] if has_vector else []
    is_unit = is_normalised(space.metric)
    parts = [
        VisualPart(name=one.name, vector=moved(one.vector, towards, away, is_normalised=is_unit))
        for one in asked
    ]
    if not parts and towards:
        vector = moved(None, towards, away, is_normalised=is_unit)
        parts = [VisualPart(name="positive", vector=vector)]
    examples = tuple(_object_of(instance) for instance in positives)
    described = [one.attributes for one in asked if one.name != "text"]
    return Question(
        parts=tuple(parts),
        words=query.text.strip(),
        objects=tuple(found for one in asked for found in one.objects) or examples,
        negatives=tuple(_object_of(instance) for instance in negatives),
        attributes=described[0]
        if described
        else _attributes([instance.series for instance in positives]),
    )


def scope_of(query: SimilarQuery, question: Question) -> Scope:
    """Say where to search: the query itself is never its own answer.

    Parameters
    ----------
    query : level, filters and what becomes of the patient
    question : the objects it came from

    Returns
    -------
    The scope for `inference.similarity.permitted.compile_permitted`.
    """
    patients = frozenset(found.patient_id for found in question.objects)
    if query.patient is PatientScope.ONLY and not patients:
        raise InvalidQueryError(
            gettext("The query has no patient to search within."), field="patient"
        )
    left_out = list(question.negatives)
    if query.patient is not PatientScope.EXCLUDE:
        left_out += question.objects
    studies, series, instances = _left_out(left_out, query.level)
    return Scope(
        level=query.level,
        filters=query.filters,
        only_patients=patients if query.patient is PatientScope.ONLY else frozenset(),
        without_patients=patients if query.patient is PatientScope.EXCLUDE else frozenset(),
        without_studies=studies,
        without_series=series,
        without_instances=instances,
    )


def _left_out(
    objects: Iterable[QueryObject], level: Level
) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    studies, series, instances = set(), set(), set()
    for found in objects:
        if level is Level.STUDY or found.series_id is None:
            studies.add(found.study_id)
        elif level is Level.SERIES or found.instance_id is None:
            series.add(found.series_id)
        else:
            instances.add(found.instance_id)
    return frozenset(studies), frozenset(series), frozenset(instances)


def _asked(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> list[_Asked]:
    asked = []
    if query.instance:
        asked.append(_stored_instance(user, query, space))
    elif query.series:
        asked.append(_stored_series(user, query, space))
    elif query.study:
        asked.append(_stored_study(user, query, space))
    if query.image:
        asked.append(_uploaded(query, space))
    if query.text.strip() and has_text_encoder(space):
        asked.append(_Asked(name="text", vector=embed_text(space, query.text.strip())))
    return asked


def _uploaded(query: SimilarQuery, space: EmbeddingSpace) -> _Asked:
    # Beside a stored instance, frame and region are that one's.
    is_alone = not query.instance
    picture = decode_upload(query.image, frame=query.frame if is_alone else None)
    pixels = cropped(picture.pixels, query.region if is_alone else None)
    (vector,) = embed_pictures(space, [pixels])
    return _Asked(
        name="image",
        vector=vector,
        attributes=Attributes(
            modalities=frozenset(filter(None, [picture.modality])),
            body_parts=frozenset(filter(None, [picture.body_part])),
        ),
    )


def _stored_instance(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> _Asked:
    (instance,) = _find_instances(user, (query.instance,))
    path = (instance.series.study.study_instance_uid, instance.series.series_instance_uid)
    if query.study not in {"", path[0]} or query.series not in {"", path[1]}:
        raise NotVisibleError("There is no such instance.")
    if query.region is not None:
        pixels = cropped(stored_picture(instance, query.frame), query.region)
        (vector,) = embed_pictures(space, [pixels])
    else:
        vector = vector_of_instance(space, instance, query.frame)
    return _Asked(
        name="instance",
        vector=vector,
        objects=(_object_of(instance),),
        attributes=_attributes([instance.series]),
    )


def _stored_series(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> _Asked:
    visible = Series.objects.visible_to(user).select_related("study")
    series = visible.filter(series_instance_uid=query.series).first()
    if series is None or query.study not in {"", series.study.study_instance_uid}:
        raise NotVisibleError("There is no such series.")
    vector = mean_vector_of_series(space, [series.pk])
    if vector is None:
        raise NotEmbeddedError(gettext("This series has no vector in this space yet."))
    found = QueryObject(
        study_id=series.study_id, patient_id=series.study.patient_id, series_id=series.pk
    )
    return _Asked(name="series", vector=vector, objects=(found,), attributes=_attributes([series]))


def _stored_study(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> _Asked:
    study = Study.objects.visible_to(user).filter(study_instance_uid=query.study).first()
    if study is None:
        raise NotVisibleError("There is no such study.")
    # What default answers leave out does not move the answers either.
    series = list(study.series.filter(withheld=Series.Withheld.NOT))
    vector = mean_vector_of_series(space, [one.pk for one in series])
    if vector is None:
        raise NotEmbeddedError(gettext("This study has no vector in this space yet."))
    found = QueryObject(study_id=study.pk, patient_id=study.patient_id)
    return _Asked(name="study", vector=vector, objects=(found,), attributes=_attributes(series))


def _find_instances(user: AnyUser, uids: Sequence[str]) -> list[Instance]:
    if not uids:
        return []
    visible = Instance.objects.visible_to(user).select_related("series__study", "blob")
    found = {row.sop_instance_uid: row for row in visible.filter(sop_instance_uid__in=uids)}
    if len(found) != len(set(uids)):
        raise NotVisibleError("There is no such instance.")
    return [found[uid] for uid in dict.fromkeys(uids)]


def _object_of(instance: Instance) -> QueryObject:
    return QueryObject(
        study_id=instance.series.study_id,
        patient_id=instance.series.study.patient_id,
        series_id=instance.series_id,
        instance_id=instance.pk,
    )


def _attributes(series: Iterable[Series]) -> Attributes:
    rows = list(series)
    return Attributes(
        modalities=frozenset(row.modality for row in rows if row.modality),
        body_parts=frozenset(row.body_part_examined for row in rows if row.body_part_examined),
    )
