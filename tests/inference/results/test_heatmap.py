import io

import numpy as np
import pytest

from archive.dicom.reading import read_dataset
from inference.errors import ResultEncodingError
from inference.results.heatmap import blended, build_heatmap
from tests.builders.datasets import make_dataset
from tests.dciodvfy import errors_of


@pytest.fixture
def heat():
    heat = np.zeros((6, 12, 10), dtype=np.float32)
    heat[2, 3:6, 2:5] = 0.75
    return heat


@pytest.fixture
def make_map(series, algorithm, make_identity, heat):
    def make(**changes):
        arguments = {
            "source_datasets": series,
            "pictures": (),
            "heat_zyx": heat,
            "meaning": "Speaks for CHEST",
            "algorithm": algorithm,
            "identity": make_identity(5),
        }
        return build_heatmap(**(arguments | changes))

    return make


def reread(ds):
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return read_dataset(buffer)


def test_a_parametric_map_keeps_its_values(make_map, heat):
    found = reread(make_map())
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.30"
    values = np.frombuffer(found.FloatPixelData, dtype=np.float32).reshape(-1, 12, 10)
    assert np.array_equal(values[values.any(axis=(1, 2))], heat[2:3])


def test_a_parametric_map_validates(make_map, tmp_path):
    assert errors_of(make_map(), tmp_path) == []


def test_a_parametric_map_is_the_same_each_time(make_map):
    assert make_map().to_json() == make_map().to_json()


def test_heat_on_another_grid_is_refused(make_map):
    with pytest.raises(ResultEncodingError):
        make_map(heat_zyx=np.zeros((1, 12, 10), dtype=np.float32))


@pytest.fixture
def radiograph():
    ds = make_dataset(Modality="DX", Rows=12, Columns=10)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        if keyword in ds:
            delattr(ds, keyword)
    return ds


def test_on_a_radiograph_the_heat_is_painted(make_map, radiograph, heat, tmp_path):
    made = make_map(
        source_datasets=[radiograph],
        pictures=[np.full((12, 10), 100, dtype=np.uint8)],
        heat_zyx=heat[2:3],
    )
    found = reread(made)
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == radiograph.SOPInstanceUID
    pixels = np.frombuffer(found.PixelData, dtype=np.uint8)[: 12 * 10 * 3].reshape(12, 10, 3)
    assert pixels[0, 0].tolist() == [100, 100, 100]
    assert pixels[4, 3, 0] > pixels[4, 3, 2]
    assert errors_of(made, tmp_path) == []


def test_blending_leaves_cold_places_alone():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(blended(picture, np.zeros((3, 4), np.float32))[..., 1], picture)
