"""dcmtk's findscu, getscu and movescu against the listener."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

from archive.access.services import register_peer
from archive.dicom.reading import read_dataset
from archive.models import Peer
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_bytes, store_datasets

pytestmark = [
    pytest.mark.interop,
    pytest.mark.usefixtures("workstation"),
    pytest.mark.skipif(shutil.which("findscu") is None, reason="dcmtk is not installed"),
]


@pytest.fixture
def stored(project, transactional_db):
    return store_datasets(
        *(
            make_dataset(
                PatientID="P1",
                StudyInstanceUID="1.2.1",
                SeriesInstanceUID="1.2.1.1",
                SOPInstanceUID=f"1.2.1.1.{number}",
            )
            for number in (1, 2, 3)
        ),
        project=project,
    )


@pytest.fixture
def run(listener, tmp_path):
    def start(program, *arguments, folder=tmp_path):
        command = [program, "-v", "-aet", "WORKSTATION", "-aec", "TWINTEST", *arguments]
        command += ["127.0.0.1", str(listener.port)]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )

    return start


def _keys(**keys):
    return [part for keyword, value in keys.items() for part in ("-k", f"{keyword}={value}")]


@pytest.mark.parametrize(
    ("model", "level", "count"), [("-S", "STUDY", 1), ("-S", "SERIES", 1), ("-P", "IMAGE", 3)]
)
def test_findscu(run, stored, tmp_path, model, level, count):
    keys = _keys(QueryRetrieveLevel=level, PatientName="doe*", SOPInstanceUID="", StudyDate="")

    ran = run("findscu", model, "-X", "-od", str(tmp_path), *keys)

    assert ran.returncode == 0, ran.stderr
    answers = [read_dataset(path) for path in sorted(tmp_path.glob("rsp*.dcm"))]
    assert len(answers) == count
    assert {str(ds.PatientName) for ds in answers} == {"Doe^Jane"}


def test_findscu_of_the_worklist(run, stored):
    keys = _keys(PatientName="", **{"ScheduledProcedureStepSequence[0].Modality": "CT"})

    ran = run("findscu", "-W", *keys)

    assert ran.returncode == 0, ran.stderr
    assert "Received Final Find Response (Success)" in ran.stderr


def test_getscu(run, stored, tmp_path):
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")

    ran = run("getscu", "-S", "-od", str(tmp_path), *keys)

    assert ran.returncode == 0, ran.stderr
    got = [read_dataset(path) for path in tmp_path.iterdir()]
    assert {ds.SOPInstanceUID for ds in got} == {f"1.2.1.1.{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("+xs", "SC_rgb_jpeg_gdcm.dcm"),
        ("+xv", "MR_small_jp2klossless.dcm"),
        ("+xt", "MR_small_jpeg_ls_lossless.dcm"),
        ("+xr", "SC_rgb_rle.dcm"),
        ("+xy", "SC_rgb_jpeg_dcmtk.dcm"),
    ],
)
def test_getscu_of_compressed_instances(run, project, tmp_path, workstation, option, name):
    content = Path(str(get_testdata_file(name))).read_bytes()
    (instance,) = store_bytes(content, project=project)
    stored = instance.transfer_syntax_uid
    keys = _keys(
        QueryRetrieveLevel="STUDY", StudyInstanceUID=instance.series.study.study_instance_uid
    )

    # getscu proposes the compressed syntax and plain ones in one context: plain ones can hold
    # everything, so they are chosen, unless the register says what the peer likes better.
    for liked, expected in (([], ExplicitVRLittleEndian), ([stored], stored)):
        Peer.objects.filter(pk=workstation.pk).update(transfer_syntaxes=liked)
        ran = run("getscu", "-S", option, "-od", str(tmp_path), *keys)
        assert ran.returncode == 0, ran.stderr
        (path,) = [path for path in tmp_path.iterdir() if path.is_file()]
        got = read_dataset(path)
        assert got.file_meta.TransferSyntaxUID == expected
        assert (got.PixelData in content) is bool(liked)
        path.unlink()


def test_movescu_to_itself(run, stored, tmp_path, workstation, radiologist):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    register_peer(
        ae_title="WORKSTATION",
        address="127.0.0.1",
        port=port,
        account=radiologist,
        may_retrieve=True,
        is_move_destination=True,
    )
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")

    ran = run("movescu", "-S", "+P", str(port), "-aem", "WORKSTATION", "-od", str(tmp_path), *keys)

    assert ran.returncode == 0, ran.stderr
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 3


def test_movescu_to_who_is_not_registered(run, stored):
    keys = _keys(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.1")

    ran = run("movescu", "-S", "-aem", "STRANGER", *keys)

    assert "MoveDestinationUnknown" in ran.stderr.replace(" ", "")
