"""Classical descriptors of a display image: intensities, texture and shape, without a network.

Each is a space of its own beside the learned one. scikit-image is imported when first used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.errors import UnsupportedInputError

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

HISTOGRAM_BINS = 32
# Textures and gradients are compared at one size, whatever the detector's resolution.
TEXTURE_SIDE = 224
LBP_RADII = (1, 2, 3)
LBP_NEIGHBOURS = 8
GLCM_LEVELS = 32
GLCM_DISTANCES = (1, 2, 4)
GLCM_PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
SHAPE_SIDE = 128
HOG_CELLS = 4
HOG_ORIENTATIONS = 9
_HU_MOMENTS = 7
# How much the few numbers of a second kind weigh beside the first kind, which has length 1.
_GLCM_WEIGHT = 1.0
_HU_WEIGHT = 1.0
# Logarithms of Hu moments of images lie between 0 and -_HU_RANGE decades.
_HU_RANGE = 30.0


@dataclass(frozen=True)
class Descriptor:
    """One way of describing a picture by numbers.

    Attributes
    ----------
    name : of the space that its vectors belong to
    version : of the computation; another version is another space
    dimension : length of a vector
    metric : ``bhattacharyya`` or ``cosine``; vectors have length 1 for both
    function : grey picture to vector, any length
    """

    name: str
    version: str
    dimension: int
    metric: str
    function: Callable[[Picture], Floats]

    def describe(self, display_image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Describe a display image.

        Parameters
        ----------
        display_image : (rows, columns) or (rows, columns, 3) uint8, 0 = darkest

        Returns
        -------
        (dimension,) float32 of length 1

        Raises
        ------
        UnsupportedInputError
            The array is not a grey or RGB 8-bit image, or has no pixels.
        """
        vector = self.function(_grey(display_image))
        length = float(np.linalg.norm(vector))
        if length < np.finfo(np.float32).tiny:
            # An even picture has no gradients: still a direction, the same for all of them.
            vector, length = np.ones(self.dimension), float(np.sqrt(self.dimension))
        return (vector / length).astype(np.float32)


def intensity_histogram(grey: Picture) -> Floats:
    """Return square roots of the shares of intensities, whose inner product compares histograms.

    Parameters
    ----------
    grey : (rows, columns) uint8

    Returns
    -------
    (32,) of length 1; an inner product of two is their Bhattacharyya coefficient
    """
    counts = np.bincount((grey >> 3).ravel(), minlength=HISTOGRAM_BINS)
    return np.asarray(np.sqrt(counts / grey.size), dtype=np.float64)


def texture(grey: Picture) -> Floats:
    """Return local binary patterns at three radii and properties of co-occurring intensities.

    Parameters
    ----------
    grey : (rows, columns) uint8

    Returns
    -------
    (45,): square roots of three histograms of uniform patterns, then 15 properties in 0 to 1
    """
    from skimage.feature import graycomatrix, graycoprops, local_binary_pattern  # noqa: PLC0415

    picture = _fitted(grey, TEXTURE_SIDE)
    bins = LBP_NEIGHBOURS + 2
    histograms = []
    for radius in LBP_RADII:
        codes = local_binary_pattern(picture, LBP_NEIGHBOURS, radius, "uniform").astype(np.int64)
        histograms.append(np.bincount(codes.ravel(), minlength=bins) / codes.size)
    patterns = np.sqrt(np.concatenate(histograms) / len(LBP_RADII))
    angles = np.arange(4) * np.pi / 4
    matrix = graycomatrix(
        picture >> 3, GLCM_DISTANCES, angles, levels=GLCM_LEVELS, symmetric=True, normed=True
    )
    properties = {name: graycoprops(matrix, name).mean(axis=1) for name in GLCM_PROPERTIES}
    # To 0..1, so that none outweighs the rest by its unit.
    properties["contrast"] = np.sqrt(properties["contrast"]) / (GLCM_LEVELS - 1)
    properties["dissimilarity"] = properties["dissimilarity"] / (GLCM_LEVELS - 1)
    properties["correlation"] = (properties["correlation"] + 1) / 2
    numbers = np.concatenate([properties[name] for name in GLCM_PROPERTIES])
    return np.concatenate([patterns, _GLCM_WEIGHT * numbers / np.sqrt(numbers.size)])


def shape(grey: Picture) -> Floats:
    """Return gradient directions on a 4 x 4 grid and the Hu moments.

    Parameters
    ----------
    grey : (rows, columns) uint8

    Returns
    -------
    (151,): 16 cells of 9 directions, then 7 moments on a logarithmic scale
    """
    from skimage.feature import hog  # noqa: PLC0415 costs every process that imports it
    from skimage.measure import moments_central, moments_hu, moments_normalized  # noqa: PLC0415

    picture = _letterboxed(grey, SHAPE_SIDE)
    cell = SHAPE_SIDE // HOG_CELLS
    gradients = hog(
        picture,
        orientations=HOG_ORIENTATIONS,
        pixels_per_cell=(cell, cell),
        cells_per_block=(1, 1),
        block_norm="L2",
    )
    length = max(float(np.linalg.norm(gradients)), 1e-12)
    plane = picture.astype(np.float64) / 255
    hu = np.zeros(_HU_MOMENTS)
    if plane.any():
        hu = moments_hu(moments_normalized(moments_central(plane)))
    decades = np.log10(np.maximum(np.abs(hu), 10.0**-_HU_RANGE)) / _HU_RANGE
    # The mirror image has the seventh moment of the other sign; the others are never far below 0.
    moments = 1 + np.clip(decades, -1, 0)
    return np.concatenate([gradients / length, _HU_WEIGHT * moments / np.sqrt(_HU_MOMENTS)])


def _grey(display_image: npt.NDArray[np.uint8]) -> Picture:
    image = np.asarray(display_image)
    is_grey = image.ndim == 2
    is_colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (is_grey or is_colour) or image.size == 0:
        raise UnsupportedInputError(
            "A descriptor needs an 8-bit grey or RGB image with at least one pixel."
        )
    return np.asarray(Image.fromarray(image).convert("L"))


def _fitted(grey: Picture, side: int) -> Picture:
    """Scale so that the longer side has the given length, the shorter at least 8 pixels."""
    rows, columns = grey.shape
    scale = side / max(rows, columns)
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))


def _letterboxed(grey: Picture, side: int) -> Picture:
    inner = _fitted(grey, side)
    canvas = np.zeros((side, side), dtype=np.uint8)
    top, left = ((side - length) // 2 for length in inner.shape)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


_ALL = (
    Descriptor("intensity-histogram-v1", "1", HISTOGRAM_BINS, "bhattacharyya", intensity_histogram),
    Descriptor(
        "texture-v1",
        "1",
        len(LBP_RADII) * (LBP_NEIGHBOURS + 2) + len(GLCM_DISTANCES) * len(GLCM_PROPERTIES),
        "cosine",
        texture,
    ),
    Descriptor("shape-v1", "1", HOG_CELLS**2 * HOG_ORIENTATIONS + _HU_MOMENTS, "cosine", shape),
)
DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType({one.name: one for one in _ALL})
