from inference.models.attributes import SeriesAttributes
from inference.models.check import SeriesCheck
from inference.models.embedding import Embedding, EmbeddingSpace, Projection, SpacePromotion
from inference.models.evaluation import Calibration, RetrievalEvaluation
from inference.models.finding import Finding
from inference.models.label import Label
from inference.models.model_version import ModelVersion
from inference.models.review import FindingVerdict, ResultReview
from inference.models.routing import Priority, RoutingRule
from inference.models.run import Run
from inference.models.search import SearchMatch, SearchRound, SearchSession, SeriesText
from inference.models.space_fill import SpaceFill
from inference.models.suspicion import Suspicion
from inference.models.training import TrainingRun
from inference.models.watching import DriftAlarm, RunNotice, RunSubscription
from inference.models.workitem import (
    Workitem,
    WorkitemChannel,
    WorkitemEvent,
    WorkitemSubscription,
)

__all__ = [
    "Calibration",
    "DriftAlarm",
    "Embedding",
    "EmbeddingSpace",
    "Finding",
    "FindingVerdict",
    "Label",
    "ModelVersion",
    "Priority",
    "Projection",
    "ResultReview",
    "RetrievalEvaluation",
    "RoutingRule",
    "Run",
    "RunNotice",
    "RunSubscription",
    "SearchMatch",
    "SearchRound",
    "SearchSession",
    "SeriesAttributes",
    "SeriesCheck",
    "SeriesText",
    "SpaceFill",
    "SpacePromotion",
    "Suspicion",
    "TrainingRun",
    "Workitem",
    "WorkitemChannel",
    "WorkitemEvent",
    "WorkitemSubscription",
]
