"""Projects, their members, and who holds what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.middleware import asker_of
from archive.access.quotas import set_quota
from archive.access.roles import ROLE_WORDS
from archive.access.selectors import find_account, is_site_radiology_admin
from archive.accounts import staffing
from archive.accounts.memberships import give_role, projects_to_staff, take_role
from archive.accounts.stepup import requires_recent_login
from archive.errors import ArchiveError, InvalidRequestError, NotVisibleError
from archive.portal.project_forms import ProjectForm, RoleForm
from archive.portal.statuses import speaks_html
from archive.statistics.selectors import holdings_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE_SIZE = 100


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def project_list(request: HttpRequest) -> HttpResponse:
    """Show the projects, and make one."""
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = staffing.make_project(asker=asker_of(request), **form.cleaned_data)
        except InvalidRequestError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, _("The project is made. Now give people roles in it."))
            return redirect("portal:project-detail", slug=made.slug)
    context = {
        "lines": staffing.list_projects(request.user),
        "form": form,
        "may_make": is_site_radiology_admin(request.user),
    }
    return render(request, "manage/project_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def project_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a project and its members; keep its name, close and open it."""
    project = staffing.find_administered(request.user, slug)
    if request.method == "POST":
        _change(request, slug)
        return redirect("portal:project-detail", slug=slug)
    may_change = is_site_radiology_admin(request.user)
    context: dict[str, Any] = {
        "project": project,
        "use": holdings_of(project.pk),
        "is_closed": project.quota_bytes == staffing.CLOSED,
        "may_change": may_change,
        "members": staffing.list_roles(request.user, project=slug),
        "everywhere": staffing.list_roles(request.user, project="*") if may_change else [],
        "roles": ROLE_WORDS,
        "here": request.path,
    }
    return render(request, "manage/project_detail.html", context)


def _change(request: HttpRequest, slug: str) -> None:
    """Do what a form of the project's page asks."""
    asker, act = asker_of(request), request.POST.get("act", "")
    try:
        if act in {"close", "open"}:
            quota = staffing.CLOSED if act == "close" else None
            set_quota(asker=asker, slug=slug, quota_bytes=quota)
            words = {
                "close": _("The project is closed: nothing new is taken for it."),
                "open": _("The project takes studies again."),
            }
            messages.success(request, words[act])
            return
        form = ProjectForm(request.POST)
        values = form.cleaned_data if form.is_valid() else {"name": "", "is_deidentified": False}
        staffing.change_project(asker=asker, slug=slug, **values)
        messages.success(request, _("Kept."))
    except InvalidRequestError as error:
        messages.error(request, error.message)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def role_list(request: HttpRequest) -> HttpResponse:
    """Show who holds what, and give a role."""
    if request.method == "POST":
        return _give(request)
    asked = {key: request.GET.get(key, "")[:150] for key in ("project", "role", "search")}
    rows = staffing.list_roles(request.user, **asked)
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "asked": asked,
        "roles": ROLE_WORDS,
        "projects": projects_to_staff(request.user),
        "is_site_wide": is_site_radiology_admin(request.user) or request.user.is_superuser,
        "here": request.get_full_path(),
    }
    return render(request, "manage/role_list.html", context)


def _give(request: HttpRequest) -> HttpResponse:
    form = RoleForm(request.POST)
    back = _way_back(request)
    if not form.is_valid():
        problems = [str(error) for errors in form.errors.values() for error in errors]
        messages.error(request, problems[0])
        return redirect(back)
    values = form.cleaned_data
    try:
        give_role(
            asker=asker_of(request),
            user_id=find_account(values["username"]).pk,
            role=values["role"],
            project_slug=values["project"],
            expires_at=form.expires_at(),
        )
        messages.success(request, _("%(name)s holds the role.") % {"name": values["username"]})
    except NotVisibleError as error:
        messages.error(request, error.message)
    except InvalidRequestError as error:
        messages.error(request, error.message)
    return redirect(back)


@require_POST
@requires_recent_login
@speaks_html
def role_take(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a role away."""
    try:
        take_role(asker=asker_of(request), membership_id=pk)
        messages.success(request, _("The role is taken away, at once."))
    except ArchiveError as error:
        messages.error(request, error.message)
    return redirect(_way_back(request))


def _way_back(request: HttpRequest) -> str:
    """Return the project's page where the form stood on one, else the list."""
    slug = request.POST.get("back", "")
    if slug and all(sign.isalnum() or sign in "-_" for sign in slug):
        return reverse("portal:project-detail", args=[slug])
    return reverse("portal:role-list")
