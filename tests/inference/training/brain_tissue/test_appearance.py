import pytest
import torch

from inference.training.brain_tissue import anatomy, appearance
from inference.training.brain_tissue.appearance import paint_tissues, random_means, scan


def test_means_are_mostly_ordered_as_on_t1(monkeypatch):
    monkeypatch.setattr(appearance, "_T1_LIKE", 1.0)
    for seed in range(5):
        torch.manual_seed(seed)
        means = random_means()
        assert means[anatomy.CSF] < means[anatomy.GREY] < means[anatomy.WHITE]
        assert means[anatomy.GREY] <= means[anatomy.DEEP_GREY] <= means[anatomy.WHITE]


def test_painted_tissues_differ_in_brightness(monkeypatch):
    monkeypatch.setattr(appearance, "_T1_LIKE", 1.0)
    torch.manual_seed(0)
    paint = torch.full((8, 8, 8), anatomy.WHITE)
    paint[:4] = anatomy.CSF
    image = paint_tissues(paint)
    assert image[4:].mean() > image[:4].mean()


@pytest.mark.parametrize("seed", range(6))
def test_scan_keeps_shape_and_range(seed):
    torch.manual_seed(seed)
    scanned = scan(torch.rand(1, 20, 24, 28))
    assert scanned.shape == (1, 20, 24, 28)
    assert 0 <= float(scanned.min()) <= float(scanned.max()) <= 1.5
    assert scanned.isfinite().all()
