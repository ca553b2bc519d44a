"""Workitems inside the asker's rights: those somebody made, and runs of models."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.dicom.matching import compile_keys
from archive.errors import NotVisibleError
from archive.models.access import READING_ROLES
from archive.models.querysets import readable_projects
from inference.models import Run, Workitem
from inference.runs.selectors import visible_runs
from inference.workitems.elements import element
from inference.workitems.run_steps import (
    RUN_PRIORITIES,
    RUN_STATES,
    run_json,
    run_key,
    step_state,
    workitem_uid,
)
from inference.workitems.tags import CLASS_UID, PRIORITY, STATE, STUDY_UID, UID, UPS_PUSH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from inference.workitems.elements import JsonObject

# So many of the newest are looked at where columns narrow a question too little.
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Found:
    """A workitem: a run, with a row where an outside performer spoke of it, or a row alone."""

    uid: str
    run: Run | None
    row: Workitem | None

    @property
    def state(self) -> str:
        """Procedure Step State."""
        if self.run is not None:
            return step_state(self.run)
        return str(self.row.state) if self.row is not None else ""

    @property
    def study_uid(self) -> str:
        """Study Instance UID, where it is about a study."""
        if self.run is not None:
            return str(self.run.study.study_instance_uid)
        return self.row.study_instance_uid if self.row is not None else ""

    def document(self, *, is_full: bool = True) -> JsonObject:
        """Return the data set in the DICOM JSON model; the Transaction UID is never in it."""
        if self.run is not None:
            return run_json(self.run, self.row, is_full=is_full)
        return row_json(self.row) if self.row is not None else {}


def row_json(row: Workitem) -> JsonObject:
    """Return a workitem that somebody made."""
    said = {
        **row.attributes,
        CLASS_UID: element("UI", UPS_PUSH),
        UID: element("UI", row.sop_instance_uid),
        STATE: element("CS", row.state),
    }
    return dict(sorted(said.items()))


def find_workitem(user: AnyUser, uid: str) -> Found:
    """Return a workitem; NotVisibleError outside the rights."""
    row = visible_rows(user).filter(sop_instance_uid=uid).first()
    if row is not None:
        return Found(uid, None, row)
    key = run_key(uid)
    run = visible_steps(user).filter(pk=key).first() if key is not None else None
    if run is None or workitem_uid(run) != uid:
        raise NotVisibleError("There is no such workitem.")
    return Found(uid, run, getattr(run, "workitem", None))


def search_workitems(
    user: AnyUser, keys: JsonObject, *, is_fuzzy: bool = False, is_full: bool = False
) -> Iterator[JsonObject]:
    """Yield the workitems that match, the newest first.

    Parameters
    ----------
    user
        whose rights apply
    keys
        in the DICOM JSON model; any attribute, at any depth
    is_fuzzy
        whether names match by their words' beginnings
    is_full
        whether with the UIDs of their images

    Raises
    ------
    InvalidRequestError
        A value can't be one of its attribute; raised before the first answer.
    """
    matches = compile_keys(keys, is_fuzzy=is_fuzzy)
    rows, runs = _narrowed_rows(user, keys), _narrowed_runs(user, keys)
    found: Iterator[tuple[Any, Found]] = heapq.merge(
        ((row.created_at, Found(row.sop_instance_uid, None, row)) for row in rows),
        ((run.created_at, Found("", run, getattr(run, "workitem", None))) for run in runs),
        key=lambda pair: pair[0],
        reverse=True,
    )
    documents = (one.document(is_full=is_full) for _, one in found)
    return (document for document in documents if matches(document))


def visible_rows(user: AnyUser) -> QuerySet[Workitem]:
    """Return the workitems that somebody made, in projects that the user reads."""
    projects = readable_projects(user, READING_ROLES)
    return Workitem.objects.filter(project__in=projects, run__isnull=True)


def visible_steps(user: AnyUser) -> QuerySet[Run]:
    """Return the runs that are workitems."""
    rows = visible_runs(user).filter(is_background=False)
    steps: QuerySet[Run] = rows.select_related(
        "model_version", "series", "study__patient", "workitem"
    )
    return steps


def _narrowed_rows(user: AnyUser, keys: JsonObject) -> Iterator[Workitem]:
    rows = visible_rows(user)
    columns = {
        STATE: "state",
        UID: "sop_instance_uid",
        PRIORITY: "priority",
        STUDY_UID: "study_instance_uid",
        "00100020": "dicom_patient_id",
    }
    for tag, column in columns.items():
        if values := _exact(keys, tag):
            rows = rows.filter(**{f"{column}__in": values})
    return rows.order_by("-created_at", "-pk")[:MOST_LOOKED_AT].iterator()


def _narrowed_runs(user: AnyUser, keys: JsonObject) -> Iterator[Run]:
    rows = visible_steps(user)
    if states := _exact(keys, STATE):
        rows = rows.filter(state__in=[run for word in states for run in RUN_STATES.get(word, ())])
    if words := _exact(keys, PRIORITY):
        rows = rows.filter(priority__in=[RUN_PRIORITIES.get(word, -1) for word in words])
    if uids := _exact(keys, UID):
        rows = rows.filter(pk__in=[key for uid in uids if (key := run_key(uid)) is not None])
    if studies := _exact(keys, STUDY_UID):
        rows = rows.filter(study__study_instance_uid__in=studies)
    if patients := _exact(keys, "00100020"):
        rows = rows.filter(study__patient__dicom_patient_id__in=patients)
    return rows.order_by("-created_at", "-pk")[:MOST_LOOKED_AT].iterator()


def _exact(keys: JsonObject, tag: str) -> list[str]:
    """Return the values of a key where none has wildcards: the database can compare them."""
    values = [str(value) for value in (keys.get(tag) or {}).get("Value") or () if value]
    return [] if any(set(value) & set('*?"') for value in values) else values
