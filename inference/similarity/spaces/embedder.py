"""The encoder of a space: display images in, vectors out. No torch, so that web processes may."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from django.conf import settings
from django.utils.translation import gettext

from inference.errors import BundleInvalidError, ModelUnavailableError
from inference.similarity.spaces.projections import load_projection, projected_vectors
from inference.similarity.spaces.text_encoder import text_model_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from inference.models import EmbeddingSpace
    from inference.pipelines.descriptors import Descriptor
    from inference.pipelines.embedding import OnnxEmbedder
    from inference.pipelines.projection import Projection

# How a model version makes vectors, beside by a network: its `pipeline`.
DESCRIPTOR = "descriptor"
PROJECTION = "projection"
# A network of a registered bundle, in ONNX.
EMBEDDER = "embedder"

_loaded: dict[tuple[Path, int], OnnxEmbedder] = {}
_loading = threading.Lock()


class Encoder(Protocol):
    """Makes a space's vectors, in two steps so that large pictures needn't wait for a batch."""

    @property
    def device(self) -> str:
        """Where it runs: ``cuda`` or ``cpu``."""

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Turn a display image into the small array that `embed` takes."""

    def embed(self, prepared: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Turn what `prepare` gave, at least one, into (n, dimension) vectors."""


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
    (n, dimension) float32, rows of length 1 where the space's metric wants it

    Raises
    ------
    ModelUnavailableError
        The encoder's file is not on this machine or can't be loaded.
    UnsupportedInputError
        A picture has no pixels or another type.
    """
    encoder = encoder_of(space)
    return encoder.embed([encoder.prepare(picture) for picture in pictures])


def encoder_of(space: EmbeddingSpace) -> Encoder:
    """Return what makes a space's vectors: a network, a descriptor, or a projection of either.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    The encoder; it may be called from several threads.

    Raises
    ------
    ModelUnavailableError
        Its file is not on this machine or can't be loaded, or this release has no such descriptor.
    """
    if space.base_space is not None:
        return _Projected(encoder_of(space.base_space), load_projection(space))
    if space.model_version.pipeline == DESCRIPTOR:
        return _Described(_descriptor(space))
    return _Network(load_encoder(space))


def has_encoder(space: EmbeddingSpace) -> bool:
    """Tell whether pictures can be embedded in a space on this machine.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    True where the encoder's file is there; it isn't loaded for that.
    """
    if space.base_space is not None:
        return has_encoder(space.base_space)
    return space.model_version.pipeline == DESCRIPTOR or _encoder_path(space) is not None


@dataclass(frozen=True, slots=True)
class _Network:
    session: OnnxEmbedder

    @property
    def device(self) -> str:
        return self.session.device

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        from inference.pipelines.embedding import preprocess  # noqa: PLC0415 see _load

        return preprocess(picture)

    def embed(self, prepared: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return self.session.embed(np.stack(prepared))


@dataclass(frozen=True, slots=True)
class _Described:
    descriptor: Descriptor

    @property
    def device(self) -> str:
        return "cpu"

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self.descriptor.describe(picture)

    def embed(self, prepared: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return np.stack(prepared)


@dataclass(frozen=True, slots=True)
class _Projected:
    base: Encoder
    projection: Projection

    @property
    def device(self) -> str:
        return self.base.device

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self.base.prepare(picture)

    def embed(self, prepared: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return projected_vectors(self.projection, self.base.embed(prepared))


def load_encoder(space: EmbeddingSpace) -> OnnxEmbedder:
    """Return the network behind a space, its base's for a projected one; once a process and file.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    The network's session; it may be called from several threads.

    Raises
    ------
    ModelUnavailableError
        The file is not on this machine or can't be loaded, or the space is not made by a network.
    """
    if space.base_space is not None:
        return load_encoder(space.base_space)
    path = _encoder_path(space)
    if path is None:
        raise ModelUnavailableError(
            gettext("The encoder of the space %(name)s is not installed on this machine.")
            % {"name": space.name}
        )
    key = (path, path.stat().st_mtime_ns)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(path, space)
        return _loaded[key]


def _descriptor(space: EmbeddingSpace) -> Descriptor:
    from inference.pipelines.descriptors import DESCRIPTORS  # noqa: PLC0415 see _load

    name = space.model_version.config.get("descriptor", "")
    descriptor = DESCRIPTORS.get(name)
    if descriptor is None or descriptor.version != space.preprocessing_version:
        raise ModelUnavailableError(
            gettext("This release can't describe pictures in %(name)s.") % {"name": space.name}
        )
    return descriptor


def _load(path: Path, space: EmbeddingSpace) -> OnnxEmbedder:
    # ONNX Runtime costs every process that imports it: only those that embed pay.
    from inference.pipelines.embedding import OnnxEmbedder, file_digest  # noqa: PLC0415

    if space.model_version.pipeline == EMBEDDER and file_digest(path) != space.weights_digest:
        message = f"The encoder of the space {space.name} is not the one that was registered."
        raise ModelUnavailableError(message)
    try:
        return OnnxEmbedder(path)
    except BundleInvalidError as error:
        raise ModelUnavailableError(
            gettext("The encoder of the space %(name)s can't be loaded.") % {"name": space.name}
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
    # A registered bundle keeps its weights one folder down, where MONAI lays them.
    folder = path / "models" if space.model_version.pipeline == EMBEDDER else path
    text_model = text_model_name(space)
    found = sorted(one for one in folder.glob("*.onnx") if one.name != text_model)
    return found[0] if len(found) == 1 else None
