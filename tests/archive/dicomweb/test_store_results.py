"""A store's answer, as data."""

from __future__ import annotations

import json

from archive.dicomweb.store_results import render_store
from archive.errors import InvalidInstanceError
from archive.ingest.types import IngestResult, Outcome

BASE = "http://host/dicom-web"


def test_a_stores_answer_names_each_instance():
    stored = IngestResult(
        outcome=Outcome.STORED,
        sop_instance_uid="1.2.3.4",
        sop_class_uid="1.5",
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
    )
    error = InvalidInstanceError("no", code="malformed")
    failed = IngestResult(
        outcome=Outcome.QUARANTINED, sop_instance_uid="1.9", sop_class_uid="1.5", error=error
    )
    unreadable = IngestResult(outcome=Outcome.QUARANTINED, error=error)

    answer = json.loads(render_store([stored, failed, unreadable], BASE, "application/dicom+json"))

    assert answer["00081190"]["Value"] == [f"{BASE}/studies/1.2"]
    (reference,) = answer["00081199"]["Value"]
    assert reference["00081155"]["Value"] == ["1.2.3.4"]
    assert reference["00081190"]["Value"] == [f"{BASE}/studies/1.2/series/1.2.3/instances/1.2.3.4"]
    (failure,) = answer["00081198"]["Value"]
    assert failure["00081197"] == {"vr": "US", "Value": [0xC000]}
    assert failure["00081155"]["Value"] == ["1.9"]
    (other,) = answer["0008119A"]["Value"]
    assert list(other) == ["00081197"]
