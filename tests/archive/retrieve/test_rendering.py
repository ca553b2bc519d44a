from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.cache import cache
from PIL import Image

from archive.dicom.windowing import Window
from archive.errors import InvalidRequestError, NotAcceptableError, NotVisibleError
from archive.models import Series
from archive.retrieve.rendering import (
    Region,
    Rendering,
    middle_frame,
    rendered_frame,
    representative_of_series,
    representative_of_study,
)
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def pixels(instance, rendering, number=1):
    return np.asarray(Image.open(io.BytesIO(rendered_frame(instance, number, rendering))))


def test_a_frame_is_rendered_through_its_window(instance):
    # Stored 0 to 191 in the first frame, rescaled by -1024.
    shown = pixels(instance, Rendering("png", window=Window(-1024 + 96, 192)))

    assert shown.shape == (16, 12)
    assert shown[0, 0] == 0
    assert shown[-1, -1] >= 253
    assert shown[8, 0] == pytest.approx(128, abs=2)


def test_a_region_is_cut_flipped_and_fitted(instance):
    whole = pixels(instance, Rendering("png"))

    part = pixels(instance, Rendering("png", region=Region(2, 4, 6, 8)))
    flipped = pixels(instance, Rendering("png", region=Region(2, 4, -6, -8)))
    enlarged = pixels(instance, Rendering("png", region=Region(2, 4, 6, 8), size=(60, 60)))

    assert np.array_equal(part, whole[4:12, 2:8])
    assert np.array_equal(flipped, part[::-1, ::-1])
    assert enlarged.shape == (60, 45)
    with pytest.raises(InvalidRequestError):
        rendered_frame(instance, 1, Rendering(region=Region(100, 100, 5, 5)))


def test_a_kept_picture_needs_no_file_and_differs_by_parameters(instance):
    first = rendered_frame(instance, 1, Rendering())
    blob_store().delete(instance.blob.sha256)

    assert rendered_frame(instance, 1, Rendering()) == first
    assert Rendering().key != Rendering(quality=50).key
    assert Rendering(size=(1, 2)).key != Rendering(window=Window(1, 2)).key


def test_pictures_are_made_also_without_a_cache(instance, settings):
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }

    assert rendered_frame(instance, 1, Rendering())


def test_frames_that_are_not_there_and_what_is_no_image(instance, project):
    with pytest.raises(NotVisibleError):
        rendered_frame(instance, 4, Rendering())
    instance.has_pixel_data = False
    with pytest.raises(NotAcceptableError):
        rendered_frame(instance, 1, Rendering())


def test_the_middle_stands_for_the_whole(project):
    datasets = [
        make_dataset(
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.1",
            InstanceNumber=number,
            ImagePositionPatient=[0, 0, 10 - number],
        )
        for number in range(1, 6)
    ]
    report = make_dataset(
        StudyInstanceUID="1.2.3", Modality="SR", SeriesNumber=0, Rows=None, PixelData=None
    )
    instances = store_datasets(*datasets, report, project=project)
    series = instances[0].series

    assert representative_of_series(series.pk).instance_number == 3
    assert representative_of_study(series.study).instance_number == 3
    with pytest.raises(NotAcceptableError):
        representative_of_series(instances[-1].series.pk)
    assert middle_frame(instances[0]) == 1


@pytest.mark.parametrize("withheld", ["trial", "rejected"])
def test_what_is_withheld_stands_for_no_study(project, withheld):
    (instance,) = store_datasets(make_dataset(), project=project)
    Series.objects.update(withheld=withheld)

    with pytest.raises(NotAcceptableError):
        representative_of_study(instance.series.study)


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
