import pytest
import torch

from inference.training.brain_tissue.atlas import PADDING, Atlas


@pytest.fixture(scope="session")
def atlas():
    """A ball of white matter in grey matter in CSF, with the room that a head takes."""
    sides = [60 + before + after for before, after in PADDING]
    lines = [
        torch.arange(side, dtype=torch.float32) - before - 30
        for side, (before, _) in zip(sides, PADDING, strict=True)
    ]
    x, y, z = torch.meshgrid(*lines, indexing="ij")
    distance = torch.sqrt(x**2 + y**2 + z**2)
    white = (distance < 16).float() * 255
    grey = ((distance >= 16) & (distance < 24)).float() * 255
    t1 = torch.where(distance < 28, 90.0, 0.0) + 0.5 * white + 0.3 * grey
    return Atlas(t1, grey, white, 28 - distance, (-58.0, -58.0, -86.0))
