"""The encoder of a space, in the process that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from inference.errors import ModelUnavailableError
from inference.similarity.services import search_similar
from inference.similarity.spaces.embedder import embed_pictures, has_encoder, load_encoder
from inference.similarity.spaces.writing import store_embeddings
from inference.similarity.types import InstanceVector, Region, SimilarQuery
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import embed_instances
from tests.factories.archive import SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (30, 40), dtype=np.uint8)


def test_embed_pictures_returns_unit_vectors(real_space):
    vectors = embed_pictures(real_space, [picture(1), picture(2)])

    assert vectors.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_load_encoder_loads_a_file_once(real_space):
    assert load_encoder(real_space) is load_encoder(real_space)


@pytest.mark.parametrize("path", ["", "/no/such/file.onnx"])
def test_encoder_that_is_not_there(space, path):
    space.model_version.bundle_path = path

    assert not has_encoder(space)
    with pytest.raises(ModelUnavailableError, match="not installed"):
        load_encoder(space)


def test_encoder_that_is_no_model(space, tmp_path: Path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    space.model_version.bundle_path = str(broken)

    with pytest.raises(ModelUnavailableError, match="can't be loaded"):
        load_encoder(space)


def test_encoder_lies_below_the_folder_of_models(space, tmp_path: Path, settings):
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "net.onnx").write_bytes(b"")

    for stated in ("bundle/net.onnx", "bundle"):
        space.model_version.bundle_path = stated
        assert has_encoder(space)


def test_uploaded_picture_finds_its_stored_twin(radiologist, project, real_space, png):
    from inference.similarity.pictures import decode_upload

    twin, other = (SeriesFactory(study=StudyFactory(projects=[project])) for _ in range(2))
    (vector,) = embed_pictures(real_space, [decode_upload(png).pixels])
    embed_instances(real_space, twin, [vector])
    embed_instances(real_space, other, embed_pictures(real_space, [picture(3)]))

    first, second = search_similar(radiologist, SimilarQuery(image=png)).results

    assert first.series_uid == twin.series_instance_uid
    assert first.score == pytest.approx(1, abs=2e-3)
    assert second.score < first.score


def test_region_of_an_uploaded_picture_is_what_is_searched(radiologist, project, real_space, png):
    from inference.similarity.pictures import cropped, decode_upload

    region = Region(x=20, y=0, width=20, height=20)
    (vector,) = embed_pictures(real_space, [cropped(decode_upload(png).pixels, region)])
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    embed_instances(real_space, series, [vector])

    (whole,) = search_similar(radiologist, SimilarQuery(image=png)).results
    (part,) = search_similar(radiologist, SimilarQuery(image=png, region=region)).results

    assert part.score == pytest.approx(1, abs=2e-3)
    assert whole.score < part.score


def test_stored_instance_without_a_vector_is_embedded_when_asked(
    radiologist, project, real_space, stored_instance
):
    instance, pixels = stored_instance
    like_it = SeriesFactory(study=StudyFactory(projects=[project]))
    embed_instances(real_space, like_it, embed_pictures(real_space, [pixels]))

    (result,) = search_similar(
        radiologist, SimilarQuery(instance=instance.sop_instance_uid)
    ).results

    assert result.series_uid == like_it.series_instance_uid
    assert result.score == pytest.approx(1, abs=2e-3)


def test_region_of_a_stored_instance_is_cut_from_its_pixels(
    radiologist, project, real_space, stored_instance
):
    instance, pixels = stored_instance
    store_embeddings(
        space=real_space,
        vectors=[
            InstanceVector(instance_id=instance.pk, vector=embed_pictures(real_space, [pixels])[0])
        ],
    )
    like_part = SeriesFactory(study=StudyFactory(projects=[project]))
    embed_instances(real_space, like_part, embed_pictures(real_space, [pixels[4:12, 2:10]]))
    query = SimilarQuery(instance=instance.sop_instance_uid, region=Region(2, 4, 8, 8))

    (result,) = search_similar(radiologist, query).results

    assert result.score == pytest.approx(1, abs=2e-3)


def test_descriptor_spaces_embed_pictures_without_a_network():
    space = make_descriptor_space(state="ready")

    vectors = embed_pictures(space, [picture(1), picture(2)])

    assert vectors.shape == (2, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert has_encoder(space)
    with pytest.raises(ModelUnavailableError):
        load_encoder(space)


def test_descriptor_of_another_version_is_not_this_space():
    space = make_descriptor_space(state="ready")
    space.preprocessing_version = "0"

    with pytest.raises(ModelUnavailableError, match="can't describe"):
        embed_pictures(space, [picture(1)])
