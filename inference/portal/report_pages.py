"""A model's result as a report to read: what is said, how sure, and what a person made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.errors import NotVisibleError
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.query.study_overview import study_overview
from archive.retrieve.trail import note_access
from inference.portal.finding_words import (
    class_name,
    statement_name,
    written_unit,
    written_value,
)
from inference.review.reports import ReportStatus, reports_by_keys

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

    from inference.review.reports import Statement

# Status: words, tone of the chip.
_STATUSES: dict[ReportStatus, tuple[_StrPromise, str]] = {
    ReportStatus.PRELIMINARY: (_("Not reviewed"), "warn"),
    ReportStatus.FINAL: (_("Accepted"), "ok"),
    ReportStatus.CORRECTED: (_("Corrected"), "twin"),
    ReportStatus.ENTERED_IN_ERROR: (_("Rejected"), "bad"),
}


@dataclass(frozen=True)
class ReportLine:
    """One statement, written out; ``former`` is the model's word where a person changed it."""

    name: str
    what: str
    value: str
    unit: str
    probability: float | None
    status: _StrPromise
    tone: str
    is_critical: bool
    is_taken_back: bool
    former: str = ""


@require_safe
@speaks_html
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one report; as a FHIR resource it is a file for other programs."""
    found = reports_by_keys(request.user, [str(pk)])
    if not found:
        raise NotVisibleError("There is no such report.")
    study_uid = found[0].run.study.study_instance_uid
    overview = study_overview(request.user, study_uid)
    note_access(asker_of(request), study_uid, "report")
    status, tone = _STATUSES[found[0].status]
    context = {
        "report": found[0],
        "run": found[0].run,
        "status": status,
        "tone": tone,
        "lines": [_line(one) for one in found[0].statements],
        "fhir_url": reverse("fhir:DiagnosticReport", args=(pk,)) + "?_pretty=true",
    }
    context |= study_head(request.user, overview, "images")
    return render(request, "runs/report.html", context)


def _line(statement: Statement) -> ReportLine:
    finding = statement.finding
    status, tone = _STATUSES[statement.status]
    unit = written_unit(finding.unit)
    return ReportLine(
        name=statement_name(finding),
        what=class_name(finding.name, statement.label),
        value=written_value(statement.value),
        unit=unit,
        probability=None if statement.model_label else finding.probability,
        status=status,
        tone=tone,
        is_critical=finding.is_critical,
        is_taken_back=statement.status is ReportStatus.ENTERED_IN_ERROR,
        former=_former(statement, unit),
    )


def _former(statement: Statement, unit: str) -> str:
    if not statement.model_label and statement.model_value is None:
        return ""
    number = f"{written_value(statement.model_value)} {unit}".strip()
    model_label = class_name(statement.finding.name, statement.model_label)
    said = [model_label, number if statement.model_value is not None else ""]
    return " ".join(part for part in said if part)
