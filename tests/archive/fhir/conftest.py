from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.archive.fhir.asking import Door
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from archive.models import Project

ANN, BEN = "1.2.826.0.1.7.1", "1.2.826.0.1.7.2"


@pytest.fixture
def door(radiologist: Any) -> Door:
    """The radiologist's browser at the FHIR door."""
    client = Client()
    client.force_login(radiologist)
    return Door(client)


@pytest.fixture
def studies(project: Project) -> None:
    """Two patients: one of an issuer, with two series; one without a time of the study."""
    ann = {
        "SpecificCharacterSet": "ISO_IR 192",
        "StudyInstanceUID": ANN,
        "PatientID": "A-1",
        "IssuerOfPatientID": "Hospital A",
        "PatientName": "Müller^Ann Maria^^Dr.=山田^花子",
        "TimezoneOffsetFromUTC": "+0100",
        "AccessionNumber": "ACC-1",
        "BodyPartExamined": "CHEST",
        "ReferringPhysicianName": "Referrer^Rita",
    }
    ben = {
        "StudyInstanceUID": BEN,
        "PatientID": "B-1",
        "PatientName": "Doe^Ben",
        "PatientSex": "M",
        "PatientBirthDate": "19551224",
        "StudyDate": "20240301",
        "StudyTime": "",
        "AccessionNumber": "ACC-2",
        "Modality": "MR",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
    }
    store_datasets(
        make_dataset(SeriesInstanceUID=f"{ANN}.1", SOPInstanceUID=f"{ANN}.1.1", **ann),
        make_dataset(SeriesInstanceUID=f"{ANN}.1", SOPInstanceUID=f"{ANN}.1.2", **ann),
        make_dataset(SeriesInstanceUID=f"{ANN}.2", SOPInstanceUID=f"{ANN}.2.1", **ann),
        make_dataset(SeriesInstanceUID=f"{BEN}.1", SOPInstanceUID=f"{BEN}.1.1", **ben),
        project=project,
    )
