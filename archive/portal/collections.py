"""Pages of collections: parse, call one service, render."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.bulk.registry import acts_for
from archive.collections import cases as case_services
from archive.collections import selectors, services
from archive.collections.errors import InvalidCollectionError
from archive.errors import InvalidRequestError, LimitExceededError
from archive.portal import panels
from archive.portal.collection_forms import (
    KINDS,
    CaseForm,
    CollectionForm,
    ExportForm,
    ObjectForm,
    first_error,
)
from archive.portal.statuses import speaks_html
from archive.portal.study_downloads import sent_or_begun
from archive.query.picture_words import pictures_in_words
from archive.research.teaching.planning import plan_export
from archive.research.teaching.services import export_collection
from archive.research.teaching.types import ExportOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.collections.types import CasePath, CollectionDetail
    from archive.models.querysets import AnyUser

P = ParamSpec("P")
UNPROCESSABLE = 422


def says_what_is_wrong(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Answer a request that can't be done with a line that says why."""

    @wraps(view)
    def telling(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (InvalidRequestError, LimitExceededError) as error:
            context = {"message": error.message, "field": getattr(error, "field", "")}
            name = "collections/_problem.html" if _is_htmx(request) else "collections/problem.html"
            return render(request, name, context, status=UNPROCESSABLE)

    return speaks_html(telling)


def _is_htmx(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request"))


@require_http_methods(["GET", "HEAD", "POST"])
@says_what_is_wrong
def collection_list(request: HttpRequest) -> HttpResponse:
    """Show the collections; POST makes one."""
    user: Any = request.user
    if request.method == "POST":
        form = CollectionForm(request.POST)
        data = _checked(form)
        pk = services.create_collection(
            user,
            asker=asker_of(request),
            name=data["name"],
            kind=data["kind"] or KINDS[0][0],
            description=data["description"],
        )
        return redirect("portal:collection-detail", pk)
    found = selectors.list_collections(user)
    # What models found would be the answer of a quiz, so nothing is said of it here.
    covers = [cover.series_uid for one in found for cover in one.covers]
    words = pictures_in_words(user, covers, has_findings=False)
    context = {"own": [one for one in found if one.is_own], "kinds": KINDS, "words": words}
    context["shared"] = [one for one in found if not one.is_own]
    return render(request, "collections/collection_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@says_what_is_wrong
def collection_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a collection; POST changes its name, kind, description and project."""
    user: Any = request.user
    if request.method == "POST":
        form = CollectionForm(request.POST)
        _checked(form)
        services.update_collection(user, pk, asker=asker_of(request), values=form.changes())
        return redirect("portal:collection-detail", pk)
    context = {
        **_page_of(request, pk),
        "kinds": KINDS,
        "projects": selectors.projects_to_share_in(user),
        "acts": [act for act in acts_for(user) if act.is_for_collections],
    }
    return render(request, "collections/collection_detail.html", context)


def _words(user: AnyUser, detail: CollectionDetail) -> dict[str, str]:
    shown = [case.picture.series_uid for case in detail.cases]
    return pictures_in_words(user, shown, has_findings=not detail.summary.hides_answers)


def _page_of(request: HttpRequest, pk: int) -> dict[str, Any]:
    detail = selectors.collection_detail(request.user, pk)
    return {
        "collection": detail.summary,
        "cases": detail.cases,
        "words": _words(request.user, detail),
        "actions": list(panels.case_actions.values()),
    }


@require_POST
@says_what_is_wrong
def collection_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a collection."""
    user: Any = request.user
    services.delete_collection(user, pk, asker=asker_of(request))
    messages.success(request, gettext("The collection was deleted; its studies were not."))
    return redirect("portal:collection-list")


@require_http_methods(["GET", "HEAD", "POST"])
@says_what_is_wrong
def collection_add(request: HttpRequest) -> HttpResponse:
    """Ask into which collection an object goes; POST puts it there."""
    user: Any = request.user
    form = ObjectForm(request.POST if request.method == "POST" else request.GET)
    data = _checked(form)
    if request.method != "POST":
        name = "collections/_add.html" if _is_htmx(request) else "collections/add.html"
        context = {"object": data, "collections": selectors.collections_to_add_to(user)}
        return render(request, name, context)
    pk, is_new = _collect(request, data, form.path())
    if not _is_htmx(request):
        return redirect("portal:collection-detail", pk)
    summary = selectors.collection_detail(user, pk).summary
    return render(request, "collections/_added.html", {"collection": summary, "is_new": is_new})


def _collect(request: HttpRequest, data: dict[str, Any], path: CasePath) -> tuple[int, bool]:
    user: Any = request.user
    asker = asker_of(request)
    pk = data["collection"]
    if not pk and not data["name"]:
        raise InvalidCollectionError(
            gettext("Choose a collection, or name a new one."), field="name"
        )
    if pk:
        return pk, case_services.add_case(user, pk, path, asker=asker)[1]
    return services.start_collection(user, path, asker=asker, name=data["name"]), True


@require_http_methods(["GET", "HEAD", "POST"])
@says_what_is_wrong
def collection_case(request: HttpRequest, pk: int, item: int) -> HttpResponse:
    """Show one case as a card, or with ``?edit`` as a form; POST writes it."""
    user: Any = request.user
    if request.method == "POST":
        data = _checked(CaseForm(request.POST))
        case_services.describe_case(user, pk, item, asker=asker_of(request), **data)
        if not _is_htmx(request):
            return redirect("portal:collection-detail", pk)
    context = _page_of(request, pk)
    context["case"] = next((case for case in context["cases"] if case.pk == item), None)
    if context["case"] is None:
        raise Http404("There is no such case.")
    is_edited = request.method != "POST" and "edit" in request.GET
    name = "collections/_case_form.html" if is_edited else "collections/_case.html"
    return render(request, name, context)


@require_POST
@says_what_is_wrong
def collection_case_remove(request: HttpRequest, pk: int, item: int) -> HttpResponse:
    """Take a case out."""
    user: Any = request.user
    case_services.remove_case(user, pk, item, asker=asker_of(request))
    return _grid(request, pk)


@require_POST
@says_what_is_wrong
def collection_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the cases in the order of the keys sent as ``items``."""
    user: Any = request.user
    keys = [int(key) for key in request.POST.getlist("items") if key.isdecimal()]
    case_services.order_cases(user, pk, keys, asker=asker_of(request))
    return _grid(request, pk)


def _grid(request: HttpRequest, pk: int) -> HttpResponse:
    if not _is_htmx(request):
        return redirect("portal:collection-detail", pk)
    return render(request, "collections/_grid.html", _page_of(request, pk))


@require_safe
@says_what_is_wrong
def collection_export(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what an export would hold, and what it would leave out."""
    user: Any = request.user
    detail = selectors.collection_detail(user, pk)
    plan = plan_export(user, pk, ExportOptions())
    # Both hold the same cases in the same order: those that the asker sees.
    rows = list(zip(plan.cases, detail.cases, strict=True))
    context = {"collection": detail.summary, "plan": plan, "rows": rows}
    context["words"] = _words(user, detail)
    return render(request, "collections/collection_export.html", context)


@require_POST
def collection_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the ZIP while it is made, or begin the job that makes it."""
    return _download(request, pk)


@says_what_is_wrong
def _download(request: HttpRequest, pk: int) -> Any:
    user: Any = request.user
    form = ExportForm(request.POST)
    _checked(form)
    options = form.options(request.POST.getlist("looked_at"))
    return sent_or_begun(export_collection(user, pk, asker=asker_of(request), options=options))


def _checked(form: Any) -> dict[str, Any]:
    if not form.is_valid():
        field, message = first_error(form)
        raise InvalidCollectionError(message, field=field)
    data: dict[str, Any] = form.cleaned_data
    return data
