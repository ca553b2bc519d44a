"""Which place of one picture looks like which place of another: patch to patch, pure numpy.

An embedder's patches lie on a grid over the network's input, letterbox and all. Here they are
laid over the picture itself, its background is taken out, and two pictures are compared place by
place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inference.errors import UnsupportedInputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

# Index of no patch: background has no counterpart.
NOWHERE = -1
MAX_PAIRS = 8
# A pair below this is no likeness worth pointing at. In two pictures of different kinds places
# have .11 on average and .23 at the 90th percentile, in two of one kind .42 and .61 (16 kinds).
LEAST_PAIR = 0.3
# Pixels looked at along one side of a patch, to tell background from anatomy.
_PIXELS = 8
# Of 255: what a level varies by where there is nothing but it.
_FLAT = 6.0
_DARK = 20.0
_LEAST_FLAT_BORDER = 0.75
_PAIRS_APART = 6
# Networks see their own padding at the border of what they are given; from this grid on, pairs
# keep off it.
_HAS_BORDER = 5


@dataclass(frozen=True, slots=True)
class Patches:
    """The places of one picture.

    ``features`` is (rows, columns, channels) float32 of length 1 along channels, a grid over the
    picture alone; ``is_content`` (rows, columns) bool, False where there is only background.
    """

    features: npt.NDArray[np.float32]
    is_content: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LikenessMap:
    """How much each place of a picture looks like its best counterpart in the other.

    ``values`` is (rows, columns) float32: 0 is no more alike than two places taken at random
    from one picture, 1 is the same. ``best`` is (rows, columns) int32, the counterpart's index
    in row order, `NOWHERE` for background.
    """

    values: npt.NDArray[np.float32]
    best: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PatchPair:
    """Two places, by index in row order, that are each other's best counterpart."""

    query: int
    result: int
    value: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two pictures compared: a map on each, and the pairs that are most alike, best first."""

    query: LikenessMap
    result: LikenessMap
    pairs: tuple[PatchPair, ...]
    baseline: float


def place_patches(features: Vector, picture: npt.NDArray[np.uint8]) -> Patches:
    """Lay patches of a letterboxed network input over the picture itself.

    Parameters
    ----------
    features : (rows, columns, channels) float32 of length 1 along channels, over the whole input
    picture : (rows, columns) or (rows, columns, 3) uint8, the display image that was embedded:
        its longer side fills the input, the shorter is centred

    Returns
    -------
    A grid over the picture: along its longer side as fine as the network's, and about square

    Raises
    ------
    UnsupportedInputError
        The features are no grid.
    """
    if features.ndim != 3 or min(features.shape) < 1:
        raise UnsupportedInputError("Patches have the shape (rows, columns, channels).")
    height, width = picture.shape[:2]
    rows, columns = (
        max(1, round(side * share))
        for side, share in zip(
            features.shape[:2],
            (height / max(height, width), width / max(height, width)),
            strict=True,
        )
    )
    sampled = _sampled_rows(features, rows, height / max(height, width))
    across = _sampled_rows(sampled.swapaxes(0, 1), columns, width / max(height, width))
    placed = across.swapaxes(0, 1)
    lengths = np.linalg.norm(placed, axis=2, keepdims=True)
    return Patches(
        features=(placed / np.maximum(lengths, 1e-9)).astype(np.float32),
        is_content=content_of(picture, rows, columns),
    )


def content_of(picture: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """Tell anatomy from background: black, or the one level that most of the border has.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 3) uint8
    rows, columns : of the grid

    Returns
    -------
    (rows, columns) bool, False where a patch is nothing but background
    """
    size = (columns * _PIXELS, rows * _PIXELS)
    small = Image.fromarray(picture).convert("L").resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(small, dtype=np.float32)
    blocks = pixels.reshape(rows, _PIXELS, columns, _PIXELS).swapaxes(1, 2)
    means = blocks.mean(axis=(2, 3))
    is_flat = blocks.std(axis=(2, 3)) < _FLAT
    is_background = means < _DARK
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    level = float(np.median(border))
    if (np.abs(border - level) < _FLAT).mean() >= _LEAST_FLAT_BORDER:
        is_background |= np.abs(means - level) < _FLAT
    return np.asarray(~(is_flat & is_background))


def compare_patches(query: Patches, result: Patches, *, limit: int = MAX_PAIRS) -> Likeness:
    """Find the best counterpart of each place of two pictures in the other.

    Cosines of patches depend on the network; their zero here is the mean between two places of
    one picture, averaged over both pictures: it hardly varies (.30 +- .05 with the default
    network, over pairs alike or not), so that values of different results can be compared.

    Parameters
    ----------
    query, result : of two pictures, by one network
    limit : pairs at most

    Returns
    -------
    A map on each picture; pairs are mutual nearest neighbours, off the border, and spread over
    both pictures
    """
    similarity = _flattened(query) @ _flattened(result).T
    of_query, of_result = query.is_content.reshape(-1), result.is_content.reshape(-1)
    if not of_query.any() or not of_result.any():
        return Likeness(_empty(query), _empty(result), (), 0.0)
    baseline = (_mean_within(query) + _mean_within(result)) / 2
    similarity[~of_query] = -np.inf
    similarity[:, ~of_result] = -np.inf
    forth, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    maps = tuple(
        _map(patches, np.take_along_axis(table, best[:, np.newaxis], axis=1)[:, 0], best, baseline)
        for patches, table, best in ((query, similarity, forth), (result, similarity.T, back))
    )
    mutual = [
        PatchPair(int(place), int(forth[place]), float(maps[0].values.flat[place]))
        for place in np.flatnonzero(of_query)
        if back[forth[place]] == place
        and maps[0].values.flat[place] >= LEAST_PAIR
        and _is_off_border(int(place), query.is_content.shape)
        and _is_off_border(int(forth[place]), result.is_content.shape)
    ]
    pairs = _spread(mutual, query.is_content.shape, result.is_content.shape, limit)
    return Likeness(maps[0], maps[1], pairs, baseline)


def _sampled_rows(grid: Vector, count: int, share: float) -> Vector:
    """Read `count` rows, evenly spaced over the middle `share` of a grid's rows."""
    centres = 0.5 + ((np.arange(count) + 0.5) / count - 0.5) * share
    places = np.clip(centres * len(grid) - 0.5, 0, len(grid) - 1)
    lower = np.floor(places).astype(int)
    upper = np.minimum(lower + 1, len(grid) - 1)
    weight = (places - lower)[:, np.newaxis, np.newaxis]
    return np.asarray(grid[lower] * (1 - weight) + grid[upper] * weight, dtype=np.float32)


def _flattened(patches: Patches) -> Vector:
    return patches.features.reshape(-1, patches.features.shape[2])


def _mean_within(patches: Patches) -> float:
    """Mean cosine of two different places of one picture, background apart."""
    features = _flattened(patches)[patches.is_content.reshape(-1)].astype(np.float64)
    count = len(features)
    if count < 2:
        return 0.0
    of_all = float(np.square(features.sum(axis=0)).sum())
    return (of_all - count) / (count * (count - 1))


def _map(
    patches: Patches, cosines: Vector, best: npt.NDArray[np.intp], baseline: float
) -> LikenessMap:
    shape = patches.is_content.shape
    is_content = patches.is_content.reshape(-1)
    above = (np.where(is_content, cosines, 0.0) - baseline) / max(1.0 - baseline, 1e-6)
    values = np.where(is_content, np.clip(above, 0.0, 1.0), 0.0)
    return LikenessMap(
        values=values.astype(np.float32).reshape(shape),
        best=np.where(is_content, best, NOWHERE).astype(np.int32).reshape(shape),
    )


def _empty(patches: Patches) -> LikenessMap:
    shape = patches.is_content.shape
    return LikenessMap(np.zeros(shape, np.float32), np.full(shape, NOWHERE, np.int32))


def _spread(
    pairs: list[PatchPair],
    query_shape: tuple[int, ...],
    result_shape: tuple[int, ...],
    limit: int,
) -> tuple[PatchPair, ...]:
    """Take the best pairs, each some way from those before it in both pictures."""
    chosen: list[PatchPair] = []
    for pair in sorted(pairs, key=lambda one: (-one.value, one.query)):
        if len(chosen) >= limit:
            break
        if all(
            _is_apart(pair.query, other.query, query_shape)
            and _is_apart(pair.result, other.result, result_shape)
            for other in chosen
        ):
            chosen.append(pair)
    return tuple(chosen)


def _is_off_border(index: int, shape: tuple[int, ...]) -> bool:
    if min(shape) < _HAS_BORDER:
        return True
    row, column = divmod(index, shape[1])
    return 0 < row < shape[0] - 1 and 0 < column < shape[1] - 1


def _is_apart(one: int, other: int, shape: tuple[int, ...]) -> bool:
    apart = max(1, max(shape) // _PAIRS_APART)
    rows = abs(one // shape[1] - other // shape[1])
    columns = abs(one % shape[1] - other % shape[1])
    return max(rows, columns) >= apart
