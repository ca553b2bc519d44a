import pytest
from pydicom import Dataset

from inference.pipelines.mr_weighting import why_not_t1


def image(**values):
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    "values",
    [
        {"SeriesDescription": "t1_mprage_sag_p2_iso"},
        {"SeriesDescription": "Sag 3D BRAVO"},
        {"ProtocolName": "MP2RAGE_1mm"},
        {"SequenceName": "*tfl3d1_16ns"},
        {
            "SeriesDescription": "head",
            "EchoTime": 3.0,
            "InversionTime": 900,
            "RepetitionTime": 2300,
        },
        {"EchoTime": 12.0, "RepetitionTime": 500},
    ],
)
def test_t1_by_name_or_by_times(values):
    assert why_not_t1(image(**values)) == ""


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"SeriesDescription": "ax T2 TSE"}, "named T2"),
        ({"SeriesDescription": "FLAIR sag", "EchoTime": 9, "RepetitionTime": 600}, "named FLAIR"),
        ({"SeriesDescription": "ep2d_diff DWI"}, "named DWI"),
        ({"SeriesDescription": "brain"}, "doesn't say"),
        ({"EchoTime": 3.0}, "doesn't say"),
        ({"EchoTime": 100, "RepetitionTime": 4000}, "by its times"),
        ({"EchoTime": 20, "RepetitionTime": 9000, "InversionTime": 2500}, "by its times"),
    ],
)
def test_others_are_refused_with_a_reason(values, reason):
    assert reason in why_not_t1(image(**values))
