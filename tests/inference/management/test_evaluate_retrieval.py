"""evaluate_retrieval as an operator runs it."""

import pytest

from inference.models import Label, RetrievalEvaluation
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.builders.labelled_world import make_labelled_world
from tests.builders.vectors import make_space

pytestmark = pytest.mark.django_db


@pytest.fixture
def space(db):
    return make_space()


@pytest.fixture
def world(space, project):
    return make_labelled_world(space, project)


def test_prints_tables_of_all_groups_and_keeps_the_figures(run, space, world):
    ran = run("evaluate_retrieval")

    assert ran.error is None
    row = RetrievalEvaluation.objects.get()
    value, low, high = row.figures["all"]["map"]
    assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in ran.out
    assert f"## {space.name}, series, labels “finding”" in ran.out
    for title in (
        "By label",
        "By modality",
        "By body part",
        "By scanner",
        "By sex",
        "By age group",
    ):
        assert f"### {title}, gallery whole" in ran.out
    for group in ("nodule", "Acme Two", "F", "60 to 79"):
        assert f"| {group} | " in ran.out
    assert "Index against exact search: recall@10 1.000" in ran.out
    lines = ran.out.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("| | ")]
    assert all(lines[number - 1] == "" for number in heads)
    tables = [line for line in ran.out.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in tables}) == 1


def test_takes_the_named_set_level_and_space(run, space, world):
    for series in world:
        label = series.body_part_examined
        Label.objects.create(study=series.study, label_set="body part", label=label)

    named = ["--space", space.name, "--label-set", "body part", "--level", "instance"]
    ran = run("evaluate_retrieval", *named)

    assert ran.error is None
    row = RetrievalEvaluation.objects.get()
    assert (row.label_set, row.level) == ("body part", "instance")


def test_passes_over_sets_without_enough_labels(run, world):
    for series in world:
        Label.objects.create(study=series.study, label_set="alike", label="same")

    ran = run("evaluate_retrieval")

    assert ran.error is None
    assert "“alike” has only one label" in ran.err
    assert RetrievalEvaluation.objects.count() == 1


def test_compares_two_named_spaces_in_pairs(run, space, world):
    other = make_space(is_default=False)
    for series in world[:-2]:
        stored = series.embeddings.get(level="series", space=space).vector
        vector = InstanceVector(instance_id=series.instances.get().pk, vector=stored)
        store_embeddings(space=other, vectors=[vector])
        refresh_series_embedding(space=other, series_id=series.pk)

    ran = run("evaluate_retrieval", "--space", space.name, "--space", other.name)

    assert ran.error is None
    assert "(22 objects in both)" in ran.out
    assert "| second less first, in pairs | 22 | 22 | 0.000 [0.000, 0.000]" in ran.out
    assert not RetrievalEvaluation.objects.exists()


def test_without_labels_says_how_to_bring_them_in(run, space):
    ran = run("evaluate_retrieval")

    assert "import_labels" in str(ran.error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label-set", "none"], "no labels in a set “none”"),
        (["--space", "none"], "no embedding space of this name"),
        (["--space", "a", "--space", "b", "--space", "c"], "At most two"),
        (["--level", "study"], "invalid choice"),
    ],
)
def test_says_what_is_wrong(run, world, arguments, said):
    assert said in str(run("evaluate_retrieval", *arguments).error)
