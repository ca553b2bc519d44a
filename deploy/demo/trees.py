"""Branching vessels in three dimensions, cut into slices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.demo.noise import Image
from deploy.demo.shapes import Canvas

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Branches:
    """Straight pieces of vessels as columns: ends (n, 3) and radii (n,) in mm."""

    starts: Floats
    ends: Floats
    radii: Floats

    @classmethod
    def of(cls, parts: "list[Branches]") -> "Branches":
        """Put several together."""
        return cls(
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.ends for part in parts]),
            np.concatenate([part.radii for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Habit:
    """How a tree grows."""

    length_mm: float = 32
    radius_mm: float = 4.5
    generations: int = 7
    shrink: float = 0.80
    thin: float = 0.76
    spread: float = 0.62


def grow(rng: np.random.Generator, root: Floats, direction: Floats, habit: Habit) -> "Branches":
    """Grow a tree from ``root``: every branch ends in two thinner ones."""
    starts, headings = root[None, :], (direction / np.linalg.norm(direction))[None, :]
    length, radii = habit.length_mm, np.array([habit.radius_mm])
    grown: list[Branches] = []
    for _ in range(habit.generations):
        count = len(starts)
        ends = starts + headings * length * rng.uniform(0.75, 1.2, (count, 1))
        grown.append(Branches(starts, ends, radii))
        sides = np.cross(headings, rng.standard_normal((count, 3)))
        sides /= np.linalg.norm(sides, axis=1, keepdims=True) + 1e-9
        turns = habit.spread * rng.uniform(0.55, 1.25, (2, count, 1))
        forks = np.concatenate((headings + turns[0] * sides, headings - turns[1] * sides))
        forks += 0.18 * rng.standard_normal(forks.shape)
        headings = forks / np.linalg.norm(forks, axis=1, keepdims=True)
        starts, length = np.concatenate((ends, ends)), length * habit.shrink
        radii = np.tile(radii, 2) * habit.thin * rng.uniform(0.85, 1.12, 2 * count)
    return Branches.of(grown)


@dataclass(frozen=True)
class Pieces:
    """Straight vessels that lie in one plane, as columns: ends (n, 2) in mm and radii (n,)."""

    starts: Floats
    ends: Floats
    radii: Floats

    def within(self, canvas: Canvas, organ: Image) -> "Pieces":
        """Return those that have an end or their middle in the organ."""
        kept = np.zeros(len(self.radii), bool)
        for share in (0.0, 0.5, 1.0):
            at = self.starts + share * (self.ends - self.starts)
            columns = np.searchsorted(canvas.axis_x, at[:, 0]).clip(0, len(canvas.axis_x) - 1)
            rows = np.searchsorted(canvas.axis_y, at[:, 1]).clip(0, len(canvas.axis_y) - 1)
            kept |= organ[rows, columns] > 0.02
        return Pieces(self.starts[kept], self.ends[kept], self.radii[kept])

    def windows(self, canvas: Canvas, margin_mm: float) -> list[tuple[int, int, int, int]]:
        """First and last row, first and last column around each piece."""
        reach = self.radii + margin_mm
        low = np.minimum(self.starts, self.ends) - reach[:, None]
        high = np.maximum(self.starts, self.ends) + reach[:, None]
        columns = np.searchsorted(canvas.axis_x, np.stack((low[:, 0], high[:, 0]))).tolist()
        rows = np.searchsorted(canvas.axis_y, np.stack((low[:, 1], high[:, 1]))).tolist()
        return list(zip(*rows, *columns, strict=True))


class Forest:
    """Branches that can be asked which of them a slice cuts."""

    def __init__(self, branches: Branches) -> None:
        self.starts, self.ends, self.radii = branches.starts, branches.ends, branches.radii
        self.low = np.minimum(self.starts[:, 2], self.ends[:, 2]) - self.radii
        self.high = np.maximum(self.starts[:, 2], self.ends[:, 2]) + self.radii

    def thicker_than(self, radius_mm: float) -> "Forest":
        """Only the large branches."""
        kept = np.flatnonzero(self.radii > radius_mm)
        return Forest(Branches(self.starts[kept], self.ends[kept], self.radii[kept]))

    def cut(self, z_mm: float, thickness_mm: float) -> Pieces:
        """Return what lies inside a slab, large vessels first."""
        half = thickness_mm / 2
        hits = np.flatnonzero((self.low < z_mm + half) & (self.high > z_mm - half))
        hits = hits[np.argsort(-self.radii[hits], kind="stable")]
        start, way = self.starts[hits], self.ends[hits] - self.starts[hits]
        rise = np.where(np.abs(way[:, 2]) < 1e-6, 1e-6, way[:, 2])
        inside = np.stack(((z_mm - half - start[:, 2]) / rise, (z_mm + half - start[:, 2]) / rise))
        first, last = np.clip(np.sort(inside, axis=0), 0, 1)
        starts = start[:, :2] + first[:, None] * way[:, :2]
        ends = start[:, :2] + last[:, None] * way[:, :2]
        return Pieces(starts, ends, self.radii[hits])

    def front_view(self, radius_mm: float) -> Pieces:
        """All branches above this radius as seen from the front, y downwards."""
        kept = np.flatnonzero(self.radii > radius_mm)
        flip = np.array([1.0, -1.0])
        starts, ends = self.starts[kept][:, [0, 2]] * flip, self.ends[kept][:, [0, 2]] * flip
        return Pieces(starts, ends, self.radii[kept])


def piece_distance(
    x: Image, y: Image, start: tuple[float, float], end: tuple[float, float]
) -> Image:
    """Distance of each crossing of ``x`` (1, columns) and ``y`` (rows, 1) to a straight line."""
    ex, ey = end[0] - start[0], end[1] - start[1]
    px, py = x - np.float32(start[0]), y - np.float32(start[1])
    scale = 1 / max(ex * ex + ey * ey, 1e-6)
    t = px * np.float32(ex * scale) + py * np.float32(ey * scale)
    np.maximum(t, 0, out=t)
    np.minimum(t, 1, out=t)
    dx, dy = px - t * np.float32(ex), py - t * np.float32(ey)
    result: Image = np.sqrt(dx * dx + dy * dy)
    return result


def paint_forest(
    canvas: Canvas, forest: Forest, slab: tuple[float, float], value: float, organ: Image
) -> None:
    """Paint the vessels of a slab (height, thickness) that run in an organ (coverage 0 to 1).

    Thin ones fade, as partial volume makes them.
    """
    soft, pieces = 1.4, forest.cut(*slab).within(canvas, organ)
    windows = pieces.windows(canvas, 1.6)
    strengths = np.minimum(1.0, 0.25 + pieces.radii / 2.2).astype(np.float32)
    shown = (np.maximum(pieces.radii, 0.75) / soft + 0.5).astype(np.float32)
    axis_x, axis_y = canvas.axis_x[None, :], canvas.axis_y[:, None]
    ends = zip(pieces.starts.tolist(), pieces.ends.tolist(), strict=True)
    for (top, bottom, left, right), (start, end), strength, reach in zip(
        windows, ends, strengths, shown, strict=True
    ):
        if top == bottom or left == right:
            continue
        distance = piece_distance(axis_x[:, left:right], axis_y[top:bottom], start, end)
        alpha = reach - distance * np.float32(1 / soft)
        np.maximum(alpha, 0, out=alpha)
        np.minimum(alpha, 1, out=alpha)
        part = canvas.values[top:bottom, left:right]
        part += alpha * strength * (np.float32(value) - part)
