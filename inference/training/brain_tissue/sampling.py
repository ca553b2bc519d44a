"""One training example: a bent box of the atlas with invented looks, and its tissues."""

import math

import torch
from torch.nn import functional

from inference.training.brain_tissue import anatomy
from inference.training.brain_tissue.appearance import paint_tissues, scan
from inference.training.brain_tissue.atlas import PADDING, Atlas
from inference.training.brain_tissue.fields import chance, largest_of, smooth_field, uniform

_REAL = 0.25


def draw_example(atlas: Atlas, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return an image and its tissues, never twice the same.

    Parameters
    ----------
    side : of the cube in voxels of 1 mm, a multiple of 16

    Returns
    -------
    (1, side, side, side) float32 image; (side, side, side) int64 tissues, 0 to 3
    """
    points = _bent_points(atlas, side)
    region, points = _region_around(atlas, points)
    paint = anatomy.invent_tissues(region) if not chance(_REAL) else None
    if paint is None:
        image, paint = _real_looks(region)
    else:
        if chance(0.9):
            paint = anatomy.add_head(region, paint)
        image = paint_tissues(paint)
    layers = torch.cat([image[None], anatomy.targets_of(paint)])
    sampled = functional.grid_sample(
        layers[None], points[None], padding_mode="border", align_corners=True
    )[0]
    tissues = largest_of(sampled[1:])
    return scan(sampled[:1]), tissues


def _real_looks(region: anatomy.Region) -> tuple[torch.Tensor, torch.Tensor]:
    """Keep the atlas' own T1 values, mostly with an invented head around them."""
    csf = 255.0 - region.grey - region.white
    paint = torch.where(region.white >= torch.maximum(region.grey, csf), 1, 2)
    paint[(csf > region.grey) & (csf > region.white)] = anatomy.CSF
    paint[region.depth_mm <= 0] = anatomy.AIR
    image = region.t1 / 250.0
    if chance(0.7):
        head = anatomy.add_head(region, paint)
        image = torch.where(region.depth_mm > 0, image, paint_tissues(head))
        paint = head
    return image, paint


def _bent_points(atlas: Atlas, side: int) -> torch.Tensor:
    """Return (side, side, side, 3) atlas indices: a cube, turned, scaled, sheared and bent."""
    sides = torch.tensor(atlas.t1.shape, dtype=torch.float32)
    low = torch.tensor([float(pad[0]) for pad in PADDING])
    high = sides - torch.tensor([float(pad[1]) for pad in PADDING])
    reach = side / 2 - 20.0
    # Boxes may stick out of the head, but never lie outside.
    centre = low + reach * 0.7 + torch.rand(3) * (high - low - 1.4 * reach)
    line = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1)
    points = grid @ _random_affine().T + centre
    shape = (side, side, side)
    wide = smooth_field(shape, uniform(20.0, 40.0), channels=3) * uniform(0.0, 5.0)
    fine = smooth_field(shape, uniform(7.0, 14.0), channels=3) * uniform(0.0, 1.8)
    return points + (wide + fine).permute(1, 2, 3, 0)


def _random_affine() -> torch.Tensor:
    matrix = torch.eye(3)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        angle = math.radians(uniform(-20.0, 20.0))
        turn = torch.eye(3)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ turn
    scales = torch.tensor([uniform(0.87, 1.15) for _ in range(3)]) * uniform(0.93, 1.07)
    shears = torch.eye(3) + 0.08 * (torch.rand(3, 3) - 0.5)
    matrix = matrix @ torch.diag(scales) @ shears
    if chance(0.5):
        matrix[0] = -matrix[0]
    return matrix


def _region_around(atlas: Atlas, points: torch.Tensor) -> tuple[anatomy.Region, torch.Tensor]:
    """Cut the box of the atlas that holds the points, and scale them to -1..1 in it."""
    flat = points.reshape(-1, 3)
    sides = torch.tensor(atlas.t1.shape)
    low = torch.minimum(flat.amin(dim=0).floor().long().clamp(min=0), sides - 16)
    high = torch.maximum(torch.minimum(flat.amax(dim=0).ceil().long() + 1, sides), low + 16)
    cut = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    start = [origin + float(at) for origin, at in zip(atlas.origin_mm, low, strict=True)]
    region = anatomy.Region(
        t1=atlas.t1[cut],
        grey=atlas.grey[cut],
        white=atlas.white[cut],
        depth_mm=atlas.depth_mm[cut],
        start_mm=(start[0], start[1], start[2]),
    )
    scaled = (points - low) / (high - low - 1) * 2 - 1
    # grid_sample counts axes from the last.
    return region, scaled.flip(-1)
