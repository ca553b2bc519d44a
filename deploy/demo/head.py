"""A head for CT and MR, slice by slice: z = 0 mm at the third ventricle, positive to the top."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from deploy.demo.noise import Grid, Image, SmoothField, named_rng
from deploy.demo.shapes import (
    Canvas,
    capsule,
    cover,
    coverage,
    ellipse,
    ramp,
    same_window,
    section,
)

Point = tuple[float, float, float]
FLOOR_MM = -30.0


@dataclass(frozen=True)
class Tissues:
    """What each tissue looks like: HU for CT, signal for MR."""

    air: float
    skin: float
    fat: float
    muscle: float
    cortical: float
    marrow: float
    fluid: float
    grey: float
    white: float
    deep_grey: float
    vessel: float
    eye: float
    lens: float
    mucosa: float


CT = Tissues(-1000, 25, -95, 55, 1250, 620, 6, 39, 28, 37, 52, 14, 85, 40)
T1 = Tissues(4, 420, 900, 380, 30, 520, 130, 430, 640, 455, 60, 140, 300, 400)
T2 = Tissues(4, 330, 620, 170, 25, 360, 980, 470, 330, 400, 40, 930, 260, 720)
FLAIR = Tissues(4, 330, 560, 220, 25, 330, 60, 470, 370, 430, 50, 120, 260, 560)


@dataclass(frozen=True)
class Lesion:
    """A round or patchy change: what it is decides how each kind of image shows it."""

    kind: str
    centre: Point
    radius: float


@dataclass(frozen=True)
class Head:
    """A person's head in one study."""

    person: str
    age: float
    lesions: tuple[Lesion, ...] = ()
    width: float = 68
    length: float = 86

    @property
    def atrophy(self) -> float:
        """0 in the young, 1 at 85 years: wider sulci and ventricles."""
        return ramp(self.age, 45, 88)


@dataclass
class Slice:
    """A slice under way: where the brain is and what surrounds a pixel."""

    canvas: Canvas
    z_mm: float
    tissues: Tissues
    brain: Image = field(default_factory=lambda: np.zeros((0, 0), np.float32))


class HeadFields:
    """The folds and bends that belong to a person's head."""

    def __init__(self, person: str) -> None:
        rng = named_rng(person, "head")
        self.bend = (SmoothField(rng, 45), SmoothField(rng, 45))
        self.folds = SmoothField(rng, 8.5, scale_z_mm=13, extent_mm=150, height_mm=110)
        self.wander = SmoothField(rng, 19, extent_mm=150, height_mm=110)
        self.grain = SmoothField(rng, 4.5, scale_z_mm=9, extent_mm=150, height_mm=110)
        self.shading = SmoothField(rng, 110, extent_mm=150, height_mm=110)


@lru_cache(maxsize=6)
def fields_of(person: str) -> HeadFields:
    """Fields of a person, kept while the slices are made."""
    return HeadFields(person)


def head_of(person: str, age: float, lesions: tuple[Lesion, ...] = ()) -> Head:
    """Return the head that belongs to a person: the same in every study."""
    rng = named_rng(person, "head size")
    return Head(person, age, lesions, rng.uniform(64, 70), rng.uniform(82, 89))


def bent_canvas(head: Head, grid: Grid, z_mm: float, air: float) -> Canvas:
    """Make an empty slice with this person's bends."""
    bends, axis = fields_of(head.person).bend, grid.axis_mm
    x = (axis[None, :] + 1.8 * bends[0].on(grid, z_mm)).astype(np.float32)
    y = (axis[:, None] + 1.8 * bends[1].on(grid, z_mm)).astype(np.float32)
    return Canvas(x, y, np.full((grid.size, grid.size), air, np.float32), axis, axis)


def skull_distance(canvas: Canvas, head: Head, z_mm: float) -> Image:
    """Distance to the inner table of the skull (negative inside), egg-shaped: wider at the back."""
    level = section(z_mm, 0, 82) if z_mm > 0 else 1 - 0.06 * ramp(-z_mm, 10, 60)
    taper = 1 + 0.11 * np.clip(canvas.y / head.length, -1, 1)
    shape = np.hypot(canvas.x / (head.width * taper), (canvas.y - 2) / head.length)
    result: Image = ((shape - level) * head.width).astype(np.float32)
    return result


def paint_head(head: Head, grid: Grid, z_mm: float, tissues: Tissues) -> Canvas:
    """Paint the whole head without noise."""
    state = Slice(bent_canvas(head, grid, z_mm, tissues.air), z_mm, tissues)
    inner = skull_distance(state.canvas, head, z_mm)
    _scalp_and_skull(state, head, inner)
    if z_mm < FLOOR_MM:
        _lower_brain(state, head, grid, inner)
        _face_and_base(state, head)
    else:
        _cerebrum(state, head, grid, inner)
    for lesion in head.lesions:
        paint_lesion(state, head, grid, lesion, inner)
    return state.canvas


def _scalp_and_skull(state: Slice, head: Head, inner: Image) -> None:
    """Skin, fat, temporal muscle, outer and inner table with marrow between."""
    canvas, tissues, z_mm = state.canvas, state.tissues, state.z_mm
    scalp = 6.5 + 4 * ramp(-z_mm, 0, 40)
    outer = inner - (6.5 + scalp)
    if z_mm < -34:
        nose = ellipse(canvas, (0, -head.length - 20), (15, 20))
        outer = np.minimum(outer, nose + 3)
        outer = np.minimum(outer, ellipse(canvas, (0, -30), (head.width + 4, head.length - 8)))
    if -46 < z_mm < -6:
        for side in (-1, 1):
            ear = ellipse(canvas, (side * (head.width + 20), 16), (7, 17), side * 0.35)
            outer = np.minimum(outer, ear)
    canvas.paint(outer, tissues.skin)
    canvas.paint(outer + 2.2, tissues.fat, soft=1.8)
    for side in (-1, 1):
        level = ramp(-z_mm, -40, 5)
        centre, radii = (side * (head.width + 4), -30), (9 * level + 0.1, 30 * level + 0.1)
        part = canvas.near(*centre, 32)
        temporal = np.maximum(
            ellipse(part, centre, radii, side * -0.24), same_window(canvas, part, outer) + 4
        )
        part.paint(temporal, tissues.muscle, opacity=level)
    fields_thick = 6.2 + 1.2 * np.cos(np.arctan2(canvas.x, canvas.y) * 2)
    bone = inner - fields_thick.astype(np.float32)
    canvas.paint(bone, tissues.cortical, soft=1.4)
    marrow = np.maximum(bone + 1.9, -(inner - 1.9))
    canvas.paint(marrow, tissues.marrow, soft=1.6)


def _cerebrum(state: Slice, head: Head, grid: Grid, inner: Image) -> None:
    """Both hemispheres: folded cortex, white matter, deep nuclei, ventricles, falx."""
    canvas, tissues, z_mm = state.canvas, state.tissues, state.z_mm
    fields, aged = fields_of(head.person), head.atrophy
    canvas.paint(inner, tissues.fluid, soft=1.5)
    depth = -(inner + 1.6 + 2.4 * aged)
    folds = fields.folds.on(grid, z_mm)
    slope = np.hypot(*np.gradient(folds, grid.pixel_mm)) + 0.09
    crease = np.abs(folds) / slope
    reach = 17 + 5 * fields.wander.on(grid, z_mm)
    fissure = _fissures(canvas, head, z_mm)
    deep = np.clip((depth - reach) / 6, 0, 8)
    surface = np.minimum(np.minimum(depth, crease + deep), fissure)
    sulcus = 0.6 + 0.7 * aged
    ribbon = 3.9 + 0.9 * fields.grain.on(grid, z_mm) * 0.5
    brain = coverage(-depth, 1.5)
    cover(canvas.values, brain, tissues.grey)
    white = coverage(ribbon - surface, 1.6) * coverage(7 - depth, 4)
    texture = 1 + 0.012 * fields.grain.on(grid, z_mm)
    cover(canvas.values, white * brain, tissues.white * texture)
    opening = coverage(np.minimum(crease + deep, fissure) - sulcus, 1.3)
    cover(canvas.values, opening * brain * coverage(depth - reach - 4, 6), tissues.fluid)
    cover(canvas.values, coverage(fissure - 0.9 - aged, 1.3) * brain, tissues.fluid)
    state.brain = brain
    if z_mm < -4:
        _midbrain(state)
    _deep_nuclei(state)
    _ventricles(state, head)
    falx = np.maximum(np.abs(canvas.x) - 0.7, -depth - 2).astype(np.float32)
    away = (np.abs(canvas.y) > 44 - 0.4 * z_mm) | (z_mm > 42)
    cover(canvas.values, coverage(falx, 1.2) * away * 0.55, tissues.vessel)


def _fissures(canvas: Canvas, head: Head, z_mm: float) -> Image:
    """Distance to the fissure between the hemispheres and to the Sylvian fissures."""
    middle = np.abs(canvas.x)
    if z_mm < 36:
        gap = 40 - 0.25 * z_mm
        middle = np.hypot(middle, np.clip(gap - np.abs(canvas.y), 0, None))
    result: Image = np.asarray(middle, np.float32)
    if -28 < z_mm < 22:
        wander = fields_of(head.person).wander
        for side in (-1, 1):
            part = canvas.near(side * 50, 0, 34)
            wave = same_window(canvas, part, wander.last[2]) if wander.last else 0
            bent = replace(part, x=part.x + 2.5 * wave, y=part.y + 3.5 * wave)
            points = (
                (head.width * 1.02, -20.0),
                (48.0, -9.0),
                (37.0, -8.0),
                (34.5, 3.0),
                (38.0, 18.0),
            )
            into = same_window(canvas, part, result)
            for (x0, y0), (x1, y1) in pairwise(points):
                lip = capsule(bent, (side * x0, y0), (side * x1, y1))
                np.minimum(into, lip, out=into)
    return result


def _deep_nuclei(state: Slice) -> None:
    """Caudate, lentiform nucleus and thalamus with the internal capsule left between them."""
    canvas, z_mm, tissues = state.canvas, state.z_mm, state.tissues
    for side in (-1, 1):
        lentiform = section(z_mm, 2, 17)
        if lentiform:
            canvas.ellipse(
                (side * 25, 2),
                (7 * lentiform, 16 * lentiform),
                tissues.deep_grey,
                turn=side * -0.25,
                soft=2.5,
            )
        thalamus = section(z_mm, 4, 16)
        if thalamus:
            canvas.ellipse(
                (side * 10.5, 14),
                (7.5 * thalamus, 13 * thalamus),
                tissues.deep_grey,
                turn=side * 0.35,
                soft=3,
            )
        caudate = section(z_mm, 10, 20)
        if caudate:
            canvas.ellipse(
                (side * 14.5, -22),
                (4.5 * caudate, 8.5 * caudate),
                tissues.deep_grey,
                turn=side * 0.35,
                soft=2,
            )


def _midbrain(state: Slice) -> None:
    """Cisterns around the midbrain and its peduncles."""
    canvas, tissues = state.canvas, state.tissues
    level = ramp(-state.z_mm, 4, 14)
    canvas.ellipse((0, 12), (20 * level + 1, 18 * level + 1), tissues.fluid, soft=3)
    for x, y in ((-13, -4), (13, -4), (0, -12)):
        canvas.ellipse((x, y), (9 * level, 7 * level), tissues.fluid, soft=3)
    stem = tissues.white * 0.9 + tissues.grey * 0.1
    canvas.ellipse((0, 14), (14, 12), stem, soft=2, opacity=level)
    for side in (-1, 1):
        canvas.ellipse((side * 9, 5), (7, 8), stem, turn=side * 0.5, opacity=level)
    canvas.ellipse((0, 20), (1.4, 1.4), tissues.fluid, opacity=level)


def _ventricles(state: Slice, head: Head) -> None:
    """Frontal horns, bodies, atria and the third ventricle."""
    canvas, z_mm, fluid = state.canvas, state.z_mm, state.tissues.fluid
    wide = 1 + 0.9 * head.atrophy
    for side in (-1, 1):
        horn = section(z_mm, 12, 19)
        if horn:
            start, end = (side * 4.0, -20.0), (side * 13.0 * wide, -34.0)
            canvas.bar(start, end, 2.7 * horn * wide, fluid, soft=1.8)
        body = section(z_mm, 23, 13)
        if body:
            start, end = (side * 7.5, -26.0), (side * 13.0, 30.0)
            canvas.bar(start, end, 4.2 * body * wide, fluid, soft=1.8)
        atrium = section(z_mm, 8, 17)
        if atrium:
            canvas.bar((side * 20, 33), (side * 25, 46), 4.4 * atrium * wide, fluid, soft=1.8)
            if z_mm < 10:
                canvas.bar((side * 25, 46), (side * 18, 64), 2.0 * atrium * wide, fluid, soft=1.8)
    third = section(z_mm, -4, 13)
    if third:
        canvas.bar((0, 2), (0, 20), (1.2 + 1.1 * head.atrophy) * third, fluid, opacity=0.95)
    if -22 < z_mm < 4:
        canvas.ellipse((0, 32), (9, 4), fluid, soft=3)


def _lower_brain(state: Slice, head: Head, grid: Grid, inner: Image) -> None:
    """Temporal lobes, brain stem, cerebellum with its leaves, fourth ventricle."""
    canvas, tissues, z_mm = state.canvas, state.tissues, state.z_mm
    fields = fields_of(head.person)
    canvas.paint(inner, tissues.muscle)
    fall = ramp(-z_mm, 30, 62)
    lobes = np.full_like(inner, 99)
    for side in (-1, 1):
        lobe = ellipse(canvas, (side * 38, -16), (26 - 12 * fall, 34 - 18 * fall), side * 0.2)
        lobes = np.minimum(lobes, lobe)
    fossa = ellipse(canvas, (0, 42), (52 - 8 * fall, 40 - 4 * fall))
    fossa = np.minimum(fossa, ellipse(canvas, (0, 6), (17, 14)))
    room = np.maximum(np.minimum(lobes, fossa), inner).astype(np.float32)
    canvas.paint(np.maximum(room - 4, inner), tissues.cortical)
    canvas.paint(room, tissues.fluid)
    folds = np.abs(fields.folds.on(grid, z_mm)) / 0.22
    surface = np.minimum(-lobes - 2.0, folds + np.clip(-lobes - 14, 0, 9))
    brain = coverage(lobes + 2, 1.5) * coverage(inner + 1, 1.5)
    cover(canvas.values, brain, tissues.grey)
    cover(canvas.values, brain * coverage(3.6 - surface, 1.6), tissues.white)
    cerebellum = np.maximum(ellipse(canvas, (0, 45), (47 - 8 * fall, 33 - 4 * fall)), inner + 2)
    inside = coverage(cerebellum, 1.5)
    leaves = 0.5 + 0.5 * np.sin(cerebellum * 1.55 + 1.1 * fields.wander.on(grid, z_mm))
    cover(canvas.values, inside, tissues.grey * (1 - 0.06 * leaves) + tissues.fluid * 0.06 * leaves)
    for side in (-1, 1):
        core = ellipse(canvas, (side * 19, 43), (16, 11)) + 2.5 * np.sin(
            np.arctan2(canvas.y - 43, canvas.x - side * 19) * 7
        )
        cover(canvas.values, coverage(core.astype(np.float32), 3) * inside, tissues.white)
    stem = ellipse(canvas, (0, 8), (15 - 4 * fall, 13 - 3 * fall))
    canvas.paint(stem, tissues.white * 0.93 + tissues.grey * 0.07)
    canvas.ellipse((0, 24), (8 - 4 * fall, 3.6), tissues.fluid)
    state.brain = np.maximum(brain, np.maximum(inside, coverage(stem, 2)))


def _face_and_base(state: Slice, head: Head) -> None:
    """Petrous bones with air cells, sinuses, orbits, nose."""
    canvas, tissues, z_mm = state.canvas, state.tissues, state.z_mm
    front = -head.length
    for side in (-1, 1):
        canvas.bar((side * 20, 14), (side * 60, 28), 7.5, tissues.cortical)
        canvas.bar((side * 28, 16), (side * 54, 26), 3.0, tissues.marrow)
        for x, y in ((58, 34), (64, 30), (61, 40), (54, 31)):
            canvas.ellipse((side * x, y), (3.6, 3.2), tissues.air, opacity=0.85)
        canvas.ellipse((side * 46, 20), (3, 2), tissues.air, opacity=0.7)
        orbit = section(z_mm, -42, 21)
        if orbit:
            cone = canvas.near(side * 32, front + 26, 34)
            shape = ellipse(cone, (side * 31, front + 24), (18 * orbit, 28 * orbit), side * -0.3)
            cone.paint(shape - 2.2, tissues.cortical)
            cone.paint(shape, tissues.fat)
            cone.bar((side * 33, front + 20), (side * 20, front + 46), 2.0 * orbit, tissues.muscle)
            for lean in (-9, 9):
                cone.bar(
                    (side * (33 + lean), front + 16),
                    (side * 20, front + 46),
                    1.4 * orbit,
                    tissues.muscle,
                )
            cone.ellipse((side * 33, front + 8), (12.5 * orbit, 12.5 * orbit), tissues.muscle)
            cone.ellipse((side * 33, front + 8), (11 * orbit, 11 * orbit), tissues.eye)
            cone.ellipse((side * 33, front - 0.5), (4.5 * orbit, 1.9), tissues.lens)
        maxilla = ramp(-z_mm, 50, 60)
        if maxilla:
            canvas.ellipse((side * 27, front + 24), (17, 19), tissues.cortical, opacity=maxilla)
            canvas.ellipse((side * 27, front + 24), (15, 17), tissues.air, opacity=maxilla)
    canvas.ellipse((0, front + 22), (13, 26), tissues.cortical)
    for side in (-1, 1):
        for row in range(4):
            canvas.ellipse((side * 6, front + 4 + 11 * row), (4.6, 4.6), tissues.air)
    canvas.ellipse((0, front + 54), (12, 9), tissues.cortical)
    canvas.ellipse((0, front + 54), (10, 7.2), tissues.air)


LOOKS: dict[str, dict[str, tuple[float, float]]] = {
    # core and rim, in HU for CT and as signal for MR
    "bleed": {"CT": (72, 20), "T1": (560, 320), "T2": (240, 780), "FLAIR": (260, 760)},
    "infarct": {"CT": (17, 22), "T1": (330, 360), "T2": (760, 700), "FLAIR": (790, 720)},
    "glioma": {"CT": (24, 18), "T1": (250, 330), "T2": (800, 820), "FLAIR": (520, 800)},
    "meningioma": {"CT": (58, 30), "T1": (420, 380), "T2": (520, 700), "FLAIR": (560, 700)},
    "plaque": {"CT": (24, 26), "T1": (400, 480), "T2": (820, 700), "FLAIR": (860, 720)},
}


def look(tissues: Tissues, kind: str) -> tuple[float, float]:
    """Core and rim of a lesion in this kind of image."""
    names = {id(CT): "CT", id(T1): "T1", id(T2): "T2", id(FLAIR): "FLAIR"}
    return LOOKS[kind][names[id(tissues)]]


def paint_lesion(state: Slice, head: Head, grid: Grid, lesion: Lesion, inner: Image) -> None:
    """Bleeding, infarct, tumour or plaque, kept inside the brain."""
    x, y, z = lesion.centre
    size = lesion.radius * section(state.z_mm, z, lesion.radius * 1.15 + 2)
    if size < 1:
        return
    fields, canvas = fields_of(head.person), state.canvas
    if lesion.kind == "extradural":
        extradural(state, inner, 1 if x > 0 else -1, size)
        return
    rough = 0.16 * size * fields.wander.on(grid, state.z_mm) + 0.7 * fields.grain.on(
        grid, state.z_mm
    )
    shape = ellipse(canvas, (x, y), (size, size)) + rough
    room = coverage(inner + 2, 2)
    core, rim = look(state.tissues, lesion.kind)
    if lesion.kind == "infarct":
        cover(canvas.values, coverage(shape, 7) * room * 0.85, core)
        return
    if lesion.kind != "plaque":
        swelling = coverage(shape - 0.45 * size, 0.5 * size) * room * 0.75
        cover(canvas.values, swelling * state.brain, rim)
    cover(canvas.values, coverage(shape, 2.2) * room, core)
    if lesion.kind == "glioma":
        wall = coverage(np.abs(shape + 0.22 * size) - 0.13 * size, 2.5) * room
        cover(canvas.values, wall * 0.8, core + (0.35 * rim if state.tissues is not CT else 24))


def extradural(state: Slice, inner: Image, side: int, thickness: float) -> None:
    """Paint a lens of fresh blood between skull and brain."""
    canvas = state.canvas
    spread = np.clip(1 - ((canvas.y - 5) / 46) ** 2, 0, 1)
    lens = (
        coverage(-(inner + thickness * spread), 2) * coverage(inner, 1.5) * (canvas.x * side > 20)
    )
    cover(canvas.values, lens, 70)
