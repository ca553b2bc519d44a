import numpy as np

from deploy.demo.noise import Grid, named_rng
from deploy.demo.torso import AIR, Finish, bends_of, build_of, finish_ct, spine_column, table


def test_a_person_keeps_the_build() -> None:
    assert build_of("a", is_female=True) == build_of("a", is_female=True)
    assert build_of("a", is_female=True) != build_of("b", is_female=True)


def test_builds_are_those_of_adults() -> None:
    for number in range(40):
        build = build_of(f"p{number}", is_female=number % 2 == 0)
        assert 270 <= 2 * build.width <= 380
        assert 190 <= 2 * build.depth <= 270
        assert build.field_of_view_mm > 2 * build.width


def test_bends_are_gentle_and_the_slice_starts_as_air() -> None:
    grid = Grid(64, 5.0)
    canvas = bends_of("a", "chest").canvas(grid, 10)
    assert (canvas.values == AIR).all()
    assert np.abs(canvas.x - grid.axis_mm[None, :]).max() < 20


def test_a_vertebra_is_bone_around_a_canal_and_a_disc_is_not() -> None:
    grid = Grid(128, 1.0)

    def column(z_mm: float) -> tuple[float, float]:
        canvas = bends_of("a", "chest").canvas(grid, z_mm, wide=0, narrow=0)
        spine_column(canvas, z_mm, (0, 0), 1.0, lumbar=True)
        return float(canvas.values[64, 64 + 20]), float(canvas.values[64 + 26, 64])

    body, canal = column(-400 + 0.6 * 30)
    disc, _ = column(-400 + 0.1 * 30)
    assert body > 150
    assert -50 < canal < 100
    assert 50 < disc < 110


def test_the_table_lies_below_the_patient() -> None:
    grid = Grid(128, 3.0)
    canvas = bends_of("a", "chest").canvas(grid, 0, wide=0, narrow=0)
    table(canvas, 100)
    rows = np.flatnonzero((canvas.values > -900).any(axis=1))
    assert grid.axis_mm[rows[0]] > 70


def test_a_finished_slice_is_round_and_has_the_noise_asked_for() -> None:
    grid = Grid(128, 2.0)
    flat = np.full((128, 128), 50, np.float32)
    values = finish_ct(flat, grid, named_rng("n"), Finish(sigma_hu=12, blur=0.5))
    assert values[0, 0] == -1024
    assert 10 < values[40:90, 40:90].std() < 14
