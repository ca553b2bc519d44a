"""Is it the same picture? Local keypoints matched, the match verified by geometry and pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from skimage.feature import ORB, SIFT, match_descriptors
from skimage.measure import ransac
from skimage.transform import SimilarityTransform, warp

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.float64]

# Pictures are compared at this size: keypoints of scanner noise say nothing.
SIDE = 288
# The values below are measured: docs/retrieval.md, "Near duplicates".
LEAST_INLIERS = 40
LEAST_CORRELATION = 0.98
LEAST_OVERLAP = 0.3
_KEYPOINTS = 300
_RESIDUAL_PX = 3.0
_TRIALS = 300
_LEAST_MATCHES = 6
_SCALES = (0.2, 5.0)
# Of the overlap, so much may differ: burnt-in text, a marker.
_TRIMMED = 0.1


@dataclass(frozen=True, slots=True)
class Verification:
    """What speaks for two pictures being one.

    ``inliers`` counts keypoints that one similarity transform maps onto each other,
    ``correlation`` is Pearson's between the pictures where they then overlap, -1 to 1, and
    ``overlap`` that part of the smaller picture, 0 to 1.
    """

    inliers: int
    correlation: float
    overlap: float
    method: str

    @property
    def is_same(self) -> bool:
        """Whether the two show the same image, perhaps cropped, scaled, turned or compressed."""
        return (
            self.inliers >= LEAST_INLIERS
            and self.correlation >= LEAST_CORRELATION
            and self.overlap >= LEAST_OVERLAP
        )


def verify_same_picture(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]
) -> Verification:
    """Match two pictures by ORB keypoints, by SIFT where those are too few, and verify.

    A similarity transform is fitted to the matches by RANSAC; under it the pictures must agree
    pixel by pixel. Neighbouring slices and other patients' images match in places, but do not.

    Parameters
    ----------
    first, second : (rows, columns) or (rows, columns, 3) uint8, display values

    Returns
    -------
    The better of the two methods' verifications; all zero where nothing matches.

    References
    ----------
    Rublee et al., ORB: an efficient alternative to SIFT or SURF, ICCV 2011. Lowe, Distinctive
    image features from scale-invariant keypoints, IJCV 2004.
    """
    one, other = _grey(first), _grey(second)
    found = Verification(0, 0.0, 0.0, "orb")
    for method in ("orb", "sift"):
        tried = _verified(one, other, method)
        if (tried.inliers, tried.correlation) > (found.inliers, found.correlation):
            found = tried
        if found.is_same:
            break
    return found


def _grey(picture: npt.NDArray[np.uint8]) -> Grey:
    image = Image.fromarray(np.ascontiguousarray(picture)).convert("L")
    scale = SIDE / max(image.size)
    # Small pictures are enlarged: detectors look at patches of some 30 pixels.
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float64) / 255


def _verified(one: Grey, other: Grey, method: str) -> Verification:
    nothing = Verification(0, 0.0, 0.0, method)
    points = [_keypoints(image, method) for image in (one, other)]
    if any(found is None for found in points):
        return nothing
    (here, our_words), (there, their_words) = points  # type: ignore[misc]  # none is None
    ratio = 1.0 if method == "orb" else 0.8
    pairs = match_descriptors(our_words, their_words, cross_check=True, max_ratio=ratio)
    if len(pairs) < _LEAST_MATCHES:
        return nothing
    # skimage gives rows and columns; transforms take x and y.
    source, target = here[pairs[:, 0]][:, ::-1], there[pairs[:, 1]][:, ::-1]
    transform, inliers = _fitted(source, target)
    if transform is None:
        return nothing
    correlation, overlap = _agreement(one, other, transform)
    return Verification(inliers, correlation, overlap, method)


def _keypoints(image: Grey, method: str) -> tuple[Any, Any] | None:
    if min(image.shape) < 16:
        return None
    detector = ORB(n_keypoints=_KEYPOINTS, fast_threshold=0.03) if method == "orb" else SIFT()
    try:
        detector.detect_and_extract(image)
    except (RuntimeError, ValueError, IndexError):
        # skimage's way of saying that a flat picture has no keypoints.
        return None
    if detector.keypoints is None or len(detector.keypoints) < _LEAST_MATCHES:
        return None
    return detector.keypoints[:1500], detector.descriptors[:1500]


def _fitted(source: Any, target: Any) -> tuple[SimilarityTransform | None, int]:
    with warnings.catch_warnings():
        # Degenerate samples of three points are told of, one by one.
        warnings.simplefilter("ignore")
        model, inliers = ransac(
            (source, target),
            SimilarityTransform,
            min_samples=3,
            residual_threshold=_RESIDUAL_PX,
            max_trials=_TRIALS,
            rng=0,
        )
    # What could not be estimated is None or false.
    if not model or inliers is None or not np.isfinite(model.params).all():
        return None, 0
    if not _SCALES[0] <= float(model.scale) <= _SCALES[1]:
        return None, 0
    return model, int(np.sum(inliers))


def _agreement(one: Grey, other: Grey, transform: SimilarityTransform) -> tuple[float, float]:
    """Correlate the pictures where they overlap, at the first one's pixels."""
    moved = warp(other, transform, output_shape=one.shape, order=1, cval=0.0)
    inside = warp(np.ones_like(other), transform, output_shape=one.shape, order=0, cval=0.0) > 0.5
    # The share of the smaller one, in the pixels of the first.
    area = min(one.size, other.size / max(float(transform.scale) ** 2, 1e-6))
    overlap = min(1.0, float(inside.sum()) / max(area, 1.0))
    ours, theirs = one[inside], moved[inside]
    # Black borders agree with each other in any two pictures.
    counts = (ours > 0.02) | (theirs > 0.02)
    if counts.sum() < 64:
        return 0.0, overlap
    return _trimmed_correlation(ours[counts], theirs[counts]), overlap


def _trimmed_correlation(ours: Grey, theirs: Grey) -> float:
    """Correlate without the pixels that agree least: a name or an arrow burnt into one of them."""
    standard = [(values - values.mean()) / (values.std() + 1e-8) for values in (ours, theirs)]
    residual = np.abs(standard[0] - standard[1])
    kept = residual <= np.quantile(residual, 1 - _TRIMMED)
    ours, theirs = ours[kept], theirs[kept]
    spread = float(ours.std() * theirs.std())
    if spread < 1e-8:
        return 0.0
    return float(np.mean((ours - ours.mean()) * (theirs - theirs.mean())) / spread)
