"""What chest and abdomen share: the person's build, body wall, ribs, spine, table, finishing."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from deploy.demo.noise import Grid, Image, SmoothField, ct_noise, named_rng
from deploy.demo.shapes import Canvas, capsule, cover, coverage, ellipse, ramp, squarish

AIR, FAT, MUSCLE, SKIN = -1000.0, -105.0, 55.0, 15.0


@dataclass(frozen=True)
class Build:
    """Sizes of a person's trunk in mm."""

    width: float
    depth: float
    fat: float
    square: float
    is_female: bool
    heart: float
    lungs: float
    vertebra: float
    liver: float

    @property
    def field_of_view_mm(self) -> float:
        """Side of the square that shows the whole trunk."""
        return float(np.ceil((2 * self.width + 34) / 10) * 10)


def build_of(person: str, *, is_female: bool) -> Build:
    """Return the build that belongs to a person: the same in every study."""
    rng = named_rng(person, "build")
    large = rng.normal(0, 1)
    slim = -10 if is_female else 0
    fat = float(np.clip(15 + 6 * large + rng.normal(0, 3) + (3 if is_female else 0), 7, 32))
    return Build(
        width=float(np.clip(160 + slim + 9 * large + rng.normal(0, 4), 138, 188)),
        depth=float(np.clip(113 + slim / 2 + 8 * large + rng.normal(0, 4), 98, 134)),
        fat=fat,
        square=rng.uniform(0.25, 0.6),
        is_female=is_female,
        heart=rng.uniform(0.88, 1.12),
        lungs=rng.uniform(0.94, 1.06),
        vertebra=rng.uniform(0.9, 1.1) * (0.93 if is_female else 1.0),
        liver=rng.uniform(0.9, 1.1),
    )


class Bends:
    """Smooth bending of space that makes each person's organs their own."""

    def __init__(self, person: str, part: str) -> None:
        rng = named_rng(person, part, "bends")
        self.wide = (SmoothField(rng, 55), SmoothField(rng, 55))
        self.narrow = (
            SmoothField(rng, 17, scale_z_mm=30),
            SmoothField(rng, 17, scale_z_mm=30),
        )
        self.grain = SmoothField(rng, 5, scale_z_mm=12)
        self.cloud = SmoothField(rng, 11, scale_z_mm=14)

    def canvas(self, grid: Grid, z_mm: float, *, wide: float = 3.2, narrow: float = 1.0) -> Canvas:
        """Make an empty slice in air whose coordinates are bent by up to about 10 mm."""
        axis = grid.axis_mm
        x = (
            axis[None, :]
            + wide * self.wide[0].on(grid, z_mm)
            + narrow * self.narrow[0].on(grid, z_mm)
        )
        y = (
            axis[:, None]
            + wide * self.wide[1].on(grid, z_mm)
            + narrow * self.narrow[1].on(grid, z_mm)
        )
        values = np.full((grid.size, grid.size), AIR, np.float32)
        return Canvas(x.astype(np.float32), y.astype(np.float32), values, axis, axis)


@lru_cache(maxsize=8)
def bends_of(person: str, part: str) -> Bends:
    """Bends of a person, kept while its slices are made."""
    return Bends(person, part)


def fat_texture(bends: Bends, grid: Grid, z_mm: float, level: float = FAT) -> Image:
    """Fat with its fine strands."""
    strands = np.clip(bends.grain.on(grid, z_mm) - 1.5, 0, 2) * 45
    result: Image = (level + 5 * bends.cloud.on(grid, z_mm) + strands).astype(np.float32)
    return result


def muscle_texture(bends: Bends, grid: Grid, z_mm: float) -> Image:
    """Muscle with thin fatty streaks."""
    streaks = np.clip(bends.grain.on(grid, z_mm) - 1.0, 0, 2.2) * 55
    result: Image = (MUSCLE + 4 * bends.cloud.on(grid, z_mm) - streaks).astype(np.float32)
    return result


def spine_column(
    canvas: Canvas, z_mm: float, centre: tuple[float, float], size: float, *, lumbar: bool
) -> None:
    """Vertebra or disc with canal, arch and processes, by the height of the slice."""
    height = 30.0 if lumbar else 22.0
    phase = ((z_mm + 400) % height) / height
    cx, cy = centre
    rx, ry = (24 * size, 17 * size) if lumbar else (15.5 * size, 14 * size)
    back = cy + ry + 9 * size
    _arch(canvas, phase, (cx, back), (rx, size), lumbar=lumbar)
    part = canvas.near(cx, cy, rx + 4)
    outline = squarish(part, (cx, cy), (rx, ry), 0.35)
    dent = ellipse(part, (cx, cy + ry + 5 * size), (11 * size, 8 * size))
    outline = np.maximum(outline, -dent)
    if phase < 0.2:
        part.paint(outline + 1, 88, soft=2.5)
        part.paint(outline + 7 * size, 70, soft=6)
    else:
        endplate = 1 - ramp(abs(phase - 0.6), 0.30, 0.42)
        part.paint(outline, 520, soft=2)
        part.paint(outline + 2.4, 190 + 240 * (1 - endplate), soft=2.5)
    canvas.ellipse((cx, back), (9.5 * size, 8 * size), -10, soft=2)
    canvas.ellipse((cx, back), (6.5 * size, 5.5 * size), 28, soft=2)


def _arch(
    canvas: Canvas,
    phase: float,
    canal: tuple[float, float],
    sizes: tuple[float, float],
    *,
    lumbar: bool,
) -> None:
    """Pedicles, laminae, spinous and transverse processes around the canal."""
    (cx, cy), (rx, size) = canal, sizes
    spinous = 24 * size if lumbar else 30 * size
    bone, marrow = 480.0, 240.0
    if phase > 0.3:
        strength = 1 - ramp(abs(phase - 0.65), 0.22, 0.36)
        for side in (-1, 1):
            pedicle = (
                (cx + side * 12 * size, cy - 9 * size),
                (cx + side * 13 * size, cy + 3 * size),
            )
            canvas.bar(*pedicle, 4.5 * size, bone, opacity=strength)
            tip = (
                cx + side * (rx + (18 if lumbar else 16) * size),
                cy + (1 if lumbar else 9) * size,
            )
            canvas.bar(
                (cx + side * 12 * size, cy + 3 * size), tip, 3.6 * size, bone, opacity=strength
            )
            canvas.bar(
                (cx + side * 12 * size, cy + 3 * size), tip, 1.8 * size, marrow, opacity=strength
            )
    for side in (-1, 1):
        canvas.bar((cx + side * 13 * size, cy + 3 * size), (cx, cy + 11 * size), 3.2 * size, bone)
    reach = spinous * (0.55 + 0.45 * np.sin(np.pi * min(1.0, phase + 0.1)))
    canvas.bar((cx, cy + 11 * size), (cx, cy + 11 * size + reach), 3.0 * size, bone)
    canvas.bar((cx, cy + 11 * size), (cx, cy + 9 * size + reach), 1.3 * size, marrow)


def back_muscles(canvas: Canvas, build: Build, spine_y: float, *, size: float = 1.0) -> None:
    """Paint the long muscles beside the spinous processes, outlined by fat."""
    middle = (spine_y + 24 + build.depth - build.fat) / 2
    half = max(12.0, (build.depth - build.fat - spine_y - 24) / 2)
    for side in (-1, 1):
        centre, radii = (side * 27 * size, middle), (24 * size, half)
        canvas.ellipse(centre, (radii[0] + 1.6, radii[1] + 1.6), -85, opacity=0.75)
        canvas.ellipse(centre, radii, MUSCLE + 3)
        canvas.ellipse((side * 21 * size, middle + 2), (1.2, half * 0.7), -70, opacity=0.6)


@dataclass(frozen=True)
class RibCage:
    """The ring of ribs of one slice: its centre, radii, and how steep and dense the ribs are."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    spine_y: float
    spacing_mm: float = 25.0
    drop_mm: float = 95.0
    cartilage_from: float = 2.35


def rib_ring(canvas: Canvas, z_mm: float, cage: RibCage, *, opacity: float = 1.0) -> None:
    """All ribs that the slice cuts, in one go: each is a slanting band around the cage."""
    if opacity <= 0:
        return
    depth = ellipse(canvas, cage.centre, cage.radii)
    at = np.nonzero(np.abs(depth) < 9)
    depth, x, y = depth[at], canvas.x[at], canvas.y[at]
    angle = np.arctan2(np.abs(x - np.float32(cage.centre[0])), y - np.float32(cage.centre[1]))
    along = np.float32(z_mm + 500) + cage.drop_mm * np.clip(angle - 0.25, 0, 3) / np.pi * 1.25
    offset = np.abs((along % cage.spacing_mm) - cage.spacing_mm / 2)
    distance = (np.hypot(depth / 4.3, offset / 7.2) - 1) * 4.0
    front = angle > cage.cartilage_from
    values = canvas.values[at]
    shown = coverage(distance, 1.8) * np.float32(opacity) * (angle > 0.22)
    cover(values, shown * ~front, 560)
    cover(values, coverage(distance + 2.1, 1.8) * ~front * (angle > 0.25) * opacity, 180)
    cover(values, shown * front * (angle < 2.95), 105)
    canvas.values[at] = values


def table(canvas: Canvas, bottom_mm: float) -> None:
    """Paint the couch: a flat curved shell below the patient."""
    axis_x, axis_y = canvas.axis_x[None, :], canvas.axis_y[:, None]
    sag = bottom_mm + 11 - (axis_x / 210) ** 2 * 34
    shell = np.maximum(np.abs(axis_y - sag) - 1.2, np.abs(axis_x) - 205)
    cover(canvas.values, coverage(shell.astype(np.float32), 1.6), -380)
    lower = sag + 22 - (axis_x / 210) ** 2 * 10
    shell = np.maximum(np.abs(axis_y - lower) - 1.2, np.abs(axis_x) - 200)
    cover(canvas.values, coverage(shell.astype(np.float32), 1.6), -420)


@dataclass(frozen=True)
class Finish:
    """Noise and blur of a scan."""

    sigma_hu: float = 13.0
    blur: float = 0.55


def finish_ct(values: Image, grid: Grid, rng: np.random.Generator, finish: Finish) -> Image:
    """Blur, noise, streaks between dense bones and the round field of the reconstruction."""
    blurred = ndimage.gaussian_filter(values, finish.blur)
    bone = np.clip(blurred - 300, 0, 1200).sum(axis=1)
    streak = ndimage.gaussian_filter1d(rng.standard_normal(grid.size), 0.8)
    body = blurred > -400
    rows = (streak * 1.2 + bone / 26000) * finish.sigma_hu * 0.35
    blurred += np.where(body, rows[:, None], 0).astype(np.float32)
    noise = ct_noise(rng, grid.size, finish.sigma_hu)
    result: Image = blurred + np.where(body, noise, noise * 0.6)
    radius = np.hypot(grid.axis_mm[None, :], grid.axis_mm[:, None])
    result[radius > grid.axis_mm[-1] + grid.pixel_mm / 2] = -1024
    return np.clip(result, -1024, 3071)


__all__ = [
    "AIR",
    "FAT",
    "MUSCLE",
    "SKIN",
    "Bends",
    "Build",
    "Finish",
    "RibCage",
    "back_muscles",
    "bends_of",
    "build_of",
    "capsule",
    "fat_texture",
    "finish_ct",
    "muscle_texture",
    "rib_ring",
    "spine_column",
    "table",
]
