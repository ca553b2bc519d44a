import pytest
import torch

from inference.errors import ModelUnavailableError
from inference.training.brain_tissue import atlas
from inference.training.brain_tissue.atlas import atlas_file, load_atlas


def test_atlas_file_without_nilearn_says_what_to_install(monkeypatch):
    monkeypatch.setattr(atlas, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError, match="nilearn"):
        atlas_file("t1")


@pytest.mark.slow
def test_load_atlas_knows_how_deep_in_the_brain_it_is():
    maps = load_atlas()
    assert maps.t1.shape == maps.grey.shape == maps.depth_mm.shape
    x, y, z = (round(-start) for start in maps.origin_mm)
    # The origin of MNI space is at the anterior commissure, deep inside and beside a ventricle.
    assert float(maps.depth_mm[x, y, z]) > 15
    assert float(maps.depth_mm[0, 0, 0]) < -20
    assert (maps.grey + maps.white <= 255 + 1e-3).all()
    assert float(maps.white[torch.abs(maps.depth_mm) <= 1].mean()) < 40
