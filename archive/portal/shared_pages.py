"""What visitors without an account see who hold a link: one study or collection, and no more.

The link's secret stands in the first address alone; from there on the session knows which links
were entered, and each request asks anew what the link shows at that moment.
"""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from archive.access.middleware import asker_of
from archive.access.share_links import enter_link, link_of_secret, opened_link, shown_parts
from archive.audit.types import Asker
from archive.errors import LimitExceededError, NotAllowedError, NotVisibleError
from archive.portal.statuses import speaks_html
from archive.query.picture_words import pictures_in_words
from archive.query.series_frames import series_stack
from archive.query.study_overview import study_overview
from archive.retrieve.downloads import download_for_link
from archive.retrieve.rendering import Rendering, rendered_frame
from archive.retrieve.selectors import visible_instances
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from archive.access.share_links import Opened, Parts
    from archive.query.series_frames import SeriesStack
    from archive.query.study_overview import SeriesCard, StudyOverview

P = ParamSpec("P")
_ENTERED, _MOST_ENTERED = "entered_links", 20
_PICTURE = Rendering(format="jpeg", size=(1024, 1024), quality=88)
_THUMBNAIL = Rendering(format="jpeg", size=(200, 200), quality=80)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def enter(request: HttpRequest, secret: str) -> HttpResponse:
    """Let a visitor in, by the password where the link has one."""
    key, has_password = link_of_secret(secret)
    error, status = "", 200
    if not has_password or request.method == "POST":
        try:
            enter_link(
                asker=asker_of(request), link_id=key, password=request.POST.get("password", "")
            )
        except (NotAllowedError, LimitExceededError) as refused:
            error, status = refused.message, 429 if isinstance(refused, LimitExceededError) else 403
        else:
            entered = [*_entered(request), key]
            request.session[_ENTERED] = list(dict.fromkeys(entered))[-_MOST_ENTERED:]
            return _discreet(redirect("portal:shared", key))
    return _discreet(render(request, "sharing/enter.html", {"error": error}, status=status))


def _visits(
    view: Callable[Concatenate[HttpRequest, Opened, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let only those pass who entered the link, and give the view what it shows."""

    @login_not_required
    @require_safe
    @speaks_html
    @wraps(view)
    def visited(
        request: HttpRequest, /, pk: int, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if pk not in _entered(request):
            raise NotVisibleError(gettext("This link leads nowhere, or no longer."))
        return _discreet(view(request, opened_link(pk), *args, **kwargs))

    return visited


@_visits
def shared(request: HttpRequest, link: Opened) -> HttpResponse:
    """Show what lies behind the link."""
    studies = [_shown(link, uid) for uid in link.study_uids]
    for uid in link.study_uids:
        note_access(_asker(request, link), uid, "shared")
    # Words are of whole series, and say what was found in any image.
    whole = [c.series_uid for _, cards, some in studies for c in cards if c.series_uid not in some]
    words = pictures_in_words(link.visitor, whole)
    shown = [(overview, cards) for overview, cards, _ in studies]
    context = {"link": link, "studies": shown, "words": words}
    return render(request, "sharing/shared.html", context)


@_visits
def shared_series(
    request: HttpRequest, link: Opened, study_uid: str, series_uid: str
) -> HttpResponse:
    """Show a series picture by picture."""
    stack = _stack(link, study_uid, series_uid)
    total = sum(one.number_of_frames for one in stack.instances)
    asked = request.GET.get("n", "")
    number = int(asked) if asked.isdigit() and len(asked) < 7 else total // 2 + 1
    number = max(1, min(number, total))
    note_access(_asker(request, link), study_uid, "viewer")
    context: dict[str, Any] = {"link": link, "stack": stack, "total": total, "number": number}
    return render(request, "sharing/shared_series.html", context)


@_visits
def shared_picture(
    request: HttpRequest, link: Opened, study_uid: str, series_uid: str, number: int
) -> HttpResponse:
    """Send one picture of a series; 0 is a small one out of its middle."""
    stack = _stack(link, study_uid, series_uid)
    frames = [
        (one.sop_instance_uid, frame)
        for one in stack.instances
        for frame in range(1, one.number_of_frames + 1)
    ]
    if not frames or number > len(frames):
        raise Http404
    uid, frame = frames[number - 1] if number else frames[len(frames) // 2]
    (instance,) = visible_instances(
        link.visitor,
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        sop_instance_uid=uid,
    )
    note_access(_asker(request, link), study_uid, "rendered")
    picture = rendered_frame(instance, frame, _PICTURE if number else _THUMBNAIL)
    return HttpResponse(picture, content_type="image/jpeg")


@_visits
def shared_download(request: HttpRequest, link: Opened, study_uid: str) -> HttpResponse:
    """Send the study's files, where the link allows it."""
    if not link.may_download:
        raise NotAllowedError(gettext("This link shows pictures only."))
    parts = _parts(link, study_uid) or {}
    download = download_for_link(
        link.visitor,
        study_uid,
        asker=_asker(request, link),
        series_uids=tuple(parts),
        images={uid: some for uid, some in parts.items() if some is not None},
    )
    response: Any = StreamingHttpResponse(download.chunks, content_type=download.content_type)
    response["Content-Disposition"] = f'attachment; filename="{download.filename}"'
    answer: HttpResponse = response
    return answer


def _entered(request: HttpRequest) -> list[int]:
    found = request.session.get(_ENTERED, [])
    return [one for one in found if isinstance(one, int)]


def _asker(request: HttpRequest, link: Opened) -> Asker:
    return Asker(
        door="portal",
        address=request.META.get("REMOTE_ADDR") or None,
        token_hint=link.hint,
        name=f"link {link.hint}",
    )


def _shown(link: Opened, study_uid: str) -> tuple[StudyOverview, list[SeriesCard], Parts]:
    """Return a study, the series that are shown of it, and of which of them only some images."""
    overview = study_overview(link.visitor, study_uid)
    parts = shown_parts(link.key, study_uid)
    if parts is None:
        return overview, list(overview.pictures), {}
    some = {uid: images for uid, images in parts.items() if images is not None}
    cards = [
        replace(one, number_of_instances=len(some[one.series_uid]))
        if one.series_uid in some
        else one
        for one in overview.pictures
        if one.series_uid in parts
    ]
    return overview, cards, some


def _stack(link: Opened, study_uid: str, series_uid: str) -> SeriesStack:
    """Return the pictures of a series that the link shows."""
    parts = _parts(link, study_uid)
    if parts is not None and series_uid not in parts:
        raise NotVisibleError(gettext("This link leads nowhere, or no longer."))
    stack = series_stack(link.visitor, study_uid, series_uid)
    images = None if parts is None else parts[series_uid]
    if images is None:
        return stack
    shown = tuple(one for one in stack.instances if one.sop_instance_uid in images)
    return replace(stack, instances=shown)


def _parts(link: Opened, study_uid: str) -> Parts | None:
    parts = shown_parts(link.key, study_uid) if study_uid in link.study_uids else {}
    if parts is not None and not parts:
        raise NotVisibleError(gettext("This link leads nowhere, or no longer."))
    return parts


def _discreet(response: HttpResponse) -> HttpResponse:
    """Tell nobody where the visitor came from, and no search engine anything."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
