"""The bell, what it rings for, and what people want to be told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError, LimitExceededError
from archive.notices import follows, selectors, services
from archive.notices.topics import topics
from archive.portal import panels
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE_SIZE = 50


@require_safe
@speaks_html
def notice_list(request: HttpRequest) -> HttpResponse:
    """Show the user's news, the newest first."""
    is_unread = request.GET.get("view") == "unread"
    topic = request.GET.get("topic", "")
    rows = selectors.notices_of(
        request.user, topic=topic if topic in topics else "", is_unread=is_unread
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    choices = selectors.choices_of(request.user)
    context = {
        "page": page,
        "news": [(row, topics.get(row.topic)) for row in page],
        "is_unread": is_unread,
        "topic": topic,
        "topics": [choice.topic for choice in choices],
        "unread": selectors.unread_count(request.user),
    }
    return render(request, "notices/notice_list.html", context)


@require_safe
def notice_bell(request: HttpRequest) -> HttpResponse:
    """Show the bell alone, for pages that stay open."""
    return render(request, "notices/_bell.html")


@require_POST
@speaks_html
def notice_read(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Note one piece of news or all as read; one that leads somewhere leads there."""
    if pk is None:
        services.mark_read(request.user)
        return redirect("portal:notice-list")
    row = selectors.notices_of(request.user).filter(pk=pk).first()
    services.mark_read(request.user, [pk])
    if row is None or not _is_own(row.path):
        return redirect("portal:notice-list")
    return redirect(row.path)


def _is_own(path: str) -> bool:
    """Whether it is a path of this portal, and of nowhere else."""
    return path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def notice_settings(request: HttpRequest) -> HttpResponse:
    """Show and keep what the user wants to be told of."""
    choices = selectors.choices_of(request.user)
    if request.method == "POST":
        wanted = {
            choice.topic.key: (
                f"portal-{choice.topic.key}" in request.POST,
                f"mail-{choice.topic.key}" in request.POST,
            )
            for choice in choices
        }
        try:
            services.change_choices(request.user, wanted)
            messages.success(request, _("Kept."))
        except InvalidRequestError as error:
            messages.error(request, error.message)
        return redirect("portal:notice-settings")
    context = {
        "choices": choices,
        "can_be_mailed": services.can_be_mailed(request.user),
        "has_mail": bool(settings.TWINSIGHT_EMAIL_URL),
        "minutes": settings.TWINSIGHT_MAIL_DIGEST_MINUTES,
        "follows": selectors.follows_of(request.user)[:PAGE_SIZE],
        "links": [(link.label, reverse(link.url_name)) for link in panels.notice_links.values()],
    }
    return render(request, "notices/settings.html", context)


@require_POST
@speaks_html
def follow(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Follow a study, or its patient, or neither any more."""
    asker, act = asker_of(request), request.POST.get("act", "")
    if act == "unfollow":
        follows.unfollow_study(asker=asker, study_uid=study_uid)
    else:
        try:
            follows.follow_study(asker=asker, study_uid=study_uid, whole_patient=act == "patient")
        except LimitExceededError as error:
            messages.error(request, error.message)
    if request.headers.get("HX-Request"):
        return render(request, "notices/_follow.html", {"study_uid": study_uid})
    return redirect("portal:study-detail", study_uid=study_uid)
