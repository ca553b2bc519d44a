import pytest
import torch

from inference.training.brain_tissue import anatomy
from inference.training.brain_tissue.anatomy import Region, add_head, invent_tissues, targets_of


@pytest.fixture
def region(atlas):
    return Region(atlas.t1, atlas.grey, atlas.white, atlas.depth_mm, atlas.origin_mm)


@pytest.mark.parametrize("seed", range(3))
def test_invent_tissues_stays_inside_the_brain(region, seed):
    torch.manual_seed(seed)
    paint = invent_tissues(region)
    assert (paint[region.depth_mm <= 0] == anatomy.AIR).all()
    assert {anatomy.WHITE, anatomy.GREY, anatomy.CSF} <= set(paint.unique().tolist())


def test_add_head_lays_layers_around_and_leaves_the_brain(region):
    torch.manual_seed(0)
    brain = invent_tissues(region)
    head = add_head(region, brain)
    inside = brain != anatomy.AIR
    assert torch.equal(head[inside], brain[inside])
    around = set(head[~inside].unique().tolist())
    assert {anatomy.AIR, anatomy.CSF, anatomy.TABLE, anatomy.FAT} <= around
    assert not around & {anatomy.WHITE, anatomy.GREY, anatomy.DEEP_GREY}


def test_targets_of_counts_deep_grey_matter_and_ventricles_in():
    paint = torch.arange(anatomy.PAINTS).reshape(1, 1, -1)
    targets = targets_of(paint).argmax(dim=0).flatten().tolist()
    assert targets == [0, 1, 2, 3, 2, 3] + [0] * (anatomy.PAINTS - 6)
