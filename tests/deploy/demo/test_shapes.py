import numpy as np

from deploy.demo.noise import Grid, Image
from deploy.demo.shapes import Canvas, coverage, ellipse, ramp, same_window, section


def canvas(size: int = 64, pixel_mm: float = 1.0) -> Canvas:
    axis = Grid(size, pixel_mm).axis_mm
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    return Canvas(x, y, np.zeros((size, size), np.float32), axis, axis)


def area(values: Image) -> float:
    return float(values.sum())


def test_an_ellipse_has_its_area() -> None:
    at = canvas()
    at.ellipse((3, -4), (12, 7), 1.0)
    assert np.isclose(area(at.values), np.pi * 12 * 7, rtol=0.03)


def test_painting_on_a_part_paints_on_the_whole() -> None:
    at = canvas(128)
    part = at.near(10, -20, 5)
    assert part.values.size < at.values.size
    part.paint(ellipse(part, (10, -20), (5, 5)), 7.0)
    assert at.values[np.searchsorted(at.axis_y, -20), np.searchsorted(at.axis_x, 10)] == 7
    assert at.values[0, 0] == 0


def test_a_shape_outside_the_slice_paints_nothing() -> None:
    at = canvas()
    at.ellipse((500, 500), (20, 20), 1.0)
    at.bar((400, 0), (500, 0), 3, 1.0)
    assert not at.values.any()


def test_a_ring_has_a_lumen() -> None:
    at = canvas()
    at.ring((0, 0), (12, 12), 3, (50, -900))
    assert at.values[32, 32] == -900
    assert at.values[32, 32 + 10] == 50


def test_coverage_is_soft_at_the_edge() -> None:
    edge = coverage(np.array([-5, 0, 5], np.float32), 2)
    assert edge.tolist() == [1, 0.5, 0]


def test_the_same_window_of_a_field_lies_under_the_part() -> None:
    at = canvas(96)
    field = np.arange(96 * 96, dtype=np.float32).reshape(96, 96)
    at.values[...] = field
    part = at.near(-12, 8, 3)
    assert np.array_equal(same_window(at, part, field), part.values)
    assert same_window(at, at.near(900, 900, 3), field).size == 0


def test_section_and_ramp_end_where_they_should() -> None:
    assert section(0, 0, 10) == 1
    assert section(11, 0, 10) == 0
    assert (ramp(-1, 0, 1), ramp(0.5, 0, 1), ramp(2, 0, 1)) == (0, 0.5, 1)
