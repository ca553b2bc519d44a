"""Pictures with keypoints: random blobs and discs, different for every seed."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter


def textured_picture(seed: int, *, side: int = 256) -> npt.NDArray[np.uint8]:
    """Return a (side, side) uint8 picture of soft discs and bars on a dark ground."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (side, side), 20)
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = (int(value) for value in rng.integers(0, side, size=2))
        width, height = (int(value) for value in rng.integers(4, side // 6, size=2))
        shape = (x, y, x + width, y + height)
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(
            shape, fill=int(rng.integers(30, 250))
        )
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), dtype=np.float64)
    noisy = blurred + rng.normal(scale=3, size=blurred.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
