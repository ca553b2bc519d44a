"""How answers of the search read on a page; a template library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

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
