"""The same patient stored in another plane: other slices, no voxel lost."""

from itertools import permutations, product

import numpy as np

# Which of the patient's axes become columns, rows and slices, and which way each runs.
PLANES = [
    (order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]
AXIAL = ((0, 1, 2), (1, 1, 1))
SAGITTAL = ((1, 2, 0), (1, -1, 1))
CORONAL = ((0, 2, 1), (1, -1, 1))
UPSIDE_DOWN = ((0, 1, 2), (-1, 1, 1))


def directions_of(order, signs) -> np.ndarray:
    """Return directions of columns, rows and slices; slices run along the normal."""
    directions = np.eye(3)[:, list(order)] * np.array(signs)
    directions[:, 2] = np.cross(directions[:, 0], directions[:, 1])
    return directions


def in_plane(array_zyx, affine_lps, order, signs):
    """Return an axial LPS volume and its affine in another plane's axes."""
    directions = directions_of(order, signs)
    array, affine = np.asarray(array_zyx), np.array(affine_lps, dtype=np.float64)
    axes = [int(np.abs(directions[:, stored]).argmax()) for stored in range(3)]
    for stored, axis in enumerate(axes):
        if directions[axis, stored] < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[2 - axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, 2 - axis)
    turned = affine.copy()
    turned[:3, :3] = affine[:3, axes]
    return array.transpose(2 - axes[2], 2 - axes[1], 2 - axes[0]), turned
