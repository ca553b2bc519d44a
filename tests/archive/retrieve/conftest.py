from __future__ import annotations

import pytest

from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets


@pytest.fixture
def instance(project):
    """An archived image of three frames."""
    (stored,) = store_datasets(make_dataset(NumberOfFrames=3), project=project)
    return stored
