"""Images side by side: what is known of each, inside the asker's rights."""

import pytest

from archive.errors import NotVisibleError
from inference.models import Label
from inference.similarity.explaining.comparison import compared_cases, image_paths
from tests.builders.vectors import direction, make_case, make_space

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project):
    space = make_space()
    return [
        make_case(space, [direction(0)], projects=[project], series_description=f"S{number}")
        for number in range(2)
    ]


@pytest.fixture
def hidden(other_project):
    return make_case(make_space(is_default=False), [direction(0)], projects=[other_project])


def _uid(series):
    return series.instances.get().sop_instance_uid


def test_cases_come_in_the_order_asked(radiologist, series):
    cases = compared_cases(radiologist, [_uid(series[1]), _uid(series[0])])

    assert [case.path.description for case in cases] == ["S1", "S0"]


def test_labels_of_study_and_series_are_told(radiologist, series):
    Label.objects.create(study=series[0].study, label_set="a", label="of study")
    Label.objects.create(study=series[0].study, series=series[0], label_set="b", label="own")

    (case,) = compared_cases(radiologist, [_uid(series[0])])

    assert case.labels == ("a:of study", "b:own")


def test_one_that_is_forbidden_refuses_all(radiologist, series, hidden):
    with pytest.raises(NotVisibleError):
        compared_cases(radiologist, [_uid(series[0]), _uid(hidden)])


def test_paths_leave_out_what_is_forbidden_or_absent(radiologist, series, hidden):
    paths = image_paths(radiologist, [_uid(hidden), "1.2.3", _uid(series[0])])

    assert [path.instance_uid for path in paths] == [_uid(series[0])]
    assert paths[0].study_uid == series[0].study.study_instance_uid
