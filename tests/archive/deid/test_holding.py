"""Which objects do not leave, and which only after somebody looked."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from archive.deid import holding
from archive.deid.holding import find_refusal, find_warnings
from archive.dicom.reading import read_dataset
from tests.builders.datasets import make_dataset

ROOT = "1.2.840.10008.5.1.4.1.1"


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        ({}, None),
        ({"BurnedInAnnotation": "NO", "Modality": "US"}, None),
        ({"BurnedInAnnotation": "YES"}, holding.BURNED_IN),
        ({"BurnedInAnnotation": "PERHAPS"}, holding.BURNED_IN),
        ({"Modality": "US"}, holding.RISKY_KIND),
        ({"Modality": "XC"}, holding.RISKY_KIND),
        ({"Modality": "OT"}, holding.RISKY_KIND),
        ({"SOPClassUID": f"{ROOT}.7"}, holding.RISKY_KIND),
        ({"SOPClassUID": f"{ROOT}.7.2"}, holding.RISKY_KIND),
        ({"SOPClassUID": f"{ROOT}.6.1"}, holding.RISKY_KIND),
        ({"SOPClassUID": f"{ROOT}.77.1.4"}, holding.RISKY_KIND),
        ({"SOPClassUID": f"{ROOT}.77.1.1"}, None),
        ({"SOPClassUID": f"{ROOT}.104.1"}, holding.DOCUMENT),
        ({"SOPClassUID": f"{ROOT}.88.34"}, holding.REPORT),
        ({"SOPClassUID": f"{ROOT}.11.1"}, holding.PRESENTATION),
        ({"Rows": None, "PixelData": b""}, holding.NO_IMAGE),
    ],
)
def test_refusal(attributes, refusal):
    assert find_refusal(make_dataset(**attributes)) is refusal


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        ({"BurnedInAnnotation": "YES"}, None),
        ({"Modality": "US"}, None),
        ({"SOPClassUID": f"{ROOT}.104.1"}, holding.DOCUMENT),
        ({"SOPClassUID": f"{ROOT}.88.34"}, holding.REPORT),
    ],
)
def test_a_look_lets_pictures_out_but_no_documents(attributes, refusal):
    assert find_refusal(make_dataset(**attributes), is_looked_at=True) is refusal


def test_faces_are_warned_of():
    head = make_dataset(Modality="MR", BodyPartExamined="BRAIN")
    knee = make_dataset(Modality="MR", BodyPartExamined="KNEE")

    assert len(find_warnings(head)) == 1
    assert find_warnings(knee) == ()


def test_real_report_is_held():
    path = get_testdata_file("test-SR.dcm", download=False)
    ds = read_dataset(Path(path))

    assert find_refusal(ds, is_looked_at=True) is holding.REPORT
