"""Retrieval measured on labelled cases, kept, compared."""

import numpy as np
import pytest

from archive.models import Instance, Series
from inference.models import Label, RetrievalEvaluation
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.evaluation import (
    compare_spaces,
    evaluate_default_space,
    evaluate_space,
)
from inference.similarity.quality.labelled import labelled_objects
from inference.similarity.types import Level
from tests.builders.labelled_world import LABELS, make_labelled_world
from tests.builders.vectors import direction, embed_instances, make_case, make_space

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(space, project):
    return make_labelled_world(space, project)


def test_evaluate_space_keeps_figures_of_all_and_of_each_group(space, world, archive_admin):
    row = evaluate_space(space, "finding", Level.SERIES, archive_admin)

    row.refresh_from_db()
    assert (row.space, row.label_set, row.level) == (space, "finding", "series")
    assert row.actor == archive_admin
    assert row.number_of_queries == row.figures["all"]["queries"] == 24
    value, low, high = row.figures["all"]["map"]
    assert low <= value <= high
    assert value > row.figures["all"]["chance"][0]
    by = row.figures["by"]
    assert set(by["label"]) == set(LABELS)
    assert set(by["modality"]) == {"CT"}
    assert set(by["body_part"]) == {"CHEST", "HEAD"}
    assert set(by["scanner"]) == {"Acme One", "Acme Two", "Bolt X"}
    assert set(by["sex"]) == {"F", "M"}
    assert set(by["age_group"]) == {"0 to 17", "40 to 59", "60 to 79"}
    for grouping in by.values():
        assert sum(cell["queries"] for cell in grouping.values()) == 24
    assert set(row.figures["within"]) == {"CT · CHEST", "CT · HEAD"}


def test_evaluate_space_measures_what_the_index_misses(space, world):
    recall = evaluate_space(space, "finding").figures["index_recall"]

    assert recall["queries"] == 24
    assert recall["has_index"]
    # So few rows: the index finds them all.
    assert recall["recall_at_10"][0] == 1


def test_evaluate_space_at_the_level_of_images_takes_the_studys_label(space, world):
    embed_instances(space, world[0], [direction(0.1)])

    row = evaluate_space(space, "finding", Level.INSTANCE)

    assert row.number_of_queries == 25
    assert row.figures["objects"] == 25


def test_evaluate_space_takes_labels_of_images_for_themselves_alone(space, project, world):
    other = make_case(space, [direction(0), direction(1)], projects=[project])
    image = other.instances.first()
    Label.objects.create(
        study=other.study, series=other, instance=image, label_set="finding", label="normal"
    )

    assert evaluate_space(space, "finding", Level.INSTANCE).figures["objects"] == 25
    assert evaluate_space(space, "finding", Level.SERIES).figures["objects"] == 25


def test_evaluate_space_leaves_the_unlabelled_out_of_the_gallery(space, project, world):
    before = evaluate_space(space, "finding").figures["all"]
    make_case(space, [direction(0)], projects=[project])

    assert evaluate_space(space, "finding").figures["all"] == before


def test_evaluate_space_draws_queries_where_there_are_many(space, world):
    row = evaluate_space(space, "finding", max_queries=7)

    assert row.number_of_queries == row.figures["asked"] == 7
    assert row.figures["objects"] == 24


def test_evaluate_space_gives_the_same_figures_again(space, world):
    first, second = evaluate_space(space, "finding"), evaluate_space(space, "finding")

    assert first.figures["all"] == second.figures["all"]
    assert RetrievalEvaluation.objects.count() == 2


@pytest.mark.parametrize(
    ("label_set", "said"),
    [("nothing", "There are no labels"), ("one", "only one label"), ("alone", "two patients")],
)
def test_evaluate_space_says_why_it_can_not(space, world, label_set, said):
    for number, series in enumerate(world):
        Label.objects.create(study=series.study, label_set="one", label="same")
        Label.objects.create(study=series.study, label_set="alone", label=f"own {number}")

    with pytest.raises(NotEnoughLabelsError, match=said):
        evaluate_space(space, label_set)
    assert not RetrievalEvaluation.objects.exists()


def test_evaluate_space_without_vectors_of_the_labelled_says_so(space, project):
    series = make_case(make_space(is_default=False), [direction(0)], projects=[project])
    Label.objects.create(study=series.study, label_set="finding", label="nodule")

    with pytest.raises(NotEnoughLabelsError, match="has a vector"):
        evaluate_space(space, "finding")


def test_evaluate_space_of_few_objects_says_how_many_are_needed(space, project):
    make_labelled_world(space, project, patients=6)

    with pytest.raises(NotEnoughLabelsError, match="at least 10"):
        evaluate_space(space, "finding")


@pytest.fixture
def noisy(space, world):
    """Another space of the same images, in which nothing is where it belongs."""
    made, rng = make_space(is_default=False), np.random.default_rng(9)
    from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
    from inference.similarity.types import InstanceVector

    for series in world[:-2]:
        vectors = [
            InstanceVector(instance_id=one.pk, vector=rng.normal(size=8))
            for one in series.instances.all()
        ]
        store_embeddings(space=made, vectors=vectors)
        refresh_series_embedding(space=made, series_id=series.pk)
    return made


def test_compare_spaces_measures_what_both_have_in_pairs(space, noisy):
    found = compare_spaces(space, noisy, "finding")

    assert found.number_of_objects == 22
    assert found.first["queries"] == found.second["queries"] == found.difference["queries"] == 22
    change = found.second["map"][0] - found.first["map"][0]
    assert found.difference["map"][0] == pytest.approx(change, abs=2e-4)
    assert found.difference["map"][2] < 0


def test_compare_spaces_without_anything_in_common_says_so(space, world):
    with pytest.raises(NotEnoughLabelsError):
        compare_spaces(space, make_space(is_default=False), "finding")


def test_a_space_beside_the_default_is_measured_against_it(space, noisy):
    against = evaluate_space(noisy, "finding").figures["against"]

    assert against["space"] == space.name
    assert against["difference"]["map"][2] < 0
    assert evaluate_space(space, "finding").figures["against"] is None


def test_evaluate_default_space_takes_every_set_that_has_enough(space, world):
    for series in world:
        Label.objects.create(study=series.study, label_set="one", label="same")

    assert evaluate_default_space() == 2
    kept = RetrievalEvaluation.objects.values_list("label_set", "level")
    assert set(kept) == {("finding", "series"), ("finding", "instance")}


def test_evaluate_default_space_without_one_does_nothing(db):
    assert evaluate_default_space() == 0


def test_what_no_answer_holds_is_not_measured(space, project):
    shown, hidden = (make_case(space, [direction(0)] * 2, projects=[project]) for _ in range(2))
    for series in (shown, hidden):
        Label.objects.create(study=series.study, label_set="finding", label="mass")
    gone = shown.instances.order_by("pk")[0]
    Label.objects.create(
        study=shown.study, series=shown, instance=gone, label_set="finding", label="of one image"
    )
    Instance.objects.filter(pk=gone.pk).update(withheld="deleted")
    Series.objects.filter(pk=hidden.pk).update(withheld="trial")

    series = labelled_objects(space, "finding", Level.SERIES)
    images = labelled_objects(space, "finding", Level.INSTANCE)

    assert series.keys.tolist() == [[shown.pk, 0]]
    assert series.gallery.labels == [{"mass"}]
    kept = shown.instances.order_by("pk")[1]
    assert images.keys.tolist() == [[shown.pk, kept.pk]]
