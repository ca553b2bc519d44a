"""Records of the audit trail by criteria, for those who may read it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db.models import Q

from archive.access.audit_search import readable_records, require_may_read_trail
from archive.audit.atna import TYPES
from archive.models import AuditEvent, Study
from archive.query.criteria.conditions import (
    NOTHING,
    any_of,
    condition_of,
    instant_condition,
    keys_condition,
    negated,
    row_key,
)
from archive.query.criteria.paging import in_order_of, slice_of
from archive.query.criteria.studies import UID_SYSTEM, study_condition, subject_condition, uid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from archive.models.querysets import AnyUser, StudyQuerySet
    from archive.query.criteria.types import Criterion, Found, Slice

_ORDERS: dict[str, tuple[str, ...]] = {"date": ("recorded_at",), "_lastUpdated": ("recorded_at",)}


def search_audit_events(
    user: AnyUser, criteria: Sequence[Criterion], wanted: Slice
) -> Found[AuditEvent]:
    """Return records that the user may read; that they do is the caller's to record.

    Parameters
    ----------
    user
        the asker
    criteria
        all of which must fit
    wanted
        which part of them

    Raises
    ------
    NotAllowedError
        The user reads no trail.
    InvalidRequestError
        A criterion can't be asked of records.
    """
    require_may_read_trail(user)
    rows = readable_records(user)
    conditions = _CONDITIONS | {
        "entity": partial(_entity, user),
        "patient": partial(_patient, user),
    }
    for criterion in criteria:
        rows = rows.filter(condition_of(criterion, conditions, _MISSING, "records"))
    return slice_of(rows, in_order_of(wanted, criteria, ("date", "_lastUpdated")), _ORDERS)


def audit_events_by_keys(user: AnyUser, keys: Iterable[str]) -> list[AuditEvent]:
    """Return records by their keys, those that the user may read.

    Parameters
    ----------
    user
        the asker
    keys
        as texts; what can be none is passed over

    Raises
    ------
    NotAllowedError
        The user reads no trail.
    """
    require_may_read_trail(user)
    wanted = [key for key in (row_key(text) for text in keys) if key is not None]
    return list(readable_records(user).filter(pk__in=wanted).order_by("pk"))


def _column(name: str) -> Callable[[Criterion], Q]:
    def build(criterion: Criterion) -> Q:
        codes = [token.code for token in criterion.values]
        return negated(criterion, Q(**{f"{name}__in": codes}))

    return build


def _subtype(criterion: Criterion) -> Q:
    """Match acts, by DICOM's code where there is one."""
    acts = {token.code for token in criterion.values}
    acts |= {act for act, (code, _meaning) in TYPES.items() if code in acts}
    return negated(criterion, Q(act__in=acts))


def _outcome(criterion: Criterion) -> Q:
    numbers = [int(token.code) for token in criterion.values if token.code in {"0", "4", "8"}]
    return negated(criterion, Q(outcome__in=numbers))


def _address(criterion: Criterion) -> Q:
    """Match addresses by how they are written, from the beginning on."""
    if criterion.modifier == "exact":
        return any_of(_one_address(text) for text in criterion.values)
    lookup = "icontains" if criterion.modifier == "contains" else "istartswith"
    return any_of(
        _one_address(text) | Q(**{f"address__{lookup}": text}) for text in criterion.values
    )


def _one_address(text: str) -> Q:
    try:
        validate_ipv46_address(text)
    except ValidationError:
        return NOTHING
    return Q(address=text)


def _agent_name(criterion: Criterion) -> Q:
    lookups = {"exact": "exact", "contains": "icontains"}
    lookup = lookups.get(criterion.modifier, "istartswith")
    return any_of(Q(**{f"actor_name__{lookup}": text}) for text in criterion.values)


def _entity(user: AnyUser, criterion: Criterion) -> Q:
    """Match records about studies, named by reference or by identifier."""
    if criterion.chain is not None:
        return _about_studies(_chained_to(user).filter(study_condition([criterion.chain])))
    if criterion.modifier == "identifier":
        tokens = [token for token in criterion.values if token.is_of(UID_SYSTEM)]
        uids = [uid for uid in map(uid_of, tokens) if uid]
    else:
        uids = [one.key for one in criterion.values if one.kind in {"", "ImagingStudy"}]
    return Q(study_instance_uid__in=[uid for uid in uids if uid])


def _patient(user: AnyUser, criterion: Criterion) -> Q:
    studies = Study.objects.all() if criterion.chain is None else _chained_to(user)
    return _about_studies(studies.filter(subject_condition(criterion, "patient")))


def _chained_to(user: AnyUser) -> StudyQuerySet:
    """Return the studies of which more than the name is asked: those that the asker may see.

    Who reads the trail alone would else spell a patient's name by what is found, letter by letter.
    """
    return Study.objects.visible_with_deleted_to(user)


def _about_studies(studies: StudyQuerySet) -> Q:
    return Q(study_instance_uid__in=studies.order_by().values("study_instance_uid"))


_CONDITIONS: dict[str, Callable[[Criterion], Q]] = {
    "_id": keys_condition,
    "_lastUpdated": lambda criterion: instant_condition(criterion, "recorded_at"),
    "date": lambda criterion: instant_condition(criterion, "recorded_at"),
    "action": _column("action"),
    "address": _address,
    "agent-name": _agent_name,
    "altid": _column("token_hint"),
    "outcome": _outcome,
    "subtype": _subtype,
    "type": _column("event_id"),
}
_MISSING: dict[str, Q] = {
    "address": Q(address__isnull=True),
    "agent-name": Q(actor_name=""),
    "altid": Q(("token_hint", "")),
    "entity": Q(study_instance_uid=""),
    "patient": Q(study_instance_uid=""),
}
