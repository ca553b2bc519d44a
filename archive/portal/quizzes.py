"""Pages of a quiz: pictures, an answer, then what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.collections import quiz
from archive.portal.collections import says_what_is_wrong
from archive.retrieve.rendering import Rendering, rendered_frame
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from django.http import HttpRequest

SIDE = 1024
_PICTURE = Rendering(format="jpeg", size=(SIDE, SIDE), quality=90)


@require_safe
@says_what_is_wrong
def quiz_start(request: HttpRequest, pk: int) -> HttpResponse:
    """Show where the reader stands; its editors see how everybody did."""
    return render(request, "collections/quiz.html", {"quiz": quiz.quiz_page(request.user, pk)})


@require_http_methods(["GET", "HEAD", "POST"])
@says_what_is_wrong
def quiz_case(request: HttpRequest, pk: int, item: int) -> HttpResponse:
    """Ask about a case; POST answers, and shows the diagnosis."""
    user: Any = request.user
    if request.method == "POST":
        answer = request.POST.get("answer", "")
        quiz.answer_case(user, pk, item, asker=asker_of(request), answer=answer)
        return redirect("portal:quiz-case", pk, item)
    page = quiz.quiz_page(user, pk)
    case = quiz.quiz_case(user, pk, item)
    lines = [line.pk for line in page.lines]
    at = lines.index(item)
    context = {
        "quiz": page,
        "case": case,
        "middle": (case.frame_count + 1) // 2,
        "previous_pk": lines[at - 1] if at else None,
        "next_pk": lines[at + 1] if at + 1 < len(lines) else None,
    }
    return render(request, "collections/quiz_case.html", context)


@require_POST
@says_what_is_wrong
def quiz_verdict(request: HttpRequest, pk: int, item: int) -> HttpResponse:
    """Keep whether the reader calls their own answer right, and go on."""
    user: Any = request.user
    is_right = request.POST.get("verdict") == "right"
    quiz.judge_answer(user, pk, item, asker=asker_of(request), is_right=is_right)
    following = quiz.quiz_page(user, pk).next_pk
    if following is None:
        return redirect("portal:quiz", pk)
    return redirect("portal:quiz-case", pk, following)


@require_POST
@says_what_is_wrong
def quiz_restart(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget the reader's own answers."""
    user: Any = request.user
    quiz.restart_quiz(user, pk, asker=asker_of(request))
    return redirect("portal:quiz", pk)


@require_safe
@says_what_is_wrong
def quiz_picture(request: HttpRequest, pk: int, item: int, number: int) -> HttpResponse:
    """Send a picture of a case under an address that names nobody."""
    instance, frame = quiz.quiz_picture(request.user, pk, item, number)
    note_access(asker_of(request), instance.series.study.study_instance_uid, "rendered")
    picture = rendered_frame(instance, frame, _PICTURE)
    return HttpResponse(picture, content_type="image/jpeg")
