"""How answers of the search read on a page; a template library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.urls import reverse

if TYPE_CHECKING:
    from inference.similarity.types import SimilarResult

register = template.Library()


@register.filter
def after_colon(value: str) -> str:
    """Return ``set:label`` without its set."""
    return value.partition(":")[2] or value


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
