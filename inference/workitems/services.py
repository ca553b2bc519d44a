"""Make, change, claim and end workitems (PS3.4 CC.2.1 to CC.2.5)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from archive.access.projects import storing_projects
from archive.access.selectors import home_project
from archive.audit import workitems as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Study
from archive.models.access import LABELLING_ROLES
from archive.models.querysets import readable_projects
from inference.models import Workitem
from inference.runs.claiming import performer_lease
from inference.workitems import outside
from inference.workitems.content import changed_content, named_study, new_content, write_columns
from inference.workitems.elements import element, moment_text, text_of
from inference.workitems.errors import (
    TransactionUidError,
    WorkitemClaimedError,
    WorkitemExistsError,
    WorkitemFinalError,
    WorkitemNotClaimedError,
)
from inference.workitems.events import announce_assignment, announce_progress, announce_state
from inference.workitems.run_steps import is_run, step_state
from inference.workitems.selectors import Found, find_workitem, visible_rows
from inference.workitems.tags import CANCELED_AT, PROGRESS, TRANSACTION_UID, UID

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import Project
    from archive.models.querysets import AnyUser
    from inference.models import Run
    from inference.workitems.elements import JsonObject

State = Workitem.State
FINAL = (State.COMPLETED, State.CANCELED)
_ACTS: dict[str, str] = {
    State.IN_PROGRESS: "claim-workitem",
    State.COMPLETED: "completed-workitem",
    State.CANCELED: "canceled-workitem",
}


def create_workitem(
    *, asker: Asker, ds: JsonObject, uid: str = "", project: Project | None = None
) -> tuple[str, bool]:
    """Put a workitem on the list; return its UID, and whether something was put right.

    Parameters
    ----------
    asker
        whoever may analyse studies of the project
    ds
        the workitem in the DICOM JSON model
    uid
        its UID, where the data set doesn't say it; one is made where neither does
    project
        where it belongs; else where the study it names is, else where the asker stores

    Raises
    ------
    InvalidRequestError
        It lacks what it must say.
    WorkitemExistsError
        There is one of this UID.
    NotAllowedError
        The asker may only look.
    """
    user = _signed_in(asker)
    now = timezone.now()
    said_uid = text_of(ds, UID)
    if uid and said_uid and uid != said_uid:
        raise InvalidRequestError("The address and the data set name different workitems.")
    uid = uid or said_uid or f"2.25.{uuid.uuid4().int}"
    if not is_valid_uid(uid):
        raise InvalidRequestError(f"{uid[:64]!r} is no UID.")
    content, is_changed = new_content(ds, moment_text(now))
    home = project or _project_of(user, content)
    require_may_work(user, home)
    row = Workitem(
        sop_instance_uid=uid, attributes=content, project=home, created_by_id=user.pk or 0
    )
    write_columns(row)
    if is_run(uid):
        raise WorkitemExistsError(f"There is a workitem {uid} already.")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            audit.record_workitem(asker, act="create-workitem", uid=uid, study=named_study(content))
            announce_state(Found(uid, None, row))
    except IntegrityError as error:
        raise WorkitemExistsError(f"There is a workitem {uid} already.") from error
    return uid, is_changed


def update_workitem(*, asker: Asker, uid: str, changes: JsonObject, transaction_uid: str) -> None:
    """Change what a workitem says.

    Parameters
    ----------
    transaction_uid
        that of the claim, where the workitem is in progress

    Raises
    ------
    NotVisibleError, NotAllowedError
        There is no such workitem for the asker; they may only look.
    WorkitemFinalError, TransactionUidError, NotOurPerformerError, InvalidRequestError
        Its state, the claim or the content does not allow it.
    """
    with transaction.atomic():
        found = _held(asker, uid)
        if found.state in FINAL:
            raise WorkitemFinalError("A workitem that is over changes no more.")
        row = outside.row_of(found)
        if found.state == State.IN_PROGRESS:
            _require_claim(row, transaction_uid)
        elif transaction_uid:
            raise WorkitemNotClaimedError("Nobody claimed this workitem.")
        before = found.document(is_full=False)
        row.attributes = changed_content(row.attributes, changes, moment_text(timezone.now()))
        if found.run is None:
            write_columns(row)
        else:
            outside.change_urgency(found.run, row)
        _renew(found.run, row)
        row.save()
        audit.record_workitem(asker, act="update-workitem", uid=uid, study=found.study_uid)
        after = Found(uid, found.run, row)
        announce_progress(after, before)
        announce_assignment(after, before)


def change_state(*, asker: Asker, uid: str, state: str, transaction_uid: str) -> bool:
    """Claim a workitem, or complete or cancel one that was claimed.

    Parameters
    ----------
    state
        IN PROGRESS, COMPLETED or CANCELED
    transaction_uid
        made by who claims it, and given with everything that follows

    Returns
    -------
    False where it is in that state already.

    Raises
    ------
    InvalidRequestError
        The state is none that can be asked for, or the Transaction UID is none.
    WorkitemError
        The workitem's state, or the claim, does not allow it.
    """
    if state not in {State.IN_PROGRESS, *FINAL}:
        raise InvalidRequestError("The state asked for is IN PROGRESS, COMPLETED or CANCELED.")
    refusal = ""
    with transaction.atomic():
        found = _held(asker, uid)
        if state in FINAL and found.state == state:
            return False
        if found.state in FINAL:
            raise WorkitemFinalError("A workitem that is over changes no more.")
        _check_transaction_uid(transaction_uid)
        row = outside.row_of(found)
        if state == State.IN_PROGRESS:
            refusal = _claim(asker, Found(uid, found.run, row), transaction_uid)
        else:
            _end(asker, Found(uid, found.run, row), state, transaction_uid)
        audit.record_workitem(asker, act=_ACTS[state], uid=uid, study=found.study_uid)
    if refusal:
        # That the model does not apply is kept: it was found out when somebody claimed it.
        raise WorkitemFinalError(refusal)
    return True


def _claim(asker: Asker, found: Found, transaction_uid: str) -> str:
    """Begin it; return why that model does not apply to these images, or nothing."""
    row, refusal = found.row, ""
    if row is None or found.state == State.IN_PROGRESS:
        raise WorkitemClaimedError("Somebody works on this workitem already.")
    user = _signed_in(asker)
    row.state, row.transaction_uid, row.performer_id = (
        State.IN_PROGRESS,
        transaction_uid,
        user.pk or 0,
    )
    row.lease_until = performer_lease()
    if found.run is not None:
        refusal = outside.claim(found.run, user.get_username())
        outside.hold_results(found.run, user)
        row.state = step_state(found.run)
    row.save()
    if found.run is None:
        announce_state(found)
    return refusal


def _end(asker: Asker, found: Found, state: str, transaction_uid: str) -> None:
    row = found.row
    if row is None or found.state == State.SCHEDULED:
        raise WorkitemNotClaimedError("Nobody claimed this workitem.")
    _require_claim(row, transaction_uid)
    now = timezone.now()
    row.state, row.finished_at, row.lease_until = state, now, None
    if state == State.COMPLETED:
        outside.complete(_signed_in(asker), found)
    else:
        note_cancellation(row, moment_text(now))
        if found.run is not None:
            outside.cancel(found.run, text_of(row.attributes, PROGRESS, "00741238"))
    row.save()
    if found.run is None:
        announce_state(found)


def _renew(run: Run | None, row: Workitem) -> None:
    """Let a performer that says something keep its claim."""
    if row.state != State.IN_PROGRESS:
        return
    row.lease_until = performer_lease()
    if run is not None:
        run.lease_until = row.lease_until
        run.save(update_fields=["lease_until"])


def note_cancellation(row: Workitem, now: str) -> None:
    """Write when it was canceled, which the worklist itself says (PS3.4 CC.2.1.3)."""
    progress = dict(
        ((row.attributes.get(PROGRESS) or {}).get("Value") or [{}])[0],
        **{CANCELED_AT: element("DT", now)},
    )
    row.attributes[PROGRESS] = {"vr": "SQ", "Value": [dict(sorted(progress.items()))]}


def _require_claim(row: Workitem, transaction_uid: str) -> None:
    if not transaction_uid:
        raise TransactionUidError("The Transaction UID is missing.", code="transaction-uid-missing")
    if transaction_uid != row.transaction_uid:
        raise TransactionUidError("The Transaction UID is incorrect.")


def _check_transaction_uid(uid: str) -> None:
    if not uid:
        raise TransactionUidError("The Transaction UID is missing.", code="transaction-uid-missing")
    if not is_valid_uid(uid):
        raise InvalidRequestError(f"{TRANSACTION_UID}: {uid[:64]!r} is no UID.")


def _held(asker: Asker, uid: str) -> Found:
    """Return a workitem with its row locked; whoever only looks is refused."""
    user = _signed_in(asker)
    found = find_workitem(user, uid)
    if found.run is None:
        row = visible_rows(user).select_for_update(of=("self",)).get(sop_instance_uid=uid)
        require_may_work(user, row.project)
        return Found(uid, None, row)
    return outside.held(user, found)


def require_may_work(user: AnyUser, project: Project) -> None:
    """Raise NotAllowedError unless the user may do the work of a project."""
    if not readable_projects(user, LABELLING_ROLES).filter(pk=project.pk).exists():
        raise NotAllowedError("Your role in this project only allows you to look.")


def _project_of(user: AnyUser, content: JsonObject) -> Project:
    uid = named_study(content)
    mine = readable_projects(user, LABELLING_ROLES)
    study = Study.objects.visible_to(user).filter(study_instance_uid=uid).first() if uid else None
    found = mine.filter(studies=study).order_by("pk").first() if study is not None else None
    found = found or home_project(user)
    if found is None:
        places = storing_projects(user) if user.is_authenticated else []
        found = places[0] if places else mine.order_by("kind", "name").first()
    if found is None:
        raise NotAllowedError("You may not make workitems in any project.")
    return found


def _signed_in(asker: Asker) -> AnyUser:
    if asker.user is None or not asker.user.is_authenticated:
        raise NotVisibleError("There is no such workitem.")
    return asker.user
