"""Foreign files as DICOM objects: written to bytes, read back, held against other readers."""

from __future__ import annotations

import datetime
import gzip
import io

import nibabel
import numpy as np
import pytest
from PIL import Image

from archive.dicom.assembling import part10_chunks
from archive.dicom.reading import read_dataset, read_header
from archive.dicom.wrapping.documents import check_pdf, wrap_pdf
from archive.dicom.wrapping.mp4 import read_mp4
from archive.dicom.wrapping.nifti import read_nifti
from archive.dicom.wrapping.pictures import wrap_picture
from archive.dicom.wrapping.reading import open_picture, open_volume
from archive.dicom.wrapping.subject import Place, Subject
from archive.dicom.wrapping.videos import wrap_video
from archive.dicom.wrapping.volumes import slices_of, wrap_as_multiframe, wrap_slices
from archive.errors import InvalidInstanceError
from tests.builders import foreign_files
from tests.dciodvfy import errors_of

SUBJECT = Subject(
    patient_id="P1",
    study_instance_uid="1.2.3",
    patient_name="Müller^Änne",
    patient_birth_date="19700131",
    patient_sex="F",
    study_date="20240229",
    study_description="Wound",
)
MOMENT = datetime.datetime(2024, 2, 29, 10, 11, 12, tzinfo=datetime.UTC)


def _place(**more):
    return Place(series_instance_uid="1.2.3.4", sop_instance_uid="1.2.3.4.5", moment=MOMENT, **more)


def _written(made, folder):
    """Write an object, prove that ingest would take it, and ask the validator."""
    content = b"".join(part10_chunks(made.ds, made.bulk, made.transfer_syntax_uid))
    read_header(io.BytesIO(content))
    ds = read_dataset(io.BytesIO(content))
    # The validator does not know the transfer syntaxes of H.265.
    if made.transfer_syntax_uid != "1.2.840.10008.1.2.4.107":
        assert errors_of(ds, folder) == []
    assert str(ds.PatientName) == "Müller^Änne"
    return ds


def _file(folder, content):
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "mode", "modality", "sop_class", "bits"),
    [
        ("PNG", "RGB", "", "1.2.840.10008.5.1.4.1.1.77.1.4", 8),
        ("JPEG", "RGB", "GM", "1.2.840.10008.5.1.4.1.1.77.1.2", 8),
        ("TIFF", "L", "", "1.2.840.10008.5.1.4.1.1.7", 8),
        ("PNG", "I;16", "CR", "1.2.840.10008.5.1.4.1.1.7", 16),
    ],
)
def test_a_picture_keeps_its_samples(tmp_path, kind, mode, modality, sop_class, bits):
    content = foreign_files.picture(kind, mode=mode)

    picture = open_picture(_file(tmp_path, content))
    ds = _written(wrap_picture(picture, SUBJECT, _place(modality=modality)), tmp_path)

    assert (ds.SOPClassUID, ds.BitsAllocated) == (sop_class, bits)
    assert np.array_equal(ds.pixel_array, np.asarray(Image.open(io.BytesIO(content))))
    assert (ds.get("LossyImageCompression") == "01") is (kind == "JPEG")
    assert ds.BurnedInAnnotation == "YES"


def test_a_turned_photograph_stands_upright(tmp_path):
    image = Image.open(io.BytesIO(foreign_files.picture("PNG", (20, 12))))
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)

    picture = open_picture(_file(tmp_path, buffer.getvalue()))

    assert picture.samples.shape == (1, 20, 12, 3)


def test_pages_become_frames(tmp_path):
    picture = open_picture(_file(tmp_path, foreign_files.pages(3)))
    ds = _written(wrap_picture(picture, SUBJECT, _place()), tmp_path)

    assert (ds.NumberOfFrames, ds.SOPClassUID) == (3, "1.2.840.10008.5.1.4.1.1.7.2")
    assert [int(frame.max()) for frame in ds.pixel_array] == [0, 40, 80]


def test_a_document_goes_in_byte_for_byte(tmp_path):
    content = foreign_files.PDF
    check_pdf(content[:16], content[-2048:])
    ds = _written(wrap_pdf(len(content), [content], SUBJECT, _place(), "Letter"), tmp_path)

    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength] == content
    with pytest.raises(InvalidInstanceError, match="cut off"):
        check_pdf(content[:16], content[:-6])


@pytest.mark.parametrize(
    ("head", "syntax"),
    [
        ({}, "1.2.840.10008.1.2.4.102"),
        ({"level": 42}, "1.2.840.10008.1.2.4.104"),
        ({"codec": b"hvcC"}, "1.2.840.10008.1.2.4.107"),
    ],
)
def test_a_video_goes_in_as_one_fragment(tmp_path, head, syntax):
    content = foreign_files.video(**head)
    facts = read_mp4(io.BytesIO(content))
    made = wrap_video(facts, len(content), [content], SUBJECT, _place(modality="ES"))
    ds = _written(made, tmp_path)

    assert (facts.rows, facts.columns, facts.frames) == (240, 320, 50)
    assert (facts.frames_per_second, ds.FrameTime) == (25.0, 40.0)
    assert ds.file_meta.TransferSyntaxUID == syntax
    assert content in ds.PixelData


@pytest.mark.parametrize(
    "content", [b"", foreign_files.video()[:100], foreign_files.video(level=51)]
)
def test_a_video_that_dicom_has_no_place_for_is_refused(content):
    with pytest.raises(InvalidInstanceError) as refused:
        read_mp4(io.BytesIO(content))
    assert refused.value.code == "not-a-video"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        {},
        {"dtype": "f4"},
        {"sform_code": 0, "qform_code": 1},
        {"scl_slope": 2.0, "scl_inter": -1024.0},
    ],
)
def test_a_volume_is_read_as_nibabel_reads_it(head, packed):
    content = foreign_files.volume(**head)
    theirs = nibabel.Nifti1Image.from_bytes(content)

    ours = read_nifti(io.BytesIO(gzip.compress(content) if packed else content))

    assert np.allclose(ours.affine_ras, theirs.affine, atol=1e-5)
    values = ours.voxels_ijkt[..., 0] * ours.slope + ours.intercept
    assert np.allclose(values, theirs.get_fdata())


@pytest.mark.parametrize("modality", ["CT", "MR", ""])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_each_voxel_of_a_volume_lies_where_it_lay(tmp_path, modality, dtype):
    content = foreign_files.volume(dtype=dtype, scl_slope=0.5, scl_inter=-10.0)
    theirs = nibabel.Nifti1Image.from_bytes(content)
    volume = open_volume(_file(tmp_path, content))
    slices = slices_of(volume)

    frames = _frames(slices, modality, tmp_path)

    # Where a pixel lies by DICOM (PS3.3 C.7.6.2.1.1) is where its voxel lies by NIfTI.
    lps_to_ras = np.diag([-1.0, -1.0, 1.0])
    inverse = np.linalg.inv(theirs.affine)
    data = theirs.get_fdata()
    for position, orientation, spacing, values in frames:
        row_way, column_way = orientation[:3], orientation[3:]
        for row, column in ((0, 0), (2, 5), (values.shape[0] - 1, values.shape[1] - 1)):
            place = position + row_way * spacing[1] * column + column_way * spacing[0] * row
            i, j, k = np.round(inverse @ [*(lps_to_ras @ place), 1])[:3].astype(int)
            assert np.isclose(values[row, column], data[i, j, k], atol=0.01)
    # The patient's left at the right, the front on top.
    assert slices.row_direction[0] > 0.9
    assert slices.column_direction[1] > 0.9


def _frames(slices, modality, folder):
    """Place, directions, spacing and values of each frame, out of the written objects."""
    if modality:
        count = len(slices.samples_zyx)
        uids = [f"1.2.3.9.{number}" for number in range(count + 1)]
        made = list(wrap_slices(slices, SUBJECT, _place(modality=modality), uids))
        written = [_written(one, folder) for one in made[:2]]
        found = [(ds, ds, ds, ds.pixel_array) for ds in written]
    else:
        ds = _written(wrap_as_multiframe(slices, SUBJECT, _place(), "1.2.3.9"), folder)
        shared = ds.SharedFunctionalGroupsSequence[0]
        groups = ds.PerFrameFunctionalGroupsSequence
        found = [
            (
                group.PlanePositionSequence[0],
                shared.PlaneOrientationSequence[0],
                shared.PixelMeasuresSequence[0],
                pixels,
            )
            for group, pixels in zip(groups, ds.pixel_array, strict=True)
        ]
        written = [ds] * len(found)
    for ds, (place, plane, measures, pixels) in zip(written, found, strict=True):
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        yield (
            np.array(place.ImagePositionPatient, float),
            np.array(plane.ImageOrientationPatient, float),
            np.array(measures.PixelSpacing, float),
            pixels * slope + intercept,
        )


SHEARED = foreign_files.OBLIQUE + np.array([[0, 0.4, 0, 0], *[[0, 0, 0, 0]] * 3])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not even close", "not-nifti"),
        (foreign_files.volume()[:-20], "truncated"),
        (foreign_files.volume(sform_code=0, qform_code=0), "no-geometry"),
        (foreign_files.volume(shape=(3, 3, 3, 1, 2)), "not-nifti"),
        (gzip.compress(foreign_files.volume())[:-40], "truncated"),
    ],
)
def test_a_volume_that_cannot_be_placed_is_refused(tmp_path, content, code):
    with pytest.raises(InvalidInstanceError) as refused:
        open_volume(_file(tmp_path, content))
    assert refused.value.code == code


def test_a_sheared_volume_is_refused():
    volume = read_nifti(io.BytesIO(foreign_files.volume(affine=SHEARED)))
    with pytest.raises(InvalidInstanceError, match="sheared"):
        slices_of(volume)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n broken", foreign_files.picture()[:80]]
)
def test_a_damaged_picture_is_refused(tmp_path, content):
    with pytest.raises(InvalidInstanceError) as refused:
        open_picture(_file(tmp_path, content))
    assert refused.value.code == "not-a-picture"
