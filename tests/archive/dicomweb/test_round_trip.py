"""Every real file comes back as it went in; in another transfer syntax with the same pixels.

Each file has an archive of its own, since some share their SOP Instance UID.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread  # noqa: TID251 the reader we are compared with

from archive.dicom.file_meta import read_file_meta
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.errors import NotAcceptableError
from archive.models import Instance, Quarantine
from archive.retrieve.outgoing import offered_transfer_syntaxes, outgoing_instance
from tests.builders.multipart import parts_of
from tests.conftest import SHARED

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ROOT = (SHARED / "data").resolve()
EXPLICIT = "1.2.840.10008.1.2.1"
NOT_FOR_THE_WEB = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.113619.5.2"}
PARTS = 'multipart/related; type="application/dicom"'
# What is rightly put into quarantine, and why.
QUARANTINED = {
    "dicom/pydicom/HTJ2KLossless_08_RGB.dcm": "missing-attribute",  # no Study Instance UID
    "dicom/pydicom/HTJ2K_08_RGB.dcm": "missing-attribute",  # no Study Instance UID
    "dicom/pydicom/bad_sequence.dcm": "invalid-uid",  # the SOP Instance UID
}
# Their header was emptied: no UID of any kind.
_ANONYMOUS = "segmentation/ct_dicom_20slices/dicom/"


def is_dicom(path: Path) -> bool:
    if path.suffix in {".png", ".jpg", ".csv", ".md", ".json", ".txt", ".gz", ".zip"}:
        return False
    with path.open("rb") as file:
        head = file.read(132)
    return head.endswith(b"DICM") or path.parent.parent.name == "dicom"


def _reason_of_quarantine(name: str) -> str:
    return "no-sop-instance-uid" if name.startswith(_ANONYMOUS) else QUARANTINED.get(name, "")


FILES = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and is_dicom(path)
)


@pytest.mark.parametrize("name", FILES or [pytest.param("", marks=pytest.mark.skip("no images"))])
def test_a_file_comes_back_as_it_went_in(web, name):
    content = (ROOT / name).read_bytes()

    response = web.post("/dicom-web/studies", data=content, content_type="application/dicom")

    reason = _reason_of_quarantine(name)
    if reason:
        assert response.status_code == 409
        assert Quarantine.objects.get().reason_code == reason
        return
    assert response.status_code == 200, response.content
    (item,) = json.loads(response.content)["00081199"]["Value"]
    instance = Instance.objects.select_related("blob", "series__study").get()
    dataset = content[read_file_meta(content).dataset_offset :]
    stored = str(instance.transfer_syntax_uid)
    sent = outgoing_instance(instance, [stored])
    assert sent.is_as_stored
    assert sent.dataset_bytes() == dataset
    url = item["00081190"]["Value"][0]
    ((part_type, part),) = parts_of(web.get(url, HTTP_ACCEPT=f"{PARTS}; transfer-syntax=*"))
    if stored in NOT_FOR_THE_WEB:
        assert part_type.endswith(f"transfer-syntax={EXPLICIT}")
    else:
        assert part_type.endswith(f"transfer-syntax={stored}")
        assert part[read_file_meta(part).dataset_offset :] == dataset


@pytest.mark.parametrize("name", FILES or [pytest.param("", marks=pytest.mark.skip("no images"))])
def test_no_pixel_changes_on_the_way_out(web, name):
    content = (ROOT / name).read_bytes()
    if _reason_of_quarantine(name):
        return
    web.post("/dicom-web/studies", data=content, content_type="application/dicom")
    instance = Instance.objects.select_related("blob", "series__study").get()
    if not instance.has_pixel_data:
        return
    original = dcmread(io.BytesIO(content), force=True)
    only_uncompressed: list[str] = []
    for syntax in offered_transfer_syntaxes(instance):
        try:
            sent = outgoing_instance(instance, [syntax])
        except NotAcceptableError:
            # Single bits are not compressed.
            only_uncompressed.append(syntax)
            continue
        made = b"".join(sent.part10_chunks())
        _check_ours(content, made)
        _check_pydicoms(original, made)
    assert not only_uncompressed


def _check_ours(content: bytes, made: bytes) -> None:
    before, after = (read_dataset(io.BytesIO(data)) for data in (content, made))
    frames = int(before.get("NumberOfFrames") or 1)
    for index in {0, frames // 2, frames - 1}:
        assert np.array_equal(decode_frame(after, index), decode_frame(before, index))


def _check_pydicoms(original: Dataset, made: bytes) -> None:
    try:
        before = original.pixel_array
    except (RuntimeError, ValueError, AttributeError, NotImplementedError):
        # What pydicom's decoders don't manage was compared by ours.
        return
    after = dcmread(io.BytesIO(made)).pixel_array
    assert np.array_equal(after, before)
