import contextlib
import io
import resource
import struct
import tempfile

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from archive.dicom.pixels import decode_frame
from archive.dicom.reading import (
    MAX_HEADER_VALUE_BYTES,
    open_dataset,
    read_dataset,
    read_header,
)
from archive.errors import InvalidInstanceError
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders import bytestreams as build
from tests.builders.datasets import as_part10, make_dataset

REFUSED = {
    "dicomdir",
    "invalid-uid",
    "missing-attribute",
    "no-sop-instance-uid",
    "not-dicom",
    "truncated",
}


def header_of(data):
    return read_header(io.BytesIO(data))


def code_of(data):
    with pytest.raises(InvalidInstanceError) as raised:
        header_of(data)
    assert raised.value.message
    return raised.value.code


def image(pixels=bytes(16), **options):
    return build.part10(
        build.identity() + build.pixel_module() + build.element(0x7FE00010, "OB", pixels, **options)
    )


def compressed(*parts, syntax="1.2.840.10008.1.2.5", **options):
    return build.part10(
        build.identity() + build.pixel_module() + build.fragments(*parts, **options), syntax
    )


def test_read_header_stops_before_the_pixels_and_tells_the_whole():
    data = as_part10(make_dataset(PatientID="P1"))

    header = header_of(data)

    assert header.ds.PatientID == "P1"
    assert "PixelData" not in header.ds
    assert header.has_pixel_data
    assert header.number_of_bytes == len(data)
    assert header.transfer_syntax_uid == "1.2.840.10008.1.2.1"
    assert data[header.dataset_offset : header.dataset_offset + 4] == b"\x08\0\x16\0"


@pytest.mark.parametrize(
    "syntax",
    ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"],
)
def test_read_header_knows_every_native_syntax(syntax):
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3"
    ds = make_dataset(transfer_syntax=syntax, ReferencedImageSequence=[reference])

    header = header_of(as_part10(ds))

    assert header.transfer_syntax_uid == syntax
    assert header.ds.Rows == ds.Rows
    assert header.ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"


def test_read_header_takes_paths_files_and_spools(tmp_path):
    data = as_part10(make_dataset())
    path = tmp_path / "x"
    path.write_bytes(data)

    with path.open("rb") as file:
        file.seek(100)
        assert read_header(file).number_of_bytes == len(data)
    with tempfile.TemporaryFile() as spool:
        spool.write(data)
        assert read_header(spool).number_of_bytes == len(data)
    assert read_header(path).number_of_bytes == len(data)


def test_read_header_of_an_empty_file_says_it_is_not_dicom(tmp_path):
    path = tmp_path / "empty"
    path.touch()

    with pytest.raises(InvalidInstanceError, match="not a DICOM file"):
        read_header(path)


def test_read_header_agrees_with_pydicom_on_every_real_file(real_files):
    refused = {}
    for path in real_files:
        try:
            header = read_header(path)
        except InvalidInstanceError as error:
            refused[path.name] = error.code
            continue
        assert header.ds == pydicom.dcmread(path, force=True, stop_before_pixels=True), path.name  # noqa: TID251 the reader to compare with
    assert set(refused.values()) <= REFUSED
    assert refused["MR_truncated.dcm"] == "truncated"
    assert refused["rtplan_truncated.dcm"] == "truncated"
    assert refused["DICOMDIR"] == "dicomdir"
    assert len(refused) < len(real_files) / 4


@pytest.mark.parametrize(
    "name",
    [
        "ExplVR_BigEndNoMeta.dcm",
        "ExplVR_LitEndNoMeta.dcm",
        "image_dfl.dcm",
        "MR_small_padded.dcm",
        "badVR.dcm",
    ],
)
def test_read_header_accepts_odd_but_sound_files(name):
    assert read_header(TEST_FILES / name).ds.Modality


def test_read_dataset_agrees_with_pydicom_on_every_real_file(real_files):
    for path in real_files:
        try:
            ds = read_dataset(path)
        except InvalidInstanceError:
            continue
        expected = pydicom.dcmread(path, force=True)  # noqa: TID251 the reader to compare with
        assert ds == expected, path.name
        assert ds.file_meta == expected.file_meta, path.name


def test_read_dataset_can_be_written_back_unchanged(real_files):
    for path in real_files:
        if path.name not in {
            "CT_small.dcm",
            "JPEG2000.dcm",
            "reportsi.dcm",
            "MR_small_implicit.dcm",
        }:
            continue
        ds = read_dataset(path)
        buffer = io.BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        assert read_dataset(buffer) == ds


def test_read_dataset_stops_before_pixels():
    ds = read_dataset(io.BytesIO(as_part10(make_dataset())), stop_before_pixels=True)

    assert "PixelData" not in ds
    assert ds.Rows == 16


def test_open_dataset_renders_like_read_dataset(real_files):
    for path in real_files:
        if path.name not in {"CT_small.dcm", "emri_small.dcm", "image_dfl.dcm", "JPEG2000.dcm"}:
            continue
        whole = read_dataset(path)
        with open_dataset(path) as ds:
            assert ds.SOPInstanceUID == whole.SOPInstanceUID
            assert np.array_equal(decode_frame(ds), decode_frame(whole))


def test_open_dataset_touches_only_the_frame_it_is_asked_for(tmp_path):
    path, frames = tmp_path / "long.dcm", 3000
    ds = make_dataset(Rows=512, Columns=512, NumberOfFrames=frames, PixelData=bytes(4))
    data = as_part10(ds)
    size = 512 * 512 * 2 * frames
    with path.open("wb") as file:
        file.write(data[:-8] + struct.pack("<L", size))
        file.truncate(len(data) - 4 + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with open_dataset(path) as opened:
        assert decode_frame(opened, frames - 1).shape == (512, 512)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_open_dataset_refuses_what_read_dataset_refuses(tmp_path):
    path = tmp_path / "cut.dcm"
    path.write_bytes(as_part10(make_dataset())[:-10])
    with pytest.raises(InvalidInstanceError), open_dataset(path):
        pass


def test_read_header_leaves_long_values_out_but_keeps_sequences():
    long = build.element(0x00420011, "OB", bytes(MAX_HEADER_VALUE_BYTES + 2))
    items = [build.item(build.text(0x00081155, "UI", "1.2"))] * 70_000
    data = build.part10(build.identity() + build.sequence(0x0040A730, *items) + long)

    header = header_of(data)

    assert "EncapsulatedDocument" not in header.ds
    assert "ContentSequence" in header.ds
    assert not header.has_pixel_data


def test_read_header_never_loads_pixels(tmp_path):
    path = tmp_path / "large"
    rows = 30_000
    head = image(length=rows * rows).replace(build.pixel_module(), build.pixel_module(rows, rows))[
        :-16
    ]
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + rows * rows)

    assert read_header(path).number_of_bytes > 900_000_000


def test_read_header_accepts_data_behind_the_pixels_and_padding():
    trailing = build.element(0xFFFCFFFC, "OB", bytes(126))

    assert header_of(image() + trailing).has_pixel_data
    assert "DataSetTrailingPadding" not in header_of(image() + trailing).ds
    assert header_of(image() + bytes(512)).has_pixel_data


def test_read_header_accepts_more_pixels_than_announced_but_not_fewer():
    assert header_of(image(bytes(20))).has_pixel_data
    assert code_of(image(bytes(14))) == "truncated"


def test_read_header_checks_subsampled_and_bit_packed_sizes():
    ybr = make_dataset(
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=bytes(16 * 12 * 2),
    )
    bits = make_dataset(
        BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0, NumberOfFrames=3
    )

    assert header_of(as_part10(ybr)).has_pixel_data
    assert header_of(as_part10(bits)).has_pixel_data


def test_read_header_accepts_instances_without_pixels():
    assert not header_of(build.part10(build.identity())).has_pixel_data
    assert not header_of(image(b"")).has_pixel_data


def test_read_header_checks_encapsulated_pixels():
    assert header_of(compressed(b"one frame")).has_pixel_data
    assert code_of(compressed()) == "truncated"
    assert code_of(compressed(b"x", end=b"")) == "truncated"
    assert code_of(compressed(b"x", syntax=build.EXPLICIT_LITTLE)) == "malformed"
    assert (
        code_of(image().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")) == "malformed"
    )


def test_read_header_counts_fragments_of_frames_but_not_of_video():
    frames = build.text(0x00280008, "IS", "3")
    data = compressed(b"a", b"b").replace(build.pixel_module(), frames + build.pixel_module())
    video = data.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.4.102\0")
    video = build.part10(video[video.index(build.identity()) :], "1.2.840.10008.1.2.4.102")

    assert code_of(data) == "truncated"
    assert header_of(video).has_pixel_data


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (0x00080016, "missing-attribute"),
        (0x00080018, "no-sop-instance-uid"),
        (0x0020000D, "missing-attribute"),
        (0x0020000E, "missing-attribute"),
    ],
)
def test_read_header_refuses_missing_and_invalid_uids(tag, code):
    vr, value = build.IDENTITY[tag]
    present = build.text(tag, vr, value)

    assert code_of(build.part10(build.identity().replace(present, b""))) == code
    assert code_of(build.part10(build.identity().replace(present, build.text(tag, vr, "")))) == code
    for bad in ("..", "../../x", "1.2.x", "1" * 66, "1.2\n3"):
        replaced = build.identity().replace(present, build.text(tag, vr, bad))
        assert code_of(build.part10(replaced)) == "invalid-uid"


def test_read_header_refuses_two_values_for_one_attribute():
    twice = (
        build.identity() + build.text(0x00100020, "LO", "A1") + build.text(0x00100020, "LO", "B2")
    )
    same = build.identity() + build.text(0x00100020, "LO", "A1") * 2

    assert code_of(build.part10(twice)) == "malformed"
    assert header_of(build.part10(same)).ds.PatientID == "A1"


def test_read_header_refuses_pixels_without_a_shape():
    data = build.part10(build.identity() + build.element(0x7FE00010, "OB", bytes(16)))
    assert code_of(data) == "missing-attribute"


def test_read_header_refuses_a_huge_shape_without_computing_it_wrongly():
    huge = image().replace(build.pixel_module(), build.pixel_module(65535, 65535, 16))
    assert code_of(huge) == "truncated"


def test_read_header_finds_every_cut_from_the_first_uid_to_the_last_pixel():
    data = as_part10(make_dataset())
    sound = len(data) - 16 * 12 * 2 - 12  # where the pixel data element begins

    for length in range(0, len(data), 7):
        if length == sound:
            continue
        try:
            header = header_of(data[:length])
        except InvalidInstanceError:
            continue
        assert not header.has_pixel_data


def test_read_header_survives_bombs_of_every_kind(monkeypatch):
    for undefined in (True, False):
        assert (
            code_of(build.part10(build.identity() + build.nested(3000, undefined=undefined)))
            == "too-complex"
        )
    monkeypatch.setattr("archive.dicom.deflation.MAX_INFLATED_BYTES", 8 << 20)
    bomb = build.deflated(build.identity() + build.element(0x00420011, "OB", bytes(9 << 20)))
    assert code_of(bomb) == "too-large"


def test_read_header_takes_a_deflated_file_and_refuses_a_cut_one():
    data = build.deflated(build.identity() + build.text(0x00100020, "LO", "P1") * 1)

    assert header_of(data).ds.PatientID == "P1"
    assert code_of(data[:-8]) == "truncated"


def test_read_header_only_decodes_with_known_codecs():
    data = build.part10(
        build.text(0x00080005, "CS", "unicode_escape")
        + build.identity()
        + build.text(0x00100010, "PN", "\\\\x41^x")
    )
    assert header_of(data).ds.original_character_set == ["iso8859"]


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "reportsi.dcm", "image_dfl.dcm"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_read_header_of_damaged_files_raises_only_its_own_error(name, data):
    content = bytearray((TEST_FILES / name).read_bytes()[:6000])
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))

    with contextlib.suppress(InvalidInstanceError):
        header_of(bytes(content))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_read_header_of_any_bytes_behind_a_sound_start_raises_only_its_own_error(tail):
    with contextlib.suppress(InvalidInstanceError):
        header_of(build.part10(build.identity() + tail))


def test_read_dataset_gives_pixels_of_a_big_endian_file():
    ds = read_dataset(TEST_FILES / "MR_small_bigendian.dcm")
    expected = read_dataset(TEST_FILES / "MR_small.dcm")

    assert ds.original_encoding == (False, False)
    swapped = np.frombuffer(ds.PixelData, ">i2")
    assert (swapped == np.frombuffer(expected.PixelData, "<i2")).all()


def test_read_header_reads_a_wrong_vr_of_rows_as_missing():
    bad = build.pixel_module().replace(
        build.element(0x00280010, "US", struct.pack("<H", 4)), build.text(0x00280010, "LO", "four")
    )
    data = build.part10(build.identity() + bad + build.element(0x7FE00010, "OB", bytes(16)))
    assert code_of(data) == "missing-attribute"
