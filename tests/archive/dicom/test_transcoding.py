from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import Dataset, Sequence

from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.dicom.transcoding import as_explicit_little_endian, little_endian_frame, swap_words
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
