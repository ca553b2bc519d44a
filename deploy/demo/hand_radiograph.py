"""A radiograph of a hand (PA): hollow bones in a hand of soft tissue."""

from dataclasses import dataclass, replace

import numpy as np

from deploy.demo.noise import Grid, Image, SmoothField, named_rng
from deploy.demo.projection import (
    add_ball,
    bone_profile,
    develop,
    film,
    path_distance,
    side_marker,
    window_of,
)
from deploy.demo.shapes import Canvas, capsule, cover, coverage, ellipse

CENTRE_Y_MM = -72.0
# base of the metacarpal, its direction (degrees from straight up), lengths of the four bones
RAYS = (
    ((23.0, -12.0), 47.0, (44.0, 30.0, 0.0, 22.0), 4.7),
    ((14.0, -24.0), 9.0, (65.0, 40.0, 23.0, 17.0), 4.4),
    ((4.0, -26.0), 1.0, (63.0, 44.0, 28.0, 18.0), 4.5),
    ((-6.0, -25.0), -7.0, (56.0, 41.0, 26.0, 18.0), 4.1),
    ((-15.0, -22.0), -16.0, (52.0, 33.0, 19.0, 16.0), 3.9),
)
CARPALS = (
    ((21, -6), (7, 6)),
    ((12, -14), (6, 5.5)),
    ((2, -14), (7, 9)),
    ((-9, -13), (7.5, 7)),
    ((15, 2), (7, 9.5)),
    ((3, 3), (8, 7)),
    ((-9, 0), (7, 6)),
    ((-13, -2), (4.5, 4.5)),
)


@dataclass(frozen=True)
class Hand:
    """A person's hand in one study."""

    person: str
    is_right: bool
    size: float = 1.0
    bone: float = 1.0
    fracture: str = ""


@dataclass(frozen=True)
class Bone:
    """A long bone: ends, radius in the middle and at both ends."""

    start: tuple[float, float]
    end: tuple[float, float]
    middle_mm: float
    ends_mm: tuple[float, float]


def hand_of(person: str, *, is_female: bool, is_right: bool, fracture: str = "") -> Hand:
    """Return the hand that belongs to a person."""
    rng = named_rng(person, "hand")
    size = rng.uniform(0.90, 0.97) if is_female else rng.uniform(0.97, 1.07)
    return Hand(person, is_right, size, rng.uniform(0.85, 1.1), fracture)


def bones_of(hand: Hand) -> list[Bone]:
    """All long bones of the hand, from the thumb to the little finger, then the forearm."""
    rng, bones = named_rng(hand.person, "fingers"), []
    for index, (base, degrees, lengths, radius) in enumerate(RAYS):
        at, angle = np.array(base), np.radians(degrees + rng.normal(0, 2))
        bends = (0.0, -14.0 if index == 0 else 0.0, 0.0, -6.0 if index == 0 else 0.0)
        for step, length in enumerate(lengths):
            if not length:
                continue
            angle += np.radians(bends[step] + rng.normal(0, 1.2))
            heading = np.array([np.sin(angle), -np.cos(angle)])
            tip = at + heading * length
            shaft = radius * (1.0, 0.88, 0.74, 0.58)[step]
            ends = (shaft * (1.75, 1.75, 1.65, 1.6)[step], shaft * (1.7, 1.45, 1.4, 1.25)[step])
            bones.append(Bone((at[0], at[1]), (tip[0], tip[1]), shaft, ends))
            at = tip + heading * 2.2
    bones.append(Bone((9.0, 8.0), (7.0, 90.0), 7.5, (13.5, 8.0)))
    bones.append(Bone((-15.0, 9.0), (-14.0, 90.0), 5.2, (7.8, 6.0)))
    return bones


def add_bone(canvas: Canvas, bone: Bone, density: float) -> None:
    """Add a long bone with flared ends and a cortex that is thick in the middle."""
    points = [bone.start, bone.end]
    part = window_of(canvas, points, max(bone.ends_mm) + 2)
    (x0, y0), (x1, y1) = points
    ex, ey = x1 - x0, y1 - y0
    length2 = ex * ex + ey * ey
    along = ((part.x - x0) * ex + (part.y - y0) * ey) / length2
    length = float(np.sqrt(length2))
    low, high = 0.78 * bone.ends_mm[0] / length, 1 - 0.78 * bone.ends_mm[1] / length
    t = np.clip(along, low, high)
    distance = np.hypot(part.x - x0 - t * ex, part.y - y0 - t * ey)
    first, last = bone.ends_mm
    flare = np.where(t < 0.5, first, last) - bone.middle_mm
    u = np.abs(2 * (t - low) / (high - low) - 1)
    radius = bone.middle_mm + flare * u**2.6
    cortex = bone.middle_mm * (0.20 + 0.30 * (1 - u**2))
    scaled = distance * bone.middle_mm / radius
    part.values += density * bone_profile(scaled, bone.middle_mm, 0.3 * bone.middle_mm, 0.42)
    edge = coverage(np.abs(distance - radius + 0.5 * cortex) - 0.5 * cortex, 0.8)
    part.values += density * 0.8 * edge * (distance < radius)


def soft_tissue(canvas: Canvas, bones: list[Bone]) -> None:
    """Add the soft tissue of the hand: fingers, palm, wrist."""
    outline = np.full_like(canvas.values, 99)
    held = replace(canvas, values=outline)
    for bone in bones:
        margin = 5.2 if bone.middle_mm < 4.6 else 11.0
        part = window_of(held, [bone.start, bone.end], 40)
        shaft = capsule(part, bone.start, bone.end) - np.float32(bone.middle_mm + margin)
        np.minimum(part.values, shaft, out=part.values)
        for end, radius in zip((bone.start, bone.end), bone.ends_mm, strict=True):
            reach = radius * 0.72 + margin
            knob = held.near(*end, 34)
            away = np.hypot(knob.x - np.float32(end[0]), knob.y - np.float32(end[1]))
            np.minimum(knob.values, away - np.float32(reach), out=knob.values)
    for centre, radii in (((1, -50), (36, 46)), ((26, -34), (16, 26)), ((2, 2), (29, 36))):
        np.minimum(outline, ellipse(canvas, centre, radii), out=outline)
    depth = np.clip(-outline, 0, 14)
    canvas.values += 26 * np.sqrt(np.clip(1 - (1 - depth / 14) ** 2, 0, 1))


def break_metacarpal(bones: list[Bone]) -> list[Bone]:
    """Put the little finger's metacarpal in two pieces, the head bent towards the palm."""
    bone = bones[15]
    start, end = np.array(bone.start), np.array(bone.end)
    at = start + 0.72 * (end - start)
    heading = (end - start) / np.linalg.norm(end - start)
    side = np.array([heading[1], -heading[0]])
    moved, tip = at + 1.6 * side - 3.5 * heading, end + 5.5 * side - 2.5 * heading
    blunt = bone.middle_mm * 1.12
    first = Bone(bone.start, (at[0], at[1]), bone.middle_mm, (bone.ends_mm[0], blunt))
    last = Bone((moved[0], moved[1]), (tip[0], tip[1]), blunt, (blunt, bone.ends_mm[1]))
    return [*bones[:15], first, last, *bones[16:]]


def crack_radius(canvas: Canvas) -> None:
    """Draw a broken line across the far end of the radius with a small step at its edge."""
    points = [(-6.0, 33.0), (1.0, 30.5), (7.0, 34.0), (14.0, 31.0), (22.0, 34.5)]
    part = window_of(canvas, points, 6)
    line = path_distance(part, points, 6)
    cover(part.values, coverage(line - 0.7, 1.3) * 0.45, 30)
    part.values += 7 * coverage(np.abs(line - 2.2) - 0.7, 1.4) * (part.values > 40)


def hand_film(hand: Hand, study: str, grid: Grid) -> Image:
    """(size, size) 12-bit values of a hand radiograph, bright where bone is."""
    canvas, rng = film(grid, CENTRE_Y_MM), named_rng(study, "hand film")
    mirror = -1 if hand.is_right else 1
    scaled = Canvas(
        (canvas.x * mirror / hand.size).astype(np.float32),
        (canvas.y / hand.size).astype(np.float32),
        canvas.values,
        canvas.axis_x / hand.size,
        canvas.axis_y / hand.size,
        0.0,
    )
    if hand.is_right:
        scaled = Canvas(
            scaled.x[:, ::-1], scaled.y, canvas.values[:, ::-1], scaled.axis_x, scaled.axis_y, 0.0
        )
    bones = bones_of(hand)
    soft_tissue(scaled, bones)
    if hand.fracture == "metacarpal":
        bones = break_metacarpal(bones)
    for bone in bones:
        add_bone(scaled, bone, 2.3 * hand.bone)
    if hand.fracture == "radius":
        crack_radius(scaled)
    for centre, radii in CARPALS:
        add_ball(scaled, centre, radii, 15 * hand.bone)
        part = scaled.near(*centre, max(radii) + 2)
        rim = np.hypot((part.x - centre[0]) / radii[0], (part.y - centre[1]) / radii[1]) - 1
        part.values += 5 * hand.bone * coverage(np.abs(rim * min(radii) + 0.5) - 0.4, 0.9)
    texture_rng = named_rng(hand.person, "trabeculae")
    mesh = SmoothField(texture_rng, 1.6, extent_mm=130, height_mm=4).on(grid, 0)
    dense = np.clip((canvas.values - 24) / 30, 0, 1)
    canvas.values += 1.3 * mesh * dense
    values = develop(canvas.values, rng, middle_mm=31, contrast_mm=11, grain=0.45)
    corner = (int(grid.size * 0.06), int(grid.size * (0.08 if hand.is_right else 0.88)))
    side_marker(values, "R" if hand.is_right else "L", corner)
    return values
