from __future__ import annotations

import pytest
from pydicom.encaps import encapsulate

from archive.errors import NotAcceptableError, NotVisibleError, PixelDecodingError
from archive.retrieve.frames import (
    check_frame_numbers,
    frame_media_type,
    outgoing_frames,
    stored_frame_syntax,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_bytes, store_datasets

pytestmark = pytest.mark.django_db
EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def test_native_frames_are_cut_out(project):
    ds = make_dataset(NumberOfFrames=3)
    (instance,) = store_datasets(ds, project=project)
    size = len(ds.PixelData) // 3

    outgoing = outgoing_frames(instance, [2, 3])

    assert outgoing.transfer_syntax_uid == EXPLICIT
    assert list(outgoing.frames) == [ds.PixelData[size : 2 * size], ds.PixelData[2 * size :]]


def test_frames_of_an_implicit_file_are_not_called_implicit(project):
    (instance,) = store_datasets(make_dataset(transfer_syntax="1.2.840.10008.1.2"), project=project)

    assert stored_frame_syntax(instance) == EXPLICIT
    assert outgoing_frames(instance, [1], ("*",)).transfer_syntax_uid == EXPLICIT


def test_compressed_frames_as_stored_and_decoded(project, shared_data):
    content = (shared_data / "dicom/pydicom/OBXXXX1A_rle_2frame.dcm").read_bytes()
    (instance,) = store_bytes(content, project=project)

    stored = outgoing_frames(instance, [2], ("*",))
    plain = outgoing_frames(instance, [2])

    assert stored.transfer_syntax_uid == RLE
    assert plain.transfer_syntax_uid == EXPLICIT
    (data,) = plain.frames
    assert len(data) == instance.rows * instance.columns
    assert len(next(stored.frames)) < len(data)


def test_what_no_decoder_manages_is_sent_as_stored_only_where_nothing_was_asked_for(project):
    ds = make_dataset(transfer_syntax="1.2.840.10008.1.2.4.90")
    ds.PixelData = encapsulate([b"no codestream at all"])
    ds["PixelData"].is_undefined_length = True
    (instance,) = store_datasets(ds, project=project)

    assert next(outgoing_frames(instance, [1]).frames) == b"no codestream at all"
    with pytest.raises(PixelDecodingError):
        outgoing_frames(instance, [1], (EXPLICIT,))
    with pytest.raises(PixelDecodingError):
        outgoing_frames(instance, [1], (RLE,))
    with pytest.raises(NotAcceptableError):
        outgoing_frames(instance, [1], ("1.2.840.10008.1.2.4.50",))


@pytest.mark.parametrize("numbers", [[0], [4], [1, 4], [-1]])
def test_frames_that_are_not_there(instance, numbers):
    with pytest.raises(NotVisibleError):
        check_frame_numbers(instance, numbers)


def test_media_types_of_frames():
    assert frame_media_type(RLE) == "image/dicom-rle"
    assert frame_media_type("1.2.840.10008.1.2.4.90") == "image/jp2"
    assert frame_media_type(EXPLICIT) == "application/octet-stream"
