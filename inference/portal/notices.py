"""News of runs, what to be told of, and models that have drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from inference.runs.drift import alarms_visible_to, settle_alarm
from inference.runs.notices import (
    Wishes,
    change_wishes,
    is_mail_possible,
    mark_notices_seen,
    notices_of,
    wishes_of,
)
from inference.runs.webhooks import are_webhooks_possible

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SHOWN = 50


class WishesForm(forms.Form):
    """What a person wants to be told of."""

    on_done = forms.BooleanField(required=False)
    on_failed = forms.BooleanField(required=False)
    on_critical = forms.BooleanField(required=False)
    by_mail = forms.BooleanField(required=False)
    webhook_url = forms.URLField(max_length=500, required=False, assume_scheme="https")
    webhook_secret = forms.CharField(max_length=128, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def notice_page(request: HttpRequest) -> HttpResponse:
    """Show what is new, and take what the user wants to be told of."""
    if request.method == "POST":
        return _keep(request)
    news = list(notices_of(request.user)[:SHOWN])
    context = {
        "news": news,
        "alarms": alarms_visible_to(request.user),
        "wishes": wishes_of(request.user),
        "is_mail_possible": is_mail_possible(),
        "are_webhooks_possible": are_webhooks_possible(),
    }
    response = render(request, "runs/notices.html", context)
    if request.method == "GET":
        mark_notices_seen(request.user)
    return response


@require_POST
@speaks_html
def drift_settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that somebody looked into a drift."""
    alarm = settle_alarm(asker=asker_of(request), alarm_id=pk, note=request.POST.get("note", ""))
    messages.success(
        request,
        gettext("Settled; %(model)s is measured anew from now on.")
        % {"model": alarm.model_version},
    )
    return redirect("runs:notices")


def _keep(request: HttpRequest) -> HttpResponse:
    form = WishesForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("The webhook needs an address that begins with https://."))
        return redirect("runs:notices")
    try:
        change_wishes(asker=asker_of(request), wishes=Wishes(**form.cleaned_data))
    except InvalidRequestError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, gettext("Kept."))
    return redirect("runs:notices")
