"""The whole product as its users start it: `manage.py up --demo`, real clients, Ctrl-C, again."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom as hd
import psutil
import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from pydicom.filewriter import dcmwrite
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from deploy.demo.cohort import CHEST_CT, Visit, visits
from deploy.demo.datasets import visit_files
from deploy.demo.people import PEOPLE
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
CHEST_SOURCES = {visit.study_instance_uid for visit in visits() if visit.kind == CHEST_CT}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


class Installation:
    """One home on free ports, started and stopped as a person would."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.http_port, self.dicom_port = free_port(), free_port()
        self.env = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        } | {
            "TWINSIGHT_HOME": str(home),
            "TWINSIGHT_HTTP_PORT": str(self.http_port),
            "TWINSIGHT_DICOM_PORT": str(self.dicom_port),
            "TWINSIGHT_SETTLE_SECONDS": "1",
        }
        self.output = home.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: dict[int, psutil.Process] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--demo"],
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.wait_until(self.is_ready, "/readyz to answer 200")

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until(self, is_so: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"it ended by itself:\n{self.said()}"
            answer = is_so()
            if answer:
                return answer
            time.sleep(0.5)
        pytest.fail(f"waited {PATIENCE_S} s for {what}; it said:\n{self.said()}")

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def remember_processes(self) -> None:
        assert self.process is not None
        own = psutil.Process(self.process.pid)
        self.seen |= {child.pid: child for child in [own, *own.children(recursive=True)]}

    def stop(self) -> int:
        assert self.process is not None
        self.remember_processes()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def leftovers(self) -> list[str]:
        alive = [
            f"process {process.pid} {process.name()}"
            for process in self.seen.values()
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]
        sockets = [str(path) for path in self.home.rglob("*") if path.is_socket()]
        locks = [str(path) for path in self.home.rglob("postmaster.pid")]
        listening = [str(port) for port in (self.http_port, self.dicom_port) if not is_free(port)]
        return alive + sockets + locks + listening


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def installation(tmp_path: Path) -> Any:
    installation = Installation(tmp_path / "home")
    try:
        yield installation
    finally:
        installation.kill()


def new_chest_ct(number: int) -> list[Dataset]:
    """Draw a chest CT that the demonstration archive does not hold, of a patient of its own."""
    visit = Visit(number, PEOPLE[5], "20250601", "101500", CHEST_CT, "no finding", 0)
    datasets = []
    for file in visit_files(visit):
        ds = pydicom.dcmread(io.BytesIO(file.content))  # noqa: TID251 the test's own bytes
        ds.PatientID = f"E2E-{number}"
        ds.PatientName = f"Endtoend^Number{number}"
        datasets.append(ds)
    return datasets


def real_ct(shared_data: Path) -> list[Dataset]:
    """Read a real abdominal CT, whose anonymiser left no UIDs: it gets new ones."""
    folder = shared_data / "segmentation" / "ct_dicom_20slices" / "dicom"
    study, series = generate_uid(), generate_uid()
    datasets: list[Dataset] = []
    for path in sorted(folder.iterdir()):
        ds = pydicom.dcmread(path)  # noqa: TID251 the test's own files
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.PatientID = "REAL-1"
        datasets.append(ds)
    return datasets


def c_store(installation: Installation, datasets: list[Dataset]) -> set[int]:
    ae = AE(ae_title="E2E")
    ae.add_requested_context(CTImageStorage)
    association = ae.associate("127.0.0.1", installation.dicom_port, ae_title="TWINSIGHT")
    assert association.is_established
    try:
        return {association.send_c_store(ds).Status for ds in datasets}
    finally:
        association.release()


class Api:
    """What a hospital's program does."""

    def __init__(self, installation: Installation, token: str) -> None:
        self.installation = installation
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.dicomweb = DICOMwebClient(f"{installation.url}/dicom-web", session=self.session)

    def status(self, study_uid: str) -> dict[str, Any]:
        answer = self.session.get(
            f"{self.installation.url}/api/v1/studies/{study_uid}/status", timeout=30
        )
        answer.raise_for_status()
        return dict(answer.json())

    def wait_for_results(self, study_uid: str, instances: int) -> dict[str, Any]:
        def is_done() -> dict[str, Any] | None:
            status = self.status(study_uid)
            done = status["idle"] and status["embedded"] >= instances and len(status["runs"]) >= 3
            return status if done else None

        return dict(self.installation.wait_until(is_done, f"results of {study_uid}"))

    def similar(self, **query: Any) -> dict[str, Any]:
        answer = self.session.post(
            f"{self.installation.url}/api/v1/similar", json=query, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def objects(self, study_uid: str, modality: str) -> list[Dataset]:
        found = self.dicomweb.search_for_series(study_uid, search_filters={"Modality": modality})
        return [
            ds
            for series in found
            for ds in self.dicomweb.retrieve_series(study_uid, series["0020000E"]["Value"][0])
        ]


def as_file(ds: Dataset) -> io.BytesIO:
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    buffer.seek(0)
    return buffer


def test_demo_walks_from_bytes_to_similar_cases_and_stops_clean(
    installation: Installation, shared_data: Path
) -> None:
    installation.start()
    assert len(re.findall(r"password", installation.said())) == 1
    token = installation.manage(
        "create_api_token", "e2e", "--scope", "read", "--scope", "write",
        "--role", "radiology_admin", "--all-projects",
    ).splitlines()[-1]  # fmt: skip
    installation.manage("register_peer", "E2E", "127.0.0.1", "--project", "demonstration")
    api = Api(installation, token)

    # A real study by STOW-RS, a new one by C-STORE.
    real, drawn = real_ct(shared_data), new_chest_ct(901)
    real_uid, drawn_uid = real[0].StudyInstanceUID, drawn[0].StudyInstanceUID
    stored = api.dicomweb.store_instances(real)
    assert len(stored.ReferencedSOPSequence) == len(real)
    assert c_store(installation, drawn) == {0x0000}
    installation.wait_until(
        lambda: "studies loaded" in installation.said() or _demo_is_loaded(api), "the demonstration"
    )
    for uid, count in ((real_uid, len(real)), (drawn_uid, len(drawn))):
        status = api.wait_for_results(uid, count)
        assert {run["state"] for run in status["runs"]} <= {"succeeded", "skipped"}, status

    # The twins of a chest CT are chest CTs of other patients.
    installation.wait_until(lambda: _all_embedded(api), "the demonstration to be embedded")
    answer = api.similar(study=drawn_uid, level="study", k=5)
    found = [result["study_uid"] for result in answer["results"]]
    assert len(found) == 5
    assert drawn_uid not in found
    assert set(found[:3]) <= CHEST_SOURCES, answer
    assert api.similar(study=real_uid, level="series", k=3)["results"][0]["score"] < 1

    # Its results are DICOM that others can read.
    (seg,) = api.objects(drawn_uid, "SEG")
    segmentation = hd.seg.segread(as_file(seg))
    labels = {d.SegmentLabel.lower() for d in segmentation.SegmentSequence}
    assert any("lung" in label for label in labels), labels
    assert any("bone" in label for label in labels), labels
    reports = [hd.sr.srread(as_file(ds)) for ds in api.objects(drawn_uid, "SR")]
    assert len(reports) >= 2
    assert {report.PatientID for report in reports} == {"E2E-901"}

    installation.remember_processes()
    assert installation.stop() == 0
    assert installation.leftovers() == []

    # A second start resumes: nothing is loaded twice, nothing is lost.
    installation.start()
    installation.wait_until(lambda: "already here" in installation.said(), "the demo to be skipped")
    assert not re.search(r"^ *password ", installation.said(), re.MULTILINE)
    assert "stored" not in installation.said()
    assert api.status(drawn_uid)["instances"] >= len(drawn)

    # A second program on the same home is refused, and harms nothing.
    _assert_second_program_is_refused(installation)
    assert installation.stop() == 0
    assert installation.leftovers() == []


def _demo_is_loaded(api: Api) -> bool:
    known = {
        row["0020000D"]["Value"][0] for row in api.dicomweb.search_for_studies(limit=500) or []
    }
    return {visit.study_instance_uid for visit in visits()} <= known


def _all_embedded(api: Api) -> bool:
    chests = sorted(CHEST_SOURCES)
    return all(api.status(uid)["idle"] and api.status(uid)["embedded"] for uid in chests)


def _assert_second_program_is_refused(installation: Installation) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(free_port())],
        cwd=ROOT,
        env=installation.env | {"TWINSIGHT_DICOM_PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert second.returncode != 0
    sentence = (second.stdout + second.stderr).strip()
    assert len(sentence.splitlines()) == 1, sentence
    assert "Traceback" not in sentence
    assert installation.is_ready()
