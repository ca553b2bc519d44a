"""A series of two images in the clinic's project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from archive.models import Project, Series


@pytest.fixture
def series(project: Project) -> Series:
    """A CT series that the people of the project see."""
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    InstanceFactory.create_batch(2, series=series)
    series.number_of_series_related_instances = 2
    series.save()
    return series
