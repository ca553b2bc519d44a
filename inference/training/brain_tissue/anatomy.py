"""Invented anatomy: the atlas' tissues with other folds, inside a skull, a scalp and a neck."""

from dataclasses import dataclass

import torch

from inference.training.brain_tissue.fields import Shape, chance, largest_of, smooth_field, uniform

# What is painted; the first four are also what the network says.
AIR, WHITE, GREY, CSF = 0, 1, 2, 3
DEEP_GREY, VENTRICLE, DURA, TABLE, MARROW, FAT, SKIN, MUSCLE, MUCOSA, BONE, CAVITY = range(4, 15)
PAINTS = 15
_SOFT = (MUSCLE, FAT, MUCOSA, BONE, CAVITY, MARROW)
# Deeper than this lie ventricles and basal ganglia, not cortex.
_CORTEX_MM = 27.0
_TARGETS = {WHITE: WHITE, GREY: GREY, DEEP_GREY: GREY, CSF: CSF, VENTRICLE: CSF}


@dataclass(frozen=True, eq=False)
class Region:
    """A box of the atlas: its maps, and the MNI coordinates of its voxels."""

    t1: torch.Tensor
    grey: torch.Tensor
    white: torch.Tensor
    depth_mm: torch.Tensor
    start_mm: tuple[float, float, float]

    @property
    def shape(self) -> Shape:
        """Sides in voxels of 1 mm."""
        x, y, z = self.t1.shape
        return x, y, z

    def axis_mm(self, axis: int) -> torch.Tensor:
        """Return MNI coordinates along an axis, shaped to combine with the maps."""
        line = self.start_mm[axis] + torch.arange(self.shape[axis], dtype=torch.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        return line.reshape(shape)


def invent_tissues(region: Region) -> torch.Tensor:
    """Return the paints inside the brain: the atlas' own, or with opened or invented folds."""
    csf = 255.0 - region.grey - region.white
    paint = torch.where(region.white >= torch.maximum(region.grey, csf), WHITE, GREY)
    paint[(csf > region.grey * uniform(0.75, 1.25)) & (csf > region.white)] = CSF
    inside = region.depth_mm > 0
    if chance(0.7):
        # Between two banks of grey matter the average head is only darker: open it.
        paint[(region.t1 < uniform(95.0, 150.0)) & (paint == GREY)] = CSF
    if chance(0.5):
        paint = _folded(region, paint)
    is_deep = region.depth_mm > _CORTEX_MM
    paint[is_deep & (paint == GREY)] = DEEP_GREY
    paint[is_deep & (paint == CSF)] = VENTRICLE
    return torch.where(inside, paint, AIR)


def _folded(region: Region, paint: torch.Tensor) -> torch.Tensor:
    """Replace the cortex of the cerebrum by a band of grey along invented folds."""
    noise = smooth_field(region.shape, uniform(7.0, 13.0))[0]
    steps = torch.stack(torch.gradient(noise))
    slope = steps.norm(dim=0) + 1e-3
    to_fold = noise.abs() / slope
    deepest = uniform(9.0, 20.0)
    to_csf = torch.minimum(region.depth_mm, to_fold + 0.8 * (region.depth_mm - deepest).relu())
    gap, band = uniform(0.0, 1.6), uniform(1.8, 3.6)
    x, y, z = (region.axis_mm(axis) for axis in range(3))
    cerebellum = (y < -33) & (z < -14 + (y + 60).clamp(max=0) * 0.3)
    stem = (x.abs() < 20) & (z < -8) & (y < -2)
    place = (region.depth_mm > 0) & (region.depth_mm < _CORTEX_MM) & ~cerebellum & ~stem
    drawn = torch.where(to_csf < gap, CSF, torch.where(to_csf < gap + band, GREY, WHITE))
    return torch.where(place, drawn, paint)


def add_head(region: Region, paint: torch.Tensor) -> torch.Tensor:
    """Lay CSF, dura, skull, fat and skin around the brain, and soft tissue and air below it."""
    out = -region.depth_mm
    wobble = smooth_field(region.shape, 25.0, channels=3)
    edge = (uniform(0.3, 4.5) * (1.0 + 0.5 * wobble[0])).clamp(min=0.0)
    layers = [(edge, CSF)]
    spread = (1.0 + 0.35 * wobble[1]).clamp(min=0.3)
    for low, high, kind in (
        (0.0, 1.6, DURA),
        (0.8, 2.2, TABLE),
        (1.0, 5.0, MARROW),
        (0.8, 2.2, TABLE),
        (1.0, 9.0, FAT),
        (0.5, 2.5, SKIN),
    ):
        edge = edge + uniform(low, high) * spread
        layers.append((edge, kind))
    head = torch.full_like(paint, AIR)
    for limit, kind in reversed(layers):
        head[out < limit] = kind
    head = _add_below(region, head, skull=layers[4][0], blotch=wobble[2])
    return torch.where(paint != AIR, paint, torch.where(region.depth_mm > 0, CSF, head))


def _add_below(
    region: Region, head: torch.Tensor, *, skull: torch.Tensor, blotch: torch.Tensor
) -> torch.Tensor:
    """Fill face and neck with patches of soft tissue, bone and air."""
    x, y, z = (region.axis_mm(axis) for axis in range(3))
    wide, long = uniform(62.0, 85.0), uniform(80.0, 112.0)
    outline = (x / wide) ** 2 + ((y + uniform(-5.0, 25.0)) / long) ** 2 < 1.0 + 0.1 * blotch
    top = uniform(-35.0, -5.0) + 8.0 * blotch
    below = outline & (z < top)
    soft = _patches(region.shape)
    out = -region.depth_mm
    free = below & (out > skull * uniform(0.3, 1.0))
    head = torch.where(free, soft, head)
    if chance(0.3):
        # Patches of the same in the scalp and the skull: muscle, sinuses, veins.
        patch = (blotch > uniform(0.8, 1.6)) & (head != AIR) & (head != CSF)
        head = torch.where(patch, soft, head)
    return head


def _patches(shape: Shape) -> torch.Tensor:
    """Return patches of soft tissue, bone and air, drawn at 2 mm."""
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2, (shape[2] + 1) // 2)
    fields = smooth_field(half, uniform(3.0, 9.0), channels=len(_SOFT))
    fields += torch.tensor([uniform(-0.7, 0.7) for _ in _SOFT]).reshape(-1, 1, 1, 1)
    soft = torch.tensor(_SOFT)[largest_of(fields)]
    for axis in range(3):
        soft = soft.repeat_interleave(2, dim=axis)
    return soft[: shape[0], : shape[1], : shape[2]]


def targets_of(paint: torch.Tensor) -> torch.Tensor:
    """Return (4, X, Y, Z) float32: background, white matter, grey matter, CSF."""
    classes = torch.zeros(PAINTS, dtype=torch.long)
    for kind, value in _TARGETS.items():
        classes[kind] = value
    target = classes[paint]
    return torch.stack([target == value for value in range(4)]).float()
