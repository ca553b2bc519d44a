from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archive.audit.types import Asker
from inference.bundles.external import register_external
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project, Series
    from inference.models import ModelVersion


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def outside_model(db: None) -> ModelVersion:
    """A model that somebody outside runs."""
    asker = Asker(door="command", name="tests")
    return register_external(
        asker=asker, name="liver-elsewhere", version="2", task="segment", station="GPU1"
    )


@pytest.fixture
def asker(radiologist: User) -> Asker:
    return Asker(door="dicomweb", user=radiologist)
