"""What a C-GET or C-MOVE names, inside the asker's rights."""

from __future__ import annotations

import pytest

from archive.errors import InvalidRequestError
from archive.models import Instance, Series
from archive.retrieve.requested import Requested, requested_instances
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(project):
    return store_datasets(
        *(
            make_dataset(
                PatientID=f"P{study}",
                StudyInstanceUID=f"1.2.{study}",
                SeriesInstanceUID=f"1.2.{study}.{series}",
                SOPInstanceUID=f"1.2.{study}.{series}.1",
                SeriesNumber=series,
            )
            for study in (1, 2)
            for series in (1, 2)
        ),
        project=project,
    )


def _uids(user, level, **values):
    return [one.sop_instance_uid for one in requested_instances(user, Requested(level, values))]


@pytest.mark.parametrize(
    ("level", "values", "expected"),
    [
        ("PATIENT", {"PatientID": ("P1",)}, ["1.2.1.1.1", "1.2.1.2.1"]),
        ("STUDY", {"StudyInstanceUID": ("1.2.2",)}, ["1.2.2.1.1", "1.2.2.2.1"]),
        ("STUDY", {"PatientID": ("P1",), "StudyInstanceUID": ("1.2.2",)}, []),
        ("SERIES", {"SeriesInstanceUID": ("1.2.1.1", "1.2.2.2")}, ["1.2.1.1.1", "1.2.2.2.1"]),
        ("IMAGE", {"SOPInstanceUID": ("1.2.1.2.1", "")}, ["1.2.1.2.1"]),
    ],
)
def test_each_level_has_its_unique_key(stored, radiologist, level, values, expected):
    assert _uids(radiologist, level, **values) == expected


def test_nothing_of_another_project(stored, outsider):
    assert _uids(outsider, "PATIENT", PatientID=("P1",)) == []


def test_what_was_rejected_comes_where_it_is_named(stored, radiologist):
    Series.objects.filter(series_instance_uid="1.2.1.1").update(withheld="rejected")
    Instance.objects.filter(sop_instance_uid="1.2.2.1.1").update(withheld="rejected")

    assert _uids(radiologist, "STUDY", StudyInstanceUID=("1.2.1",)) == ["1.2.1.2.1"]
    assert _uids(radiologist, "SERIES", SeriesInstanceUID=("1.2.1.1",)) == ["1.2.1.1.1"]
    assert _uids(radiologist, "STUDY", StudyInstanceUID=("1.2.2",)) == ["1.2.2.2.1"]
    assert _uids(radiologist, "IMAGE", SOPInstanceUID=("1.2.2.1.1",)) == ["1.2.2.1.1"]


def test_what_was_deleted_never_comes(stored, radiologist):
    Instance.objects.update(withheld="deleted")

    assert _uids(radiologist, "IMAGE", SOPInstanceUID=("1.2.2.1.1",)) == []


@pytest.mark.parametrize(
    ("level", "values"),
    [
        ("", {}),
        ("FRAME", {"SOPInstanceUID": ("1.2",)}),
        ("STUDY", {}),
        ("SERIES", {"StudyInstanceUID": ("1.2.1",)}),
        ("STUDY", {"StudyInstanceUID": ("1.2.*",)}),
        ("IMAGE", {"SOPInstanceUID": ("../../etc/passwd",)}),
    ],
)
def test_what_names_nothing_is_refused(radiologist, level, values):
    with pytest.raises(InvalidRequestError):
        _uids(radiologist, level, **values)
