from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest

from archive.dicom.file_meta import read_file_meta
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import locate_dataset, read_dataset
from archive.errors import NotAcceptableError
from archive.retrieve.outgoing import offered_transfer_syntaxes, outgoing_instance
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_bytes

pytestmark = pytest.mark.django_db
EXPLICIT, IMPLICIT, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.90"


def test_stored_bytes_go_out_as_they_are(instance):
    sent = outgoing_instance(instance, [IMPLICIT, EXPLICIT])

    assert sent.transfer_syntax_uid == EXPLICIT
    assert sent.is_as_stored
    content = sent.dataset_bytes()
    assert hashlib.sha256(content).hexdigest() == instance.dataset_sha256
    assert b"".join(sent.dataset_chunks()) == content
    assert sent.size_bytes == len(content)
    whole = b"".join(sent.part10_chunks())
    assert whole.endswith(content)
    assert whole[:132] == bytes(128) + b"DICM"


@pytest.mark.parametrize("syntax", [IMPLICIT, J2K])
def test_other_syntaxes_are_made(instance, syntax):
    sent = outgoing_instance(instance, [syntax])

    assert sent.transfer_syntax_uid == syntax
    assert not sent.is_as_stored
    back = read_dataset(io.BytesIO(b"".join(sent.part10_chunks())))
    assert back.SOPInstanceUID == sent.sop_instance_uid
    stored = read_dataset(io.BytesIO(_stored(instance)))
    assert np.array_equal(decode_frame(back, 2), decode_frame(stored, 2))
    assert b"".join(sent.part10_chunks()).endswith(sent.dataset_bytes())


def _stored(instance):
    return b"".join(outgoing_instance(instance, [EXPLICIT]).part10_chunks())


def test_uncompressed_comes_before_compressed(instance):
    assert offered_transfer_syntaxes(instance)[:2] == [EXPLICIT, IMPLICIT]
    assert J2K in offered_transfer_syntaxes(instance)
    assert outgoing_instance(instance, [J2K, IMPLICIT]).transfer_syntax_uid == IMPLICIT


def test_what_the_receiver_can_not_take_is_said(instance):
    with pytest.raises(NotAcceptableError) as refusal:
        outgoing_instance(instance, ["1.2.840.10008.1.2.4.50"])
    assert refusal.value.code == "no-transfer-syntax"


def test_a_file_that_says_one_syntax_and_has_another_is_written_anew(project):
    content = as_part10(make_dataset())
    content = content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    (stored,) = store_bytes(content, project=project)
    assert stored.transfer_syntax_uid == IMPLICIT

    sent = outgoing_instance(stored, [IMPLICIT])

    assert not sent.is_as_stored
    data = b"".join(sent.part10_chunks())
    assert read_file_meta(data).transfer_syntax_uid == IMPLICIT
    assert locate_dataset(io.BytesIO(data)).is_as_stated


def test_a_file_without_a_preamble_gets_one(project):
    content = as_part10(make_dataset())[132:]
    (stored,) = store_bytes(content, project=project)

    sent = outgoing_instance(stored, [EXPLICIT])

    assert sent.is_as_stored
    assert hashlib.sha256(sent.dataset_bytes()).hexdigest() == stored.dataset_sha256
    back = read_dataset(io.BytesIO(b"".join(sent.part10_chunks())))
    assert back.SOPInstanceUID == stored.sop_instance_uid
