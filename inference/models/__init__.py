from inference.models.embedding import Embedding, EmbeddingSpace
from inference.models.finding import Finding, Label
from inference.models.model_version import ModelVersion, RoutingRule
from inference.models.run import Run

__all__ = [
    "Embedding",
    "EmbeddingSpace",
    "Finding",
    "Label",
    "ModelVersion",
    "RoutingRule",
    "Run",
]
