"""Imaging studies by criteria, inside the asker's rights, with their series and instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Prefetch, Q, prefetch_related_objects
from django.utils import timezone

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.models import Instance, Series, Study
from archive.query.criteria.conditions import (
    NOTHING,
    any_of,
    clock_condition,
    condition_of,
    instant_condition,
    keys_condition,
    negated,
    referred_condition,
    words_condition,
)
from archive.query.criteria.paging import in_order_of, place_of, slice_of
from archive.query.criteria.patients import patient_condition
from archive.query.criteria.types import Criterion, Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from archive.query.criteria.types import Moment, Slice, Token

UID_SYSTEM = "urn:dicom:uid"
URI_SYSTEM = "urn:ietf:rfc:3986"
MODALITY_SYSTEM = "http://dicom.nema.org/resources/ontology/DCM"
STATUS_SYSTEM = "http://hl7.org/fhir/imagingstudy-status"
# The one place where the images of all studies are given out.
IMAGES = "dicom-wado-rs"
_OID = "urn:oid:"
# What is ever given in one answer: a page of large studies is shorter than asked for.
MAX_INSTANCES = 20_000
# Series of a modality that are looked up one by one.
MAX_RARE = 500
# What is shown of a study, as conditions on studies see it.
_SERIES = Series.objects.filter(study_id=OuterRef("pk"), withheld="")
_INSTANCES = Instance.objects.filter(
    series__study_id=OuterRef("pk"), series__withheld="", withheld=""
)
_ORDERS: dict[str, tuple[str, ...]] = {
    "_lastUpdated": ("change__changed_at", "updated_at"),
    "started": ("study_date", "study_time"),
}


def search_studies(user: AnyUser, criteria: Sequence[Criterion], wanted: Slice) -> Found[Study]:
    """Return studies that the user may see; what notes rejected only where it is named.

    Parameters
    ----------
    user
        the asker
    criteria
        all of which must fit
    wanted
        which part of them

    Returns
    -------
    studies with their patient, series and instances; fewer than wanted where they are large

    Raises
    ------
    InvalidRequestError
        A criterion can't be asked of studies.
    """
    rows = _found(user, criteria)
    in_order = in_order_of(wanted, criteria, ("_lastUpdated", "started"))
    if in_order.order and in_order.order[0].name == "_lastUpdated":
        # Every study has one: said, so that the database may begin there.
        rows = rows.filter(change__changed_at__isnull=False).select_related("change")
    found = slice_of(rows.select_related("patient"), in_order, _ORDERS)
    kept = _affordable(found.rows)
    _fill(kept)
    following = found.following
    if len(kept) < len(found.rows):
        following = place_of(kept[-1], in_order, _ORDERS)
    return Found(kept, following, found.total)


def patients_of_studies(user: AnyUser, criteria: Sequence[Criterion]) -> QuerySet[Any, Any]:
    """Return a query of the keys of the patients whose studies a search would find.

    Parameters
    ----------
    user
        the asker
    criteria
        all of which must fit
    """
    return _found(user, criteria).order_by().values("patient_id")


def _found(user: AnyUser, criteria: Sequence[Criterion]) -> QuerySet[Study]:
    rows = Study.objects.visible_to(user).filter(study_condition(criteria))
    is_named = any(one.name in {"_id", "identifier", "status"} for one in criteria)
    return rows if is_named else rows.filter(withheld="")


def studies_by_uids(user: AnyUser, uids: Iterable[str]) -> list[Study]:
    """Return studies by their UIDs, those in the user's rights, with all that is in them.

    Parameters
    ----------
    user
        the asker
    uids
        Study Instance UIDs
    """
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=list(uids))
    found = list(rows.select_related("patient").order_by("pk"))
    _fill(found)
    return found


def study_condition(criteria: Sequence[Criterion], path: str = "") -> Q:
    """Build the condition on studies at a path: empty, or ending in two underscores.

    Raises
    ------
    InvalidRequestError
        A criterion can't be asked of studies.
    """
    found = Q()
    for criterion in criteria:
        condition = condition_of(criterion, _CONDITIONS, _MISSING, "studies")
        if path:
            keys = Study.objects.filter(condition).order_by().values("pk")
            condition = Q(**{f"{path}pk__in": keys})
        found &= condition
    return found


def subject_condition(criterion: Criterion, path: str) -> Q:
    """Match the patient at a path, by key, by their identifier, or by what else is known of them.

    Parameters
    ----------
    criterion
        whose values are references, or tokens with the modifier ``identifier``; or with a chain
    path
        to the patient, without underscores at its end
    """
    if criterion.chain is not None:
        return patient_condition([criterion.chain], f"{path}__")
    if criterion.modifier == "identifier":
        return patient_condition([Criterion("identifier", criterion.values)], f"{path}__")
    return keys_condition(criterion, f"{path}_id")


def uid_of(token: Token) -> str | None:
    """Return the UID that a token names; None where it names none."""
    if token.code.startswith(_OID):
        return token.code.removeprefix(_OID)
    return token.code if is_valid_uid(token.code) else None


def _affordable(rows: list[Study]) -> list[Study]:
    """Keep the first rows of a page whose instances one answer can hold, one at least."""
    left = MAX_INSTANCES
    kept: list[Study] = []
    for row in rows:
        left -= row.number_of_study_related_instances
        if kept and left < 0:
            break
        kept.append(row)
    return kept


def _fill(rows: Sequence[Study]) -> None:
    """Read what is in studies: two statements for all of them; the series alone of huge ones."""
    of_all = (row for row in rows if row.number_of_study_related_instances <= MAX_INSTANCES)
    instances = Instance.objects.filter(
        withheld="", series__study__in=[row.pk for row in of_all]
    ).only("series_id", "sop_instance_uid", "sop_class_uid", "instance_number")
    series = Series.objects.filter(withheld="").prefetch_related(
        Prefetch("instances", queryset=instances, to_attr="shown_instances")
    )
    shown = Prefetch("series", queryset=series, to_attr="shown_series")
    prefetch_related_objects(list(rows), shown)


def _ids(criterion: Criterion) -> Q:
    uids = [token.code for token in criterion.values]
    return negated(criterion, Q(study_instance_uid__in=uids))


def _identifier(criterion: Criterion) -> Q:
    return negated(criterion, any_of(_one_identifier(token) for token in criterion.values))


def _one_identifier(token: Token) -> Q:
    found = NOTHING
    if token.is_of(UID_SYSTEM) and (uid := uid_of(token)):
        found |= Q(study_instance_uid=uid)
    # Who gave accession numbers out is not known: they have no system.
    if not token.system and token.code:
        found |= Q(accession_number=token.code)
    return found


def _based_on(criterion: Criterion) -> Q:
    if criterion.modifier != "identifier":
        raise InvalidRequestError("Orders are known by their number: ask basedon:identifier.")
    numbers = [token.code for token in criterion.values if token.code and not token.system]
    return Q(accession_number__in=numbers)


def _modality(criterion: Criterion) -> Q:
    codes = [token.code for token in criterion.values if token.is_of(MODALITY_SYSTEM)]
    said = any_of(Q(modalities_in_study__contains=[code]) for code in codes)
    if criterion.modifier == "not":
        return ~said
    # The newest studies are walked for what is frequent; what is not is known by its series.
    series = Series.objects.order_by().filter(modality__in=codes).values_list("study_id", flat=True)
    few = list(series[: MAX_RARE + 1])
    return said if len(few) > MAX_RARE else said & Q(pk__in=few)


def _status(criterion: Criterion) -> Q:
    known = {"available": Q(withheld=""), "entered-in-error": Q(withheld="rejected")}
    found = [
        known.get(token.code, NOTHING) for token in criterion.values if token.is_of(STATUS_SYSTEM)
    ]
    return negated(criterion, any_of(found))


def _last_updated(criterion: Criterion) -> Q:
    """Match moments of change by the minutes that have an index, exactly at their edges."""
    if any(moment.prefix == "ne" for moment in criterion.values):
        return instant_condition(criterion, "updated_at")
    return any_of(_changed(moment) for moment in criterion.values)


def _changed(moment: Moment) -> Q:
    low, high = moment.low, moment.high
    since = {"eq": low, "ap": low, "ge": low, "gt": high, "sa": high}
    until = {"eq": high, "ap": high, "le": high, "lt": low, "eb": low}
    found = Q(change__changed_at__isnull=False)
    if (first := since.get(moment.prefix)) is not None:
        found &= _on_edge(first, "gte")
    if (last := until.get(moment.prefix)) is not None:
        found &= _on_edge(last, "lt")
    return found


def _on_edge(bound: datetime, sign: str) -> Q:
    """Compare minutes where that is enough: twice the same makes the database expect too little.

    ``sign`` is ``gte`` or ``lt``.
    """
    minute = bound.replace(second=0, microsecond=0)
    if minute == bound:
        return Q(**{f"change__changed_at__{sign}": bound})
    within, beyond = ("gte", "gt") if sign == "gte" else ("lte", "lt")
    surely = Q(**{f"change__changed_at__{beyond}": minute})
    exactly = Q(**{f"updated_at__{sign}": bound})
    return Q(**{f"change__changed_at__{within}": minute}) & (surely | exactly)


def _started(criterion: Criterion) -> Q:
    return clock_condition(criterion, "study_date", "study_time", timezone.localtime)


def _endpoint(criterion: Criterion) -> Q:
    """Match by where images are: all studies at the same place."""
    is_here = any(value.key == IMAGES for value in criterion.values)
    return Q() if is_here else NOTHING


def _below(column: str, system: str | None) -> Callable[[Criterion], Q]:
    """Match studies by a series of theirs that is shown; ``system`` None stands for UIDs."""

    def build(criterion: Criterion) -> Q:
        if criterion.modifier == "text":
            named = _SERIES.filter(words_condition(criterion, column))
            return Q(Exists(named))
        codes = [
            token.code if system is not None else uid_of(token)
            for token in criterion.values
            if system is None or token.is_of(system)
        ]
        wanted = [code for code in codes if code]
        return negated(criterion, Q(Exists(_SERIES.filter(**{f"{column}__in": wanted}))))

    return build


def _in_instances(column: str) -> Callable[[Criterion], Q]:
    def build(criterion: Criterion) -> Q:
        uids = [uid for uid in map(uid_of, criterion.values) if uid]
        return negated(criterion, Q(Exists(_INSTANCES.filter(**{f"{column}__in": uids}))))

    return build


# Which studies have no value of a parameter; all of them have a UID to identify them.
_MISSING: dict[str, Q] = {
    "basedon": Q(accession_number=""),
    "started": Q(study_date__isnull=True),
    "modality": Q(modalities_in_study=[]),
    "bodysite": Q(body_parts=[]),
    "series": ~Q(Exists(_SERIES)),
    "instance": ~Q(Exists(_INSTANCES)),
    "dicom-class": ~Q(Exists(_INSTANCES)),
}
_CONDITIONS: dict[str, Callable[[Criterion], Q]] = {
    "_id": _ids,
    "_lastUpdated": _last_updated,
    "identifier": _identifier,
    "basedon": _based_on,
    "patient": lambda criterion: subject_condition(criterion, "patient"),
    "subject": lambda criterion: subject_condition(criterion, "patient"),
    "started": _started,
    "modality": _modality,
    "status": _status,
    "bodysite": _below("body_part_examined", ""),
    "series": _below("series_instance_uid", None),
    "instance": _in_instances("sop_instance_uid"),
    "dicom-class": _in_instances("sop_class_uid"),
    "endpoint": _endpoint,
    "_has": referred_condition,
}
