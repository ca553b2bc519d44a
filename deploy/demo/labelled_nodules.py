"""Chest CTs of people who never lived, with nodules whose places are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deploy.demo.chest import (
    Chest,
    ChestFindings,
    Nodule,
    cavity_distance,
    chest_slice,
    dome_mm,
    nodule_distance,
)
from deploy.demo.noise import Grid, named_rng
from deploy.demo.torso import bends_of, build_of

SIZE = 256
_TOP_MM, _BOTTOM_MM = 105.0, -125.0
# A nodule of less in-plane area is none that a reader would mark.
_SMALLEST_MM2 = 12.0
_INSIDE_LUNG_MM = 6.0


@dataclass(frozen=True)
class LabelledNodule:
    """Where a nodule came to lie, in mm from the middle of the volume's first voxel."""

    centre_mm_zyx: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True, eq=False)
class NodulePhantom:
    """One chest CT with the truth about it."""

    name: str
    volume_zyx: npt.NDArray[np.float32]
    spacing_mm_zyx: tuple[float, float, float]
    nodules: tuple[LabelledNodule, ...]


def make_phantom(name: str, *, thickness_mm: float = 9.0, at_most: int = 6) -> NodulePhantom:
    """Make a chest with none to so many nodules; the same name gives the same chest."""
    rng = named_rng("labelled nodules", name)
    is_female = bool(rng.integers(2))
    build = build_of(name, is_female=is_female)
    chest = Chest(name, build, ChestFindings(), bool(rng.integers(2)), thickness_mm)
    nodules = _places(rng, chest, int(rng.integers(at_most + 1)))
    findings = ChestFindings(
        further_nodules=nodules,
        emphysema=float(rng.uniform(0.3, 1)) if rng.random() < 0.2 else 0,
        effusion=float(rng.uniform(15, 50)) if rng.random() < 0.15 else 0,
        consolidation=float(rng.uniform(20, 40)) if rng.random() < 0.15 else 0,
        side=-1 if rng.integers(2) else 1,
    )
    chest = Chest(name, build, findings, chest.contrast, thickness_mm)
    grid = Grid(SIZE, build.field_of_view_mm / SIZE)
    heights = np.arange(_TOP_MM - rng.uniform(0, thickness_mm), _BOTTOM_MM, -thickness_mm)
    volume = np.stack([chest_slice(chest, name, grid, round(float(z), 1)) for z in heights])
    return NodulePhantom(
        name,
        volume[::-1].astype(np.float32),
        (thickness_mm, grid.pixel_mm, grid.pixel_mm),
        _found_all(chest, nodules, grid, heights[::-1]),
    )


def _places(rng: np.random.Generator, chest: Chest, count: int) -> tuple[Nodule, ...]:
    """Draw places well inside the lungs and apart from each other."""
    width, depth = chest.cavity
    found: list[Nodule] = []
    for _ in range(400):
        if len(found) == count:
            break
        radius = float(np.exp(rng.uniform(np.log(4.0), np.log(18.0))))
        x = float(rng.choice((-1, 1)) * rng.uniform(0.35, 0.92) * width)
        at = (x, float(rng.uniform(-0.75, 0.75) * depth), float(rng.uniform(-85, 85)))
        apart = all(np.hypot(*np.subtract(at, n.at)[:2]) > radius + n.radius + 8 for n in found)
        if apart and _is_in_lung(chest, at):
            found.append(Nodule(at, radius, spiculated=bool(radius > 9 and rng.random() < 0.4)))
    return tuple(found)


def _is_in_lung(chest: Chest, at: tuple[float, float, float]) -> bool:
    grid = Grid(SIZE, chest.build.field_of_view_mm / SIZE)
    canvas = bends_of(chest.person, "chest").canvas(grid, round(at[2], 1))
    row, column = _nearest(canvas.x - at[0], canvas.y - at[1])
    cavity = cavity_distance(canvas, chest, at[2])[row, column]
    above = at[2] - dome_mm(canvas, chest)[row, column]
    return bool(cavity < -_INSIDE_LUNG_MM and above > _INSIDE_LUNG_MM)


def _nearest(dx: npt.NDArray[np.float32], dy: npt.NDArray[np.float32]) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.argmin(np.hypot(dx, dy))), dx.shape)
    return int(row), int(column)


def _found_all(
    chest: Chest, nodules: tuple[Nodule, ...], grid: Grid, heights: npt.NDArray[np.float64]
) -> tuple[LabelledNodule, ...]:
    found = (_found(chest, nodule, grid, heights) for nodule in nodules)
    return tuple(one for one in found if one is not None)


def _found(
    chest: Chest, nodule: Nodule, grid: Grid, heights: npt.NDArray[np.float64]
) -> LabelledNodule | None:
    """Say where a nodule came to lie: space is bent after it was placed."""
    bends, weights, sums = bends_of(chest.person, "chest"), 0.0, np.zeros(3)
    largest = 0.0
    for index, z in enumerate(np.round(heights, 1)):
        if abs(z - nodule.at[2]) > nodule.radius + 4:
            continue
        canvas = bends.canvas(grid, float(z))
        distance = nodule_distance(canvas, nodule, bends.grain.on(grid, float(z)), float(z))
        inside = np.argwhere(distance < 0) if distance is not None else np.empty((0, 2))
        if len(inside):
            centre = np.array([index, *inside.mean(axis=0)])
            sums += len(inside) * centre
            weights += len(inside)
            largest = max(largest, len(inside) * grid.pixel_mm**2)
    spacing = np.array([chest.thickness_mm, grid.pixel_mm, grid.pixel_mm])
    if largest < _SMALLEST_MM2:
        return None
    z, y, x = sums / weights * spacing
    return LabelledNodule((float(z), float(y), float(x)), float(np.sqrt(largest / np.pi)))
