import pytest

from inference.errors import ResultEncodingError
from inference.results.sources import prepared_sources


def test_prepared_sources_leave_pixels_and_originals_alone(series):
    (copy, *_) = prepared_sources(series)
    assert "PixelData" not in copy
    assert "PixelData" in series[0]
    assert series[0].SpecificCharacterSet != copy.SpecificCharacterSet


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PatientBirthDate", "19700131", "19700131"),
        ("PatientBirthDate", None, ""),
        ("StudyTime", "101530.25", "101530.25"),
        ("PatientSex", "F", "F"),
        ("AccessionNumber", None, ""),
    ],
)
def test_prepared_sources_clean_what_highdicom_would_refuse(series, keyword, value, expected):
    setattr(series[0], keyword, value)
    assert str(prepared_sources(series[:1])[0][keyword].value or "") == expected


def test_prepared_sources_of_one_series_share_an_invented_frame_of_reference(series):
    for ds in series:
        del ds.FrameOfReferenceUID
    assert len({ds.FrameOfReferenceUID for ds in prepared_sources(series)}) == 1


def test_prepared_sources_without_uids_are_refused(series):
    del series[2].SOPInstanceUID
    with pytest.raises(ResultEncodingError, match="SOPInstanceUID"):
        prepared_sources(series)
