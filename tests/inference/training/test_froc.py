import pytest

from inference.training.froc import OPERATING_POINTS, Found, froc, is_hit

HERE, THERE, FAR = (0.0, 0.0, 0.0), (50.0, 0.0, 0.0), (0.0, 90.0, 0.0)


def sensitivity(result, point):
    return result.sensitivities[OPERATING_POINTS.index(point)]


def test_all_found_without_an_alarm_is_perfect():
    truths = [[Found(HERE, radius_mm=8.0)], [Found(THERE, radius_mm=8.0)]]
    found = [[Found((3.0, 0.0, 0.0), 0.9)], [Found(THERE, 0.4)]]
    result = froc(truths, found, resamples=20)
    assert result.sensitivities == (1.0,) * 7
    assert result.score == pytest.approx(1.0)
    assert (result.targets, result.cases) == (2, 2)


def test_alarms_cost_sensitivity_where_few_are_allowed():
    truths = [[Found(HERE, radius_mm=8.0)], [Found(THERE, radius_mm=8.0)]]
    # A false alarm that is surer than the second nodule.
    found = [[Found(HERE, 0.9), Found(FAR, 0.5)], [Found(THERE, 0.4)]]
    result = froc(truths, found, resamples=20)
    assert sensitivity(result, 0.125) == pytest.approx(0.5)
    assert sensitivity(result, 0.5) == pytest.approx(1.0)
    assert all(low <= high for low, high in zip(result.low, result.high, strict=True))


def test_a_second_detection_of_the_same_thing_is_neither_hit_nor_alarm():
    truths = [[Found(HERE, radius_mm=10.0)]]
    found = [[Found(HERE, 0.9), Found((4.0, 0.0, 0.0), 0.8)]]
    result = froc(truths, found, resamples=5)
    assert result.sensitivities == (1.0,) * 7


def test_what_is_missed_is_missed():
    result = froc([[Found(HERE)]], [[Found(FAR, 0.9)]], resamples=5)
    assert result.score == 0.0


def test_small_things_allow_five_millimetres():
    assert is_hit(Found((4.9, 0.0, 0.0)), Found(HERE, radius_mm=2.0))
    assert not is_hit(Found((5.1, 0.0, 0.0)), Found(HERE, radius_mm=2.0))
    assert is_hit(Found((9.0, 0.0, 0.0)), Found(HERE, radius_mm=9.5))
