import numpy as np
import pytest

from bench.retrieval import Space, adapted_table, embed_images, measure_halves
from bench.retrieval_figures import Material, by_cosine, figures_of, read_material
from inference.pipelines.projection import fit_lda
from inference.training.labelled_images import read_labelled_images
from tests.builders.labelled_images import make_striped_set


def subset(material, each):
    """So many images of each class."""
    kept = np.concatenate(
        [np.flatnonzero(material.labels == label)[:each] for label in np.unique(material.labels)]
    )
    return Material(
        images=tuple(material.images[index] for index in kept),
        labels=material.labels[kept],
        patients=material.patients[kept],
        groups=material.groups[kept],
        kin=material.kin[kept],
    )


def test_retrieval_of_a_subset_finds_classes_and_says_that_findings_are_hard(embedder, shared_data):
    """Six images a class; on all 661 images mAP is .659."""
    material = subset(read_material(shared_data / "retrieval"), 6)

    found = figures_of(material, by_cosine(embed_images(material.images, embedder)))

    assert found.queries == len(material) == 96
    assert found.precision_at_1 > 0.6
    assert found.mean_average_precision > 0.45
    assert max(found.within[1:]) < 0.9


def striped(folder, count):
    """Two kinds of stripes, each image of a patient and a kind of its own."""
    found = read_material(make_striped_set(folder, count=count))
    kinds = np.array([image.pair for image in found.images])
    return Material(found.images, kinds, found.patients, found.groups, np.arange(count))


def test_labels_of_the_other_half_bring_a_class_together(tmp_path):
    material = striped(tmp_path, 30)
    random = np.random.default_rng(0)
    rows = random.normal(size=(len(material), 16)).astype(np.float32)
    rows[:, 0] += np.where(material.labels == "CT/CHEST", 1.5, -1.5)

    def fit(chosen):
        return fit_lda(rows[chosen], [str(label) for label in material.labels[chosen]]).apply(rows)

    raw = measure_halves(material, lambda chosen: rows, 0)
    adapted = measure_halves(material, fit, 0)

    assert sum(one.queries for one in adapted) == len(material)
    assert min(one.precision_at_1 for one in adapted) > max(one.precision_at_1 for one in raw)


def test_adapted_table_has_a_line_for_every_fit(tmp_path):
    material = striped(tmp_path, 8)
    random = np.random.default_rng(0)
    space = Space("lite0-b12-v1", random.normal(size=(8, 384)).astype(np.float32), 1.0)

    lines = adapted_table(material, [space], 1).splitlines()

    assert [line.split(" |")[0] for line in lines[2:]] == [
        "| lite0-b12-v1",
        "| lite0-b12-v1, components",
        "| lite0-b12-v1, fitted to labels",
        "| … lowest to highest partition",
    ]


def test_images_of_a_file_without_patient_are_their_own(tmp_path):
    assert len({image.patient for image in read_labelled_images(make_striped_set(tmp_path))}) == 30


@pytest.fixture(autouse=True)
def no_warnings(recwarn):
    """Means of nothing would warn."""
    yield
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]
