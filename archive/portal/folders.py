"""Watched folders: listed, added, switched, forgotten."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.middleware import asker_of
from archive.access.projects import storing_projects
from archive.errors import InvalidRequestError
from archive.inbox import folders
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

AFTER = [
    ("keep", gettext_lazy("leave them")),
    ("move", gettext_lazy("move them to the folder done in it")),
    ("delete", gettext_lazy("delete them")),
]


class FolderForm(forms.Form):
    """A folder to watch."""

    path = forms.CharField(max_length=1024)
    project = forms.CharField(required=False, max_length=64)
    after = forms.ChoiceField(choices=AFTER)
    quiet_seconds = forms.IntegerField(min_value=1, max_value=86_400)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def folder_list(request: HttpRequest) -> HttpResponse:
    """Show the folders that are watched; POST adds one."""
    form = FolderForm(request.POST or None, initial={"after": "keep", "quiet_seconds": 10})
    if request.method == "POST" and form.is_valid():
        try:
            folders.watch_folder(asker=asker_of(request), values=form.cleaned_data)
        except InvalidRequestError as error:
            field = getattr(error, "field", "") or "path"
            form.add_error(field if field in form.fields else None, error.message)
        else:
            messages.success(request, _("The folder is watched."))
            return redirect("portal:folder-list")
    context: dict[str, Any] = {
        "folders": folders.list_folders(request.user),
        "roots": folders.roots(),
        "projects": storing_projects(request.user),  # type: ignore[arg-type]  # signed in
        "after": AFTER,
        "form": form,
    }
    is_wrong = request.method == "POST"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    return render(request, "inbox/folder_list.html", context, status=status)


@require_POST
@speaks_html
def folder_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch a folder on or off, or watch it no more."""
    asker = asker_of(request)
    if act in {"on", "off"}:
        folders.change_folder(asker=asker, folder_id=pk, values={"is_enabled": act == "on"})
    elif act == "forget":
        folders.forget_folder(asker=asker, folder_id=pk)
        messages.success(request, _("The folder is watched no more; its files stay there."))
    else:
        raise Http404("There is no such act.")
    return redirect("portal:folder-list")
