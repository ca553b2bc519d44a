"""How answers of the search read on a page; a template library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.urls import reverse

from archive.portal.presentation import title_case
from inference.similarity.types import Level, PatientScope, ScoreKind

if TYPE_CHECKING:
    from inference.similarity.types import SimilarAnswer, SimilarResult

register = template.Library()

_MEANINGS = {
    ScoreKind.COSINE: "Cosine similarity of the two vectors: 1 is the same",
    ScoreKind.EUCLIDEAN: "1 / (1 + Euclidean distance of the two vectors): 1 is the same",
    ScoreKind.INNER_PRODUCT: "Inner product of the two vectors: greater is more alike",
    ScoreKind.BHATTACHARYYA: "Bhattacharyya coefficient of the two histograms: 1 is the same",
    ScoreKind.RRF: "Sum of reciprocal ranks among the answers to each part of the question",
    ScoreKind.TEXT: "How well the words fit, by PostgreSQL's rank",
}
_ONE_AND_MANY = {
    Level.FRAME: ("frame", "frames"),
    Level.INSTANCE: ("image", "images"),
    Level.SERIES: ("case", "cases"),
    Level.STUDY: ("study", "studies"),
}
_SCOPES = {
    PatientScope.EXCLUDE: "of other patients",
    PatientScope.ANY: "of everyone",
    PatientScope.ONLY: "of the same patient",
}


@register.filter
def after_colon(value: str) -> str:
    """Return ``set:label`` without its set."""
    return value.partition(":")[2] or value


@register.filter
def label_case(value: str) -> str:
    """Return a label as people write it; short codes, such as modalities, stay as they are."""
    return value if len(value) <= 3 else title_case(value)


@register.filter
def telling_labels(hit: SimilarResult) -> list[str]:
    """Return the labels that say more than the card's modality and body part do."""
    said = {hit.modality.upper(), hit.body_part.upper()}
    return [label for label in hit.labels if after_colon(label).upper() not in said]


@register.simple_tag
def viewer_address(
    study_uid: str, series_uid: str, instance_uid: str = "", frame: int | None = None
) -> str:
    """Return where the viewer shows a series, opened at an instance and frame where given."""
    query = {"instance": instance_uid} if instance_uid else {}
    if instance_uid and frame:
        query["frame"] = str(frame)
    return reverse("portal:series-view", args=(study_uid, series_uid), query=query)


@register.filter
def viewer_url(hit: SimilarResult) -> str:
    """Return where the viewer shows what was found."""
    return viewer_address(hit.study_uid, hit.series_uid, hit.instance_uid, hit.frame)


@register.filter
def score_meaning(kind: ScoreKind) -> str:
    """Return what a score is, in a sentence."""
    return _MEANINGS.get(kind, "Greater is more alike")


@register.filter
def counted(answer: SimilarAnswer) -> str:
    """Return how many of what were found."""
    one, many = _ONE_AND_MANY[answer.level]
    number = len(answer.results)
    return f"{number} {one if number == 1 else many}"


@register.filter
def scope_words(value: str) -> str:
    """Return among whom the search looked."""
    return _SCOPES[PatientScope(value)]


@register.filter
def time_left(seconds: int) -> str:
    """Return a duration as coarsely as anybody wants to know it."""
    if seconds < 90:
        return "about a minute"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


@register.filter
def duration(seconds: float | None) -> str:
    """Return how long something took, as exactly as it matters."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
