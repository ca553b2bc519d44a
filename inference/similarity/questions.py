"""From a query to one vector: of stored objects, of an uploaded picture, of examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from inference.models import Embedding
from inference.similarity.embedder import embed_pictures
from inference.similarity.errors import InvalidQueryError, NotEmbeddedError
from inference.similarity.filters import Scope
from inference.similarity.pictures import cropped, decode_upload, stored_picture
from inference.similarity.types import Level, PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.types import SimilarQuery

    Vector = npt.NDArray[np.float32]

# Rocchio's usual weights: the question, what is like it, what is not.
_WEIGHT_QUESTION = 1.0
_WEIGHT_POSITIVE = 0.75
_WEIGHT_NEGATIVE = 0.15
_LEAST_NORM = 1e-6


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
class Question:
    """What is searched for: its vector, and the stored objects and attributes it came from."""

    vector: Vector
    objects: tuple[QueryObject, ...] = ()
    negatives: tuple[QueryObject, ...] = ()
    attributes: Attributes = field(default_factory=Attributes)


def resolve_question(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question:
    """Find the query's objects inside the user's rights and make its vector.

    A series stands for its slices by their normalised mean, a study for its series by theirs. An
    instance without a stored vector, and every region, is embedded now. Examples move the vector
    by Rocchio: question + .75 mean of positives - .15 mean of negatives; without a question the
    positives are it.

    Parameters
    ----------
    user : the asker
    query : checked by `inference.similarity.validation.check_query`
    space : in which the vector lies

    Returns
    -------
    The question with a vector of length 1.

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
    towards = [_instance_vector(space, instance) for instance in positives]
    away = [_instance_vector(space, instance) for instance in negatives]
    vector = _rocchio(asked.vector if asked else None, towards, away)
    negative_objects = tuple(_object_of(instance) for instance in negatives)
    if asked is None:
        return Question(
            vector=vector,
            objects=tuple(_object_of(instance) for instance in positives),
            negatives=negative_objects,
            attributes=_attributes([instance.series for instance in positives]),
        )
    return Question(
        vector=vector,
        objects=asked.objects,
        negatives=negative_objects,
        attributes=asked.attributes,
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
        raise InvalidQueryError("The query has no patient to search within.", field="patient")
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


def _asked(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question | None:
    if query.image:
        return _uploaded(query, space)
    if query.instance:
        return _stored_instance(user, query, space)
    if query.series:
        return _stored_series(user, query, space)
    return _stored_study(user, query, space) if query.study else None


def _uploaded(query: SimilarQuery, space: EmbeddingSpace) -> Question:
    picture = decode_upload(query.image, frame=query.frame)
    (vector,) = embed_pictures(space, [cropped(picture.pixels, query.region)])
    return Question(
        vector=vector,
        attributes=Attributes(
            modalities=frozenset(filter(None, [picture.modality])),
            body_parts=frozenset(filter(None, [picture.body_part])),
        ),
    )


def _stored_instance(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question:
    (instance,) = _find_instances(user, (query.instance,))
    path = (instance.series.study.study_instance_uid, instance.series.series_instance_uid)
    if query.study not in {"", path[0]} or query.series not in {"", path[1]}:
        raise NotVisibleError("There is no such instance.")
    if query.region is not None:
        pixels = cropped(stored_picture(instance, query.frame), query.region)
        (vector,) = embed_pictures(space, [pixels])
    else:
        vector = _instance_vector(space, instance, query.frame)
    return Question(
        vector=vector, objects=(_object_of(instance),), attributes=_attributes([instance.series])
    )


def _stored_series(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question:
    visible = Series.objects.visible_to(user).select_related("study")
    series = visible.filter(series_instance_uid=query.series).first()
    if series is None or query.study not in {"", series.study.study_instance_uid}:
        raise NotVisibleError("There is no such series.")
    vectors = _series_vectors(space, [series.pk])
    if not vectors:
        raise NotEmbeddedError("This series has no vector in this space yet.")
    found = QueryObject(
        study_id=series.study_id, patient_id=series.study.patient_id, series_id=series.pk
    )
    return Question(vector=vectors[0], objects=(found,), attributes=_attributes([series]))


def _stored_study(user: AnyUser, query: SimilarQuery, space: EmbeddingSpace) -> Question:
    study = Study.objects.visible_to(user).filter(study_instance_uid=query.study).first()
    if study is None:
        raise NotVisibleError("There is no such study.")
    series = list(study.series.all())
    vectors = _series_vectors(space, [one.pk for one in series])
    if not vectors:
        raise NotEmbeddedError("This study has no vector in this space yet.")
    found = QueryObject(study_id=study.pk, patient_id=study.patient_id)
    return Question(
        vector=_unit(np.mean(vectors, axis=0)), objects=(found,), attributes=_attributes(series)
    )


def _find_instances(user: AnyUser, uids: Sequence[str]) -> list[Instance]:
    if not uids:
        return []
    visible = Instance.objects.visible_to(user).select_related("series__study", "blob")
    found = {row.sop_instance_uid: row for row in visible.filter(sop_instance_uid__in=uids)}
    if len(found) != len(set(uids)):
        raise NotVisibleError("There is no such instance.")
    return [found[uid] for uid in dict.fromkeys(uids)]


def _instance_vector(space: EmbeddingSpace, instance: Instance, frame: int | None = None) -> Vector:
    rows = Embedding.objects.filter(space=space, instance=instance)
    is_single = (instance.number_of_frames or 1) <= 1
    if frame is None or (frame == 1 and is_single):
        stored = rows.filter(level=Embedding.Level.INSTANCE).first()
    else:
        stored = rows.filter(level=Embedding.Level.FRAME, frame=frame).first()
    if stored is not None:
        return np.asarray(stored.vector, dtype=np.float32)
    (vector,) = embed_pictures(space, [stored_picture(instance, frame)])
    return np.asarray(vector)


def _series_vectors(space: EmbeddingSpace, series_ids: Iterable[int]) -> list[Vector]:
    rows = Embedding.objects.filter(
        space=space, level=Embedding.Level.SERIES, series_id__in=list(series_ids)
    )
    return [np.asarray(row.vector, dtype=np.float32) for row in rows]


def _rocchio(question: Vector | None, towards: Sequence[Vector], away: Sequence[Vector]) -> Vector:
    if not towards and not away and question is not None:
        return question
    vector = np.zeros_like(question if question is not None else towards[0], dtype=np.float64)
    if question is not None:
        vector += _WEIGHT_QUESTION * question
    if towards:
        vector += _WEIGHT_POSITIVE * np.mean(towards, axis=0)
    if away:
        vector -= _WEIGHT_NEGATIVE * np.mean(away, axis=0)
    return _unit(vector)


def _unit(vector: npt.NDArray[np.floating]) -> Vector:
    norm = float(np.linalg.norm(vector))
    if norm < _LEAST_NORM:
        message = "The parts of the query cancel each other out."
        raise InvalidQueryError(message, field="negative")
    return np.asarray(vector / norm, dtype=np.float32)


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
