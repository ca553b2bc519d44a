"""A space fitted to the archive's own labels: a new version beside the old, never over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from archive.audit.types import Asker
from archive.errors import NotAllowedError
from inference.models import Embedding, EmbeddingSpace, Label, Projection
from inference.runs.filling import fill_spaces
from inference.similarity.errors import (
    NotEnoughLabelsError,
    SpaceConflictError,
    SpaceNotReadyError,
)
from inference.similarity.spaces.backfill import complete_fill
from inference.similarity.spaces.lifecycle import promote_space
from inference.similarity.spaces.projections import load_projection
from inference.training.adaptation import (
    IMAGES_OF_A_SERIES,
    adapt_space,
    fit_components,
    labelled_vectors,
    refit_adapted,
)
from tests.builders.vectors import embed_instances, make_case, make_space
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db

OPERATOR = Asker(door="command", name="test")
DIMENSION = 8


@pytest.fixture
def space() -> EmbeddingSpace:
    return make_space(dimension=DIMENSION)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def near(rng: np.random.Generator, axis: int) -> np.ndarray:
    """A direction that has little of the axis that matters and much of chance."""
    vector = rng.normal(size=DIMENSION)
    vector[axis] += 1.5
    return vector.astype(np.float32)


def label_cases(
    space: EmbeddingSpace, project: object, rng: np.random.Generator, *, each: int = 6
) -> list[Series]:
    """Cases of two findings, one patient each, labelled by study."""
    made = []
    for axis, name in enumerate(("mass", "none")):
        for _ in range(each):
            series = make_case(space, [near(rng, axis)], projects=[project])
            Label.objects.create(study=series.study, label_set="finding", label=name)
            made.append(series)
    return made


def fill_all() -> None:
    for _ in range(3):
        for key in fill_spaces(is_throttled=False):
            complete_fill(key)


def test_adapted_space_is_a_new_one_beside_the_old(space, project, rng):
    label_cases(space, project, rng)

    adapted = adapt_space(OPERATOR, space="", label_sets=["finding"])
    fill_all()

    made = EmbeddingSpace.objects.get(name=f"{space.name}-lda-1")
    assert adapted.classes == {"mass": 6, "none": 6}
    assert (made.state, made.base_space, made.dimension) == ("ready", space, DIMENSION + 1)
    assert made.projection.sha256 == made.model_version.digest
    assert made.projection.label_sets == ["finding"]
    assert EmbeddingSpace.objects.get(is_default=True) == space
    counts = [one.embeddings.filter(level="series").count() for one in (space, made)]
    assert counts == [12, 12]


def test_a_base_of_several_blocks_is_fitted_block_by_block(space, project, rng):
    space.model_version.config = {"blocks": [5, 3]}
    space.model_version.save()
    label_cases(space, project, rng)

    adapted = adapt_space(OPERATOR, space="", label_sets=["finding"])
    components = fit_components(OPERATOR, space="", dimension=4)

    for made, kept in ((adapted.space, [5, 3]), (components.space, [2, 2])):
        parts = load_projection(made).parts
        assert [part.matrix.shape[1] for part in parts] == kept
    with pytest.raises(SpaceConflictError):
        fit_components(OPERATOR, space="", dimension=1)


def test_a_second_fit_is_a_second_version(space, project, rng):
    label_cases(space, project, rng)

    names = [
        adapt_space(OPERATOR, space=space.name, label_sets=["finding"]).space.name for _ in range(2)
    ]

    assert names == [f"{space.name}-lda-1", f"{space.name}-lda-2"]


def test_most_specific_label_counts_and_ambiguous_ones_do_not(space, project, rng):
    cases = label_cases(space, project, rng, each=8)
    corrected, torn = cases[0], cases[1]
    Label.objects.create(study=corrected.study, series=corrected, label_set="finding", label="none")
    Label.objects.create(study=torn.study, label_set="finding", label="none")

    found = labelled_vectors(space, ["finding"])

    assert sorted(found.labels).count("none") == 9
    assert len(found.labels) == 15


def test_long_series_do_not_outvote_the_others(space, project, rng):
    label_cases(space, project, rng)
    long = SeriesFactory(study=StudyFactory(patient=PatientFactory(), projects=[project]))
    embed_instances(space, long, [near(rng, 0) for _ in range(50)])
    Label.objects.create(study=long.study, series=long, label_set="finding", label="mass")

    found = labelled_vectors(space, ["finding"])

    assert found.labels.count("mass") == 6 + IMAGES_OF_A_SERIES


def test_classes_of_one_patient_or_few_images_are_left_out(space, project, rng):
    label_cases(space, project, rng)
    patient = PatientFactory()
    for _ in range(6):
        series = make_case(space, [near(rng, 2)], projects=[project], patient=patient)
        Label.objects.create(study=series.study, label_set="finding", label="one patient")

    found = labelled_vectors(space, ["finding"])

    assert found.left_out == {"one patient": 6}
    assert set(found.labels) == {"mass", "none"}


def test_too_few_labels_are_one_sentence(space, project, rng):
    label_cases(space, project, rng, each=2)

    with pytest.raises(NotEnoughLabelsError, match="Adapting needs 2 labels with 5"):
        adapt_space(OPERATOR, space="", label_sets=["finding"])

    assert not Projection.objects.exists()


def test_several_label_sets_are_combined(space, project, rng):
    for series in label_cases(space, project, rng):
        Label.objects.create(study=series.study, label_set="view", label="pa")

    found = labelled_vectors(space, ["view", "finding"])

    assert set(found.labels) == {"finding:mass + view:pa", "finding:none + view:pa"}


def test_components_make_a_smaller_space(space, project, rng):
    label_cases(space, project, rng, each=10)

    fitted = fit_components(OPERATOR, space="", dimension=3)
    fill_all()

    made = EmbeddingSpace.objects.get(name=f"{space.name}-pca-1")
    assert fitted.space == made
    assert (made.dimension, made.state) == (3, "ready")
    vectors = np.array(list(made.embeddings.values_list("vector", flat=True)), dtype=np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2)


@pytest.mark.parametrize("dimension", [0, DIMENSION, 100])
def test_components_that_can_not_be_kept_are_refused(space, dimension):
    with pytest.raises(SpaceConflictError):
        fit_components(OPERATOR, space="", dimension=dimension)


def test_a_clinician_fits_nothing(space, project, rng, radiologist):
    label_cases(space, project, rng)

    with pytest.raises(NotAllowedError):
        adapt_space(Asker(door="portal", user=radiologist), space="", label_sets=["finding"])


def test_nothing_is_fitted_on_a_space_that_is_not_filled(space, project, rng):
    EmbeddingSpace.objects.update(state="filling", is_default=False)

    with pytest.raises(SpaceNotReadyError):
        adapt_space(OPERATOR, space=space.name, label_sets=["finding"])


def test_refit_waits_until_labels_changed_enough(space, project, rng, settings):
    settings.TWINSIGHT_REFIT_CHANGED_PERCENT = 50
    label_cases(space, project, rng)
    adapt_space(OPERATOR, space="", label_sets=["finding"])

    assert refit_adapted() == []
    label_cases(space, project, rng, each=3)

    assert refit_adapted() == [f"{space.name}-lda-2"]
    assert refit_adapted() == []
    assert EmbeddingSpace.objects.get(is_default=True) == space


def test_successor_takes_over_only_where_the_site_chose_so(space, project, rng, settings):
    label_cases(space, project, rng)
    first = adapt_space(OPERATOR, space="", label_sets=["finding"]).space
    fill_all()
    promote_space(OPERATOR, first.name)
    second = adapt_space(OPERATOR, space="", label_sets=["finding"]).space
    fill_all()

    refit_adapted()
    assert EmbeddingSpace.objects.get(is_default=True) == first
    settings.TWINSIGHT_REFIT_AUTO_PROMOTE = True
    refit_adapted()

    assert EmbeddingSpace.objects.get(is_default=True) == second


def test_old_versions_are_cleared_away_but_not_what_to_go_back_to(space, project, rng, settings):
    settings.TWINSIGHT_REFIT_CHANGED_PERCENT = 0
    label_cases(space, project, rng)
    adapt_space(OPERATOR, space="", label_sets=["finding"])

    for _ in range(4):
        refit_adapted()

    states = EmbeddingSpace.objects.filter(base_space=space).order_by("pk")
    assert [one.state for one in states] == ["retired"] * 2 + ["filling"] * 3


def test_vectors_of_spaces_never_mix(space, project, rng):
    label_cases(space, project, rng)
    made = adapt_space(OPERATOR, space="", label_sets=["finding"]).space
    fill_all()

    for one in (space, made):
        vectors = Embedding.objects.filter(space=one).values_list("vector", flat=True)
        assert {len(np.asarray(vector)) for vector in vectors} == {one.dimension}
