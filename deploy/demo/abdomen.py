"""A CT of the abdomen, slice by slice: z = 0 mm between the kidneys, positive to the head."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deploy.demo.noise import Grid, Image, named_rng
from deploy.demo.shapes import (
    Canvas,
    cover,
    coverage,
    ellipse,
    ramp,
    same_window,
    section,
    squarish,
)
from deploy.demo.torso import (
    MUSCLE,
    Bends,
    Build,
    Finish,
    RibCage,
    back_muscles,
    bends_of,
    fat_texture,
    finish_ct,
    muscle_texture,
    rib_ring,
    spine_column,
    table,
)
from deploy.demo.trees import Branches, Forest, Habit, grow, paint_forest

Point = tuple[float, float, float]


@dataclass(frozen=True)
class AbdomenFindings:
    """What is wrong with this abdomen: centres and radii in mm."""

    liver_metastases: tuple[tuple[Point, float], ...] = ()
    liver_cyst: float = 0
    kidney_cyst: float = 0
    kidney_mass: float = 0
    stone: bool = False
    ascites: float = 0
    side: int = -1


@dataclass(frozen=True)
class Abdomen:
    """A person's abdomen in one study."""

    person: str
    build: Build
    findings: AbdomenFindings
    contrast: bool
    thickness_mm: float

    @property
    def cavity(self) -> tuple[float, float]:
        """Half width and half depth of the peritoneal cavity."""
        return self.build.width - self.build.fat - 17, self.build.depth - self.build.fat * 0.9 - 12

    @property
    def spine_y(self) -> float:
        """Where the vertebral bodies lie."""
        return self.build.depth - self.build.fat - 68 * self.build.vertebra


@dataclass(frozen=True)
class Loop:
    """A piece of bowel: centre, radii, what it holds."""

    centre: Point
    radii: Point
    turn: float
    content: float
    gas: float


@lru_cache(maxsize=4)
def bowel(person: str, width: float, depth: float) -> tuple[Loop, ...]:
    """Small bowel packed into the lower middle, colon around it."""
    rng = named_rng(person, "bowel")
    loops = []
    for _ in range(90):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        centre = (
            reach * np.cos(angle) * width * 0.66,
            reach * np.sin(angle) * depth * 0.42 - depth * 0.36,
            rng.uniform(-125, 12),
        )
        radii = (rng.uniform(13, 24), rng.uniform(9, 13), rng.uniform(9, 16))
        gas = float(rng.uniform(0.2, 0.8)) if rng.uniform() < 0.14 else 0.0
        loops.append(Loop(centre, radii, rng.uniform(-1.2, 1.2), rng.uniform(14, 42), gas))
    return tuple(loops)


@lru_cache(maxsize=4)
def liver_forest(person: str) -> Forest:
    """Portal and hepatic veins."""
    rng = named_rng(person, "liver vessels")
    root, habit = np.array([-38.0, 4.0, 38.0]), Habit(26, 4.6, 6, 0.85, 0.78, 0.6)
    branches = [grow(rng, root, np.array([-1, 0.1, 0.15]), habit)]
    branches.append(grow(rng, root, np.array([-0.2, -0.8, 0.4]), habit))
    top, thin = np.array([-22.0, 16.0, 88.0]), Habit(30, 4.2, 5, 0.85, 0.76, 0.5)
    branches.extend(
        grow(rng, top, np.array(heading, float), thin)
        for heading in ((-1, 0.2, -0.55), (-0.6, -0.8, -0.5), (0.3, -1, -0.6))
    )
    return Forest(Branches.of(branches))


def wall(canvas: Canvas, abdomen: Abdomen, grid: Grid, z_mm: float) -> Image:
    """Skin, fat and the layers of muscle; returns the distance to the cavity."""
    build, bends = abdomen.build, bends_of(abdomen.person, "abdomen")
    waist = 1 - 0.05 * section(z_mm, -10, 70)
    radii = (build.width * waist, build.depth * (1 - 0.03 * ramp(-z_mm, 40, 110)))
    skin = squarish(canvas, (0, 0), radii, build.square * 0.8)
    canvas.paint(skin, 20)
    canvas.paint(skin + 2.2, fat_texture(bends, grid, z_mm))
    side = np.abs(canvas.x) / radii[0]
    fat = build.fat * (1.05 - 0.25 * side + 0.25 * np.clip(canvas.y / radii[1], 0, 1))
    muscle = (skin + fat).astype(np.float32)
    canvas.paint(muscle, muscle_texture(bends, grid, z_mm), soft=2)
    for depth in (5.5, 10.5):
        line = np.abs(muscle + depth + 0.8 * np.sin(canvas.y / 17)) - 0.55
        cover(canvas.values, coverage(line.astype(np.float32), 1.5) * (side > 0.45) * 0.6, -70)
    back_muscles(canvas, build, abdomen.spine_y, size=1.3)
    cavity = squarish(canvas, (0, -5), abdomen.cavity, 0.25)
    back = build.depth
    bulge = ellipse(canvas, (0, back), (62, back - abdomen.spine_y + 4))
    cavity = np.maximum(cavity, -bulge).astype(np.float32)
    canvas.paint(cavity, fat_texture(bends, grid, z_mm, -102))
    half = coverage(np.abs(canvas.x) - 2.5, 2) * coverage(np.abs(canvas.y + radii[1] * 0.8) - 30, 5)
    cover(canvas.values, half * (muscle < 0) * (cavity > 0) * 0.8, -75)
    return cavity


def organs(canvas: Canvas, abdomen: Abdomen, grid: Grid, z_mm: float, cavity: Image) -> Image:
    """Stomach, bowel, liver, spleen, pancreas; returns the distance to the liver."""
    bends, inner = bends_of(abdomen.person, "abdomen"), cavity + 3
    _mesentery(canvas, bends, grid, z_mm, cavity)
    if abdomen.findings.ascites:
        fluid = np.maximum(inner, -(cavity + abdomen.findings.ascites))
        canvas.paint(np.maximum(fluid, canvas.y - 25).astype(np.float32), 9, soft=4)
    _bowel(canvas, abdomen, z_mm, inner)
    _colon(canvas, abdomen, bends.grain.on(grid, z_mm), z_mm, inner)
    _stomach(canvas, z_mm, inner)
    _pancreas(canvas, abdomen, bends.cloud.on(grid, z_mm), z_mm)
    return _liver_and_spleen(canvas, abdomen, grid, z_mm, inner)


def _mesentery(canvas: Canvas, bends: Bends, grid: Grid, z_mm: float, cavity: Image) -> None:
    """Small vessels in the fat between the organs."""
    dots = np.clip(bends.grain.on(grid, z_mm) - 1.25, 0, 0.8) * 1.2
    cover(canvas.values, dots * coverage(cavity + 6, 4), 70)


def _bowel(canvas: Canvas, abdomen: Abdomen, z_mm: float, inner: Image) -> None:
    """Loops of small bowel: wall, content, sometimes gas at the front."""
    held = canvas.values.copy()
    bright = 95.0 if abdomen.contrast else 48.0
    for loop in bowel(abdomen.person, *abdomen.cavity):
        level = section(z_mm, loop.centre[2], loop.radii[2] + 8)
        if level < 0.25:
            continue
        x, y = loop.centre[0], loop.centre[1]
        rx, ry = loop.radii[0] * level, loop.radii[1] * (0.5 + 0.5 * level)
        part = canvas.near(x, y, rx + 4)
        shape = ellipse(part, (x, y), (rx, ry), loop.turn)
        part.paint(shape - 1.2, -95, soft=1.4, opacity=0.8)
        part.paint(shape, bright)
        part.paint(shape + 2.2, loop.content, soft=2.2)
        if loop.gas:
            part.paint(np.maximum(shape + 3, part.y - y + ry * (1 - loop.gas)), -960)
    keep = coverage(inner, 2)
    canvas.values[...] = held + keep * (canvas.values - held)


def _colon(canvas: Canvas, abdomen: Abdomen, grain: Image, z_mm: float, inner: Image) -> None:
    """Ascending, descending and transverse colon with mottled content."""
    width, depth = abdomen.cavity
    pieces = [
        ((width * 0.80, depth * 0.18), (15, 17), -118, 40, 0.0),
        ((-width * 0.76, depth * 0.12), (22, 24), -118, 22, 0.0),
    ]
    if -46 < z_mm < -8:
        sag = -depth * 0.80
        pieces.append(((-30, sag), (42, 13), -46, -8, 0.12))
        pieces.append(((45, sag + 3), (40, 12), -46, -8, -0.14))
    for (x, y), (rx, ry), low, high, turn in pieces:
        if not low < z_mm < high:
            continue
        breathe = 1 + 0.16 * np.sin(z_mm / 9 + x)
        part = canvas.near(x, y, 48)
        shape = ellipse(part, (x, y), (rx * breathe, ry * breathe), turn)
        part.paint(shape, 50)
        part.paint(shape + 2.4, 25)
        held = same_window(canvas, part, grain)
        part.paint(np.where(held > 0.4, shape + 4, 9).astype(np.float32), -500, opacity=0.75)
        part.paint(np.maximum(shape + 4, part.y - y + ry * 0.45), -940, opacity=0.9)


def _stomach(canvas: Canvas, z_mm: float, inner: Image) -> None:
    """Paint a bag at the left front with fluid and an air bubble."""
    level = section(z_mm, 66, 58)
    if not level:
        return
    shape = ellipse(canvas, (58, -38), (52 * level, 36 * level), 0.35)
    if z_mm < 60:
        shape = np.minimum(shape, ellipse(canvas, (14, -48), (36 * level, 16 * level), -0.2))
    shape = np.maximum(shape, inner)
    canvas.paint(shape, 62)
    canvas.paint(shape + 4, 22, soft=3)
    canvas.paint(np.maximum(shape + 4, canvas.y + 38 + 12 * level), -960)


def _pancreas(canvas: Canvas, abdomen: Abdomen, cloud: Image, z_mm: float) -> None:
    """Head beside the duodenum, body across the spine, tail towards the spleen."""
    lift, y = ramp(z_mm, 2, 40), abdomen.spine_y - 38
    if not -8 < z_mm < 46:
        return
    dense = 92.0 if abdomen.contrast else 42.0
    spots = (
        (-30, y + 4, 13),
        (-16, y - 2, 10),
        (0, y - 8, 9),
        (18, y - 9, 9),
        (36, y - 2, 9),
        (54, y + 10, 9),
    )
    for index, (x, at, radius) in enumerate(spots):
        size = max(0.0, 1 - abs(index / 5 - lift) * 1.3)
        if size > 0.2:
            part = canvas.near(x, at, 20)
            shape = ellipse(part, (x, at), (radius * 1.25 * size, radius * size))
            part.paint(shape + 2 * same_window(canvas, part, cloud), dense, soft=2)


def _liver_and_spleen(
    canvas: Canvas, abdomen: Abdomen, grid: Grid, z_mm: float, inner: Image
) -> Image:
    """Paint the two dense organs under the ribs; return the distance to the liver."""
    width, depth = abdomen.cavity
    size, bends = abdomen.build.liver, bends_of(abdomen.person, "abdomen")
    dense = 112.0 if abdomen.contrast else 58.0
    right = section(z_mm, 42, 92 * size)
    liver = np.full_like(inner, 999)
    if right:
        liver = ellipse(
            canvas, (-width * 0.56, -2), (width * 0.56 * right + 1, depth * 0.92 * right + 1)
        )
    left = section(z_mm, 62, 42 * size)
    if left:
        lobe = ellipse(canvas, (-6, -depth * 0.62), (70 * left * size, 30 * left + 2), -0.12)
        liver = np.minimum(liver, lobe)
    hollow = ellipse(canvas, (-22, abdomen.spine_y - 22), (26, 30))
    liver = np.maximum(np.maximum(liver, -hollow), inner).astype(np.float32)
    canvas.paint(liver - 1.5, -98, opacity=0.8)
    canvas.paint(liver, dense + 3 * bends.cloud.on(grid, z_mm) + 3 * bends.grain.on(grid, z_mm))
    if abdomen.contrast:
        held = canvas.values.copy()
        inside = coverage(liver, 3)
        paint_forest(canvas, liver_forest(abdomen.person), (z_mm, 6.0), 165, inside)
        canvas.values[...] = held + coverage(liver + 5, 5) * 0.8 * (canvas.values - held)
    spleen_level = section(z_mm, 58, 52)
    if spleen_level:
        spleen = ellipse(
            canvas, (width * 0.78, depth * 0.38), (30 * spleen_level, 50 * spleen_level), 0.25
        )
        spleen = np.maximum(
            np.maximum(spleen, -ellipse(canvas, (width * 0.42, depth * 0.30), (22, 30))), inner
        )
        canvas.paint(spleen.astype(np.float32), dense + (14 if abdomen.contrast else -6))
    bladder = section(z_mm, 4, 21)
    if bladder:
        at = (-width * 0.34, -depth * 0.60)
        canvas.ellipse(at, (12 * bladder, 16 * bladder), 8, turn=-0.5)
    return liver


def kidneys(canvas: Canvas, abdomen: Abdomen, z_mm: float) -> None:
    """Cortex, pyramids and sinus, surrounded by fat; cysts, stones and masses of the kidney."""
    width, spine = abdomen.cavity[0], abdomen.spine_y
    what, contrast = abdomen.findings, abdomen.contrast
    for side, middle in ((-1, -6.0), (1, 10.0)):
        level = section(z_mm, middle, 56)
        if not level:
            continue
        x, y = side * min(64.0, width * 0.50), spine + 2
        radii = (27 * level + 1, 31 * level + 1)
        part, turn = canvas.near(x, y, 44), side * 0.35
        shape = ellipse(part, (x, y), radii, turn)
        part.paint(shape - 9 * level, -104, soft=6)
        part.paint(shape, 178 if contrast else 34)
        if contrast:
            rays = np.sin(np.arctan2(part.y - y, part.x - x) * 7 + z_mm / 9)
            part.paint(shape + 7 + 2.5 * rays, 128, soft=3)
        sinus = ellipse(part, (x - side * 11, y - 6), (17 * level, 13 * level), turn)
        if abs(z_mm - middle) < 30:
            part.paint(sinus, -85, soft=3)
            part.paint(
                ellipse(part, (x - side * 10, y - 6), (7 * level, 4 * level)),
                45 if contrast else 12,
            )
        if side == what.side:
            _kidney_findings(canvas, what, (x, y, middle), z_mm)


def _kidney_findings(canvas: Canvas, what: AbdomenFindings, centre: Point, z_mm: float) -> None:
    """Cyst, mass and stone of one kidney."""
    x, y, z = centre
    side = float(np.sign(x))
    cyst = what.kidney_cyst * section(z_mm, z - 16, what.kidney_cyst + 3)
    if cyst:
        canvas.ellipse((x + side * 22, y + 12), (cyst, cyst), 6)
    mass = what.kidney_mass * section(z_mm, z + 14, what.kidney_mass + 3)
    if mass:
        canvas.ellipse((x + side * 14, y + 14), (mass, mass * 0.92), 108)
        canvas.ellipse((x + side * 16, y + 15), (mass * 0.45, mass * 0.35), 48, soft=8)
    if what.stone and abs(z_mm - z + 8) < 7:
        canvas.ellipse((x - side * 8, y - 5), (4.5, 3.5), 950, soft=2)


def vessels(canvas: Canvas, abdomen: Abdomen, z_mm: float) -> None:
    """Aorta, inferior vena cava, their large branches."""
    spine, blood = abdomen.spine_y, 178.0 if abdomen.contrast else 42.0
    front = spine - 17 * abdomen.build.vertebra
    if z_mm > -82:
        canvas.ellipse((7, front - 12), (10.5, 10.5), blood)
        canvas.ellipse((-21, front - 9), (13, 10), blood * 0.86)
    else:
        for x in (-15, 13):
            canvas.ellipse((x, front - 8), (8, 8), blood)
            canvas.ellipse((x * 1.5, front + 2), (8, 7), blood * 0.88)
    if z_mm < 24:
        canvas.ellipse((3, front - 32), (4.5, 4.5), blood)
        canvas.ellipse((-10, front - 32), (6, 6), blood * 0.9)
    if 14 < z_mm < 30:
        canvas.bar((-8, front - 30), (70, front - 8), 4.2, blood * 0.9)
    if -8 < z_mm < 6:
        canvas.bar((-18, front - 10), (-46, spine), 4.6, blood * 0.9)
        canvas.bar((2, front - 22), (44, spine - 4), 4.8, blood * 0.9)
    if 30 <= z_mm < 50:
        canvas.bar((-4, front - 26), (-44, front - 36), 6.2, blood * 0.92)


def skeleton(canvas: Canvas, abdomen: Abdomen, z_mm: float) -> None:
    """Psoas muscles, lumbar spine, lower ribs, wings of the pelvis."""
    build, spine = abdomen.build, abdomen.spine_y
    psoas = ramp(-z_mm, -24, 60)
    for side in (-1, 1):
        if psoas:
            centre = (side * (32 + 8 * psoas), spine + 4)
            canvas.ellipse(centre, (9 + 11 * psoas, 11 + 12 * psoas), MUSCLE + 4, soft=2)
        canvas.ellipse((side * 66, spine + 30), (22, 10), MUSCLE, turn=side * 0.5, soft=2)
    spine_column(canvas, z_mm, (0, spine), build.vertebra, lumbar=True)
    width, depth = abdomen.cavity
    cage = RibCage((0, -2), (width + 5, depth + 6), spine, drop_mm=150, cartilage_from=2.2)
    rib_ring(canvas, z_mm, cage, opacity=ramp(z_mm, -34, 10))
    wings = ramp(-z_mm, 72, 84)
    if wings:
        lower = ramp(-z_mm, 80, 125)
        for side in (-1, 1):
            start = (side * (width * 0.72 - 24 * lower), spine + 20 + 12 * lower)
            middle = (side * width * 0.88, spine - 2)
            end = (side * width * 0.97, spine - 22 - 22 * lower)
            muscle = ((start[0] - side * 9, start[1] - 6), (end[0] - side * 12, end[1] + 4))
            canvas.bar(*muscle, 9, MUSCLE, opacity=wings)
            for radius, value in ((5.6, 560.0), (2.9, 210.0)):
                canvas.bar(start, middle, radius, value, opacity=wings)
                canvas.bar(middle, end, radius * 0.9, value, opacity=wings)


def lesions(canvas: Canvas, abdomen: Abdomen, grid: Grid, z_mm: float, liver: Image) -> None:
    """Metastases and a cyst in the liver."""
    bends, what = bends_of(abdomen.person, "abdomen"), abdomen.findings
    inside = coverage(liver + 2, 3)
    for (x, y, z), radius in what.liver_metastases:
        size = radius * section(z_mm, z, radius + 3)
        if size > 1:
            shape = ellipse(canvas, (x, y), (size, size * 0.92)) + bends.grain.on(grid, z_mm)
            cover(canvas.values, coverage(shape, 4) * inside, 72 if abdomen.contrast else 40)
            cover(
                canvas.values,
                coverage(shape + size * 0.55, 5) * inside,
                42 if abdomen.contrast else 28,
            )
    size = what.liver_cyst * section(z_mm, 48, what.liver_cyst + 3)
    if size:
        at = (-abdomen.cavity[0] * 0.66, -abdomen.cavity[1] * 0.2)
        cover(canvas.values, coverage(ellipse(canvas, at, (size, size)), 2) * inside, 5)


def abdomen_slice(abdomen: Abdomen, study: str, grid: Grid, z_mm: float) -> Image:
    """(size, size) HU of one slice."""
    bends = bends_of(abdomen.person, "abdomen")
    canvas = bends.canvas(grid, z_mm, wide=3.2, narrow=1.3)
    cavity = wall(canvas, abdomen, grid, z_mm)
    liver = organs(canvas, abdomen, grid, z_mm, cavity)
    lesions(canvas, abdomen, grid, z_mm, liver)
    kidneys(canvas, abdomen, z_mm)
    vessels(canvas, abdomen, z_mm)
    skeleton(canvas, abdomen, z_mm)
    table(canvas, abdomen.build.depth + 3)
    rng = named_rng(study, "noise", round(z_mm, 2))
    return finish_ct(canvas.values, grid, rng, Finish(13 if abdomen.contrast else 15))
