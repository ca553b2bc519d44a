"""What is deleted or rejected is found by nobody, from the moment on; undone it is found again."""

from __future__ import annotations

import numpy as np
import pytest

from archive.audit.types import Asker
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.types import ObjectPath
from archive.models import Instance, Series
from inference.models import Embedding
from inference.similarity.filters import Scope
from inference.similarity.permitted import compile_permitted
from inference.similarity.planning import SearchLimits
from inference.similarity.ranking import rank
from inference.similarity.realms import reconcile_realms
from inference.similarity.spaces.registry import ensure_space_indexes
from inference.similarity.types import Level
from tests.builders.similarity_world import make_world

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
