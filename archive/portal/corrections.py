"""What was corrected, and the page that corrects a study: patient, order, series, project, hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import require_radiology_admin
from archive.corrections.errors import InvalidValueError
from archive.corrections.fields import PATIENT, SERIES, STUDY
from archive.corrections.selectors import (
    correctable_study,
    correction_page,
    search_patients,
    search_studies,
    step_suggestions,
    unmatched_studies,
)
from archive.corrections.undoing import undo_correction
from archive.errors import InvalidRequestError, NotVisibleError, StateConflictError
from archive.portal.correction_acts import ACTS, PART_OF
from archive.portal.correction_forms import form_fields, given_values
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from archive.corrections.selectors import Correctable

PARTS = ("patient", "whose", "study", "order", "series", "project", "hold", "history")


@require_safe
@speaks_html
def correction_list(request: HttpRequest) -> HttpResponse:
    """Show what was corrected, newest first."""
    require_radiology_admin(request.user)
    page = correction_page(request.user, request.GET.get("page"))
    return render(request, "corrections/list.html", {"page": page, **_pager(page)})


@require_safe
@speaks_html
def unmatched_list(request: HttpRequest) -> HttpResponse:
    """Show studies that no order speaks for."""
    require_radiology_admin(request.user)
    return render(
        request, "corrections/unmatched.html", {"studies": unmatched_studies(request.user)}
    )


@require_safe
@speaks_html
def correction_study(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show what of a study may be corrected, a part at a time."""
    part = request.GET.get("part", "")
    found = correctable_study(request.user, study_uid)
    return _page(request, found, part if part in PARTS else PARTS[0])


@require_POST
@speaks_html
def correction_act(request: HttpRequest, study_uid: str, act: str) -> HttpResponse:
    """Correct something of a study; what is wrong with it is said beside the form."""
    service = ACTS.get(act)
    if service is None:
        raise NotVisibleError(_("There is no such act."))
    # Who may not see or correct it learns nothing of the form's mistakes.
    found = correctable_study(request.user, study_uid)
    try:
        said = service(asker_of(request), found, request.POST)
    except (InvalidRequestError, StateConflictError) as error:
        return _page(request, found, PART_OF.get(act, act), error=error)
    messages.success(request, str(said.text))
    if said.study_uid is None:
        return redirect("portal:correction-list")
    address = reverse("portal:correction-study", args=[said.study_uid])
    return redirect(f"{address}?part={PART_OF.get(act, act)}")


@require_POST
@speaks_html
def correction_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a correction back."""
    try:
        undo_correction(asker=asker_of(request), correction_id=pk)
        messages.success(request, _("The correction is undone."))
    except StateConflictError as error:
        messages.error(request, error.message)
    return redirect("portal:correction-list")


def _page(
    request: HttpRequest,
    found: Correctable,
    part: str,
    *,
    error: InvalidRequestError | StateConflictError | None = None,
) -> HttpResponse:
    field = getattr(error, "field", "") if isinstance(error, InvalidValueError) else ""
    context: dict[str, Any] = {
        "found": found,
        "study": found.study,
        "part": part,
        "parts": _part_names(),
        "given": request.POST,
        "error": "" if error is None or field else error.message,
    }
    problem = (field, error.message if error else "")
    context |= _PART_CONTEXTS.get(part, _no_more)(request, found, problem)
    return render(request, "corrections/study.html", context)


def _part_names() -> list[tuple[str, str]]:
    names = (
        _("Patient"),
        _("Whose study"),
        _("Study"),
        pgettext("of an examination", "Order"),
        pgettext("several", "Series"),
        _("Project"),
        _("Legal hold"),
        _("History"),
    )
    return list(zip(PARTS, names, strict=True))


def _no_more(
    _request: HttpRequest, _found: Correctable, _problem: tuple[str, str]
) -> dict[str, Any]:
    return {}


def _patient(request: HttpRequest, found: Correctable, problem: tuple[str, str]) -> dict[str, Any]:
    given = given_values(PATIENT, request.POST)
    return {"fields": form_fields(PATIENT, found.patient_values, given=given, error=problem)}


def _study(request: HttpRequest, found: Correctable, problem: tuple[str, str]) -> dict[str, Any]:
    given = given_values(STUDY, request.POST)
    return {"fields": form_fields(STUDY, found.study_values, given=given, error=problem)}


def _whose(request: HttpRequest, found: Correctable, _problem: tuple[str, str]) -> dict[str, Any]:
    text = request.GET.get("q") or request.POST.get("q") or ""
    patients = search_patients(request.user, text, but=found.patient.pk)
    return {"q": text, "patients": patients}


def _order(request: HttpRequest, found: Correctable, _problem: tuple[str, str]) -> dict[str, Any]:
    return {"steps": step_suggestions(request.user, found.study)}


def _series(request: HttpRequest, found: Correctable, problem: tuple[str, str]) -> dict[str, Any]:
    wanted = request.GET.get("series") or request.POST.get("edited") or ""
    edited = next((one for one in found.series if one[0].series_instance_uid == wanted), None)
    text = request.GET.get("q") or request.POST.get("q") or ""
    targets = search_studies(request.user, text, patient=found.patient, but=found.study.pk)
    context: dict[str, Any] = {"q": text, "targets": targets, "edited": edited}
    context["chosen"] = set(request.POST.getlist("series"))
    if edited is not None:
        given = given_values(SERIES, request.POST)
        context["fields"] = form_fields(SERIES, edited[1], given=given, error=problem)
    return context


def _history(request: HttpRequest, found: Correctable, _problem: tuple[str, str]) -> dict[str, Any]:
    uid = found.study.study_instance_uid
    return {"page": correction_page(request.user, 1, study_uid=uid, patient=found.patient.pk)}


_PART_CONTEXTS = {
    "patient": _patient,
    "whose": _whose,
    "study": _study,
    "order": _order,
    "series": _series,
    "history": _history,
}


def _pager(page: Any) -> dict[str, str]:
    return {
        "previous_url": f"?page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"?page={page.number + 1}" if page.has_next() else "",
    }
