import io
import warnings

import numpy as np
import pytest
from pydicom import Dataset

from archive.dicom.attributes import extract_attributes
from archive.dicom.charsets import person_name_groups
from archive.dicom.reading import read_dataset, read_header
from deploy.demo.cohort import CHEST_CT, CHEST_FILM, Visit, visits
from deploy.demo.datasets import series_dataset, series_files, visit_files
from deploy.demo.pictures import Series, series_of

KINDS = sorted({visit.kind for visit in visits()})


def one(kind: str, number: int = 0) -> Visit:
    return [visit for visit in visits() if visit.kind == kind][number]


def first_dataset(visit: Visit) -> Dataset:
    return read_dataset(io.BytesIO(next(iter(visit_files(visit))).content))


def short(series: Series, count: int) -> list[bytes]:
    files = series_files(series)
    return [next(files).content for _ in range(min(count, len(series.heights_mm)))]


@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_passes_the_checks_of_ingest(kind: str) -> None:
    for content in short(series_of(one(kind))[0], 2):
        header = read_header(io.BytesIO(content))
        attributes = extract_attributes(header)
        assert attributes.cleaned == ()
        assert attributes.series.body_part_examined


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_time_gives_the_same_bytes(kind: str) -> None:
    series = series_of(one(kind, -1))[-1]
    assert short(series, 2) == short(series, 2)


@pytest.mark.parametrize("visit", visits(), ids=lambda visit: f"{visit.number}-{visit.kind}")
def test_attributes_of_every_series_are_valid_and_encodable(visit: Visit) -> None:
    for series in series_of(visit):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ds = series_dataset(series)
            buffer = io.BytesIO()
            ds.SOPInstanceUID = "2.25.1"
            ds.save_as(buffer, implicit_vr=False, little_endian=True)
        again = read_back(buffer)
        assert person_name_groups(again.PatientName) == person_name_groups(ds.PatientName)
        assert str(again.PatientName) == visit.person.name


def read_back(buffer: io.BytesIO) -> Dataset:
    from pydicom.filereader import read_dataset as read_elements

    buffer.seek(0)
    ds = read_elements(buffer, is_implicit_VR=False, is_little_endian=True)
    ds.decode()
    return ds


def test_slices_lie_one_below_the_other_in_one_frame_of_reference() -> None:
    datasets = [
        read_dataset(io.BytesIO(c), stop_before_pixels=True)
        for c in short(series_of(one(CHEST_CT))[0], 3)
    ]
    heights = [float(ds.ImagePositionPatient[2]) for ds in datasets]
    assert np.allclose(np.diff(heights), -float(datasets[0].SpacingBetweenSlices))
    assert len({ds.FrameOfReferenceUID for ds in datasets}) == 1
    assert len({ds.SOPInstanceUID for ds in datasets}) == 3
    assert [ds.InstanceNumber for ds in datasets] == [1, 2, 3]


def test_ct_values_are_hounsfield_units() -> None:
    ds = first_dataset(one(CHEST_CT))
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    assert values.min() >= -1024
    assert values[ds.Rows // 16, ds.Columns // 2] < -900
    assert (values > 300).sum() > 100


def test_older_radiographs_are_stored_inverted() -> None:
    inverted = next(v for v in visits() if v.kind == CHEST_FILM and v.modality == "CR")
    plain = next(v for v in visits() if v.kind == CHEST_FILM and v.modality == "DX")
    dark, bright = first_dataset(inverted), first_dataset(plain)
    assert dark.PhotometricInterpretation == "MONOCHROME1"
    assert bright.PhotometricInterpretation == "MONOCHROME2"
    # the edge beside the arm is air: black on both when shown
    assert np.median(dark.pixel_array[:, :4]) > np.median(dark.pixel_array[:, 318:322])
    assert np.median(bright.pixel_array[:, :4]) < np.median(bright.pixel_array[:, 318:322])


def test_the_file_meta_does_not_depend_on_the_library() -> None:
    ds = first_dataset(one(CHEST_FILM))
    assert str(ds.file_meta.ImplementationVersionName).startswith("TWINSIGHTDEMO")
    assert str(ds.file_meta.ImplementationClassUID).startswith("2.25.")
