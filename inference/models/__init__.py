from inference.models.attributes import SeriesAttributes
from inference.models.check import SeriesCheck
from inference.models.embedding import Embedding, EmbeddingSpace, Projection, SpacePromotion
from inference.models.evaluation import Calibration, RetrievalEvaluation
from inference.models.finding import Finding, Label
from inference.models.model_version import ModelVersion, RoutingRule
from inference.models.run import Run
from inference.models.search import SearchMatch, SearchRound, SearchSession, SeriesText
from inference.models.space_fill import SpaceFill
from inference.models.suspicion import Suspicion

__all__ = [
    "Calibration",
    "Embedding",
    "EmbeddingSpace",
    "Finding",
    "Label",
    "ModelVersion",
    "Projection",
    "RetrievalEvaluation",
    "RoutingRule",
    "Run",
    "SearchMatch",
    "SearchRound",
    "SearchSession",
    "SeriesAttributes",
    "SeriesCheck",
    "SeriesText",
    "SpaceFill",
    "SpacePromotion",
    "Suspicion",
]
