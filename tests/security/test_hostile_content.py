"""What files and people write stays text, and leaves as such (T14, T15, T18, T23)."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from django.test import Client

from archive.inbox.reports import quarantine_csv, safe_cell
from archive.models import AuditEvent, Instance, Quarantine
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import DICOM_MULTIPART, content_of, parts_of, related
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.9.71"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "=HYPERLINK()")
CODE = {
    "windows": b"MZ\x90\x00" + b"\x00" * 124,
    "elf": b"\x7fELF" + b"\x01" * 124,
    "script": b"#!/bin/sh\ntouch /tmp/canary\n".ljust(128, b"#"),
    "page": b"<html><script>alert(1)</script>".ljust(128, b" "),
    "tiff": b"II*\x00" + b"\x08" * 124,
    "pdf": b"%PDF-1.7\n".ljust(128, b"%"),
    "zip": b"PK\x03\x04" + b"\x00" * 124,
}


@pytest.fixture
def client(radiologist):
    browser = Client()
    browser.force_login(radiologist)
    return browser


def _uids(number: int = 1) -> dict[str, str]:
    return {
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": f"{STUDY}.1",
        "SOPInstanceUID": f"{STUDY}.1.{number}",
    }


def test_t23_preamble(client, radiologist, project) -> None:
    """A preamble that some other program would run is kept in the store, and never handed on."""
    contents = [
        preamble + as_part10(make_dataset(**_uids(number)))[128:]
        for number, preamble in enumerate(CODE.values(), start=1)
    ]
    stored = client.post(
        "/dicom-web/studies",
        related(contents),
        content_type=DICOM_MULTIPART,
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert stored.status_code == 200, stored.content
    assert Instance.objects.count() == len(CODE)
    single = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
    uri = f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={STUDY}.1&objectUID={STUDY}.1.2"
    leaving = {
        "multipart": [part for _, part in parts_of(client.get(f"/dicom-web/studies/{STUDY}"))],
        "single": [content_of(client.get(single, headers={"Accept": "application/dicom"}))],
        "wado-uri": [content_of(client.get(f"{uri}&contentType=application/dicom"))],
        "zip": _members(content_of(client.post(f"/studies/{STUDY}/download/dicom/"))),
    }
    for door, files in leaving.items():
        assert files, door
        for content in files:
            assert content[:128] == bytes(128), door
            assert content[128:132] == b"DICM", door
    answer = client.get(single, headers={"Accept": "application/dicom"})
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "html" not in answer["Content-Type"]


def _members(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return [packed.read(name) for name in packed.namelist() if name.lower().endswith(".dcm")]


@pytest.mark.parametrize("text", FORMULAS)
def test_t15_cells_that_a_spreadsheet_would_run_are_text(text) -> None:
    assert str(safe_cell(text)).startswith("'")


def test_t15_export_safety(client, archive_admin, radiologist, project) -> None:
    """CSV of the quarantine, of an upload and of the trail; names in ZIPs; and back again."""
    for place, text in enumerate(FORMULAS):
        Quarantine.objects.create(
            reason_code="not-dicom",
            reason=text,
            original_name=f"{text}.dcm",
            door="api",
            source=text,
            size_bytes=place,
        )
        AuditEvent.objects.create(
            event_id="110112", act="query", action="E", actor_name=text, door="dimse"
        )
    administrator = Client()
    administrator.force_login(archive_admin)
    trail = content_of(administrator.get("/audit/export.csv")).decode()
    for text in ("".join(quarantine_csv(Quarantine.objects.all())), trail):
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > len(FORMULAS)
        for row in rows:
            for cell in row:
                assert not cell.lstrip().startswith(("=", "+", "-", "@")), cell

    hostile = {"PatientID": "../../etc", "PatientName": "..\\..\\x^=1+1", "StudyID": "../x"}
    store_datasets(make_dataset(**_uids(), **hostile, StudyDescription="../../up"), project=project)
    content = content_of(client.post(f"/studies/{STUDY}/download/dicom/"))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = packed.namelist()
    assert names
    for name in names:
        assert ".." not in name, name
        assert not name.startswith(("/", "\\", "=")), name
        assert "\\" not in name, name
    again = io.BytesIO(content)
    again.name = "again.zip"
    client.get("/studies/")
    answer = client.post("/api/v1/uploads", {"files": again}, headers=_csrf(client))
    outcomes = {row["outcome"] for row in answer.json()["results"] if row["study_uid"] == STUDY}
    assert outcomes == {"duplicate"}, answer.content


def _csrf(client: Client) -> dict[str, str]:
    return {"X-CSRFToken": client.cookies["csrftoken"].value if client.cookies else ""}


def test_t15_templates_and_entities_of_data_mean_nothing(client, project) -> None:
    store_datasets(
        make_dataset(
            **_uids(),
            PatientName="{{ 7 }}^{% debug %}",
            StudyDescription="{{ request.user }}${7*7}#{7*7}",
        ),
        project=project,
    )
    page = client.get(f"/studies/{STUDY}/").content.decode()
    assert "{{ request.user }}${7*7}#{7*7}" in page
    assert "${49}" not in page

    bomb = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        '<NativeDicomModel><DicomAttribute tag="00100010" vr="PN">&b;</DicomAttribute>'
        "</NativeDicomModel>"
    )
    answer = client.post(
        "/dicom-web/studies",
        related([bomb.encode()], "application/dicom+xml"),
        content_type='multipart/related; type="application/dicom+xml"; boundary=a-boundary',
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 400


STORED_IDS = ("100%", "a_b", "a*b", "axb", "100x", "a\\b", "A_B")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("100%", {"100%"}),
        ("100?", {"100%", "100x"}),
        ("a_b", {"a_b"}),
        # A star in the question is a wildcard, also to find the one that was stored.
        ("a*b", {"a_b", "a*b", "axb", "a\\b"}),
        ("a?b", {"a_b", "a*b", "axb", "a\\b"}),
        ("%", set()),
        ("_", set()),
        ("a__", set()),
        ("*", set(STORED_IDS)),
    ],
)
def test_t18_literal_wildcards(client, project, asked, found) -> None:
    """DICOM's wildcards are ``*`` and ``?`` alone; SQL's own are letters (PS3.4 C.2.2.2.4)."""
    store_datasets(
        *(
            make_dataset(PatientID=text, StudyInstanceUID=f"{STUDY}.{n}")
            for n, text in enumerate(STORED_IDS)
            if "\\" not in text
        ),
        project=project,
    )
    from archive.models import Patient, Study

    # A backslash divides values in a file; it is written straight into the row.
    patient = Patient.objects.create(dicom_patient_id="a\\b", patient_name="x")
    Study.objects.create(patient=patient, study_instance_uid="1.2.9").projects.add(project)

    answer = client.get("/dicom-web/studies", {"PatientID": asked, "limit": 50})

    rows = json.loads(answer.content) if answer.status_code == 200 else []
    assert {row["00100020"]["Value"][0] for row in rows} == found
