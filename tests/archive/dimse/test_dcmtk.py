"""The listener with dcmtk's own clients, as a modality would use it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ImplicitVRLittleEndian

from archive.dicom.reading import read_dataset
from archive.models import Instance, Quarantine
from archive.storage.stores import blob_store
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed"),
]


def _run(listener, program: str, *arguments: object, calling="SCANNER", called="TWINTEST"):
    command = [program, "-v", "-aet", calling, "-aec", called, "127.0.0.1", str(listener.port)]
    command += [str(argument) for argument in arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_echoscu(listener):
    ran = _run(listener, "echoscu")

    assert ran.returncode == 0, ran.stderr
    assert "Received Echo Response (Success)" in ran.stderr


def test_echoscu_of_a_stranger_is_rejected(listener):
    ran = _run(listener, "echoscu", calling="STRANGER")

    assert ran.returncode != 0
    assert "Calling AE Title Not Recognized" in ran.stderr


def test_echoscu_to_another_title_is_rejected(listener):
    ran = _run(listener, "echoscu", called="ANYBODY")

    assert "Called AE Title Not Recognized" in ran.stderr


def test_storescu_of_a_folder(listener, tmp_path):
    for number in range(20):
        ds = make_dataset(
            StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", InstanceNumber=number
        )
        (tmp_path / f"{number}.dcm").write_bytes(as_part10(ds))

    ran = _run(listener, "storescu", "+sd", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("Received Store Response (Success)") == 20
    assert Instance.objects.count() == 20


def test_storescu_of_a_big_instance_keeps_its_bytes(listener, tmp_path):
    pixels = bytes(range(256)) * 4 * 2048
    ds = make_dataset(
        Rows=1024, Columns=1024, PixelData=pixels, transfer_syntax=ImplicitVRLittleEndian
    )
    content = as_part10(ds)
    (tmp_path / "big.dcm").write_bytes(content)

    ran = _run(listener, "storescu", "-xi", tmp_path / "big.dcm")

    assert ran.returncode == 0, ran.stderr
    with blob_store().open(Instance.objects.get().blob.sha256) as stored:
        assert stored.read().endswith(content[-len(pixels) :])


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("-xs", "SC_rgb_jpeg_gdcm.dcm"),
        ("-xv", "MR_small_jp2klossless.dcm"),
        ("-xw", "693_J2KI.dcm"),
        ("-xt", "MR_small_jpeg_ls_lossless.dcm"),
        ("-xr", "SC_rgb_rle.dcm"),
        ("-xy", "SC_rgb_jpeg_dcmtk.dcm"),
        ("-xx", "JPGExtended.dcm"),
        ("-xb", "MR_small_bigendian.dcm"),
        ("-xd", "image_dfl.dcm"),
    ],
)
def test_storescu_of_a_compressed_instance_is_not_transcoded(listener, option, name):
    path = Path(str(get_testdata_file(name)))
    sent = read_dataset(path)

    ran = _run(listener, "storescu", option, path)

    assert ran.returncode == 0, ran.stderr
    instance = Instance.objects.get()
    assert instance.transfer_syntax_uid == sent.file_meta.TransferSyntaxUID
    with blob_store().open(instance.blob.sha256) as stored:
        assert read_dataset(stored).PixelData == sent.PixelData


def test_storescu_of_other_content_is_told_of_the_duplicate(listener, tmp_path):
    ds = make_dataset()
    for name in ("a.dcm", "b.dcm"):
        ds.PatientComments = name
        (tmp_path / name).write_bytes(as_part10(ds))

    ran = _run(listener, "storescu", "--no-halt", tmp_path / "a.dcm", tmp_path / "b.dcm")

    assert "0x111" in ran.stderr
    assert Quarantine.objects.get().reason_code == "sop-instance-conflict"


def test_storescu_goes_on_after_a_refusal(listener, tmp_path):
    # dcmtk sends what it can parse: a data set without a Study Instance UID.
    (tmp_path / "1.dcm").write_bytes(bad_input.without_study_instance_uid())
    (tmp_path / "2.dcm").write_bytes(bad_input.good_file())

    ran = _run(listener, "storescu", "--no-halt", tmp_path / "1.dcm", tmp_path / "2.dcm")

    assert "Received Store Response (Success)" in ran.stderr
    assert Instance.objects.count() == 1
    assert Quarantine.objects.get().reason_code == "missing-attribute"
