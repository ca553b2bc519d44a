import torch

from inference.pipelines.brain_network import BrainTissueNet


def test_network_answers_every_voxel_of_blocks_of_16():
    network = BrainTissueNet().eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 1, 32, 48, 32)).shape == (1, 4, 32, 48, 32)


def test_network_fits_in_a_megabyte_of_half_precision():
    assert sum(part.numel() for part in BrainTissueNet().parameters()) * 2 < 1_000_000
