"""Models' results as FHIR diagnostic reports, readable as they are."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from django.conf import settings

from archive.fhir.moments import clock_moment, instant
from archive.fhir.patients import patient_reference
from archive.fhir.registry import TEXT, Kind, Parameter, Resource, Scene, named, reference
from archive.fhir.studies import study_reference
from archive.query.criteria.studies import UID_SYSTEM
from archive.query.criteria.types import Found
from inference.fhir.coding import REPORT_CATEGORY, REPORT_CODE, label_concept, line_of, spoken
from inference.fhir.observations import NOT_DIAGNOSTIC, note_read, statement_display
from inference.review.report_search import MODEL_SYSTEM, keys_of_reports, search_reports
from inference.review.reports import ReportStatus, reports_by_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.query.criteria.types import Criterion, Slice
    from inference.models import Run
    from inference.review.reports import Report, Statement

# Of a run's outputs, which ones are reports, and what the others are called.
_REPORTS = ("sr", "sr3d")
_STATUS_WORDS = {
    ReportStatus.PRELIMINARY: "not reviewed yet",
    ReportStatus.FINAL: "accepted",
    ReportStatus.CORRECTED: "corrected",
    ReportStatus.ENTERED_IN_ERROR: "rejected",
}


def diagnostic_report(report: Report, site_url: str) -> Resource:
    """Return a report as a resource."""
    run = report.run
    study: Any = run.study
    said = () if report.status is ReportStatus.ENTERED_IN_ERROR else report.standing
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "id": str(run.pk),
        "meta": {"lastUpdated": instant(report.changed_at)},
        "text": {"status": "generated", "div": _narrative(report, said)},
        "identifier": _identifiers(report),
        "status": report.status.value,
        "category": REPORT_CATEGORY,
        "code": _code(run),
        "subject": patient_reference(study.patient),
        "effectiveDateTime": clock_moment(
            study.study_date, study.study_time, study.timezone_offset_from_utc
        ),
        "issued": instant(report.changed_at),
        "performer": _performer(),
        "resultsInterpreter": _interpreter(report),
        "result": [statement_display(one) for one in said],
        "imagingStudy": [study_reference(study.study_instance_uid)],
        "conclusion": _conclusion(report, said),
        "conclusionCode": _conclusion_codes(run, said),
        "presentedForm": [_form(report, site_url)],
    }
    return {name: value for name, value in resource.items() if value not in ("", [], {}, None)}


def _identifiers(report: Report) -> list[dict[str, str]]:
    uids = [str(report.run.outputs[role]) for role in _REPORTS if report.run.outputs.get(role)]
    if report.successor_uid:
        uids.append(report.successor_uid)
    return [{"system": UID_SYSTEM, "value": f"urn:oid:{uid}"} for uid in uids]


def _code(run: Run) -> dict[str, Any]:
    version = run.model_version
    own = {
        "system": MODEL_SYSTEM,
        "version": version.version,
        "code": version.name,
        "display": _title(run),
    }
    return {"coding": [*REPORT_CODE, own], "text": _title(run)}


def _title(run: Run) -> str:
    return run.model_version.description.partition("\n")[0][:200] or spoken(run.model_version.name)


def _performer() -> list[dict[str, str]]:
    name = settings.TWINSIGHT_ORGANIZATION
    return [{"type": "Organization", "display": name}] if name else []


def _interpreter(report: Report) -> list[dict[str, str]]:
    return [{"type": "Practitioner", "display": report.reviewer}] if report.reviewer else []


def _conclusion(report: Report, said: Sequence[Statement]) -> str:
    if report.status is ReportStatus.ENTERED_IN_ERROR:
        return f"Rejected: {report.reason}" if report.reason else "Rejected."
    lines = [line_of(one) for one in said] or [report.run.message or "Nothing was found."]
    if not report.run.model_version.is_diagnostic:
        lines.append(NOT_DIAGNOSTIC)
    return "\n".join(lines)


def _conclusion_codes(run: Run, said: Sequence[Statement]) -> list[dict[str, Any]]:
    labels = dict.fromkeys(
        one.label for one in said if one.label and one.finding.kind != "measurement"
    )
    return [label_concept(run, label) for label in labels]


def _form(report: Report, site_url: str) -> dict[str, str]:
    """Return where people read it; the objects that say it are among its identifiers."""
    return {
        "contentType": "text/html",
        "url": f"{site_url}/runs/{report.run.pk}/report/",
        "title": "Report as a page",
    }


def _narrative(report: Report, said: Sequence[Statement]) -> str:
    """Write the report for eyes, as the little XHTML that FHIR allows."""
    run, study = report.run, report.run.study
    head = escape(f"{_title(run)} {run.model_version.version}")
    words = _STATUS_WORDS[report.status]
    by = f" by {escape(report.reviewer)}" if report.reviewer else ""
    day = study.study_date.isoformat() if study.study_date else ""
    about = escape(" ".join(part for part in (study.study_description, day) if part))
    lines = "".join(f"<li>{escape(line_of(one))}</li>" for one in said)
    body = f"<ul>{lines}</ul>" if lines else f"<p>{escape(_conclusion(report, said))}</p>"
    caution = "" if run.model_version.is_diagnostic else f"<p>{escape(NOT_DIAGNOSTIC)}</p>"
    heading = f"<p><b>{head}</b>: {words}{by}</p>"
    place = f"<p>{about}</p>" if about else ""
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{heading}{place}{body}{caution}</div>'


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    found = reports_by_keys(scene.user, keys)
    return [diagnostic_report(one, scene.site_url) for one in found]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    found = search_reports(scene.user, criteria, wanted)
    resources = [diagnostic_report(one, scene.site_url) for one in found]
    return Found(resources, found.following, found.total)


def _referred(scene: Scene, criteria: Sequence[Criterion], *, name: str) -> Any:
    return keys_of_reports(scene.user, criteria, name)


REPORT = Kind(
    name="DiagnosticReport",
    about="Results of models, preliminary until a person accepted or corrected them.",
    parameters=named(
        (
            Parameter(
                "identifier",
                "token",
                "SOP Instance UID of the structured report",
                "clinical-identifier",
            ),
            reference(
                "patient",
                "Whose study it is about",
                definition="clinical-patient",
                targets=("Patient",),
                path="subject",
            ),
            reference(
                "subject",
                "Whose study it is about",
                definition="DiagnosticReport-subject",
                targets=("Patient",),
                path="subject",
            ),
            # As R5 has it; R4 knows no way from a study to its reports.
            reference(
                "study",
                "The study that it is about",
                definition="",
                targets=("ImagingStudy",),
                path="imagingStudy",
            ),
            reference(
                "result",
                "A statement of it",
                definition="DiagnosticReport-result",
                targets=("Observation",),
                path="result",
                is_followed=False,
            ),
            Parameter(
                "status",
                "token",
                "preliminary, final, corrected, entered-in-error",
                "DiagnosticReport-status",
            ),
            Parameter("category", "token", "RAD", "DiagnosticReport-category"),
            Parameter("code", "token", "The model, or 18748-4", "clinical-code", TEXT),
            Parameter("date", "date", "When the study began", "clinical-date"),
            Parameter("issued", "date", "When it was made or reviewed", "DiagnosticReport-issued"),
        )
    ),
    read=_read,
    search=_search,
    note_read=note_read,
    referring={
        name: partial(_referred, name=name) for name in ("patient", "subject", "study", "result")
    },
    orders=("_lastUpdated", "date", "issued"),
    summary=frozenset(
        {
            "identifier", "status", "category", "code", "subject", "effectiveDateTime", "issued",
            "performer", "resultsInterpreter", "result", "imagingStudy", "conclusionCode",
        }
    ),
    mandatory=frozenset({"status", "code"}),
)  # fmt: skip
