from __future__ import annotations

import pytest
from pydicom.encaps import encapsulate

from archive.errors import BlobMissingError, NotAcceptableError
from archive.retrieve.datasets import load_dataset, open_instance
from archive.retrieve.files import outgoing_file
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_bytes, store_datasets

pytestmark = pytest.mark.django_db
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def test_stored_bytes_leave_unaltered_behind_a_zeroed_preamble(project):
    content = b"#!/bin/sh\n" + b"y" * 118 + as_part10(make_dataset())[128:]
    (instance,) = store_bytes(content, project=project)

    file = outgoing_file(instance)

    assert file.size_bytes == len(content)
    assert b"".join(file.chunks) == bytes(128) + content[128:]
    with open_instance(instance) as stored:
        assert stored.read() == content


def test_a_file_without_preamble_gets_one(project):
    content = as_part10(make_dataset(transfer_syntax=IMPLICIT))
    meta_end = content.index(b"\x08\x00\x05\x00") if b"\x08\x00\x05\x00" in content else None
    start = meta_end or content.index(b"\x08\x00\x16\x00")
    (instance,) = store_bytes(content[start:], project=project)

    file = outgoing_file(instance, ("*",))

    sent = b"".join(file.chunks)
    assert file.transfer_syntax_uid == EXPLICIT
    assert sent[:132] == bytes(128) + b"DICM"


def test_a_large_file_comes_in_pieces(project, monkeypatch):
    monkeypatch.setattr("archive.retrieve.files.CHUNK_BYTES", 1000)
    monkeypatch.setattr("archive.retrieve.files.WHOLE_BYTES", 2000)
    (instance,) = store_datasets(make_dataset(NumberOfFrames=10), project=project)

    chunks = list(outgoing_file(instance).chunks)

    assert len(chunks) > 2
    assert sum(map(len, chunks)) == instance.blob.size_bytes


def test_what_no_decoder_manages_leaves_as_stored_unless_asked_otherwise(project):
    ds = make_dataset(transfer_syntax=JPEG_2000)
    ds.PixelData = encapsulate([b"no codestream at all"])
    ds["PixelData"].is_undefined_length = True
    (instance,) = store_datasets(ds, project=project)

    assert outgoing_file(instance).transfer_syntax_uid == JPEG_2000
    with pytest.raises(NotAcceptableError):
        outgoing_file(instance, ("1.2.3",))


def test_a_missing_blob_is_named_as_such(project):
    (instance,) = store_datasets(make_dataset(), project=project)
    blob_store().delete(instance.blob.sha256)

    with pytest.raises(BlobMissingError):
        outgoing_file(instance)
    with pytest.raises(BlobMissingError):
        load_dataset(instance)
