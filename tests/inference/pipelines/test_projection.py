import io

import numpy as np
import pytest

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.projection import Part, Projection, fit_lda, fit_pca


def classes(seed=0, each=40, dimension=24, spread=0.6):
    """Two labelled classes that differ in one direction, under noise that is larger elsewhere."""
    random = np.random.default_rng(seed)
    scales = np.linspace(3, 0.3, dimension)
    rows = random.normal(size=(2 * each, dimension)) * scales
    labels = ["a"] * each + ["b"] * each
    rows[each:, -1] += 4 * spread
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def nearest_share(vectors, labels):
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return np.mean([labels[index] == labels[row.argmax()] for index, row in enumerate(likeness)])


def test_components_are_the_directions_of_most_variance():
    random = np.random.default_rng(1)
    rows = (random.normal(size=(500, 3)) * [5, 1, 0.1] + 2).astype(np.float32)

    part = fit_pca(rows, 2, whitening=0).parts[0]

    assert abs(part.matrix[0, 0]) == pytest.approx(1, abs=0.02)
    assert abs(part.matrix[1, 1]) == pytest.approx(1, abs=0.02)
    assert part.offset == pytest.approx(rows.mean(axis=0), abs=1e-3)


def test_full_whitening_makes_variances_equal():
    random = np.random.default_rng(1)
    rows = (random.normal(size=(2000, 3)) * [5, 1, 0.5]).astype(np.float32)
    part = fit_pca(rows, 3, whitening=1).parts[0]

    spread = ((rows - part.offset) @ part.matrix).std(axis=0)

    assert spread == pytest.approx(np.ones(3), rel=0.05)


def test_all_components_unwhitened_keep_centred_cosines():
    rows, _ = classes()
    centred = rows - rows.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)

    projected = fit_pca(rows, rows.shape[1], whitening=0).apply(rows)

    assert np.allclose(projected @ projected.T, centred @ centred.T, atol=1e-4)


def test_projected_vectors_have_length_1_and_the_stated_dimension():
    rows, labels = classes()
    for projection in (fit_pca(rows, 5), fit_lda(rows, labels)):
        found = projection.apply(rows)

        assert found.shape == (len(rows), projection.dimension)
        assert found.dtype == np.float32
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert fit_lda(rows, labels).dimension == rows.shape[1] + 1


def test_each_block_has_components_and_a_length_of_its_own():
    rows, _ = classes()
    loud = np.concatenate([rows[:, :16] * 100, rows[:, 16:]], axis=1)

    projection = fit_pca(loud, 12, blocks=(16, 8))
    found = projection.apply(loud)

    assert [part.matrix.shape for part in projection.parts] == [(16, 6), (8, 6)]
    assert np.allclose(np.linalg.norm(found[:, :6], axis=1), np.sqrt(0.5), atol=1e-5)
    assert np.allclose(found, fit_pca(rows, 12, blocks=(16, 8)).apply(rows), atol=1e-3)


def test_short_blocks_leave_their_share_to_the_others():
    rows, _ = classes()
    projection = fit_pca(rows, 20, blocks=(2, 14, 8))
    assert [part.matrix.shape[1] for part in projection.parts] == [2, 10, 8]
    assert projection.dimension == 20


@pytest.mark.parametrize("blocks", [(24, 1), (23,), (25, -1), (0, 24)])
def test_blocks_that_are_not_the_vector_are_refused(blocks):
    with pytest.raises(UnsupportedInputError):
        fit_pca(classes()[0], 10, blocks=blocks)


def test_a_head_brings_together_new_vectors_of_one_label():
    rows, labels = classes()
    unseen, their_labels = classes(seed=5)

    adapted = fit_lda(rows, labels).apply(unseen)

    assert nearest_share(adapted, their_labels) > nearest_share(unseen, their_labels) + 0.1


def test_a_head_fits_fewer_vectors_than_dimensions():
    rows, labels = classes(each=4, dimension=64)

    found = fit_lda(rows, labels).apply(rows)

    assert np.isfinite(found).all()
    assert nearest_share(found, labels) == 1


def test_what_is_like_no_label_is_left_to_the_components():
    rows, labels = classes()
    projection = fit_lda(rows, labels)
    centre = rows[:1] * 0 + rows.mean(axis=0)
    components = projection.dimension - 1

    found = projection.apply(np.concatenate([rows, centre]))
    share_of_head = np.linalg.norm(found[:, components:], axis=1)

    assert share_of_head[-1] < 0.5 * np.median(share_of_head[:-1])


def test_without_weight_only_the_components_count():
    rows, labels = classes()
    plain = fit_pca(rows, rows.shape[1]).apply(rows)

    found = fit_lda(rows, labels, weight=0).apply(rows)

    assert np.allclose(found @ found.T, plain @ plain.T, atol=1e-4)


def test_components_beside_a_head_are_fitted_on_the_reference():
    rows, labels = classes()
    archive, _ = classes(seed=9)

    found = fit_lda(rows, labels, reference=archive)

    assert np.allclose(found.parts[0].offset, archive.mean(axis=0), atol=1e-6)


def test_a_patient_with_many_images_counts_less_than_as_many_patients():
    rows, labels = classes(each=20)
    many = np.concatenate([rows, np.repeat(rows[:1] + 1, 200, axis=0)])
    names = [*labels, *["a"] * 200]
    patients = [*range(40), *[99] * 200]

    alone = fit_lda(rows, labels, reference=rows).head.offset
    by_patient = fit_lda(many, names, groups=patients, reference=rows).head.offset
    by_image = fit_lda(many, names, reference=rows).head.offset

    assert np.linalg.norm(by_patient - alone) < np.linalg.norm(by_image - alone)


def test_bytes_carry_a_projection_whole():
    rows, labels = classes()
    first = fit_lda(rows, labels)

    second = Projection.from_bytes(first.to_bytes())

    assert second.kind == "lda"
    assert (second.apply(rows) == first.apply(rows)).all()
    assert second.sha256 == first.sha256
    assert fit_lda(rows, labels).sha256 == first.sha256
    assert fit_lda(rows, labels, weight=1).sha256 != first.sha256


def pickled():
    stream = io.BytesIO()
    np.savez(stream, format=np.array([{}], dtype=object))
    return stream.getvalue()


def part(rows=5, columns=2, start=0, offset=5):
    return Part(
        np.zeros(offset, dtype=np.float32), np.zeros((rows, columns), dtype=np.float32), start
    )


def inconsistent():
    return Projection("pca", (part(offset=4),)).to_bytes()


def overlapping():
    return Projection("pca", (part(), part(start=3))).to_bytes()


def headless():
    return Projection("lda", (part(),), part(rows=3, offset=3), 1.0).to_bytes()


def without_parts():
    return Projection("pca", ()).to_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 no", pickled(), inconsistent(), overlapping(), headless(), without_parts()],
    ids=["empty", "broken zip", "pickle", "shapes", "overlap", "head", "no parts"],
)
def test_damaged_bytes_are_refused(content):
    with pytest.raises(BundleInvalidError):
        Projection.from_bytes(content)


def test_cut_bytes_are_refused():
    rows, _ = classes()
    content = fit_pca(rows, 2).to_bytes()
    with pytest.raises(BundleInvalidError):
        Projection.from_bytes(content[: len(content) // 2])


def test_vectors_of_another_dimension_are_refused():
    rows, _ = classes()
    with pytest.raises(UnsupportedInputError):
        fit_pca(rows, 2).apply(rows[:, :5])


@pytest.mark.parametrize("dimension", [0, 25])
def test_a_dimension_that_is_not_there_is_refused(dimension):
    with pytest.raises(UnsupportedInputError):
        fit_pca(classes()[0], dimension)


def test_fits_refuse_what_they_cannot_use():
    rows, labels = classes()
    broken = rows.copy()
    broken[3, 3] = np.nan
    for call in (
        lambda: fit_pca(rows[:1], 2),
        lambda: fit_pca(broken, 2),
        lambda: fit_lda(rows, labels[:-1]),
        lambda: fit_lda(rows, labels, groups=[1]),
        lambda: fit_lda(rows, ["a"] * len(rows)),
    ):
        with pytest.raises(UnsupportedInputError):
            call()
