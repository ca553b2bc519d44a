"""The embedder that the AI's own tests use."""

from tests.inference.conftest import embedder, embedder_path

__all__ = ["embedder", "embedder_path"]
