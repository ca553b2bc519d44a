"""Series are re-ranked slice by slice: the order changes, rights, fold and k do not."""

from __future__ import annotations

import numpy as np
import pytest

from inference.models import Embedding, EmbeddingSpace
from inference.pipelines.late_interaction import blend, late_interaction
from inference.similarity import late_interaction as module
from inference.similarity.late_interaction import MAX_SLICES, rerank, slices_of_query
from inference.similarity.questions import resolve_question
from inference.similarity.ranking import RankedRow
from inference.similarity.services import search_similar
from inference.similarity.types import Level, SimilarQuery
from tests.builders.vectors import DIMENSION, direction, make_case
from tests.factories.archive import PatientFactory

pytestmark = pytest.mark.django_db


def slices(*angles):
    return [direction(angle) for angle in angles]


@pytest.fixture
def asked(space, project):
    """Three slices apart from each other, whose mean has the middle one's direction."""
    return make_case(space, slices(-0.8, 0.0, 0.8), projects=[project])


def uids(answer):
    return [result.series_uid for result in answer.results]


def row_of(series, space, score=0.9):
    embedding = Embedding.objects.get(space=space, series=series, level="series")
    return RankedRow(
        embedding.pk, series.study_id, series.pk, None, None, series.study.patient_id, score
    )


def random_vectors(seed, count):
    values = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    # As they are stored.
    return values.astype(np.float16).astype(np.float32)


def test_series_with_the_same_slices_comes_before_one_with_the_same_mean(
    radiologist, space, project, asked
):
    mean_alone = make_case(space, slices(0.0, 0.01, -0.01), projects=[project])
    same_slices = make_case(space, slices(-0.78, 0.06, 0.86), projects=[project])
    query = SimilarQuery(series=asked.series_instance_uid)

    ranked = search_similar(radiologist, query)
    plain = search_similar(
        radiologist, SimilarQuery(series=asked.series_instance_uid, rerank=False)
    )

    assert uids(plain) == [mean_alone.series_instance_uid, same_slices.series_instance_uid]
    assert uids(ranked) == uids(plain)[::-1]
    # The score stays that of the mean vectors; what decided stands beside it.
    scores = {result.series_uid: result.score for result in plain.results}
    assert {result.series_uid: result.score for result in ranked.results} == scores
    decided = [result.rerank_score for result in ranked.results]
    assert decided == sorted(decided, reverse=True)
    assert all(result.rerank_score is None for result in plain.results)


def test_scores_are_those_of_the_formula(space, project):
    ours, theirs = random_vectors(1, 7), random_vectors(2, 5)
    asked = make_case(space, list(ours), projects=[project])
    other = make_case(space, list(theirs), projects=[project])
    keys = list(
        Embedding.objects.filter(series=asked, level="instance").values_list("pk", flat=True)
    )
    row = row_of(other, space, 0.4)

    scores = rerank(space, keys, [row]).scores

    expected = blend(0.4, late_interaction(ours, theirs))
    assert scores[row.embedding_id] == pytest.approx(expected, abs=1e-4)


def test_long_series_is_compared_by_evenly_spaced_slices(space, project, asked):
    vectors = random_vectors(3, 2 * MAX_SLICES)
    long = make_case(space, list(vectors), projects=[project])
    for number, instance in enumerate(long.instances.order_by("pk")):
        instance.instance_number = number
        instance.save()
    keys = list(
        Embedding.objects.filter(series=asked, level="instance").values_list("pk", flat=True)
    )
    row = row_of(long, space, 0.5)

    scores = rerank(space, keys, [row]).scores

    ours = np.array(slices(-0.8, 0.0, 0.8)).astype(np.float16).astype(np.float32)
    expected = blend(0.5, late_interaction(ours, vectors[::2]))
    assert scores[row.embedding_id] == pytest.approx(expected, abs=1e-3)


def test_only_the_nearest_are_compared_and_the_others_stay(space, project, asked, monkeypatch):
    monkeypatch.setattr(module, "DEPTH", 2)
    series = [
        make_case(space, slices(*angles), projects=[project])
        for angles in ((0.0, 0.0), (-0.8, 0.8), (-0.8, 0.0, 0.8))
    ]
    rows = [row_of(one, space, score) for one, score in zip(series, (0.99, 0.98, 0.9), strict=True)]
    keys = list(
        Embedding.objects.filter(series=asked, level="instance").values_list("pk", flat=True)
    )

    ordered = rerank(space, keys, rows)

    assert [row.series_id for row in ordered.rows] == [series[1].pk, series[0].pk, series[2].pk]
    assert len(ordered.scores) == 2


def test_k_patients_come_one_result_each(radiologist, space, project, asked):
    for place in range(6):
        patient = PatientFactory()
        for angle in (0.1, 0.3):
            make_case(
                space, slices(angle, angle + 0.1 * place), projects=[project], patient=patient
            )
    query = SimilarQuery(series=asked.series_instance_uid, k=4)

    answer = search_similar(radiologist, query)

    assert len(answer.results) == 4
    assert len({result.study_uid for result in answer.results}) == 4
    assert [result.siblings for result in answer.results] == [1, 1, 1, 1]


def test_series_outside_the_rights_stay_outside(radiologist, space, project, other_project, asked):
    hidden = make_case(space, slices(-0.8, 0.0, 0.8), projects=[other_project])
    shown = make_case(space, slices(0.5, 0.6), projects=[project])

    answer = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid))

    assert uids(answer) == [shown.series_instance_uid]
    assert hidden.series_instance_uid not in uids(answer)


def test_study_stands_for_the_slices_of_its_series(radiologist, space, asked):
    query = SimilarQuery(study=asked.study.study_instance_uid)
    question = resolve_question(radiologist, query, space)

    assert len(slices_of_query(query, question, space)) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"rerank": False},
        {"level": Level.STUDY},
        {"level": Level.INSTANCE},
    ],
)
def test_there_is_nothing_to_compare_slice_by_slice(radiologist, space, asked, options):
    query = SimilarQuery(series=asked.series_instance_uid, **options)
    question = resolve_question(radiologist, query, space)

    assert slices_of_query(query, question, space) == []


def test_image_and_single_slice_have_no_slices_to_compare(radiologist, space, project, asked):
    single = make_case(space, slices(0.0), projects=[project])
    image = asked.instances.first().sop_instance_uid
    for query in (
        SimilarQuery(series=single.series_instance_uid),
        SimilarQuery(instance=image),
        SimilarQuery(series=asked.series_instance_uid, positive=(image,)),
        SimilarQuery(series=asked.series_instance_uid, text="nodule"),
    ):
        question = resolve_question(radiologist, query, space)
        assert slices_of_query(query, question, space) == []


def test_distances_of_other_metrics_are_left_alone(radiologist, space, asked):
    query = SimilarQuery(series=asked.series_instance_uid)
    question = resolve_question(radiologist, query, space)
    space.metric = EmbeddingSpace.Metric.EUCLIDEAN

    assert slices_of_query(query, question, space) == []


def test_long_query_is_compared_by_so_many_slices(radiologist, space, project):
    long = make_case(space, list(random_vectors(4, MAX_SLICES + 9)), projects=[project])
    query = SimilarQuery(series=long.series_instance_uid)
    question = resolve_question(radiologist, query, space)

    assert len(set(slices_of_query(query, question, space))) == MAX_SLICES


def test_series_without_slices_keeps_its_score(radiologist, space, project, asked):
    bare = make_case(space, slices(0.0), projects=[project])
    Embedding.objects.filter(series=bare, level="instance").delete()

    (result,) = search_similar(radiologist, SimilarQuery(series=asked.series_instance_uid)).results

    assert result.series_uid == bare.series_instance_uid
    assert result.rerank_score is None
