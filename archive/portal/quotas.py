"""How much each project may store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from archive.access.middleware import asker_of
from archive.access.quotas import project_uses, set_quota
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_GB = 1_000_000_000


class QuotaForm(forms.Form):
    """A project and its limit; empty means none."""

    project = forms.CharField(max_length=64)
    gigabytes = forms.DecimalField(min_value=0, max_digits=18, decimal_places=9, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def quota_list(request: HttpRequest) -> HttpResponse:
    """Show what projects take, and keep a limit."""
    if request.method == "POST":
        form = QuotaForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data["gigabytes"]
            quota = None if given is None else int(given * _GB)
            try:
                set_quota(
                    asker=asker_of(request), slug=form.cleaned_data["project"], quota_bytes=quota
                )
                messages.success(request, gettext("The quota is kept."))
            except InvalidRequestError as error:
                messages.error(request, error.message)
        else:
            messages.error(request, gettext("A quota is a number of gigabytes; empty for none."))
        return redirect("portal:quota-list")
    uses = [(use, _gigabytes(use.quota_bytes)) for use in project_uses(request.user)]
    return render(request, "forwarding/quota_list.html", {"uses": uses})


def _gigabytes(number: int | None) -> str:
    return "" if number is None else f"{number / _GB:.9f}".rstrip("0").rstrip(".")
