"""Deterministic randomness: named generators, smooth fields, image noise."""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

Image = NDArray[np.floating[Any]]


def named_rng(*parts: object) -> np.random.Generator:
    """Return a generator whose stream depends on nothing but the names."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@dataclass(frozen=True)
class Grid:
    """A square slice: pixel centres in mm (LPS: x to the left, y to the back)."""

    size: int
    pixel_mm: float
    bases: dict[tuple[float, int], sparse.csr_array] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def axis_mm(self) -> Image:
        """(size,) positions of the columns and of the rows."""
        steps: Image = np.arange(self.size, dtype=np.float32) - np.float32((self.size - 1) / 2)
        return steps * np.float32(self.pixel_mm)

    def basis(self, scale_mm: float, count: int) -> sparse.csr_array:
        """(size, count) B-spline weights of a lattice with this scale, kept for the next slice.

        Sparse: four weights a row, and no BLAS, whose threads would fight for the cores.
        """
        key = (scale_mm, count)
        if key not in self.bases:
            self.bases[key] = sparse.csr_array(spline_basis(self.axis_mm, scale_mm, count))
        return self.bases[key]


def spline_basis(positions_mm: Image, scale_mm: float, count: int) -> Image:
    """(n, count) cubic B-spline weights of ``count`` lattice points centred on 0."""
    at = positions_mm[:, None] / scale_mm + (count - 1) / 2
    t = np.abs(at - np.arange(count, dtype=np.float32)[None, :])
    inner = 2 / 3 - t**2 + t**3 / 2
    outer = np.clip(2 - t, 0, None) ** 3 / 6
    weights: Image = np.where(t < 1, inner, outer).astype(np.float32)
    return weights


class SmoothField:
    """Random values of mean 0 and deviation 1 that vary over ``scale_mm`` in three directions."""

    def __init__(
        self,
        rng: np.random.Generator,
        scale_mm: float,
        *,
        extent_mm: float = 250,
        height_mm: float = 170,
        scale_z_mm: float | None = None,
    ) -> None:
        self.scale_mm = scale_mm
        self.scale_z_mm = scale_z_mm or scale_mm
        self.count = int(2 * extent_mm / scale_mm) + 4
        self.count_z = int(2 * height_mm / self.scale_z_mm) + 4
        shape = (self.count_z, self.count, self.count)
        # a cubic B-spline keeps 0.479 of the variance in each direction
        self.lattice = rng.standard_normal(shape, dtype=np.float32) / np.float32(0.692**3)
        self.last: tuple[Grid, float, Image] | None = None

    def on(self, grid: Grid, z_mm: float) -> Image:
        """(size, size) values of the field in the slice at ``z_mm``; read only."""
        if self.last is None or self.last[:2] != (grid, z_mm):
            self.last = (grid, z_mm, self._slice(grid, z_mm))
        return self.last[2]

    def _slice(self, grid: Grid, z_mm: float) -> Image:
        weights = spline_basis(np.array([z_mm], np.float32), self.scale_z_mm, self.count_z)[0]
        plane = np.zeros(self.lattice.shape[1:], np.float32)
        for layer in np.flatnonzero(weights):
            plane += weights[layer] * self.lattice[layer]
        basis = grid.basis(self.scale_mm, self.count)
        result: Image = (basis @ (basis @ plane).T).T
        return result


@cache
def _grain_sheet(size: int) -> Image:
    """Make a sheet of noise, larger than a slice, with the grain of a filtered back projection."""
    white = named_rng("grain", size).standard_normal((2 * size, 2 * size), dtype=np.float32)
    fine = ndimage.gaussian_filter(white, 0.75, mode="wrap")
    grain = fine - ndimage.uniform_filter(fine, 9, mode="wrap")
    sheet: Image = grain / grain.std()
    return sheet


def ct_noise(rng: np.random.Generator, size: int, sigma_hu: float) -> Image:
    """(size, size) noise without low frequencies: a random cut out of one sheet."""
    top, left, turns = rng.integers((size, size, 4))
    cut = _grain_sheet(size)[top : top + size, left : left + size]
    result: Image = np.rot90(cut, turns) * np.float32(sigma_hu)
    return result


def rician(rng: np.random.Generator, signal: Image, sigma: float) -> Image:
    """Magnitude of a complex MR signal with noise in both channels."""
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    result: Image = np.hypot(real, imaginary)
    return result
