import numpy as np
import pytest

from deploy.demo.chest import Chest, ChestFindings
from deploy.demo.chest_radiograph import ChestFilmFindings, chest_film, habit_of
from deploy.demo.hand_radiograph import bones_of, hand_film, hand_of
from deploy.demo.noise import Grid, Image
from deploy.demo.torso import build_of

GRID = Grid(160, 2.2)


def chest() -> Chest:
    build = build_of("p", is_female=False)
    return Chest("p", build, ChestFindings(), contrast=False, thickness_mm=9)


def picture(what: ChestFilmFindings) -> Image:
    return chest_film(chest(), what, "s", GRID)


def test_lungs_are_darker_than_the_mediastinum() -> None:
    values = picture(ChestFilmFindings())
    lung, middle = values[60:90, 38:55].mean(), values[60:90, 76:84].mean()
    assert middle > lung + 800


def test_an_effusion_whitens_the_base_of_its_side_only() -> None:
    change = picture(ChestFilmFindings(effusion=40, side=1)) - picture(ChestFilmFindings())
    assert change[90:115, 105:125].mean() > 200
    assert abs(change[90:115, 35:55]).mean() < 60


def test_a_large_heart_is_wider() -> None:
    change = picture(ChestFilmFindings(big_heart=1.35)) - picture(ChestFilmFindings())
    assert (change > 300).sum() > 150


def test_a_person_keeps_the_habit_but_breathes() -> None:
    first, second = habit_of("p", "s1"), habit_of("p", "s2")
    assert first.rib_drop == second.rib_drop
    assert first.dome != second.dome
    assert habit_of("q", "s1").rib_drop != first.rib_drop


def test_the_right_hand_is_the_mirror_of_the_left() -> None:
    grid = Grid(128, 250 / 128)
    left, right = (
        hand_film(hand_of("p", is_female=True, is_right=side), "s", grid) for side in (False, True)
    )
    middle = np.s_[30:, 14:-14]
    assert np.corrcoef(left[middle].ravel(), right[:, ::-1][middle].ravel())[0, 1] > 0.98


def test_a_hand_has_nineteen_bones_and_two_of_the_forearm() -> None:
    assert len(bones_of(hand_of("p", is_female=False, is_right=True))) == 19 + 2


@pytest.mark.parametrize("fracture", ["metacarpal", "radius"])
def test_a_fracture_changes_the_film_in_one_place(fracture: str) -> None:
    grid = Grid(256, 250 / 256)
    whole = hand_film(hand_of("p", is_female=True, is_right=False), "s", grid)
    broken = hand_film(hand_of("p", is_female=True, is_right=False, fracture=fracture), "s", grid)
    changed = np.abs(broken - whole) > 250
    assert 20 < changed.sum() < 2500
