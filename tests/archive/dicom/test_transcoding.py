from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import Dataset, Sequence

from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.dicom.transcoding import (
    as_explicit_little_endian,
    as_transfer_syntax,
    little_endian_frame,
    swap_words,
)
from archive.errors import PixelDecodingError
from tests.builders.datasets import as_part10, make_dataset

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def read(content):
    return read_dataset(io.BytesIO(content))


def transcoded(ds):
    return read(as_explicit_little_endian(ds))


def test_implicit_data_keeps_every_element():
    ds = make_dataset(transfer_syntax=IMPLICIT, PatientName="Doe^Jane")
    ds.add_new(0x00091001, "LO", "private")
    ds.add_new(0x00090010, "LO", "CREATOR")
    ds.RequestAttributesSequence = Sequence([Dataset()])
    ds.RequestAttributesSequence[0].RequestedProcedureID = "RP"
    ds.PixelSpacing = ["0.500000", "0.5"]

    back = transcoded(read(as_part10(ds)))

    assert back.file_meta.TransferSyntaxUID == EXPLICIT
    assert back.preamble == bytes(128)
    assert set(back.keys()) == set(ds.keys())
    assert back.PixelData == ds.PixelData
    assert back.RequestAttributesSequence[0].RequestedProcedureID == "RP"
    assert back[0x00091001].value in {"private", b"private "}
    assert [str(value) for value in back.PixelSpacing] == ["0.500000", "0.5"]


def test_invalid_values_survive_as_they_are():
    ds = make_dataset(transfer_syntax=IMPLICIT, AccessionNumber="X" * 8)
    content = as_part10(ds).replace(b"X" * 8, b"\xff\x00\x1b\\\\\\*?")
    content = content.replace(b"20240229", b"2024xx29")

    back = transcoded(read(content))

    assert back.get_item("AccessionNumber").value == b"\xff\x00\x1b\\\\\\*?"
    assert back.get_item("StudyDate").value.strip() == b"2024xx29"


def test_big_endian_words_are_turned_also_in_sequences():
    ds = make_dataset(transfer_syntax=EXPLICIT)
    nested = Dataset()
    nested.add_new(0x00281201, "OW", b"\x01\x02\x03\x04")
    ds.IconImageSequence = Sequence([nested])
    little = ds.PixelData
    swap_words(ds)
    ds.file_meta.TransferSyntaxUID = BIG

    back = transcoded(read(as_part10(ds)))

    assert back.PixelData == little
    assert back.IconImageSequence[0][0x00281201].value == b"\x01\x02\x03\x04"
    assert back.Rows == ds.Rows


def test_a_real_big_endian_file_shows_the_same_pixels(shared_data):
    folder = shared_data / "dicom/pydicom"
    big = read_dataset(folder / "emri_small_big_endian.dcm")
    little = read_dataset(folder / "emri_small.dcm")

    back = transcoded(big)

    assert back.file_meta.TransferSyntaxUID == EXPLICIT
    for index in range(int(little.NumberOfFrames)):
        assert np.array_equal(decode_frame(back, index), decode_frame(little, index))


@pytest.mark.parametrize("kind", ["CT1", "MR1"])
@pytest.mark.parametrize("codec", ["RLE", "JLSL", "J2KR", "JPLL"])
def test_lossless_files_become_their_originals(shared_data, kind, codec):
    original = read_dataset(shared_data / f"dicom/wg04/{kind}_UNC.dcm")

    back = transcoded(read_dataset(shared_data / f"dicom/wg04/{kind}_{codec}.dcm"))

    assert back.file_meta.TransferSyntaxUID == EXPLICIT
    assert back["PixelData"].VR == "OW"
    assert np.array_equal(decode_frame(back, 0), decode_frame(original, 0))


def test_colour_and_many_frames_are_described_as_they_now_are(shared_data):
    for name in ("HTJ2KLossless_08_RGB.dcm", "OBXXXX1A_rle_2frame.dcm"):
        stored = read_dataset(shared_data / "dicom/pydicom" / name)
        expected = [decode_frame(stored, i) for i in range(int(stored.get("NumberOfFrames") or 1))]

        back = transcoded(stored)

        for index, frame in enumerate(expected):
            assert np.array_equal(decode_frame(back, index), frame)


def test_undecodable_pixels_are_an_error_of_ours():
    ds = make_dataset(transfer_syntax="1.2.840.10008.1.2.4.90")
    from pydicom.encaps import encapsulate

    ds.PixelData = encapsulate([b"no codestream at all"])
    ds["PixelData"].is_undefined_length = True

    with pytest.raises(PixelDecodingError):
        as_explicit_little_endian(read(as_part10(ds)))


def test_single_frames_are_little_endian():
    ds = make_dataset(NumberOfFrames=2)
    little = ds.PixelData
    assert little_endian_frame(read(as_part10(ds)), 1) == little[len(little) // 2 :]
    swap_words(ds)
    ds.file_meta.TransferSyntaxUID = BIG

    assert little_endian_frame(read(as_part10(ds)), 1) == little[len(little) // 2 :]


MADE = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"]
MADE.append("1.2.840.10008.1.2.4.201")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, *MADE])
@pytest.mark.parametrize("is_signed", [False, True])
def test_no_sample_changes_in_another_syntax(syntax, is_signed):
    ds = make_dataset(NumberOfFrames=2, Rows=70, Columns=66)
    kind = np.int16 if is_signed else np.uint16
    samples = np.random.default_rng(3).integers(-2048 if is_signed else 0, 2047, (2, 70, 66), kind)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, int(is_signed)
    ds.PixelData = samples.tobytes()
    stored = read(as_part10(ds))

    back = read(as_transfer_syntax(stored, syntax))

    assert back.file_meta.TransferSyntaxUID == syntax
    assert (back.BitsAllocated, back.BitsStored, back.HighBit) == (16, 12, 11)
    for index in range(2):
        assert np.array_equal(decode_frame(back, index), samples[index])


@pytest.mark.parametrize("syntax", MADE)
def test_compressed_data_goes_from_one_compression_to_another(shared_data, syntax):
    for name in ("dicom/wg04/MR4_RLE.dcm", "dicom/wg04/US1_J2KR.dcm"):
        stored = read_dataset(shared_data / name)
        expected = decode_frame(stored, 0)

        back = read(as_transfer_syntax(stored, syntax))

        assert np.array_equal(decode_frame(back, 0), expected)


def test_stored_colours_stay_what_they_are(shared_data):
    stored = read_dataset(shared_data / "dicom/pydicom/SC_ybr_full_uncompressed.dcm")
    expected = decode_frame(stored, 0)

    back = read(as_transfer_syntax(stored, "1.2.840.10008.1.2.4.80"))

    assert back.PhotometricInterpretation == "YBR_FULL"
    assert np.array_equal(decode_frame(back, 0), expected)


def test_single_bits_stay_single_bits(shared_data):
    stored = read_dataset(shared_data / "dicom/pydicom/liver_rle.dcm")
    native = read_dataset(shared_data / "dicom/pydicom/liver.dcm")

    back = transcoded(stored)

    assert back.BitsAllocated == 1
    for index in range(int(native.NumberOfFrames)):
        assert np.array_equal(decode_frame(back, index), decode_frame(native, index))
    with pytest.raises(PixelDecodingError):
        as_transfer_syntax(native, MADE[0])


def test_the_high_bit_follows_the_samples():
    ds = make_dataset(Rows=64, Columns=64)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 15, 0
    ds.PixelData = (np.arange(64 * 64, dtype=np.uint16) << 4).tobytes()
    expected = decode_frame(read(as_part10(ds)), 0)

    back = read(as_transfer_syntax(read(as_part10(ds)), MADE[0]))

    assert back.HighBit == 11
    assert np.array_equal(decode_frame(back, 0), expected)


def test_what_has_no_pixels_goes_under_any_syntax():
    ds = make_dataset()
    del ds.PixelData

    back = read(as_transfer_syntax(read(as_part10(ds)), MADE[0]))

    assert back.file_meta.TransferSyntaxUID == MADE[0]
    assert back.PatientID == ds.PatientID


def test_only_what_can_be_made_is_made():
    with pytest.raises(PixelDecodingError) as refusal:
        as_transfer_syntax(read(as_part10(make_dataset())), "1.2.840.10008.1.2.4.50")
    assert refusal.value.code == "not-encodable"
