"""The schedule: examinations by day, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.projects import storing_projects
from archive.audit.services import record_query
from archive.portal.schedule_forms import ScheduleForm, StepForm, initial_of
from archive.portal.statuses import speaks_html
from archive.scheduling.errors import InvalidStepError, StepConflictError
from archive.scheduling.selectors import arrived_studies, find_step, list_steps, modalities_of
from archive.scheduling.services import change_step, move_step, schedule_step
from archive.scheduling.types import FINAL, STATES, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

    from archive.models import ScheduledStep

TONES = {
    State.SCHEDULED: "",
    State.ARRIVED: "busy",
    State.STARTED: "busy",
    State.COMPLETED: "ok",
    State.DISCONTINUED: "bad",
}
# What comes next, in people's words.
ACTS: dict[str, tuple[tuple[str, str | _StrPromise], ...]] = {
    State.SCHEDULED: ((State.ARRIVED, _("Arrived")),),
    State.ARRIVED: ((State.STARTED, _("Start")),),
    State.STARTED: ((State.COMPLETED, _("Complete")),),
}
_MOST = 500


@dataclass(frozen=True)
class StepRow:
    """A step as the list shows it."""

    step: ScheduledStep
    tone: str
    acts: tuple[tuple[str, str | _StrPromise], ...]
    is_over: bool
    study_uid: str
    alerts: tuple[str, ...]


@require_safe
@speaks_html
def schedule(request: HttpRequest) -> HttpResponse:
    """Show one day."""
    form = ScheduleForm(request.GET)
    day, narrowing = form.shown_day(), form.narrowing()
    steps = list(list_steps(request.user, first_day=day, last_day=day, **narrowing)[:_MOST])
    record_query(
        asker_of(request),
        what="search-schedule",
        details={"keys": ["day", *(name for name, text in narrowing.items() if text)]},
    )
    projects = storing_projects(request.user)  # type: ignore[arg-type]  # signed in by now
    context: dict[str, Any] = {
        "day": day,
        "day_before": _day_url(request, day - timedelta(days=1)),
        "day_after": _day_url(request, day + timedelta(days=1)),
        "narrowing": narrowing,
        "is_narrowed": any(narrowing.values()),
        "states": STATES,
        "modalities": modalities_of(request.user),
        "rows": _rows(request, steps),
        "may_schedule": bool(projects),
    }
    return render(request, "portal/schedule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def step_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Schedule an examination, or change one that is not over."""
    step = find_step(request.user, pk) if pk is not None else None
    projects = storing_projects(request.user)  # type: ignore[arg-type]  # signed in by now
    day = ScheduleForm(request.GET).shown_day()
    initial = initial_of(step) if step is not None else {"scheduled_date": day}
    form = StepForm(request.POST or None, initial=initial, projects=projects)
    if request.method == "POST" and form.is_valid() and _is_kept(request, form, step):
        messages.success(request, gettext("The examination is on the modality worklist."))
        address = reverse("portal:schedule", query={"day": form.cleaned_data["scheduled_date"]})
        return redirect(address)
    context = {
        "form": form,
        "step": step,
        "projects": projects,
        "is_over": step is not None and step.state in FINAL,
    }
    status = 422 if form.errors else 200
    return render(request, "portal/schedule_step.html", context, status=status)


@require_POST
@speaks_html
def step_move(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that the patient arrived, or that it began, was done or given up."""
    step = find_step(request.user, pk)
    try:
        move_step(asker=asker_of(request), step_id=pk, state=request.POST.get("state", "")[:16])
    except InvalidStepError as error:
        raise BadRequest(error.message) from error
    except StepConflictError as error:
        messages.error(request, error.message)
    return redirect(reverse("portal:schedule", query={"day": step.scheduled_date}))


def _is_kept(request: HttpRequest, form: StepForm, step: ScheduledStep | None) -> bool:
    """Keep what the form says; errors come to stand at its fields."""
    asker, values = asker_of(request), form.values(step)
    try:
        if step is None:
            schedule_step(asker=asker, values=values)
        else:
            change_step(asker=asker, step_id=step.pk, values=values)
    except InvalidStepError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
    except StepConflictError as error:
        form.add_error(None, error.message)
    return not form.errors


def _rows(request: HttpRequest, steps: Sequence[ScheduledStep]) -> list[StepRow]:
    arrived = arrived_studies(request.user, steps)
    return [
        StepRow(
            step=step,
            tone=TONES.get(State(step.state), ""),
            acts=ACTS.get(step.state, ()),
            is_over=step.state in FINAL,
            study_uid=arrived.get(step.pk, ""),
            alerts=tuple(text for text in (step.allergies, step.medical_alerts) if text),
        )
        for step in steps
    ]


def _day_url(request: HttpRequest, day: Any) -> str:
    kept = {name: request.GET[name] for name in ("modality", "state") if request.GET.get(name)}
    return reverse("portal:schedule", query={"day": day.isoformat(), **kept})
