"""A chest radiograph (PA): the same chest as on the CT, projected."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deploy.demo.chest import APEX_MM, Chest, lung_forests
from deploy.demo.noise import Grid, Image, SmoothField, named_rng
from deploy.demo.projection import (
    add_ball,
    add_tube,
    chord,
    develop,
    film,
    side_marker,
)
from deploy.demo.shapes import Canvas, coverage, ramp
from deploy.demo.trees import piece_distance

CENTRE_Y_MM = 4.0


@dataclass(frozen=True)
class ChestFilmFindings:
    """What is wrong on this film; sizes in mm, 0 = not there. ``side``: -1 right, 1 left."""

    nodule: float = 0
    nodule_at: tuple[float, float] = (0, 0)
    effusion: float = 0
    consolidation: float = 0
    pneumothorax: float = 0
    big_heart: float = 1.0
    side: int = -1


@dataclass(frozen=True)
class Habit:
    """How a person's chest differs from the next on a film; lengths in mm, y downwards."""

    dome: tuple[float, float]
    rib_drop: float
    rib_start: float
    collar: float
    band: float
    knob: float
    bubble: float
    spine: float
    roots: float


@lru_cache(maxsize=8)
def habit_of(person: str, study: str) -> Habit:
    """Return the habit of a person; how deep the breath was changes from study to study."""
    rng, breath = named_rng(person, "film habit"), named_rng(study, "breath").uniform(-5, 4)
    high = rng.uniform(-12, 9)
    return Habit(
        dome=(76 + high + breath, 84 + high + breath + rng.uniform(-6, 8)),
        rib_drop=rng.uniform(0.78, 1.18),
        rib_start=rng.uniform(-116, -107),
        collar=rng.uniform(-9, 10),
        band=rng.uniform(0.84, 1.22),
        knob=rng.uniform(7, 19),
        bubble=max(0.0, rng.uniform(-0.5, 1.2)),
        spine=rng.uniform(0.5, 1.0),
        roots=rng.uniform(0.7, 1.3),
    )


@dataclass(frozen=True)
class Sitter:
    """Whose film is taken: the chest, what is wrong with it, its habit."""

    chest: Chest
    what: ChestFilmFindings
    habit: Habit


@lru_cache(maxsize=4)
def texture_of(person: str) -> tuple[SmoothField, SmoothField]:
    """Clouds for soft tissue and for consolidations."""
    rng = named_rng(person, "film")
    return SmoothField(rng, 40, height_mm=45), SmoothField(rng, 9, height_mm=12)


def half_width(chest: Chest, y_mm: Image | float) -> Image:
    """Half width of the chest cavity at a height."""
    rise = np.clip((np.asarray(y_mm, np.float32) + APEX_MM) / 125, 0.0, 1)
    shape = np.sqrt(1 - (1 - rise) ** 2.3)
    narrow = 1 - 0.05 * np.clip((np.asarray(y_mm) - 60) / 60, 0, 1)
    result: Image = (chest.cavity[0] * (0.22 + 0.78 * shape) * narrow).astype(np.float32)
    return result


def body(canvas: Canvas, chest: Chest) -> None:
    """Soft tissue of trunk, neck, shoulders and breasts."""
    build, y = chest.build, canvas.y
    slope = np.clip((y + 176) / 60, 0, 1)
    shoulder = 54 + (build.width + 40) * slope**0.7
    armpit = np.clip((y + 112) / 84, 0, 1)
    armpit = armpit * armpit * (3 - 2 * armpit)
    trunk = build.width + 5 - 6 * np.clip((y - 40) / 90, 0, 1)
    edge = shoulder + (trunk - shoulder) * armpit
    inside = np.clip(1 - (np.abs(canvas.x) / edge) ** 2.4, 0, None)
    depth = 2 * build.depth * (0.66 + 0.34 * np.clip((y + 170) / 150, 0, 1))
    canvas.values += depth * inside**0.55
    for side in (-1, 1):
        arm = [(side * (build.width + 34), -96.0), (side * (build.width + 62), 190.0)]
        add_tube(canvas, arm, 36, 0.8)
    canvas.values += 5 * texture_of(chest.person)[0].on(_grid_of(canvas), 0) * (inside > 0)
    if build.is_female:
        for side in (-1, 1):
            add_ball(canvas, (side * build.width * 0.53, 66), (64, 60), 24)


def _grid_of(canvas: Canvas) -> Grid:
    pixel = float(canvas.axis_x[1] - canvas.axis_x[0])
    return Grid(len(canvas.axis_x), round(pixel, 6))


def dome(sitter: Sitter, x: Image) -> Image:
    """Height (y) of the diaphragm along x, with the angle at the ribs."""
    width, (high_right, high_left) = sitter.chest.cavity[0], sitter.habit.dome
    right = high_right + 46 * (np.abs(x + width * 0.50) / (width * 0.50)) ** 2.3
    left = high_left + 42 * (np.abs(x - width * 0.52) / (width * 0.48)) ** 2.3
    result: Image = np.where(x < 0, right, left).astype(np.float32)
    return result


def lung_depth(canvas: Canvas, sitter: Sitter) -> Image:
    """Thickness (mm) of air-filled lung along each ray, before vessels."""
    chest, what = sitter.chest, sitter.what
    edge = half_width(chest, canvas.y)
    scaled = np.clip(np.abs(canvas.x) / edge, 0, 1)
    depth = 1.62 * chest.cavity[1] * (1 - scaled**2.6) ** 0.5
    apex = np.clip((canvas.y + APEX_MM - 1) / 70, 0, 1) ** 0.6
    below = canvas.y - dome(sitter, canvas.x)
    recess = np.clip(1 - below / 42, 0, 1) * 0.17
    share = np.where(below < 0, 1.0, recess)
    share = coverage(below, 2.4) * (1 - recess) + recess * (share > 0)
    middle = _mediastinum_share(canvas, sitter.habit)
    result: Image = (depth * apex * share * middle * (canvas.y > -APEX_MM)).astype(np.float32)
    if what.effusion:
        lateral = np.clip(np.abs(canvas.x) / edge, 0, 1)
        level = 100 - what.effusion - 34 * lateral**3 + 8 * (1 - lateral)
        fluid = coverage(level - canvas.y, 9) * (canvas.x * what.side > 0)
        result *= 1 - 0.93 * fluid
    return result


def _mediastinum_share(canvas: Canvas, habit: Habit) -> Image:
    """1 over the lungs, small where the mediastinum fills the depth."""
    y = canvas.y
    right = 24 * habit.band + 3 * np.sin(y / 30) + 10 * np.clip((-y - 70) / 60, 0, 1)
    knob = habit.knob * np.exp(-(((y + 34) / 15) ** 2)) + 10 * np.exp(-(((y - 2) / 20) ** 2))
    left = 22 * habit.band + knob + 8 * np.clip((-y - 70) / 60, 0, 1)
    outside = np.where(canvas.x < 0, -canvas.x - right, canvas.x - left)
    result: Image = 0.10 + 0.90 * (1 - coverage(outside.astype(np.float32), 5.0))
    return result


def heart(canvas: Canvas, sitter: Sitter) -> Image:
    """Share of the depth that the heart takes away from the lungs."""
    size = sitter.chest.build.heart * sitter.what.big_heart
    low = sum(sitter.habit.dome) / 2 - 80
    held = np.zeros_like(canvas.values)
    shadow = Canvas(canvas.x, canvas.y, held, canvas.axis_x, canvas.axis_y, 0.0)
    clear = np.ones_like(held)
    for centre, radii, turn in (
        ((17 * size, 50 + low), (57 * size, 43 * size), 0.52 + low / 60),
        ((-14, 46 + low), (32 * size, 38 * size), 0.0),
        ((16, 14), (27, 32), 0.2),
    ):
        held[...] = 0
        add_ball(shadow, centre, radii, 1.0, turn)
        clear *= 1 - 0.94 * np.clip(held, 0, 1) ** 0.6
    result: Image = 1 - clear
    return result


def vessels(canvas: Canvas, sitter: Sitter, lung: Image, visible: Image) -> None:
    """Add the branching lung vessels, seen from the front, and the roots of the lungs."""
    layer = Canvas(canvas.x, canvas.y, np.zeros_like(lung), canvas.axis_x, canvas.axis_y, 0.0)
    axis_x, axis_y = canvas.axis_x[None, :], canvas.axis_y[:, None]
    for forest in lung_forests(sitter.chest.person, *sitter.chest.cavity):
        pieces = forest.front_view(0.95)
        for (top, bottom, left, right), start, end, radius in zip(
            pieces.windows(canvas, 0.8), pieces.starts, pieces.ends, pieces.radii, strict=True
        ):
            if top == bottom or left == right:
                continue
            at = axis_x[:, left:right], axis_y[top:bottom]
            tube = chord(piece_distance(*at, tuple(start), tuple(end)), radius)
            into = layer.values[top:bottom, left:right]
            np.maximum(into, tube * min(1.0, 0.45 + radius / 4), out=into)
    canvas.values += 1.9 * layer.values * np.clip(lung / 60, 0, 1) * visible
    for side, y in ((-1, 10), (1, 2)):
        for dx, dy, rx, ry in ((38, 0, 11, 17), (34, 18, 8, 14), (46, -8, 8, 8), (44, 14, 9, 10)):
            add_ball(canvas, (side * dx, y + dy), (rx, ry), 13 * sitter.habit.roots)


def _rib_path(sitter: Sitter, number: int, side: int) -> list[tuple[float, float]]:
    """Trace the course of a rib from the spine to its front end."""
    top = sitter.habit.rib_start + 21.5 * number
    drop = (34, 52, 66, 76, 84, 90, 94, 96, 98, 96)[number] * sitter.habit.rib_drop
    wide = float(half_width(sitter.chest, min(top + 0.42 * drop, 118))) + 5
    last = (2.45, 2.6, 2.62, 2.6, 2.55, 2.5, 2.4, 2.3, 2.1, 1.9)[number]
    ts = np.linspace(0.02, last, 20)
    xs = side * (16 + (wide - 16) * np.sin(ts) ** 0.82)
    ys = top + drop * ((1 - np.cos(ts)) / 2) ** 1.08 - 7 * np.sin(np.clip(2 * ts, 0, np.pi))
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def skeleton(canvas: Canvas, sitter: Sitter) -> None:
    """Ribs, collar bones, shoulder blades, upper arms and the spine."""
    chest, lift = sitter.chest, sitter.habit.collar
    for side in (-1, 1):
        for number in range(10):
            path = _rib_path(sitter, number, side)
            bend = int(np.argmax([abs(x) for x, _ in path]))
            add_tube(canvas, path[: bend + 2], 5.6, 1.55, cortex_mm=1.3)
            add_tube(canvas, path[bend + 1 :], 6.2, 0.95, cortex_mm=1.2)
        course = ((13, -92), (40, -104), (76, -112), (112, -124), (148, -132))
        collar = [(side * x, y + lift * x / 100) for x, y in course]
        add_tube(canvas, collar, 6.3, 1.9, cortex_mm=1.7)
        width = chest.build.width
        blade = [(side * (width - x), y) for x, y in ((52, -96), (40, -30), (22, 34))]
        outer = [(side * (width - x), y) for x, y in ((6, -104), (2, -50), (22, 34))]
        add_tube(canvas, blade, 3.0, 1.7, cortex_mm=1.0)
        add_tube(canvas, outer, 4.2, 1.7, cortex_mm=1.4)
        spine = [(side * (width - x), y) for x, y in ((48, -92), (14, -118), (-8, -128))]
        add_tube(canvas, spine, 5.0, 1.2, cortex_mm=1.3)
        add_ball(canvas, (side * (width + 20), -110), (22, 24), 26)
        arm = [(side * (width + 26), -92), (side * (width + 52), 60), (side * (width + 58), 200)]
        add_tube(canvas, arm, 11.5, 1.2, cortex_mm=3.0)
    _spine(canvas, sitter)


def _spine(canvas: Canvas, sitter: Sitter) -> None:
    """Vertebral bodies, pedicles and spinous processes behind the mediastinum."""
    size = sitter.chest.build.vertebra
    for level in range(-10, 11):
        y, grow = 21.0 * level, 1 + 0.012 * level
        dense = sitter.habit.spine * (1 - 0.55 * ramp(y, 60, 130))
        part = canvas.near(0, y, 26)
        half = (15.5 * size * grow, 8.6)
        box = np.maximum(np.abs(part.x) - half[0], np.abs(part.y - y) - half[1])
        part.values += 9 * dense * coverage(box.astype(np.float32), 4)
        part.values += 2.5 * dense * coverage(np.abs(box + 1) - 0.8, 1.6)
        for side in (-1, 1):
            add_ball(canvas, (side * 9.5 * size, y - 2), (3.6, 4.8), 5 * dense)
        add_ball(canvas, (0, y + 9), (2.8, 8), 7 * dense)


def chest_film(chest: Chest, what: ChestFilmFindings, study: str, grid: Grid) -> Image:
    """(size, size) 12-bit values of a PA chest radiograph, bright where bone is."""
    rng = named_rng(study, "film")
    canvas = film(grid, CENTRE_Y_MM + float(rng.uniform(-7, 9)))
    sitter = Sitter(chest, what, habit_of(chest.person, study))
    body(canvas, chest)
    lung = lung_depth(canvas, sitter)
    lung *= 1 - 0.90 * heart(canvas, sitter)
    visible = np.ones_like(lung)
    if what.pneumothorax:
        visible = _pneumothorax(canvas, chest, what)
    if what.consolidation:
        lung = _consolidated(canvas, chest, what, lung)
    canvas.values -= 0.80 * lung + 0.06 * lung * (1 - visible)
    vessels(canvas, sitter, lung, visible)
    _air(canvas, sitter)
    if what.nodule:
        add_ball(canvas, what.nodule_at, (what.nodule, what.nodule * 0.93), 1.7 * what.nodule)
    skeleton(canvas, sitter)
    values = develop(
        np.clip(canvas.values, 0, None),
        rng,
        middle_mm=chest.build.depth * rng.uniform(1.30, 1.48),
        contrast_mm=rng.uniform(36, 45),
    )
    side_marker(values, "L", (int(grid.size * 0.05), int(grid.size * 0.90)))
    return values


def _air(canvas: Canvas, sitter: Sitter) -> None:
    """Windpipe, main bronchi and the bubble of the stomach."""
    add_tube(canvas, [(-1, -190), (-2, -60), (0, -6)], 8.5, -0.95)
    add_tube(canvas, [(0, -6), (-26, 14)], 6.5, -0.6)
    add_tube(canvas, [(0, -6), (34, 22)], 5.8, -0.6)
    width, bubble = sitter.chest.cavity[0], sitter.habit.bubble
    if bubble > 0.2:
        at = (width * 0.5, sitter.habit.dome[1] + 13 + 14 * bubble)
        add_ball(canvas, at, (29 * bubble, 15 * bubble), -46 * bubble, -0.1)


def _pneumothorax(canvas: Canvas, chest: Chest, what: ChestFilmFindings) -> Image:
    """Where vessels can be seen: not beyond the edge of the collapsed lung."""
    edge = half_width(chest, canvas.y)
    gap = what.pneumothorax * (0.45 + 0.75 * np.clip(-canvas.y / 110, 0, 1))
    rim = (np.abs(canvas.x) - edge + gap).astype(np.float32)
    high = (canvas.y + APEX_MM - gap * 0.8).astype(np.float32)
    beyond = np.maximum(rim, -high) + 3 * texture_of(chest.person)[0].on(_grid_of(canvas), 6)
    here = (canvas.x * what.side > 0) & (canvas.y < 80)
    canvas.values += 9 * coverage(np.abs(beyond) - 0.6, 1.2) * here * (np.abs(canvas.x) < edge)
    return np.where(here, coverage(beyond, 2), 1).astype(np.float32)


def _consolidated(canvas: Canvas, chest: Chest, what: ChestFilmFindings, lung: Image) -> Image:
    """Lung with a cloudy region that lets less through."""
    wide, fine = texture_of(chest.person)
    grid = _grid_of(canvas)
    x, y = what.side * chest.cavity[0] * 0.56, 44.0
    reach = np.hypot((canvas.x - x) / 1.15, canvas.y - y) - what.consolidation
    cloud = reach + 8 * wide.on(grid, 12) + 4 * fine.on(grid, 0)
    soft = coverage(cloud.astype(np.float32), 46) * (0.60 + 0.05 * fine.on(grid, 4))
    result: Image = lung * (1 - np.clip(soft, 0, 0.9) * ramp(what.consolidation, 0, 20))
    return result
