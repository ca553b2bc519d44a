"""Pages of research: what a patient said, projects without identity, and for whom names stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from archive.access.middleware import asker_of
from archive.accounts.stepup import requires_recent_login
from archive.errors import InvalidRequestError, NotVisibleError, StateConflictError
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.query.study_overview import study_overview
from archive.research.consent import MAX_REASON, consent_of, decide_research
from archive.research.reidentification import realm_names, recent_questions, reidentify
from archive.research.selectors import recent_decisions, research_projects

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

UNPROCESSABLE = 422


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def study_research(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show what the patient said about research; POST writes down that it is otherwise."""
    overview = study_overview(request.user, study_uid)
    consent = consent_of(request.user, study_uid)
    problem = ""
    if request.method == "POST":
        try:
            _decide(request, study_uid)
        except (InvalidRequestError, StateConflictError) as error:
            problem = error.message
        else:
            return redirect("portal:study-research", study_uid)
    context: dict[str, Any] = {
        **study_head(request.user, overview, "research"),
        "consent": consent,
        "problem": problem,
        "reason": request.POST.get("reason", "")[:MAX_REASON],
        "study_uid": study_uid,
    }
    status = UNPROCESSABLE if problem else 200
    return render(request, "research/study.html", context, status=status)


def _decide(request: HttpRequest, study_uid: str) -> None:
    is_refused = request.POST.get("decision") == "refused"
    withdrawn = decide_research(
        asker=asker_of(request),
        study_uid=study_uid,
        is_refused=is_refused,
        reason=request.POST.get("reason", ""),
    )
    if not is_refused:
        messages.success(request, _("The images may be used for research again."))
        return
    said = _("No image of this patient leaves for research any more.")
    if withdrawn:
        said += " " + ngettext(
            "One copy was withdrawn.", "%(number)s copies were withdrawn.", withdrawn
        ) % {"number": withdrawn}
    messages.success(request, said)


@requires_recent_login
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def research(request: HttpRequest) -> HttpResponse:
    """Show projects, decisions and questions; POST asks for whom a pseudonym stands."""
    projects = research_projects(request.user)
    problem, found = "", None
    if request.method == "POST":
        try:
            found = reidentify(
                asker=asker_of(request),
                realm=request.POST.get("realm", ""),
                code=request.POST.get("code", ""),
                reason=request.POST.get("reason", ""),
            )
        except (InvalidRequestError, NotVisibleError, StateConflictError) as error:
            problem = error.message
    realms = realm_names(request.user)
    questions = recent_questions(request.user)
    context = {
        "projects": projects,
        "realms": realms.items(),
        "decisions": recent_decisions(request.user),
        "questions": [(one, realms.get(one.realm.name, "")) for one in questions],
        "problem": problem,
        "found": found,
        "given": {name: request.POST.get(name, "")[:500] for name in ("realm", "code", "reason")},
    }
    status = UNPROCESSABLE if problem else 200
    return render(request, "research/research.html", context, status=status)
