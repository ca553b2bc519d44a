"""The web-side encoder of a space: display images in, unit vectors out, by ONNX Runtime."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from inference.errors import BundleInvalidError, ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from inference.models import EmbeddingSpace
    from inference.pipelines.embedding import OnnxEmbedder

_loaded: dict[tuple[Path, int], OnnxEmbedder] = {}
_loading = threading.Lock()


def embed_pictures(
    space: EmbeddingSpace, pictures: Sequence[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.float32]:
    """Embed display images in the process that asks; nothing of them is kept.

    Parameters
    ----------
    space : whose encoder to use
    pictures : (rows, columns) or (rows, columns, 3) uint8, 0 = darkest

    Returns
    -------
    (n, dimension) float32, rows of length 1

    Raises
    ------
    ModelUnavailableError
        The encoder's file is not on this machine or can't be loaded.
    UnsupportedInputError
        A picture has no pixels or another type.
    """
    from inference.pipelines.embedding import preprocess  # noqa: PLC0415 see _load

    encoder = load_encoder(space)
    return encoder.embed(np.stack([preprocess(picture) for picture in pictures]))


def has_encoder(space: EmbeddingSpace) -> bool:
    """Tell whether pictures can be embedded in a space on this machine.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    True where the encoder's file is there; it isn't loaded for that.
    """
    return _encoder_path(space) is not None


def load_encoder(space: EmbeddingSpace) -> OnnxEmbedder:
    """Return the space's encoder, loaded once a process and file.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    The encoder; it may be called from several threads.

    Raises
    ------
    ModelUnavailableError
        The file is not on this machine or can't be loaded.
    """
    path = _encoder_path(space)
    if path is None:
        raise ModelUnavailableError(
            f"The encoder of the space {space.name} is not installed on this machine."
        )
    key = (path, path.stat().st_mtime_ns)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(path, space)
        return _loaded[key]


def _load(path: Path, space: EmbeddingSpace) -> OnnxEmbedder:
    # ONNX Runtime costs every process that imports it: only those that embed pay.
    from inference.pipelines.embedding import OnnxEmbedder  # noqa: PLC0415

    try:
        return OnnxEmbedder(path)
    except BundleInvalidError as error:
        raise ModelUnavailableError(
            f"The encoder of the space {space.name} can't be loaded."
        ) from error


def _encoder_path(space: EmbeddingSpace) -> Path | None:
    stated = space.model_version.bundle_path
    if not stated:
        return None
    path = Path(settings.TWINSIGHT_MODELS_DIR) / stated
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    found = sorted(path.glob("*.onnx"))
    return found[0] if len(found) == 1 else None
