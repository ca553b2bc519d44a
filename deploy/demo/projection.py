"""Radiographs as sums of thickness: tubes, balls, edge enhancement, film tone."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy import ndimage

from deploy.demo.noise import Grid, Image
from deploy.demo.shapes import Canvas, capsule, ellipse

Point2 = tuple[float, float]


def film(grid: Grid, centre_y_mm: float = 0) -> Canvas:
    """Return an unexposed film: x to the left of the patient, y downwards, values = mm of water."""
    axis_x, axis_y = grid.axis_mm, grid.axis_mm + np.float32(centre_y_mm)
    x, y = np.broadcast_arrays(axis_x[None, :], axis_y[:, None])
    return Canvas(x, y, np.zeros((grid.size, grid.size), np.float32), axis_x, axis_y, 0.0)


def chord(distance: Image, radius_mm: float) -> Image:
    """How much of a tube or ball of this radius a ray crosses at this distance from its axis."""
    result: Image = 2 * np.sqrt(np.clip(radius_mm**2 - distance**2, 0, None))
    return result


def bone_profile(
    distance: Image, radius_mm: float, cortex_mm: float, marrow: float = 0.35
) -> Image:
    """Thickness of bone in a hollow shaft: dense at both edges."""
    inner = chord(distance, max(radius_mm - cortex_mm, 0.1))
    result: Image = chord(distance, radius_mm) - (1 - marrow) * inner
    return result


def path_distance(part: Canvas, points: Iterable[Point2], reach_mm: float) -> Image:
    """Distance to a line through points, up to ``reach_mm``."""
    nearest = np.full_like(part.values, reach_mm)
    for start, end in pairwise(points):
        near = window_of(replace(part, values=nearest), [start, end], reach_mm)
        np.minimum(near.values, capsule(near, start, end), out=near.values)
    return nearest


def window_of(canvas: Canvas, points: Sequence[Point2], margin_mm: float) -> Canvas:
    """Return the part of the film around a path."""
    xs, ys = np.array(points).T
    left, right = np.searchsorted(canvas.axis_x, (xs.min() - margin_mm, xs.max() + margin_mm))
    top, bottom = np.searchsorted(canvas.axis_y, (ys.min() - margin_mm, ys.max() + margin_mm))
    at = np.s_[top:bottom, left:right]
    axes = canvas.axis_x[left:right], canvas.axis_y[top:bottom]
    return Canvas(canvas.x[at], canvas.y[at], canvas.values[at], *axes, 0.0)


def add_tube(
    canvas: Canvas,
    points: Sequence[Point2],
    radius_mm: float,
    density: float,
    *,
    cortex_mm: float = 0,
) -> None:
    """Add a tube along a path: solid, or hollow if it has a cortex."""
    part = window_of(canvas, points, radius_mm + 1)
    distance = path_distance(part, points, radius_mm + 0.5)
    if cortex_mm:
        part.values += density * bone_profile(distance, radius_mm, cortex_mm)
    else:
        part.values += density * chord(distance, radius_mm)


def add_ball(
    canvas: Canvas, centre: Point2, radii: tuple[float, float], thickness_mm: float, turn: float = 0
) -> None:
    """Add an ellipsoid that is ``thickness_mm`` deep in its middle."""
    part = canvas.near(*centre, max(radii) + 1)
    scaled = ellipse(part, centre, radii, turn) / np.float32(min(radii)) + 1
    part.values += np.float32(thickness_mm) * np.sqrt(np.clip(1 - scaled**2, 0, None))


def develop(
    water_mm: Image,
    rng: np.random.Generator,
    *,
    middle_mm: float,
    contrast_mm: float,
    grain: float = 1.0,
) -> Image:
    """(rows, columns) 12-bit film values, bright where little came through."""
    size = water_mm.shape[0]
    soft = ndimage.gaussian_filter(water_mm, 0.8)
    wide = ndimage.uniform_filter(ndimage.uniform_filter(soft, size // 9), size // 9)
    fine = ndimage.uniform_filter(ndimage.uniform_filter(soft, 7), 7)
    sharp = soft + 0.22 * (soft - wide) + 0.8 * (soft - fine)
    noise = ndimage.gaussian_filter(rng.standard_normal(water_mm.shape, dtype=np.float32), 0.6)
    noise *= grain * (0.9 + soft / 90)
    tone = 1 / (1 + np.exp(-(sharp + noise - middle_mm) / contrast_mm))
    floor = 1 / (1 + np.exp(middle_mm / contrast_mm))
    result: Image = np.clip(3900 * (tone - floor) / (1 - floor) + 60, 0, 4095).astype(np.float32)
    return result


def side_marker(film_values: Image, letter: str, at: tuple[int, int]) -> None:
    """Add a lead letter, as the radiographer puts it on the cassette."""
    strokes = {
        "L": (((0, 0), (22, 0)), ((22, 0), (22, 13))),
        "R": (
            ((0, 0), (22, 0)),
            ((0, 0), (1, 10)),
            ((1, 10), (5, 13)),
            ((5, 13), (9, 11)),
            ((9, 11), (10, 0)),
            ((10, 2), (22, 13)),
        ),
    }
    rows, columns = np.mgrid[-3:27, -3:18].astype(np.float32)
    part = Canvas(rows, columns, np.zeros_like(rows), rows[0], columns[0])
    nearest = np.full_like(rows, 99)
    for start, end in strokes[letter]:
        np.minimum(nearest, capsule(part, start, end), out=nearest)
    alpha = np.clip(2.2 - nearest, 0, 1) * 0.92
    top, left = at
    area = film_values[top : top + rows.shape[0], left : left + rows.shape[1]]
    alpha = alpha[: area.shape[0], : area.shape[1]]  # a small film cuts the letter off
    area += alpha * (3950 - area)
