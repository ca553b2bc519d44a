"""The viewer's stack: which instances, in which order."""

import pytest

from archive.errors import NotVisibleError
from archive.query.series_frames import series_stack
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def _series(project, **fields):
    return SeriesFactory(study=StudyFactory(projects=[project]), **fields)


def _stack(user, series):
    return series_stack(user, series.study.study_instance_uid, series.series_instance_uid)


def _slice(series, number, z, axes=AXIAL):
    return InstanceFactory(
        series=series,
        instance_number=number,
        image_position_patient=[0.0, 0.0, z],
        image_orientation_patient=axes,
    )


def test_slices_follow_the_geometry_in_the_direction_of_the_numbers(radiologist, project):
    series = _series(project)
    for number, z in [(1, 30.0), (2, 10.0), (3, 20.0), (4, 0.0)]:
        _slice(series, number, z)

    numbers = [instance.number for instance in _stack(radiologist, series).instances]

    assert numbers == [1, 3, 2, 4]


def test_slices_at_one_place_keep_the_order_of_their_numbers(radiologist, project):
    series = _series(project)
    for number, z in [(3, 0.0), (1, 0.0), (2, 5.0)]:
        _slice(series, number, z)

    numbers = [instance.number for instance in _stack(radiologist, series).instances]

    assert numbers == [1, 2, 3]


@pytest.mark.parametrize(("position", "axes"), [(None, AXIAL), ([1.0], AXIAL), ([0.0] * 3, [1.0])])
def test_instances_without_geometry_keep_the_order_of_their_numbers(
    radiologist, project, position, axes
):
    series = _series(project)
    for number in (2, 1):
        InstanceFactory(
            series=series,
            instance_number=number,
            image_position_patient=position,
            image_orientation_patient=axes,
        )

    assert [one.number for one in _stack(radiologist, series).instances] == [1, 2]


def test_instances_without_pixels_are_left_out_and_frames_counted(radiologist, project):
    series = _series(project)
    InstanceFactory(series=series, has_pixel_data=False)
    InstanceFactory(series=series, number_of_frames=30, samples_per_pixel=3, rows=8, columns=9)

    (instance,) = _stack(radiologist, series).instances

    assert (instance.number_of_frames, instance.is_colour) == (30, True)
    assert (instance.rows, instance.columns) == (8, 9)


def test_siblings_are_the_studys_series_of_pictures(radiologist, project):
    series = _series(project, series_number=2)
    SeriesFactory(study=series.study, series_number=1)
    SeriesFactory(study=series.study, series_number=3, modality="SR")

    assert [card.number for card in _stack(radiologist, series).siblings] == [1, 2]


def test_series_of_another_study_is_not_found(radiologist, project):
    series, other = _series(project), _series(project)

    with pytest.raises(NotVisibleError):
        series_stack(radiologist, other.study.study_instance_uid, series.series_instance_uid)


def test_outsider_finds_no_series(outsider, project):
    with pytest.raises(NotVisibleError):
        _stack(outsider, _series(project))
