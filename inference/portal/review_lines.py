"""Findings as a reviewer reads and corrects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.portal.sayings import say_again
from inference.portal.finding_words import (
    class_name,
    measured,
    question_name,
    share_in_words,
    written_unit,
    written_value,
)
from inference.portal.findings import UNSURE_BELOW, contradiction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.review.types import Result, ReviewedFinding

_SUMMARY = 3


@dataclass(frozen=True)
class ReviewLine:
    """One finding: what the model says, and the fields in which a person says otherwise."""

    pk: int
    kind: str
    name: str
    answer: str
    unit: str
    percent: str
    width: str
    is_unsure: bool
    is_critical: bool
    review: str
    corrected: str
    # Where the images show it: SOP Instance UID and frame.
    image: str
    frame: str
    given_label: str
    given_value: str
    is_removed: bool
    # What the images' own header says instead.
    contradiction: str


def lines_of(result: Result, given: Mapping[str, str]) -> list[ReviewLine]:
    """Return the findings as lines; ``given`` is what the reviewer had typed before an error."""
    return [_line(result, one, given) for one in result.findings]


def summary_of(result: Result) -> str:
    """Return what a result says, in a few words."""
    texts = [_said(result, one) for one in result.findings[:_SUMMARY]]
    if len(result.findings) > _SUMMARY:
        texts.append(gettext("%(n)s more") % {"n": len(result.findings) - _SUMMARY})
    return " · ".join(texts) or say_again(result.message) or gettext("Nothing was found")


def _said(result: Result, one: ReviewedFinding) -> str:
    if one.kind == "measurement":
        answer = f"{written_value(one.value)} {written_unit(one.unit)}".strip()
        return f"{measured(one.label, one.name)} {answer}".strip()
    said = _answer(one)
    if one.probability is not None:
        said = f"{said} {share_in_words(one.probability)}"
    # Else nobody saw why a result is listed that only names what the images are of.
    if stated := _contradiction(result, one):
        said += f" ({gettext('DICOM says %(contradiction)s') % {'contradiction': stated}})"
    return said


def _contradiction(result: Result, one: ReviewedFinding) -> str:
    if one.kind == "measurement":
        return ""
    return contradiction(one.name, one.label, modality=result.modality, body_part=result.body_part)


def _answer(one: ReviewedFinding) -> str:
    if one.kind == "measurement":
        return written_value(one.value)
    return class_name(one.name, one.label or one.name)


def _line(result: Result, one: ReviewedFinding, given: Mapping[str, str]) -> ReviewLine:
    is_measured = one.kind == "measurement"
    corrected = class_name(one.name, one.corrected_label)
    if one.corrected_value is not None:
        corrected = f"{written_value(one.corrected_value)} {written_unit(one.unit)}".strip()
    sure = one.probability
    return ReviewLine(
        pk=one.pk,
        kind=one.kind,
        name=measured(one.label, one.name) if is_measured else question_name(one.name),
        answer=_answer(one),
        unit=written_unit(one.unit),
        percent="" if sure is None else share_in_words(sure),
        width="" if sure is None else f"{sure * 100:.1f}%",
        is_unsure=sure is not None and sure < UNSURE_BELOW,
        is_critical=one.is_critical,
        review=one.review,
        corrected=corrected,
        image=str(one.location.get("image") or ""),
        frame=str(one.location.get("frame") or ""),
        given_label=given.get(f"label-{one.pk}", ""),
        given_value=given.get(f"value-{one.pk}", ""),
        is_removed=bool(given.get(f"removed-{one.pk}")),
        contradiction=_contradiction(result, one),
    )
