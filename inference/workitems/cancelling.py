"""Ask that a workitem be canceled, without owning it (PS3.4 CC.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from archive.access.selectors import require_may_label
from archive.audit import workitems as audit
from archive.errors import NotVisibleError
from inference.models import Run, Workitem
from inference.runs.control import cancel_run
from inference.workitems.elements import element, moment_text, text_of
from inference.workitems.errors import WorkitemFinalError
from inference.workitems.events import announce_cancel_request, announce_state
from inference.workitems.run_steps import is_external
from inference.workitems.selectors import Found, find_workitem, visible_rows
from inference.workitems.services import note_cancellation, require_may_work
from inference.workitems.tags import CANCEL_REASON, PROGRESS

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from inference.workitems.elements import JsonObject

State = Workitem.State


def request_cancel(*, asker: Asker, uid: str, request: JsonObject, requester: str = "") -> bool:
    """Cancel what nobody began; tell who works on it otherwise, who decides.

    Parameters
    ----------
    request
        reason and contact, each where it is given
    requester
        AE title of who asks

    Returns
    -------
    False where it is canceled already.

    Raises
    ------
    NotVisibleError, NotAllowedError
        There is no such workitem for the asker; they may only look.
    WorkitemFinalError
        It is completed.
    """
    if asker.user is None:
        raise NotVisibleError("There is no such workitem.")
    found = find_workitem(asker.user, uid)
    if found.state == State.CANCELED:
        return False
    if found.state == State.COMPLETED:
        raise WorkitemFinalError("This workitem is completed.")
    with transaction.atomic():
        if found.run is not None:
            _ask_for_run(asker, found, request, requester)
        else:
            _ask_for_row(asker, found, request, requester)
        audit.record_workitem(asker, act="request-workitem-cancel", uid=uid, study=found.study_uid)
    return True


def _ask_for_run(asker: Asker, found: Found, request: JsonObject, requester: str) -> None:
    run = found.run
    if run is None or asker.user is None:
        return
    if run.state == Run.State.RUNNING and is_external(run):
        require_may_label(asker.user, run.study)
        announce_cancel_request(found, request, requester)
        return
    cancel_run(asker=asker, run_id=run.pk)


def _ask_for_row(asker: Asker, found: Found, request: JsonObject, requester: str) -> None:
    if asker.user is None:
        return
    rows = visible_rows(asker.user).select_for_update(of=("self",))
    row = rows.get(sop_instance_uid=found.uid)
    require_may_work(asker.user, row.project)
    held = Found(found.uid, None, row)
    row.cancel_reason = text_of(request, CANCEL_REASON)[:255]
    if row.state == State.SCHEDULED:
        # By the book it is in progress for a moment (PS3.4 CC.2.2.3), which nobody sees.
        now = timezone.now()
        row.state, row.finished_at = State.CANCELED, now
        note_cancellation(row, moment_text(now))
        write_reason(row)
        row.save()
        announce_state(held)
        return
    row.save()
    announce_cancel_request(held, request, requester)


def write_reason(row: Workitem) -> None:
    """Write why it was canceled, beside when."""
    if row.cancel_reason:
        item = dict(row.attributes[PROGRESS]["Value"][0])
        item[CANCEL_REASON] = element("LT", row.cancel_reason)
        row.attributes[PROGRESS] = {"vr": "SQ", "Value": [dict(sorted(item.items()))]}
