import io
import time
from dataclasses import dataclass, field, replace

import highdicom as hd
import numpy as np
import pydicom
import pytest

from inference.errors import ResultEncodingError
from inference.results.seg import build_seg, do_overlap, tracking_of
from inference.results.types import SegmentationType
from tests.dciodvfy import errors_of

SHAPE = (6, 12, 10)


@dataclass(frozen=True)
class OneSegment:
    number: int
    label: str
    values: tuple[int, ...]
    property_type: tuple[str, str, str]
    category: tuple[str, str, str] = field(default=("123037004", "SCT", "Body structure"))


BODY = OneSegment(1, "Body", (1, 2), ("38266002", "SCT", "Entire body"))
BONE = OneSegment(2, "Bone", (2,), ("272673000", "SCT", "Bone"))


@pytest.fixture
def mask():
    """Body on slices 1 to 4, bone in it on slice 2, at places that no symmetry hides."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[1:5, 2:9, 1:6] = 1
    mask[2, 3:5, 2:4] = 2
    return mask


@pytest.fixture
def make_seg(series, mask, algorithm, make_identity):
    def make(**changes):
        arguments = {
            "source_datasets": series,
            "mask_zyx": mask,
            "segments": (BODY, BONE),
            "algorithm": algorithm,
            "identity": make_identity(1),
        }
        return build_seg(**(arguments | changes))

    return make


def written(ds) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def reread(ds):
    return hd.seg.segread(io.BytesIO(written(ds)))


def test_build_seg_round_trip_keeps_voxels_and_geometry(make_seg, mask):
    volume = reread(make_seg()).get_volume(combine_segments=False)
    for index, segment in enumerate((BODY, BONE)):
        found = np.argwhere(volume.array[..., index] > 0)
        places = found @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        expected = np.argwhere(np.isin(mask, segment.values))
        # Columns along x, rows along y, slices along z, from the series' first position.
        wanted = expected[:, ::-1] * [0.75, 0.5, 2.0] + [-3.0, 4.0, 5.0]
        assert {tuple(row) for row in places.round(3)} == {tuple(row) for row in wanted.round(3)}


def test_build_seg_leaves_empty_frames_out(make_seg):
    seg = reread(make_seg())
    # Four slices of body and one of bone.
    assert seg.NumberOfFrames == 5


def test_build_seg_codes_its_segments(make_seg, make_identity):
    seg = reread(make_seg())
    description = seg.get_segment_description(2)
    assert description.segment_label == "Bone"
    assert description.segmented_property_type.value == "272673000"
    assert description.segmented_property_category.value == "123037004"
    assert description.algorithm_type.value == "AUTOMATIC"
    identification = description.algorithm_identification[0]
    assert (identification.AlgorithmName, identification.AlgorithmVersion) == ("ct_parts", "1.2")
    assert (description.tracking_uid, description.tracking_id) == tracking_of(
        make_identity(1), BONE
    )


def test_build_seg_refers_to_its_sources(make_seg, series):
    seg = reread(make_seg())
    assert {uids[2] for uids in seg.get_source_image_uids()} == {ds.SOPInstanceUID for ds in series}
    assert seg.FrameOfReferenceUID == series[0].FrameOfReferenceUID


def test_build_seg_fills_the_equipment_and_series_that_the_standard_requires(make_seg):
    seg = reread(make_seg())
    assert seg.Modality == "SEG"
    assert seg.SegmentationType == "BINARY"
    assert seg.ImageType[:2] == ["DERIVED", "PRIMARY"]
    assert seg.SeriesNumber == 901
    assert seg.SeriesDescription == "A result"
    for keyword in (
        "Manufacturer",
        "ManufacturerModelName",
        "DeviceSerialNumber",
        "SoftwareVersions",
        "ContentLabel",
    ):
        assert seg[keyword].value


def test_build_seg_carries_patient_and_study_over(make_seg, series):
    seg = reread(make_seg())
    assert seg.SpecificCharacterSet == "ISO_IR 192"
    assert str(seg.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert seg.IssuerOfPatientID == "HOSPITAL"
    assert seg.PatientAge == "054Y"
    assert seg.StudyInstanceUID == series[0].StudyInstanceUID
    assert seg.StudyDescription == series[0].StudyDescription


def test_build_seg_of_sources_read_in_their_own_character_set(make_seg, series):
    reloaded = [pydicom.dcmread(io.BytesIO(written(ds))) for ds in series]  # noqa: TID251 the test's own bytes
    seg = reread(make_seg(source_datasets=reloaded))
    assert str(seg.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_build_seg_twice_gives_the_same_bytes(make_seg):
    first = written(make_seg())
    time.sleep(1.1)
    assert written(make_seg()) == first


def test_build_seg_with_another_identity_gives_other_uids(make_seg, make_identity):
    one, other = make_seg(), make_seg(identity=make_identity(2))
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SegmentSequence[0].TrackingUID != other.SegmentSequence[0].TrackingUID


def test_build_seg_of_sources_with_gaps_in_their_attributes(make_seg, series):
    for ds in series:
        for keyword in ("PatientBirthDate", "StudyTime", "AccessionNumber", "FrameOfReferenceUID"):
            del ds[keyword]
        ds.PatientSex = "X"
        ds.PatientName = None
    seg = reread(make_seg())
    assert seg.PatientSex in (None, "")
    assert seg.FrameOfReferenceUID.startswith("2.25.")


@pytest.mark.parametrize(
    "changes",
    [
        {"source_datasets": []},
        {"mask_zyx": np.zeros(SHAPE, dtype=np.uint8)},
        {"mask_zyx": np.ones((5, 12, 10), dtype=np.uint8)},
        {"segments": (replace(BONE, number=2),)},
    ],
)
def test_build_seg_refuses(make_seg, changes):
    with pytest.raises(ResultEncodingError):
        make_seg(**changes)


def test_build_seg_of_source_without_study_is_refused(make_seg, series):
    del series[0].StudyInstanceUID
    with pytest.raises(ResultEncodingError, match="StudyInstanceUID"):
        make_seg()


def test_build_seg_of_multi_frame_source_puts_frames_where_they_were(
    algorithm, make_identity, shared_data
):
    """The three frames lie in slice order; read backwards, the mask must come back right."""
    source = pydicom.dcmread(shared_data / "dicom" / "dcmqi" / "23x38x3_multiframe_mf.dcm")  # noqa: TID251 the test's own reference file
    mask = np.zeros((3, source.Rows, source.Columns), dtype=np.uint8)
    mask[0, 5:9, 3:6] = 1
    seg = build_seg(
        source_datasets=[source],
        mask_zyx=mask,
        segments=(replace(BODY, values=(1,)),),
        algorithm=algorithm,
        identity=make_identity(1),
        frame_order=(2, 1, 0),
    )
    again = reread(seg)
    frame = again.PerFrameFunctionalGroupsSequence[0]
    original = source.PerFrameFunctionalGroupsSequence[2]
    assert (
        frame.PlanePositionSequence[0].ImagePositionPatient
        == original.PlanePositionSequence[0].ImagePositionPatient
    )
    assert np.array_equal(again.pixel_array.reshape(mask.shape[1:]), mask[0])


MUSCLE = OneSegment(1, "Muscle", (1,), ("71616004", "SCT", "Skeletal muscle"))


def test_a_label_map_round_trip_keeps_voxels(make_seg, mask):
    seg = reread(make_seg(segments=(MUSCLE, BONE), segmentation_type=SegmentationType.LABELMAP))
    assert seg.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7"
    volume = seg.get_volume(combine_segments=True)
    # Its axes may run from head to feet.
    planes = volume.array if volume.affine[2, 0] > 0 else volume.array[::-1]
    assert np.array_equal(planes, mask[1:5])


def test_a_label_map_of_segments_that_overlap_is_refused(make_seg, mask):
    assert do_overlap(mask, (BODY, BONE))
    assert not do_overlap(mask, (MUSCLE, BONE))
    with pytest.raises(ResultEncodingError):
        make_seg(segmentation_type=SegmentationType.LABELMAP)


def test_a_fractional_one_keeps_probabilities(make_seg, mask):
    probability = np.zeros((*SHAPE, 2), dtype=np.float32)
    probability[mask > 0, 0] = 0.8
    probability[mask == 2, 1] = 0.4
    seg = reread(
        make_seg(segmentation_type=SegmentationType.FRACTIONAL, probability_zyxc=probability)
    )
    assert seg.SegmentationType == "FRACTIONAL"
    assert seg.SegmentationFractionalType == "PROBABILITY"
    array = seg.get_volume(combine_segments=False, rescale_fractional=True).array
    assert array.max(axis=0)[3, 2] == pytest.approx([0.8, 0.4], abs=1 / 255)


def test_a_fractional_one_without_probabilities_says_what_voxels_hold(make_seg):
    seg = reread(make_seg(segmentation_type=SegmentationType.FRACTIONAL))
    assert seg.SegmentationFractionalType == "OCCUPANCY"
    assert seg.get_volume(rescale_fractional=True, segment_numbers=[1]).array.max() == 1.0


def test_probabilities_on_another_grid_are_refused(make_seg):
    with pytest.raises(ResultEncodingError):
        make_seg(
            segmentation_type=SegmentationType.FRACTIONAL,
            probability_zyxc=np.zeros((1, 2, 3, 2), dtype=np.float32),
        )


def test_a_seg_tells_its_reader_what_the_registry_demands(make_seg, algorithm):
    warned = replace(algorithm, notice="Not for diagnostic use")
    seg = make_seg(algorithm=warned)
    assert seg.ContentDescription.startswith("Not for diagnostic use")
    identification = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert "device" in identification.AlgorithmParameters


@pytest.mark.parametrize("kind", [SegmentationType.BINARY, SegmentationType.FRACTIONAL])
def test_the_validator_has_nothing_against_a_seg(make_seg, tmp_path, kind):
    assert errors_of(make_seg(segmentation_type=kind), tmp_path) == []
