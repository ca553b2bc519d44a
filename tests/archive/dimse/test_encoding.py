"""Answers put together from their texts are what pydicom's writer writes."""

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from archive.dimse.encoding import texts_as_written
from archive.query.find import _put

VALUES = {
    "StudyDate": ("20240101",),
    "AccessionNumber": (),
    "QueryRetrieveLevel": ("STUDY",),
    "ModalitiesInStudy": ("CT", "SEG"),
    "PatientName": ("Müller^Änne",),
    "StudyInstanceUID": ("1.2.3",),
    "NumberOfStudyRelatedInstances": (12,),
}


def answer(term: str = "ISO_IR 100") -> Dataset:
    ds = Dataset()
    if term:
        ds.SpecificCharacterSet = term
    for keyword, values in VALUES.items():
        _put(ds, keyword, values, "latin-1")
    ds.set_original_encoding(True, True, ds._character_set)
    return ds


@pytest.mark.parametrize("is_implicit", [True, False])
@pytest.mark.parametrize("term", ["", "ISO_IR 100"])
def test_texts_are_written_as_pydicom_writes_them(term: str, *, is_implicit: bool) -> None:
    written = texts_as_written(answer(term), is_implicit=is_implicit)
    assert written
    if term:
        assert written == encode(answer(term), is_implicit, is_little_endian=True)


@pytest.mark.parametrize(
    "element",
    [
        {"ReferencedStudySequence": [Dataset()]},
        {"InstanceNumber": 4},
        {"SeriesNumber": None},
        {"Rows": 512},
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"]},
    ],
)
def test_anything_else_is_left_to_pydicom(element: dict[str, object]) -> None:
    ds = answer()
    for keyword, value in element.items():
        setattr(ds, keyword, value)
    assert texts_as_written(ds, is_implicit=True) is None
    assert encode(ds, is_implicit_vr=True, is_little_endian=True)
