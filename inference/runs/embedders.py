"""A registered embedder gets a space of its own, of the length of its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference.models import EmbeddingSpace
from inference.pipelines.embedding import PREPROCESSING_VERSION, OnnxEmbedder, file_digest
from inference.similarity.spaces.embedder import EMBEDDER
from inference.similarity.spaces.registry import SpaceOrigin, register_space

if TYPE_CHECKING:
    from inference.models import ModelVersion


def give_space(version: ModelVersion) -> EmbeddingSpace | None:
    """Make the space of an embedder that was registered; it is filled when an admin says so.

    Parameters
    ----------
    version
        what was registered; other models get none

    Returns
    -------
    The space, new or known; None where the version is no embedder, or was not checked yet.

    Raises
    ------
    BundleInvalidError
        The file can't be loaded, or gives no vectors.
    """
    if version.pipeline != EMBEDDER or not version.checks.get("passed"):
        return None
    # One, as its registration checked.
    (network,) = (Path(version.bundle_path) / "models").glob("*.onnx")
    return register_space(
        version,
        dimension=OnnxEmbedder(network).dimension,
        state=EmbeddingSpace.State.REGISTERED,
        origin=SpaceOrigin(
            weights_digest=file_digest(network), preprocessing_version=PREPROCESSING_VERSION
        ),
    )
