"""One meaning of a picture of a patient, for pages, models and searches."""

import pytest

from archive.models import Instance, Series
from archive.models.pictures import pictures_filter
from tests.factories.archive import InstanceFactory, SeriesFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("modality", "manufacturer", "is_picture"),
    [
        ("CT", "Siemens", True),
        ("CT", "Twinsight", True),
        ("OT", "Scanner of films", True),
        ("", "", True),
        ("OT", "Twinsight", False),
        ("SEG", "Siemens", False),
        ("RTDOSE", "Siemens", False),
    ],
)
def test_series_of_pictures(modality: str, manufacturer: str, is_picture: bool) -> None:
    series = SeriesFactory(modality=modality, manufacturer=manufacturer)
    InstanceFactory(series=series)

    assert Series.objects.filter(pictures_filter()).exists() == is_picture
    assert Instance.objects.filter(pictures_filter("series__")).exists() == is_picture
