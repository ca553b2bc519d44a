"""Scans of a head: CT with its noise, MR with shading and Rician noise."""

import numpy as np
from scipy import ndimage

from deploy.demo.head import CT, FLAIR, T1, T2, Head, Tissues, fields_of, paint_head
from deploy.demo.noise import Grid, Image, ct_noise, named_rng, rician
from deploy.demo.shapes import cover, coverage

CONTRASTS: dict[str, Tissues] = {"T1": T1, "T2": T2, "FLAIR": FLAIR}


def head_ct_slice(head: Head, study: str, grid: Grid, z_mm: float) -> Image:
    """(size, size) HU of one slice of a head CT."""
    canvas = paint_head(head, grid, z_mm, CT)
    axis_x, axis_y = canvas.axis_x[None, :], canvas.axis_y[:, None]
    holder = np.abs(np.hypot(axis_x / 0.92, axis_y - 4) - head.length - 24) - 1.3
    behind = coverage(holder.astype(np.float32), 1.6) * (axis_y > 18)
    cover(canvas.values, behind, -420)
    rng = named_rng(study, "noise", round(z_mm, 2))
    blurred = ndimage.gaussian_filter(canvas.values, 0.6)
    cup = (np.hypot(axis_x, axis_y) / head.length) ** 2 * 2.0
    inside = blurred > -400
    result: Image = (
        blurred + ct_noise(rng, grid.size, 3.6) * np.where(inside, 1, 1.5) + cup * inside
    )
    radius = np.hypot(grid.axis_mm[None, :], grid.axis_mm[:, None])
    result[radius > grid.axis_mm[-1] + grid.pixel_mm / 2] = -1024
    return np.clip(result, -1024, 3071)


def head_mr_slice(head: Head, study: str, grid: Grid, z_mm: float, contrast: str) -> Image:
    """(size, size) signal, 0 to about 1200, of one slice of a head MR."""
    canvas = paint_head(head, grid, z_mm, CONTRASTS[contrast])
    fields = fields_of(head.person)
    shading = 1 + 0.07 * fields.shading.on(grid, z_mm)
    radius = np.hypot(canvas.axis_x[None, :], canvas.axis_y[:, None])
    coil = 1 + 0.16 * (radius / 100) ** 2
    blurred = ndimage.gaussian_filter(canvas.values * shading * coil, 0.62)
    rng = named_rng(study, contrast, round(z_mm, 2))
    return rician(rng, blurred.astype(np.float32), 13)
