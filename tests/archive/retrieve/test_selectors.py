from __future__ import annotations

import pytest

from archive.errors import NotVisibleError
from archive.retrieve.selectors import (
    instances_by_uid,
    series_instances,
    slice_position,
    visible_instance,
    visible_instances,
    visible_series,
    visible_study,
)
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.fixture
def stored(project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    return InstanceFactory(series=series)


def path_of(instance):
    series = instance.series
    return series.study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid


def test_the_objects_on_a_path_are_found(stored, radiologist, django_assert_max_num_queries):
    study, series, sop = path_of(stored)

    assert visible_study(radiologist, study) == stored.series.study
    assert visible_series(radiologist, study, series) == stored.series
    with django_assert_max_num_queries(2):
        found = visible_instance(radiologist, study, series, sop)
        assert path_of(found) == (study, series, sop)
        assert found.blob.sha256
    assert visible_instances(radiologist, study_instance_uid=study) == [stored]
    assert instances_by_uid(radiologist, [sop, "1.9", "x"]) == [stored]


def test_outsiders_find_nothing_and_neither_does_a_wrong_path(stored, radiologist, outsider):
    study, series, sop = path_of(stored)
    asked = [(outsider, study, series, sop), (radiologist, "1.9", series, sop)]
    asked += [(radiologist, "\0", series, sop), (radiologist, study, "'", sop)]

    for user, *path in asked:
        with pytest.raises(NotVisibleError):
            visible_series(user, *path[:2])
        with pytest.raises(NotVisibleError):
            visible_instance(user, *path)
    for user, uid in ((outsider, study), (radiologist, "1.9"), (radiologist, "\0")):
        with pytest.raises(NotVisibleError):
            visible_study(user, uid)
    assert instances_by_uid(outsider, [sop]) == []


def test_a_series_comes_in_the_order_of_its_slices(stored):
    series = stored.series
    stored.delete()
    for number, height in ((1, 30.0), (2, 10.0), (3, 20.0)):
        InstanceFactory(
            series=series,
            instance_number=number,
            image_position_patient=[0.0, 0.0, height],
            image_orientation_patient=AXIAL,
        )

    assert [item.instance_number for item in series_instances(series.pk)] == [2, 3, 1]


def test_without_positions_the_instance_number_orders(stored):
    InstanceFactory(series=stored.series, instance_number=stored.instance_number - 1)
    InstanceFactory(
        series=stored.series,
        instance_number=None,
        image_position_patient=[0.0, 0.0, -1.0],
        image_orientation_patient=AXIAL,
    )

    numbers = [item.instance_number for item in series_instances(stored.series_id)]

    assert numbers == [stored.instance_number - 1, stored.instance_number, None]


def test_slice_position_is_along_the_normal(stored):
    stored.image_position_patient = [5.0, 7.0, 9.0]
    # Sagittal: rows to the back, columns to the feet, the normal to the left or right.
    stored.image_orientation_patient = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]

    assert slice_position(stored) == -5.0
    stored.image_position_patient = None
    assert slice_position(stored) is None
