"""From a network's idea of brain tissue to its borders: by connection and by grey values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WHITE, GREY, CSF = 1, 2, 3

# Dura, vessels and muscle hang on the brain by bridges thinner than twice this.
_BRIDGE_MM = 3
_SMOOTH_MM, _NOISY_MM = 0.5, 0.8
# Deviation of the noise, as a share of white matter.
_NOISE = 0.03
# Darker than this share of the network's grey matter is no tissue, at first: the network's own mean
# is too low, because it counts dark folds in.
_FIRST_SHARE = 0.80
# What a scanner shades varies slower than this.
_SHADING_MM = 20.0
_PRIOR_MM, _PRIOR_WEIGHT = 1.0, 0.6
_ROUNDS = 2
_CSF_MM, _FOLD_MM = 8.0, 3.0


@dataclass(frozen=True)
class _Modes:
    white: float
    grey: float

    @property
    def between(self) -> float:
        return (self.white + self.grey) / 2


def refine_tissues(image_zyx: Image, labels_zyx: Labels) -> Labels:
    """Keep what is connected brain, and draw the borders of its tissues where the image has them.

    A network that was trained on one head knows where tissues lie better than where they end.
    Scanner shading is estimated from the tissues and taken out; then each voxel gets the tissue
    that its grey value and the network's labels around it make likelier (one normal distribution
    a tissue, with a common variance: where noise is strong the network decides).

    Parameters
    ----------
    image_zyx : (Z, Y, X) float32 at 1 mm, T1-weighted, air at about 0
    labels_zyx : (Z, Y, X) uint8, of the network: white matter 1, grey matter 2, CSF 3

    Returns
    -------
    (Z, Y, X) uint8, the same labels; all 0 where nothing holds together
    """
    tissue = (labels_zyx == WHITE) | (labels_zyx == GREY)
    if not tissue.any():
        return np.zeros_like(labels_zyx)
    smooth = _smoothed(image_zyx, labels_zyx)
    modes = _first_modes(smooth, labels_zyx)
    brain = _connected(tissue & (smooth > _FIRST_SHARE * modes.grey))
    if not brain.any():
        return np.zeros_like(labels_zyx)
    for _ in range(_ROUNDS):
        modes = _modes_within(smooth[ndimage.binary_erosion(brain)], modes)
        smooth = smooth / _shading(smooth, brain, modes)
        modes = _modes_within(smooth[ndimage.binary_erosion(brain)], modes)
        brain = _connected(tissue & (smooth > _darkest(modes)))
        if not brain.any():
            return np.zeros_like(labels_zyx)
    is_white = _is_white(smooth, labels_zyx, brain, modes)
    out = np.where(brain, np.where(is_white, WHITE, GREY), 0).astype(np.uint8)
    out[_fluid(labels_zyx, brain)] = CSF
    return out


def _fluid(labels: Labels, brain: Mask) -> Mask:
    """CSF: what the network calls so near the brain, and what was no tissue in its folds."""
    distance = ndimage.distance_transform_edt(~brain)
    near = _largest(brain | ((labels == CSF) & (distance <= _CSF_MM)))
    fluid: Mask = ~brain & (near | ((labels != 0) & (distance <= _FOLD_MM)))
    return fluid


def _first_modes(smooth: Image, labels: Labels) -> _Modes:
    """Medians inside the network's tissues, away from their borders where there is enough."""
    found = []
    for tissue, depth in ((WHITE, 2), (GREY, 1)):
        whole = labels == tissue
        core = ndimage.binary_erosion(whole, iterations=depth)
        chosen = core if core.sum() > 1000 else whole
        found.append(float(np.median(smooth[chosen])) if chosen.any() else 0.0)
    white, grey = found
    return _Modes(white or grey, grey or white)


def _modes_within(values: Image, modes: _Modes) -> _Modes:
    """Return the medians of the brighter and the darker tissue; a one-dimensional 2-means."""
    if values.size == 0:
        return modes
    for _ in range(10):
        darker = values[values < modes.between]
        brighter = values[values >= modes.between]
        if not darker.size or not brighter.size:
            break
        modes = _Modes(float(np.median(brighter)), float(np.median(darker)))
    return modes


def _connected(tissue: Mask) -> Mask:
    """Keep the largest piece without what hangs on it by thin bridges."""
    core = _largest(ndimage.binary_erosion(tissue, iterations=_BRIDGE_MM))
    grown = tissue & ndimage.binary_dilation(core, iterations=_BRIDGE_MM + 1)
    return _largest(grown)


def _darkest(modes: _Modes) -> float:
    """Return the grey value below which nothing is tissue.

    As far below grey matter as grey matter is below white, as ratios: a change of the contrast
    (gamma) moves all three alike.
    """
    return modes.grey * modes.grey / modes.white


def _smoothed(image: Image, labels: Labels) -> Image:
    """Blur a little, and more where white matter is noisy."""
    core = ndimage.binary_erosion(labels == WHITE, iterations=2)
    if core.sum() > 1000:
        steps = np.abs(np.diff(image, axis=2))[core[:, :, 1:]]
        noise = 1.4826 * float(np.median(steps)) / 2**0.5
        level = noise / max(float(np.median(image[core])), 1e-3)
    else:
        level = 0.0
    smooth: Image = ndimage.gaussian_filter(image, _NOISY_MM if level > _NOISE else _SMOOTH_MM)
    return smooth


def _largest(mask: Mask) -> Mask:
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest: Mask = pieces == sizes.argmax()
    return largest


def _shading(smooth: Image, brain: Mask, modes: _Modes) -> Image:
    """Return by what factor each place is brighter than the tissues' modes say."""
    core = ndimage.binary_erosion(brain)
    expected = np.where(smooth > modes.between, modes.white, modes.grey)
    ratio = np.log(np.maximum(smooth, 1e-3) / expected)
    # Voxels of two tissues at once are half-way between and tell nothing.
    core &= np.abs(ratio) < 0.2
    weight = ndimage.gaussian_filter(core.astype(np.float32), _SHADING_MM)
    total = ndimage.gaussian_filter(np.where(core, ratio, 0).astype(np.float32), _SHADING_MM)
    factor: Image = np.exp(total / (weight + 1e-3)).astype(np.float32)
    return factor


def _is_white(smooth: Image, labels: Labels, brain: Mask, modes: _Modes) -> Mask:
    """Weigh the grey value with what the network said around."""
    white = (labels == WHITE).astype(np.float32)
    prior = ndimage.gaussian_filter(white, _PRIOR_MM)
    share = ndimage.gaussian_filter(brain.astype(np.float32), _PRIOR_MM)
    prior = (1 - _PRIOR_WEIGHT) / 2 + _PRIOR_WEIGHT * np.clip(prior / np.maximum(share, 0.1), 0, 1)
    bright = smooth > modes.between
    spread = [
        np.median(np.abs(smooth[brain & side] - mode))
        for side, mode in ((bright, modes.white), (~bright, modes.grey))
        if (brain & side).any()
    ]
    sigma = 1.4826 * float(np.mean(spread)) + 1e-3
    # Logarithm of the ratio of two normal densities of one variance.
    evidence = (modes.white - modes.grey) * (smooth - modes.between) / sigma**2
    is_white: Mask = evidence + np.log(prior / (1 - prior)) > 0
    return is_white
