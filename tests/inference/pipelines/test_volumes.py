import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from inference.errors import UnsupportedInputError
from inference.pipelines.volumes import read_volume
from tests.builders.ct_series import make_ct_series
from tests.builders.mr_series import make_mr_series

HU = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)


def ct(**attrs):
    return make_ct_series(HU, spacing_zyx=(2.5, 0.5, 0.75), origin=(-10.0, 20.0, 30.0), **attrs)


def test_read_volume_sorts_slices_by_position_not_by_number():
    series = ct()
    for number, ds in enumerate(series):
        ds.InstanceNumber = 100 - number

    volume = read_volume(series[::-1])

    assert np.array_equal(volume.array_zyx, HU.astype(np.float32))
    assert volume.array_zyx.dtype == np.float32
    assert [ds.SOPInstanceUID for ds in volume.datasets] == [ds.SOPInstanceUID for ds in series]
    assert volume.frame_order == (0, 1, 2, 3, 4)
    assert volume.modality == "CT"


def test_read_volume_affine_maps_column_row_slice_to_patient_coordinates():
    volume = read_volume(ct())

    assert volume.spacing_mm_zyx == pytest.approx((2.5, 0.5, 0.75))
    corner = volume.affine_lps @ [6, 5, 4, 1]
    assert corner == pytest.approx([-10 + 6 * 0.75, 20 + 5 * 0.5, 30 + 4 * 2.5, 1])
    assert volume.voxel_ml == pytest.approx(2.5 * 0.5 * 0.75 / 1000)


def test_read_volume_of_oblique_series_keeps_its_directions():
    angle = np.deg2rad(20)
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1.0, 1.5, 3.0])
    affine[:3, 3] = [5, -6, 7]
    array = np.random.default_rng(0).random((4, 5, 6))

    volume = read_volume(make_mr_series(array, affine)[::-1])

    assert np.allclose(volume.affine_lps, affine, atol=1e-4)
    assert np.allclose(volume.array_zyx / 4095, array / array.max(), atol=1e-3)


def test_read_volume_of_sagittal_series_runs_along_the_normal():
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = [0, 1, 0], [0, 0, -1], [-2, 0, 0]
    array = np.random.default_rng(0).random((4, 5, 6))
    volume = read_volume(make_mr_series(array, affine))
    assert np.allclose(volume.affine_lps, affine, atol=1e-6)


def test_read_volume_applies_each_slices_own_rescale():
    series = ct()
    series[2].RescaleSlope = 2
    volume = read_volume(series)
    assert volume.array_zyx[2, 0, 0] == (HU[2, 0, 0] + 1024) * 2 - 1024


def test_read_volume_of_single_slice_takes_its_thickness():
    volume = read_volume(ct()[:1])
    assert volume.array_zyx.shape == (1, 6, 7)
    assert volume.spacing_mm_zyx[0] == 2.5


def test_read_volume_accepts_positions_with_rounding_errors():
    series = ct()
    series[1].ImagePositionPatient[2] += 0.05
    assert read_volume(series).array_zyx.shape == (5, 6, 7)


def set_value(index, keyword, value):
    def change(series):
        if value is None:
            del series[index][keyword]
        else:
            setattr(series[index], keyword, value)

    return change


def drop_slice(series):
    del series[2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_slice, "evenly spaced"),
        (set_value(1, "ImagePositionPatient", [-10, 20, 30]), "same place"),
        (set_value(1, "ImagePositionPatient", None), "ImagePositionPatient"),
        (set_value(1, "ImagePositionPatient", ["1", "", "3"]), "ImagePositionPatient"),
        (set_value(1, "ImageOrientationPatient", [0, 1, 0, 0, 0, 1]), "orientations"),
        (set_value(1, "ImageOrientationPatient", [0] * 6), "no grid"),
        (set_value(1, "PixelSpacing", [1, 1]), "pixel spacings"),
        (set_value(1, "SeriesInstanceUID", "1.2.3"), "several series"),
        (set_value(1, "FrameOfReferenceUID", "1.2.3"), "frames of reference"),
        (set_value(1, "Rows", 3), "several sizes"),
        (set_value(1, "SamplesPerPixel", 3), "Colour"),
        (set_value(1, "ModalityLUTSequence", [Dataset()]), "LUT"),
        (set_value(1, "NumberOfFrames", 2), "no positions"),
        (set_value(3, "ImagePositionPatient", [300, 20, 37.5]), "straight line"),
        (set_value(1, "PixelData", b"\0\0"), "decoded"),
    ],
)
def test_read_volume_refuses_with_a_reason(change, words):
    series = ct()
    change(series)
    with pytest.raises(UnsupportedInputError, match=words):
        read_volume(series)


def test_read_volume_of_nothing_is_refused():
    with pytest.raises(UnsupportedInputError):
        read_volume([])


def test_read_volume_without_thickness_is_refused_for_one_image():
    series = ct()[:1]
    del series[0].SliceThickness
    with pytest.raises(UnsupportedInputError, match="thickness"):
        read_volume(series)


def enhanced_ct():
    """The same voxels as one multi-frame image with its frames in reverse order."""
    series = ct()
    ds = series[0]
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    ds.NumberOfFrames = len(series)
    shared, measures, orientation, transformation = (Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 2.5
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    transformation.RescaleSlope, transformation.RescaleIntercept = 1, -1024
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelValueTransformationSequence = [transformation]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = []
    for one in reversed(series):
        groups, position = Dataset(), Dataset()
        position.ImagePositionPatient = one.ImagePositionPatient
        groups.PlanePositionSequence = [position]
        ds.PerFrameFunctionalGroupsSequence.append(groups)
    ds.PixelData = b"".join(one.PixelData for one in reversed(series))
    return ds


def test_read_volume_of_enhanced_image_sorts_its_frames():
    volume = read_volume([enhanced_ct()])
    assert np.array_equal(volume.array_zyx, HU.astype(np.float32))
    assert volume.frame_order == (4, 3, 2, 1, 0)
    assert len(volume.datasets) == 1


def test_read_volume_of_two_enhanced_images_is_refused():
    one, other = enhanced_ct(), enhanced_ct()
    other.SeriesInstanceUID = one.SeriesInstanceUID
    other.FrameOfReferenceUID = one.FrameOfReferenceUID
    other.SOPInstanceUID = generate_uid()
    with pytest.raises(UnsupportedInputError, match="multi-frame"):
        read_volume([one, other])


def test_read_volume_of_real_ct_series(shared_data):
    folder = shared_data / "segmentation" / "ct_dicom_20slices" / "dicom"
    series = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]  # noqa: TID251 the test's own reference files
    volume = read_volume(series)
    assert volume.array_zyx.shape == (20, 512, 512)
    assert volume.spacing_mm_zyx == pytest.approx((2.0, 0.9765625, 0.9765625))
    assert volume.array_zyx.min() == -1024
