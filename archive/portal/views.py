"""Pages of the archive: parse, ask one selector, render."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.access.projects import storing_projects
from archive.access.selectors import known_username, require_radiology_admin
from archive.audit.services import record_login
from archive.curation.selectors import is_removable
from archive.ingest.selectors import quarantine_visible_to
from archive.portal import panels
from archive.portal.forms import WorklistForm
from archive.portal.statuses import speaks_html
from archive.portal.viewer import viewer_context
from archive.query.identity import identity_conflicts
from archive.query.picture_words import pictures_in_words
from archive.query.study_overview import study_overview
from archive.query.worklist import SORT_KEYS, visible_modalities, worklist_page
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from django.contrib.auth.forms import AuthenticationForm
    from django.http import HttpRequest, HttpResponse

    from archive.query.worklist import WorklistPage

PAGE_SIZE = 25
QUARANTINE_PAGE_SIZE = 50


@method_decorator(login_not_required, name="dispatch")
class LoginPage(auth_views.LoginView):
    """Name and password in, a session out."""

    template_name = "portal/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in, on record."""
        response = super().form_valid(form)
        record_login(asker_of(self.request), is_success=True)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Refuse, on record; the name is kept only where it is an account's."""
        name = known_username(form.data.get("username", ""))
        record_login(asker_of(self.request, name=name), is_success=False)
        return super().form_invalid(form)


class LogoutPage(auth_views.LogoutView):
    """Ends the session; POST only."""


@require_safe
def home(_request: HttpRequest) -> HttpResponse:
    """Lead to the study list."""
    return redirect("portal:study-list")


@require_safe
def study_list(request: HttpRequest) -> HttpResponse:
    """Show the worklist; htmx gets the table alone."""
    form = WorklistForm(request.GET)
    filters = form.filters()
    page = worklist_page(request.user, filters, page=form.page_number(), page_size=PAGE_SIZE)
    context: dict[str, Any] = {
        "form": form,
        "filters": filters,
        "page": page,
        "columns": _status_columns(request, page),
        "words": pictures_in_words(request.user, [row.thumbnail_series_uid for row in page.rows]),
        "actions": list(panels.case_actions.values()),
        "sorts": _sort_links(request, filters.sort, is_descending=filters.is_descending),
        "previous_url": _page_url(request, page.page - 1) if page.page > 1 else "",
        "next_url": _page_url(request, page.page + 1) if page.page < page.number_of_pages else "",
        "is_filtered": any(request.GET.get(name) for name in form.fields if name != "sort")
        or bool(filters.modalities),
    }
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return render(request, "portal/_study_table.html", context)
    context["modalities"] = visible_modalities(request.user)
    return render(request, "portal/study_list.html", context)


def _status_columns(request: HttpRequest, page: WorklistPage) -> list[dict[str, Any]]:
    uids = [row.study_uid for row in page.rows]
    return [
        {"heading": column.heading, "by_uid": column.statuses(request.user, uids)}
        for column in panels.status_columns.values()
    ]


def _page_url(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


def _sort_links(request: HttpRequest, current: str, *, is_descending: bool) -> dict[str, Any]:
    links = {}
    for key in sorted(SORT_KEYS):
        is_current = key == current
        starts_descending = key in {"date", "images", "received"}
        next_descending = not is_descending if is_current else starts_descending
        query = request.GET.copy()
        query.pop("page", None)
        query["sort"] = f"-{key}" if next_descending else key
        direction = "descending" if is_descending else "ascending"
        links[key] = {
            "url": f"?{query.urlencode()}",
            "direction": direction if is_current else "none",
        }
    return links


@require_safe
@speaks_html
def study_detail(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show one study: demographics, series, panels, priors."""
    overview = study_overview(request.user, study_uid)
    shown = [card.series_uid for card in (*overview.pictures, *overview.results)]
    context = {
        "overview": overview,
        "words": pictures_in_words(request.user, shown),
        "panels": [
            {"panel": panel, "content": panel.context(request.user, study_uid)}
            for panel in panels.study_panels.values()
        ],
        "actions": list(panels.case_actions.values()),
        "may_delete": is_removable(request.user, study_uid),
    }
    note_access(asker_of(request), study_uid, "study")
    return render(request, "portal/study_detail.html", context)


@require_safe
@speaks_html
def study_panel(request: HttpRequest, study_uid: str, name: str) -> HttpResponse:
    """Show one panel of a study; its page asks again while the panel is busy."""
    panel = panels.study_panels.get(name)
    if panel is None:
        raise Http404("There is no such panel.")
    content = panel.context(request.user, study_uid)
    context = {"panel": panel, "content": content, "study_uid": study_uid}
    response = render(request, "portal/_study_panel.html", context)
    if not content.get("is_busy"):
        # What ran may have stored results as series: the page fetches its grids anew.
        response["HX-Trigger"] = "study-settled"
    return response


@require_safe
@speaks_html
def series_view(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """Show the frames of a series."""
    context = viewer_context(request.user, study_uid, series_uid)
    context["actions"] = list(panels.case_actions.values())
    context["series_actions"] = [
        (action, action.series_url(series_uid))
        for action in panels.series_actions.values()
        if action.is_for(request.user)
    ]
    context["marks_url"] = panels.marks_url(series_uid)
    note_access(asker_of(request), study_uid, "viewer")
    return render(request, "portal/series_view.html", context)


@require_safe
def upload(request: HttpRequest) -> HttpResponse:
    """Show the drop zone; the files themselves go to POST /api/v1/uploads."""
    projects = storing_projects(request.user)  # type: ignore[arg-type]  # signed in by now
    return render(request, "portal/upload.html", {"projects": projects})


@require_safe
@speaks_html
def quarantine_list(request: HttpRequest) -> HttpResponse:
    """Show what came and could not be archived."""
    require_radiology_admin(request.user)
    paginator = Paginator(quarantine_visible_to(request.user), QUARANTINE_PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "previous_url": f"?page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"?page={page.number + 1}" if page.has_next() else "",
    }
    return render(request, "portal/quarantine_list.html", context)


@require_safe
@speaks_html
def identity_list(request: HttpRequest) -> HttpResponse:
    """Show patients whose identity is in doubt."""
    return render(
        request, "portal/identity_list.html", {"conflicts": identity_conflicts(request.user)}
    )
