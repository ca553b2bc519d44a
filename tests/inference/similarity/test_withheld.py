"""What is deleted or rejected is found by nobody, from the moment on; undone it is found again."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from django.db import connection

from archive.audit.types import Asker
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.types import ObjectPath
from archive.models import Instance, Series
from inference.models import Embedding, Label
from inference.similarity.errors import NotEmbeddedError
from inference.similarity.explaining.explanation import middle_instances
from inference.similarity.filters import Scope
from inference.similarity.late_interaction import rerank, slices_of_query
from inference.similarity.permitted import compile_permitted
from inference.similarity.planning import SearchLimits
from inference.similarity.questions import resolve_question
from inference.similarity.ranking import RankedRow, rank
from inference.similarity.realms import reconcile_realms
from inference.similarity.services import search_similar
from inference.similarity.spaces.registry import ensure_space_indexes
from inference.similarity.spaces.writing import (
    refresh_means,
    refresh_series_embedding,
    store_embeddings,
)
from inference.similarity.types import Filters, InstanceVector, Level, SimilarQuery
from tests.builders.similarity_world import make_world
from tests.builders.vectors import direction, embed_instances, make_case, make_space
from tests.factories.archive import SeriesFactory

pytestmark = pytest.mark.django_db

ONLY_EXACT, ONLY_INDEX = SearchLimits(exact_rows=10**6), SearchLimits(exact_rows=0)


@pytest.fixture
def world(space):
    made = make_world(space, np.random.default_rng(7), patients=12)
    ensure_space_indexes(space)
    reconcile_realms(least_rows=1, least_facts=1)
    return made


def found(world, person, level, limits, vector):
    permitted = compile_permitted(world.people[person], world.space, Scope(level=level), vector)
    ranking = rank(
        space=world.space, permitted=permitted, level=level, k=500, fold=False, limits=limits
    )
    return {row.series_id for row in ranking.rows}


def all_found(world, vector):
    return {
        (person, level, limits.exact_rows): found(world, person, level, limits, vector)
        for person in ("admin", "one_project", "everything")
        for level in (Level.SERIES, Level.INSTANCE)
        for limits in (ONLY_EXACT, ONLY_INDEX)
    }


def test_deleted_is_in_no_search_until_it_is_undone(world):
    seen = next(item for item in world.items if 0 in item.projects)
    gone = {item.series_id for item in world.items if item.study_id == seen.study_id}
    before = all_found(world, seen.vector)
    assert all(gone & series for series in before.values())
    asker = Asker(door="test", user=world.people["admin"])

    removal = remove_objects(asker=asker, path=ObjectPath(seen.study_uid), reason="wrong")

    after = all_found(world, seen.vector)
    assert after == {key: series - gone for key, series in before.items()}
    withheld = Embedding.objects.filter(series__in=gone)
    assert set(withheld.values_list("patient_key", flat=True)) == {-1}
    assert all(facts == [] for facts in withheld.values_list("facts", flat=True))

    undo_removal(asker=asker, removal_id=removal.pk)

    assert all_found(world, seen.vector) == before


def test_a_deleted_image_leaves_its_series(world):
    seen = next(item for item in world.items if 0 in item.projects)
    extra = Instance.objects.get(series_id=seen.series_id)
    Instance.objects.filter(pk=extra.pk).update(withheld="rejected")

    assert seen.series_id not in found(world, "admin", Level.INSTANCE, ONLY_EXACT, seen.vector)
    assert seen.series_id in found(world, "admin", Level.SERIES, ONLY_EXACT, seen.vector)

    Series.objects.filter(pk=seen.series_id).update(withheld="rejected")

    assert seen.series_id not in found(world, "admin", Level.SERIES, ONLY_INDEX, seen.vector)


def test_the_truth_decides_where_copies_are_stale(world):
    seen = next(item for item in world.items if 0 in item.projects)
    Series.objects.filter(pk=seen.series_id).update(withheld="deleted")
    Embedding.objects.filter(series=seen.series_id).update(
        patient_key=seen.patient_id, facts=["project=1", "standard"]
    )

    for limits in (ONLY_EXACT, ONLY_INDEX):
        assert seen.series_id not in found(world, "admin", Level.SERIES, limits, seen.vector)


HIDDEN = ["deleted", "rejected", "superseded", "trial"]


@pytest.fixture
def half_hidden(space, project):
    """A study of a series that everybody sees, in direction 0, and of one that is to be hidden."""
    shown = make_case(space, [direction(0), direction(0.01)], projects=[project], modality="CT")
    hidden = SeriesFactory(study=shown.study, modality="MR", manufacturer="Hidden", series_number=2)
    embed_instances(space, hidden, [direction(1.5), direction(1.51)])
    return shown, hidden


def hide(series, state):
    Series.objects.filter(pk=series.pk).update(withheld=state)


def ask(user, **asked):
    return search_similar(user, SimilarQuery(**asked)).results


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("person", ["radiologist", "archive_admin"])
def test_a_study_stands_for_the_series_that_it_shows(
    state, person, request, space, project, half_hidden
):
    shown, hidden = half_hidden
    near = make_case(space, [direction(0.1), direction(0.11)], projects=[project])
    between = make_case(space, [direction(0.7), direction(0.71)], projects=[project])
    user, uid = request.getfixturevalue(person), shown.study.study_instance_uid
    of_both = ask(user, study=uid, rerank=False)
    assert of_both[0].series_uid == between.series_instance_uid

    hide(hidden, state)

    for by_slices in (False, True):
        answer = ask(user, study=uid, rerank=by_slices)
        assert [hit.series_uid for hit in answer] == [
            near.series_instance_uid,
            between.series_instance_uid,
        ]
        assert answer[0].score == pytest.approx(np.cos(0.1), abs=2e-3)
    query = SimilarQuery(study=uid)
    slices = slices_of_query(query, resolve_question(user, query, space), space)
    asked = Embedding.objects.filter(pk__in=slices)
    assert set(asked.values_list("series", flat=True)) == {shown.pk}


@pytest.mark.parametrize("state", HIDDEN)
def test_a_study_is_compared_by_the_series_that_it_shows(
    state, radiologist, space, project, half_hidden
):
    shown, hidden = half_hidden
    make_case(space, [direction(1.5)], projects=[project], modality="MR", manufacturer="Hidden")
    uid = shown.study.study_instance_uid
    (before,) = ask(radiologist, study=uid)
    assert {"modality", "manufacturer"} <= set(before.explain.agrees)

    hide(hidden, state)

    (after,) = ask(radiologist, study=uid)
    assert "modality" in after.explain.differs
    assert "manufacturer" not in {*after.explain.agrees, *after.explain.differs}
    ours = Instance.objects.get(sop_instance_uid=after.explain.best_pair.query_instance_uid)
    assert ours.series_id == shown.pk


@pytest.mark.parametrize("state", HIDDEN)
def test_a_study_that_shows_no_series_with_a_vector_says_so(state, radiologist, space, project):
    series = make_case(space, [direction(0)], projects=[project])
    make_case(space, [direction(0.1)], projects=[project])
    hide(series, state)

    with pytest.raises(NotEmbeddedError):
        ask(radiologist, study=series.study.study_instance_uid)


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("person", ["radiologist", "archive_admin"])
def test_what_no_default_answer_holds_is_no_hit(state, person, request, space, project):
    asked = make_case(space, [direction(0)], projects=[project])
    hidden = make_case(space, [direction(0.1)], projects=[project])
    shown = make_case(space, [direction(0.2)], projects=[project])
    user = request.getfixturevalue(person)

    hide(hidden, state)

    answers = {
        level: [hit.series_uid for hit in ask(user, series=asked.series_instance_uid, level=level)]
        for level in Level
    }
    assert answers == {level: [shown.series_instance_uid] for level in Level}
    copies = Embedding.objects.filter(series=hidden).values_list("patient_key", "facts")
    assert [(key, facts) for key, facts in copies] == [(-1, []), (-1, [])]


@pytest.mark.parametrize("state", ["deleted", "rejected"])
def test_a_hit_is_shown_by_an_image_that_everybody_sees(state, radiologist, space, project):
    asked = make_case(space, [direction(0)], projects=[project])
    hit = make_case(space, [direction(0.1), direction(0.3)], projects=[project])
    nearest, other = hit.instances.order_by("pk")
    uid = asked.series_instance_uid
    assert ask(radiologist, series=uid)[0].instance_uid == nearest.sop_instance_uid

    Instance.objects.filter(pk=nearest.pk).update(withheld=state)

    (found,) = ask(radiologist, series=uid)
    assert found.instance_uid == other.sop_instance_uid
    assert found.explain.best_pair.result_instance_uid == other.sop_instance_uid
    assert middle_instances([hit.pk]) == {hit.pk: other.pk}


def test_slices_are_compared_with_those_that_everybody_sees(space, project):
    asked = make_case(space, [direction(0), direction(1.0)], projects=[project])
    other = make_case(space, [direction(0), direction(1.0)], projects=[project])
    ours = list(
        Embedding.objects.filter(series=asked, level="instance").values_list("pk", flat=True)
    )
    row = Embedding.objects.get(series=other, level="series")
    ranked = RankedRow(row.pk, row.study_id, other.pk, None, None, other.study.patient_id, 0.9)
    before = rerank(space, ours, [ranked]).scores[row.pk]

    Instance.objects.filter(pk=other.instances.order_by("pk")[0].pk).update(withheld="rejected")

    assert rerank(space, ours, [ranked]).scores[row.pk] < before - 0.01


@pytest.mark.parametrize("state", ["deleted", "trial"])
def test_a_study_is_found_and_explained_by_no_label_of_what_it_hides(
    state, radiologist, space, project, half_hidden
):
    study, hidden = half_hidden[0].study, half_hidden[1]
    asked = make_case(space, [direction(0.1)], projects=[project])
    for kind in ({"series": hidden}, {"instance": hidden.instances.first()}):
        for where in (study, asked.study):
            on = kind if where is study else {}
            Label.objects.create(study=where, label_set=next(iter(kind)), label="odd", **on)

    def found(**options):
        return ask(radiologist, series=asked.series_instance_uid, level=Level.STUDY, **options)

    both = ("instance:odd", "series:odd")
    assert [(one.labels, one.explain.shared_labels) for one in found()] == [(both, both)]
    of_series, of_image = (Filters(label=(name,)) for name in ("series:odd", "instance:odd"))
    assert len(found(filters=of_series)) == len(found(filters=of_image)) == 1

    hide(hidden, state)

    assert [(one.labels, one.explain.shared_labels) for one in found()] == [((), ())]
    assert found(filters=of_series) == found(filters=of_image) == ()


def vector_of(space, series):
    row = Embedding.objects.get(space=space, series=series, level="series")
    return np.asarray(row.vector, dtype=np.float32)


def test_a_series_stands_for_the_images_that_it_shows(space, project, archive_admin):
    series = make_case(space, [direction(0), direction(1.0)], projects=[project])
    gone = series.instances.order_by("pk")[1]
    asker = Asker(door="test", user=archive_admin)
    uids = (series.study.study_instance_uid, series.series_instance_uid, gone.sop_instance_uid)

    removal = remove_objects(asker=asker, path=ObjectPath(*uids), reason="wrong")
    refresh_means([series.pk])

    assert vector_of(space, series) == pytest.approx(direction(0), abs=1e-3)

    undo_removal(asker=asker, removal_id=removal.pk)
    refresh_means([series.pk])

    assert vector_of(space, series) == pytest.approx(direction(0.5), abs=1e-3)


def test_a_series_that_shows_nothing_keeps_its_vector_for_undoing(space, project, archive_admin):
    series = make_case(space, [direction(0), direction(1.0)], projects=[project])
    path = ObjectPath(series.study.study_instance_uid)
    remove_objects(asker=Asker(door="test", user=archive_admin), path=path, reason="wrong")

    assert refresh_means([series.pk]) == 0
    assert refresh_series_embedding(space=space, series_id=series.pk)

    assert vector_of(space, series) == pytest.approx(direction(0.5), abs=1e-3)


def test_means_from_before_are_brought_into_line(space, project):
    flat = make_space(is_default=False)
    flat.metric = "euclidean"
    flat.save()
    vectors = [direction(0), 2 * direction(1.0)]
    series, other = (make_case(space, vectors, projects=[project]) for _ in range(2))
    embed_in(flat, series, vectors)
    before = vector_of(space, other)
    Instance.objects.filter(pk=series.instances.order_by("pk")[0].pk).update(withheld="rejected")
    migration = import_module("inference.migrations.0018_means_of_what_is_shown")

    with connection.cursor() as cursor:
        cursor.execute(migration.REFRESH)

    assert vector_of(space, series) == pytest.approx(direction(1.0), abs=1e-3)
    assert vector_of(flat, series) == pytest.approx(2 * direction(1.0), abs=1e-3)
    assert vector_of(space, other) == pytest.approx(before)


def embed_in(space, series, vectors):
    instances = series.instances.order_by("pk")
    rows = zip(instances, vectors, strict=True)
    store_embeddings(
        space=space,
        vectors=[InstanceVector(instance_id=one.pk, vector=vector) for one, vector in rows],
    )
    refresh_series_embedding(space=space, series_id=series.pk)
