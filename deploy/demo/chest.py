"""A CT of the chest, slice by slice: z = 0 mm at the carina, positive to the head."""

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
    section,
    squarish,
)
from deploy.demo.torso import (
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

APEX_MM = 118.0
# headings (up, back) of the vessels that leave each hilum
LOBES = (
    (0.95, -0.5),
    (0.9, 0.4),
    (0.5, 0.75),
    (0.3, -0.8),
    (0.0, 0.4),
    (-0.2, -0.75),
    (-0.5, 0.6),
    (-0.6, -0.2),
    (-0.95, 0.55),
    (-0.95, -0.35),
    (-0.9, 0.1),
)


@dataclass(frozen=True)
class Nodule:
    """One round nodule or spiculated mass: its centre before the person's bends, its radius."""

    at: tuple[float, float, float]
    radius: float
    spiculated: bool = False


@dataclass(frozen=True)
class ChestFindings:
    """What is wrong with this chest; sizes in mm, 0 = not there. ``side``: -1 right, 1 left."""

    nodule: float = 0
    nodule_at: tuple[float, float, float] = (0, 0, 0)
    spiculated: bool = False
    effusion: float = 0
    consolidation: float = 0
    emphysema: float = 0
    big_heart: float = 1.0
    side: int = -1
    further_nodules: tuple[Nodule, ...] = ()

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """All of them."""
        first = (Nodule(self.nodule_at, self.nodule, self.spiculated),) if self.nodule else ()
        return (*first, *self.further_nodules)


@dataclass(frozen=True)
class Chest:
    """A person's chest in one study."""

    person: str
    build: Build
    findings: ChestFindings
    contrast: bool
    thickness_mm: float

    @property
    def cavity(self) -> tuple[float, float]:
        """Largest half width and half depth of the space inside the ribs."""
        width = (self.build.width - self.build.fat - 14) * self.build.lungs
        return width, self.build.depth - self.build.fat * 0.85 - 20

    @property
    def middle_y(self) -> float:
        """The cavity lies nearer to the front than to the back."""
        return -4.0

    @property
    def spine_y(self) -> float:
        """Where the vertebral bodies lie."""
        return self.build.depth - self.build.fat - 64 * self.build.vertebra


@lru_cache(maxsize=4)
def lung_forests(person: str, width: float, depth: float) -> tuple[Forest, Forest]:
    """Grow the pulmonary vessels of the right and of the left lung."""
    forests = []
    for side in (-1, 1):
        rng = named_rng(person, "lung vessels", side)
        branches = []
        for up, front in LOBES:
            root = np.array([side * 30.0, 8.0, -8.0 + 14 * up])
            heading = np.array([side * (1.0 - 0.45 * abs(up)), front * 0.8, up])
            scale = 0.75 + 0.25 * abs(up)
            habit = Habit(length_mm=scale * (width * 0.17 + 8), radius_mm=3.9, generations=8)
            branches.append(grow(rng, root, heading, habit))
        forests.append(Forest(Branches.of(branches)))
    return forests[0], forests[1]


def cavity_distance(canvas: Canvas, chest: Chest, z_mm: float) -> Image:
    """Distance to the inner surface of the rib cage (negative inside)."""
    width, depth = chest.cavity
    rise = np.clip((APEX_MM - z_mm) / 125, 0.02, 1)
    shape = float(np.sqrt(1 - (1 - rise) ** 2.3))
    radii = (width * (0.30 + 0.70 * shape), depth * (0.55 + 0.45 * shape))
    cavity = squarish(canvas, (0, chest.middle_y + 8 * (1 - shape)), radii, 0.22)
    back = chest.build.depth
    bulge = ellipse(canvas, (0, back), (34, back - chest.spine_y - 4))
    result: Image = np.maximum(cavity, -bulge)
    return result


def dome_mm(canvas: Canvas, chest: Chest) -> Image:
    """Height of the diaphragm at each pixel."""
    width, depth = chest.cavity
    right = (
        1
        - ((canvas.x + width * 0.45) / (width * 0.74)) ** 2
        - ((canvas.y + 6) / (depth * 1.12)) ** 2
    )
    left = (
        1
        - ((canvas.x - width * 0.48) / (width * 0.70)) ** 2
        - ((canvas.y + 2) / (depth * 1.1)) ** 2
    )
    height: Image = np.maximum(right * 78 - 152, left * 74 - 160)
    return height


def outer_wall(canvas: Canvas, chest: Chest, grid: Grid, z_mm: float) -> Image:
    """Skin, fat, muscle layers and breasts; returns the depth below the skin."""
    build, bends = chest.build, bends_of(chest.person, "chest")
    shoulders = ramp(z_mm, 40, 120)
    radii = (build.width * (1 + 0.14 * shoulders), build.depth * (1 - 0.03 * shoulders))
    distance = squarish(canvas, (0, 0), radii, build.square)
    if build.is_female:
        size = section(z_mm, -40, 62)
        for side in (-1, 1):
            breast = ellipse(
                canvas,
                (side * build.width * 0.52, -build.depth * 0.76),
                (60 * size + 1, 34 * size + 1),
            )
            distance = np.minimum(distance, breast + 10 * (1 - size))
    canvas.paint(distance, 20)
    canvas.paint(distance + 2.2, fat_texture(bends, grid, z_mm))
    front = np.clip(-canvas.y / build.depth, -1, 1)
    thickness = build.fat * (0.85 + 0.18 * front + 0.12 * bends.cloud.on(grid, z_mm) * 0.5)
    muscle = np.maximum(
        squarish(canvas, (0, 0), radii, build.square) + thickness, np.float32(-999)
    ).astype(np.float32)
    canvas.paint(muscle, muscle_texture(bends, grid, z_mm), soft=2.5)
    _fat_planes(canvas, muscle, chest, shoulders)
    back_muscles(canvas, chest.build, chest.spine_y)
    if build.is_female:
        _glands(canvas, chest, grid, z_mm, distance)
    return distance


def _fat_planes(canvas: Canvas, muscle: Image, chest: Chest, shoulders: float) -> None:
    """Thin fat between the layers of muscle, so that they can be told apart."""
    plane = np.abs(muscle + 9 + 5 * shoulders + 3 * np.sin(canvas.x / 19)) - 0.9
    cover(canvas.values, coverage(plane.astype(np.float32), 1.6) * 0.7 * (muscle < -1), -80)
    depth = chest.build.depth
    for side in (-1, 1):
        armpit = (side * chest.build.width * 0.86, depth * 0.05)
        canvas.ellipse(armpit, (13 + 9 * shoulders, 22 + 16 * shoulders), -95, opacity=0.85, soft=5)
        canvas.ellipse((armpit[0], armpit[1] - 8), (4, 5), 50)
        canvas.ellipse((armpit[0] - side * 4, armpit[1] + 6), (5, 3), 40)


def _glands(canvas: Canvas, chest: Chest, grid: Grid, z_mm: float, skin: Image) -> None:
    """Glandular tissue of the breasts."""
    size, bends = section(z_mm, -40, 50), bends_of(chest.person, "chest")
    if not size:
        return
    for side in (-1, 1):
        centre = (side * chest.build.width * 0.52, -chest.build.depth * 0.90)
        distance = ellipse(canvas, centre, (32 * size + 1, 22 * size + 1))
        lumps = coverage(np.maximum(distance + 4 * bends.cloud.on(grid, z_mm), skin + 6), 5)
        cover(canvas.values, lumps * np.clip(0.5 + 0.5 * bends.grain.on(grid, z_mm), 0, 0.85), 30)


def lungs(canvas: Canvas, chest: Chest, grid: Grid, z_mm: float) -> tuple[Image, Image]:
    """Both lungs with their texture and vessels; returns (cavity distance, lung coverage)."""
    bends = bends_of(chest.person, "chest")
    cavity = cavity_distance(canvas, chest, z_mm)
    above = np.float32(z_mm) - dome_mm(canvas, chest)
    inside = coverage(cavity, 1.8) * coverage(-above, chest.thickness_mm)
    tissue = -865 + 10 * bends.cloud.on(grid, z_mm) + 12 * bends.grain.on(grid, z_mm)
    tissue += 38 * np.clip(canvas.y / chest.cavity[1], -1, 1)
    cover(canvas.values, coverage(cavity, 1.8), fat_texture(bends, grid, z_mm, -90))
    _below_diaphragm(canvas, chest, cavity, z_mm)
    cover(canvas.values, inside, tissue.astype(np.float32))
    before = canvas.values.copy()
    for forest in lung_forests(chest.person, *chest.cavity):
        paint_forest(canvas, forest, (z_mm, chest.thickness_mm), 30, inside)
    rim = inside * coverage(cavity + 5, 5)
    canvas.values[...] = before + rim * (canvas.values - before)
    _fissures(canvas, chest, inside, z_mm)
    return cavity, inside


def _below_diaphragm(canvas: Canvas, chest: Chest, cavity: Image, z_mm: float) -> None:
    """Liver, spleen and stomach where the slice lies below the domes."""
    width, depth = chest.cavity
    liver = np.maximum(cavity + 3, canvas.x - 0.25 * width - 0.3 * (canvas.y + 40))
    canvas.paint(liver, 108 if chest.contrast else 58, soft=3)
    spleen = np.maximum(cavity + 3, ellipse(canvas, (width * 0.68, depth * 0.42), (38, 48)))
    canvas.paint(spleen, 112 if chest.contrast else 50, soft=3)
    stomach = np.maximum(cavity + 4, ellipse(canvas, (width * 0.46, -depth * 0.25), (40, 38)))
    canvas.paint(stomach, 45, soft=2)
    gas = np.maximum(stomach + 3, canvas.y + depth * 0.34)
    canvas.paint(gas, -960, soft=2, opacity=float(z_mm < -60))
    canvas.ellipse((10, chest.spine_y - 30), (11, 11), 170 if chest.contrast else 42)


def _fissures(canvas: Canvas, chest: Chest, inside: Image, z_mm: float) -> None:
    """Paint the oblique fissures as faint lines."""
    for side in (-1, 1):
        plane = canvas.y - (18 - 0.62 * (z_mm + 30)) - 0.12 * np.abs(canvas.x)
        plane += 5 * np.sin(canvas.x / 23 + side)
        line = coverage((np.abs(plane) - 0.5).astype(np.float32), 2.4) * inside
        cover(canvas.values, line * (canvas.x * side > 0) * np.float32(0.16), -300)


def mediastinum(canvas: Canvas, chest: Chest, grid: Grid, z_mm: float, cavity: Image) -> None:
    """Fat between the lungs, heart, great vessels, airways and oesophagus."""
    bends, depth = bends_of(chest.person, "chest"), chest.cavity[1]
    inner = canvas.moved(0, chest.spine_y - 44)
    half_width = (
        7
        + 19 * np.exp(-(((inner.y - 12) / 30) ** 2))
        + 8 * np.exp(-(((canvas.y + depth) / 14) ** 2))
    )
    half_width += 10 * np.exp(-(((canvas.y - chest.spine_y) / 18) ** 2))
    band = np.maximum(np.abs(canvas.x - 3) - half_width, cavity - 3)
    canvas.paint(band.astype(np.float32), fat_texture(bends, grid, z_mm, -92), soft=2)
    blood = 185.0 if chest.contrast else 44.0
    _heart(inner, chest, z_mm, blood)
    _vessels(inner, chest, z_mm, blood)
    _airways(inner, z_mm)


def _heart(canvas: Canvas, chest: Chest, z_mm: float, blood: float) -> None:
    """Four chambers, muscle between them, in a fatty sac."""
    size = chest.build.heart * chest.findings.big_heart
    level = section(z_mm, -72, 52 * size)
    if not level:
        return
    wall = 108.0 if chest.contrast else 40.0
    sac = (16 * size, -16.0)
    canvas.ellipse(sac, (66 * size * level, 50 * size * level), -92, turn=0.5, soft=3)
    canvas.ellipse(sac, (61 * size * level, 45 * size * level), wall, turn=0.5, soft=3)
    lower = ramp(-z_mm, 50, 80)
    chambers = (
        ((-22, -6 + 4 * lower), (22, 25), 0.1, blood * 0.93),
        ((2, -38 + 2 * lower), (30, 15), 0.42, blood * 0.95),
        ((6 - 2 * lower, 16), (27, 14 * (1 - 0.4 * lower)), 0.15, blood),
        ((40, -4), (29, 18), 0.62, blood * 1.02),
    )
    for (cx, cy), (rx, ry), turn, value in chambers:
        radii = (rx * size * level, ry * size * level)
        canvas.ellipse((cx * size, cy * size), radii, value, turn=turn, soft=4)


def _vessels(canvas: Canvas, chest: Chest, z_mm: float, blood: float) -> None:
    """Aorta with its arch, superior vena cava, pulmonary arteries, branches of the arch."""
    spine = 44.0
    descending = (24 + 0.04 * z_mm, spine - 14)
    if z_mm < 34:
        canvas.ellipse(descending, (12.5, 12.5), blood)
    if -52 < z_mm < 34:
        canvas.ellipse((-8, -28 - 0.05 * z_mm), (16, 16), blood)
    if 26 <= z_mm < 46:
        canvas.bar((-4, -24), (22, spine - 16), 12.5, blood)
    if z_mm >= 42:
        for at, radius in (
            ((-13, -18), 6.5),
            ((2, -14), 4.5),
            ((12, -2), 5.0),
            ((-28, -12), 6),
            ((24, -16), 6),
        ):
            canvas.ellipse(at, (radius, radius), blood * 0.97)
    if -50 < z_mm < 46:
        canvas.ellipse((-27, -16), (9.5, 10.5), blood * 1.25 if chest.contrast else blood)
    _lung_roots(canvas, z_mm, blood)


def _lung_roots(canvas: Canvas, z_mm: float, blood: float) -> None:
    """Pulmonary trunk, its two branches, and the hila."""
    if -34 < z_mm < -2:
        canvas.ellipse((17, -30), (15, 15), blood * 1.1)
        if z_mm > -26:
            canvas.bar((14, -16), (-34, 0), 9.5, blood * 1.1)
            canvas.bar((20, -18), (40, 4), 9.5, blood * 1.1)
    for side in (-1, 1):
        hilum = section(z_mm, -16, 36)
        if hilum:
            canvas.ellipse((side * 40, 6), (13 * hilum, 15 * hilum), blood * 0.9, soft=5)


def _airways(canvas: Canvas, z_mm: float) -> None:
    """Trachea, main bronchi, oesophagus: always with a closed wall."""
    canvas.ellipse((9, 26 if z_mm > -60 else 20), (8, 5.5), 38)
    canvas.ellipse((9, 26 if z_mm > -60 else 20), (2, 1.2), -250)
    if z_mm > 4:
        canvas.ring((-2, 10), (10.5, 11), 2.2, (45, -985))
    elif z_mm > -8:
        for side in (-1, 1):
            canvas.ring((side * 10, 12), (9.5, 9), 2.4, (45, -985))
    elif z_mm > -27:
        # the lumen ends inside the root of the lung: the lungs stay apart
        away = 16 + 0.4 * (-z_mm - 8)
        for side in (-1, 1):
            canvas.ring((side * away, 14), (8.5, 7.5), 2.4, (45, -980))


def skeleton(canvas: Canvas, chest: Chest, z_mm: float) -> None:
    """Ribs, sternum, shoulder blades, collar bones and spine."""
    width, depth = chest.cavity
    rise = np.clip((APEX_MM - z_mm) / 125, 0.02, 1)
    shape = float(np.sqrt(1 - (1 - rise) ** 2.3))
    centre = (0.0, chest.middle_y + 8 * (1 - shape))
    radii = (width * (0.30 + 0.70 * shape) + 6, depth * (0.55 + 0.45 * shape) + 6)
    rib_ring(canvas, z_mm, RibCage(centre, radii, chest.spine_y))
    front = centre[1] - radii[1]
    if -95 < z_mm < 62:
        half = 26 if z_mm > 30 else 17
        canvas.ellipse((0, front + 1), (half, 6.5), 420)
        canvas.ellipse((0, front + 1), (half - 3, 3.6), 130)
    if 50 < z_mm < 85:
        for side in (-1, 1):
            lift = (z_mm - 50) * 1.4
            start = (side * (16 + lift), front + 4 + 0.2 * lift)
            end = (side * (60 + lift), front + 8 + 0.5 * lift)
            canvas.bar(start, end, 6, 520)
            canvas.bar(start, end, 3.2, 210)
    _shoulder_blades(canvas, chest, z_mm)
    spine_column(canvas, z_mm, (0, chest.spine_y), chest.build.vertebra, lumbar=False)


def _shoulder_blades(canvas: Canvas, chest: Chest, z_mm: float) -> None:
    """Thin plates behind the ribs in the upper half, the glenoid and humerus at the top."""
    level = ramp(z_mm, -48, -20)
    if not level:
        return
    width, depth = chest.build.width, chest.build.depth
    for side in (-1, 1):
        inner = (side * width * 0.50, depth * 0.64)
        outer = (side * width * (0.72 + 0.08 * ramp(z_mm, 20, 90)), depth * 0.36)
        canvas.bar(inner, outer, 3.4, 520, opacity=level)
        canvas.bar(inner, outer, 1.3, 240, opacity=level)
        if z_mm > 30:
            spine = (side * width * 0.68, depth * 0.66)
            canvas.bar((side * width * 0.62, depth * 0.5), spine, 3.2, 500)
        if z_mm > 70:
            canvas.ellipse((outer[0], outer[1] - 6), (11, 14), 480)
            canvas.ellipse((outer[0], outer[1] - 6), (8, 11), 210)


def findings(canvas: Canvas, chest: Chest, grid: Grid, z_mm: float, lung: Image) -> None:
    """Paint what is wrong: into the lungs, after everything else."""
    what, bends = chest.findings, bends_of(chest.person, "chest")
    if what.emphysema:
        holes = np.clip(bends.cloud.on(grid, z_mm) - 0.3, 0, 1.2) * what.emphysema
        cover(canvas.values, lung * np.clip(holes, 0, 0.95) * (canvas.values < -600), -985)
    for nodule in what.nodules:
        _paint_nodule(canvas, nodule, bends.grain.on(grid, z_mm), z_mm, lung)
    if what.consolidation:
        size = section(z_mm, -58, 46)
        spot = (what.side * chest.cavity[0] * 0.62, chest.cavity[1] * 0.42)
        if size:
            reach = what.consolidation * size
            distance = ellipse(canvas, spot, (reach * 1.2 + 1, reach + 1))
            dense = coverage(distance + 9 * bends.cloud.on(grid, z_mm), 26) * lung
            cover(canvas.values, dense * 0.94, 30 + 12 * bends.grain.on(grid, z_mm))
            forest = lung_forests(chest.person, *chest.cavity)[0 if what.side < 0 else 1]
            held = canvas.values.copy()
            paint_forest(canvas, forest.thicker_than(1.6), (z_mm, 6.0), -800, dense)
            canvas.values[...] = held + (dense > 0.7) * 0.55 * (canvas.values - held)


def nodule_distance(canvas: Canvas, nodule: Nodule, grain: Image, z_mm: float) -> Image | None:
    """Distance to the edge of a nodule in a slice (negative inside); None where it is not there."""
    x, y, z = nodule.at
    radius = nodule.radius * section(z_mm, z, nodule.radius + 4)
    if radius < 1:
        return None
    distance = ellipse(canvas, (x, y), (radius, radius))
    if nodule.spiculated:
        angle = np.arctan2(canvas.y - y, canvas.x - x)
        spikes = np.clip(np.sin(angle * 9 + 1.3) + 0.6 * np.sin(angle * 17), 0, 2) ** 2
        distance = distance - spikes * radius * 0.13 + 1.2 * grain
    return distance


def _paint_nodule(canvas: Canvas, nodule: Nodule, grain: Image, z_mm: float, lung: Image) -> None:
    """Paint a round nodule or a spiculated mass."""
    distance = nodule_distance(canvas, nodule, grain, z_mm)
    if distance is not None:
        cover(canvas.values, coverage(distance, 2.2) * np.maximum(lung, 0.3), 42 + 6 * grain)


def effusion(canvas: Canvas, chest: Chest, cavity: Image, lung: Image, z_mm: float) -> None:
    """Fluid that collects at the back and the base, with a meniscus."""
    what = chest.findings
    if not what.effusion:
        return
    amount = what.effusion * (0.25 + 0.75 * ramp(-z_mm, -40, 90))
    back = np.clip((canvas.y + 25) / (chest.cavity[1] + 25), 0, 1) ** 1.5
    side = (canvas.x * what.side > 12) & (back > 0.02)
    fluid = -(cavity + amount * back)
    cover(canvas.values, coverage(np.abs(fluid - 6) - 5, 8) * lung * side * 0.5, -40)
    cover(canvas.values, coverage(fluid, 2.5) * coverage(cavity - 1, 1.6) * side, 11)


def chest_slice(chest: Chest, study: str, grid: Grid, z_mm: float) -> Image:
    """(size, size) HU of one slice."""
    bends = bends_of(chest.person, "chest")
    canvas = bends.canvas(grid, z_mm)
    outer_wall(canvas, chest, grid, z_mm)
    cavity, lung = lungs(canvas, chest, grid, z_mm)
    findings(canvas, chest, grid, z_mm, lung)
    effusion(canvas, chest, cavity, lung, z_mm)
    mediastinum(canvas, chest, grid, z_mm, cavity)
    skeleton(canvas, chest, z_mm)
    table(canvas, chest.build.depth + 3)
    rng = named_rng(study, "noise", round(z_mm, 2))
    return finish_ct(canvas.values, grid, rng, Finish(15 if chest.contrast else 18))
