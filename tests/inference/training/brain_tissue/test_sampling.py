import pytest
import torch

from inference.training.brain_tissue import sampling
from inference.training.brain_tissue.sampling import draw_example


@pytest.mark.parametrize("seed", range(4))
def test_draw_example_is_a_head_with_its_tissues(atlas, seed):
    torch.manual_seed(seed)
    image, tissues = draw_example(atlas, 64)
    assert image.shape == (1, 64, 64, 64)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) <= float(image.max()) <= 1.5
    assert tissues.shape == (64, 64, 64)
    assert set(tissues.unique().tolist()) <= {0, 1, 2, 3}


def test_draw_example_differs_each_time_and_repeats_with_the_seed(atlas):
    torch.manual_seed(1)
    first, second = draw_example(atlas, 32)[0], draw_example(atlas, 32)[0]
    torch.manual_seed(1)
    assert torch.equal(draw_example(atlas, 32)[0], first)
    assert not torch.equal(first, second)


def test_examples_of_the_real_looks_keep_the_atlas_tissues(atlas, monkeypatch):
    monkeypatch.setattr(sampling, "_REAL", 1.0)
    torch.manual_seed(0)
    shares = sum(
        torch.bincount(draw_example(atlas, 64)[1].flatten(), minlength=4) for _ in range(4)
    )
    assert (shares > 0).all()
