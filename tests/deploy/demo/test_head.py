import numpy as np
import pytest

from deploy.demo.head import CT, T1, T2, Lesion, head_of, paint_head
from deploy.demo.head_scans import head_ct_slice, head_mr_slice
from deploy.demo.noise import Grid

GRID = Grid(128, 245 / 128)


def near(image: np.ndarray, x_mm: float, y_mm: float, size: int = 3) -> float:
    column = int(np.searchsorted(GRID.axis_mm, x_mm))
    row = int(np.searchsorted(GRID.axis_mm, y_mm))
    return float(image[row - size : row + size, column - size : column + size].mean())


def test_the_old_have_more_fluid_than_the_young() -> None:
    def fluid(age: float) -> float:
        values = paint_head(head_of("p", age), GRID, 24, T2).values
        return float((values > 800).mean())

    assert fluid(85) > fluid(25) * 1.2


def test_a_ventricle_is_dark_on_t1_and_bright_on_t2() -> None:
    head = head_of("p", 60)
    dark, bright = (paint_head(head, GRID, 24, tissue).values for tissue in (T1, T2))
    at = np.unravel_index(bright[50:78, 50:78].argmax(), (28, 28))
    assert dark[50:78, 50:78][at] < 300
    assert bright[50:78, 50:78][at] > 800


def test_the_skull_is_bone_on_ct_and_dark_on_mr() -> None:
    head = head_of("p", 40)
    assert head_ct_slice(head, "s", GRID, 20).max() > 900
    ring = paint_head(head, GRID, 20, CT).values > 1000
    assert np.median(paint_head(head, GRID, 20, T1).values[ring]) < 200


@pytest.mark.parametrize(("kind", "brighter"), [("bleed", True), ("infarct", False)])
def test_lesions_look_on_ct_as_they_should(kind: str, brighter: bool) -> None:
    spot = (28.0, 0.0, 20.0)
    healthy = head_ct_slice(head_of("p", 50), "s", GRID, 20)
    sick = head_ct_slice(head_of("p", 50, (Lesion(kind, spot, 18),)), "s", GRID, 20)
    change = near(sick, 28, 0) - near(healthy, 28, 0)
    assert change > 15 if brighter else change < -5


def test_plaques_are_bright_on_flair() -> None:
    plaque = Lesion("plaque", (22.0, 20.0, 20.0), 7)
    healthy = head_mr_slice(head_of("p", 30), "s", GRID, 20, "FLAIR")
    sick = head_mr_slice(head_of("p", 30, (plaque,)), "s", GRID, 20, "FLAIR")
    assert near(sick, 22, 20, 2) > near(healthy, 22, 20, 2) + 150


def test_the_lower_slices_have_eyes_and_air_cells() -> None:
    values = paint_head(head_of("p", 40), GRID, -42, CT).values
    inside = values[30:98, 30:98]
    assert (inside < -900).any()
    assert (inside > 1000).any()
