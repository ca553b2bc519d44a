"""Colour spaces of DICOM turned into RGB."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.generic]
# Rows give R, G, B from Y, Cb, Cr (PS3.3 C.7.6.3.1.2); partial range has footroom and headroom.
_FULL = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
_PARTIAL = np.array(
    [[1.164384, 0, 1.596027], [1.164384, -0.391762, -0.812968], [1.164384, 2.017232, 0]], np.float32
)


def ybr_to_rgb(samples: Samples, photometric: str, bits_stored: int) -> Samples:
    """Convert luminance and chrominance to RGB.

    Parameters
    ----------
    samples : (rows, columns, 3) unsigned Y, Cb, Cr
    photometric : ``YBR_FULL...`` or ``YBR_PARTIAL...``
    bits_stored : bits a sample

    Returns
    -------
    (rows, columns, 3) R, G, B of the same dtype and range

    References
    ----------
    DICOM PS3.3 C.7.6.3.1.2
    """
    top = (1 << bits_stored) - 1
    is_partial = photometric.startswith("YBR_PARTIAL")
    shifted = samples.astype(np.float32)
    shifted[..., 1:] -= 1 << (bits_stored - 1)
    if is_partial:
        shifted[..., 0] -= 16 << (bits_stored - 8)
    rgb = shifted @ (_PARTIAL if is_partial else _FULL).T
    np.rint(rgb, out=rgb)
    np.clip(rgb, 0, top, out=rgb)
    return rgb.astype(samples.dtype)


def upsample_422(samples: Samples, rows: int, columns: int) -> Samples:
    """Give every pixel its chroma where two pixels of a row share one (Y1 Y2 Cb Cr).

    Parameters
    ----------
    samples : flat, four samples for two pixels
    rows, columns : shape of the image, an even number of pixels

    Returns
    -------
    (rows, columns, 3) Y, Cb, Cr
    """
    pairs = samples.reshape(-1, 4)
    full = np.empty((pairs.shape[0], 2, 3), samples.dtype)
    full[:, 0, 0], full[:, 1, 0] = pairs[:, 0], pairs[:, 1]
    full[..., 1] = pairs[:, 2, None]
    full[..., 2] = pairs[:, 3, None]
    return full.reshape(rows, columns, 3)
