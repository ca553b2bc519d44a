"""Reports and their statements by criteria, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from archive.models import Instance
from archive.query.criteria.conditions import (
    NOTHING,
    any_of,
    clock_condition,
    condition_of,
    instant_condition,
    keys_condition,
    negated,
    number_condition,
    referred_condition,
    words_condition,
)
from archive.query.criteria.paging import in_order_of, slice_of
from archive.query.criteria.studies import (
    UID_SYSTEM,
    study_condition,
    subject_condition,
    uid_of,
)
from archive.query.criteria.types import Found
from inference.models import Finding, FindingVerdict, ResultReview
from inference.review.reports import (
    ReportStatus,
    complete_reports,
    complete_statements,
    newest,
    report_runs,
    statement_rows,
    with_runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from archive.query.criteria.types import Criterion, Quantity, Slice, Token
    from inference.review.reports import Report, Statement

    Conditions = Mapping[str, Callable[[Criterion], Q]]

UCUM = "http://unitsofmeasure.org"
# The codes that our reports and statements have of others' systems, or of our own.
REPORT_CODES = {("http://loinc.org", "18748-4")}
REPORT_CATEGORIES = {("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")}
STATEMENT_CATEGORIES = {("http://terminology.hl7.org/CodeSystem/observation-category", "imaging")}
MODEL_SYSTEM, FINDING_SYSTEM = "urn:twinsight:model", "urn:twinsight:finding"
LABEL_SYSTEM = "urn:twinsight:label"
_ORDERS: dict[str, tuple[str, ...]] = {"_lastUpdated": ("changed_at",), "issued": ("changed_at",)}
_REPORT_ORDERS = {**_ORDERS, "date": ("study__study_date", "study__study_time")}
_STATEMENT_ORDERS = {**_ORDERS, "date": ("run__study__study_date", "run__study__study_time")}
_NAMING = frozenset({"_id", "identifier"})


def search_reports(user: AnyUser, criteria: Sequence[Criterion], wanted: Slice) -> Found[Report]:
    """Return reports that the user may read.

    Those that a newer one replaced are found by their names alone, those that a person rejected by
    them or their status.

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
    InvalidRequestError
        A criterion can't be asked of reports.
    """
    found = slice_of(
        _reports(user, criteria).select_related("model_version", "series", "study__patient"),
        in_order_of(wanted, criteria, ("_lastUpdated", "issued")),
        _REPORT_ORDERS,
    )
    return Found(complete_reports(found), found.following, found.total)


def search_statements(
    user: AnyUser, criteria: Sequence[Criterion], wanted: Slice
) -> Found[Statement]:
    """Return statements of reports that the user may read; as `search_reports` does.

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
    InvalidRequestError
        A criterion can't be asked of statements.
    """
    found = slice_of(with_runs(_statements(user, criteria)), wanted, _STATEMENT_ORDERS)
    return Found(complete_statements(found), found.following, found.total)


def statements_by_keys(user: AnyUser, criterion: Criterion) -> list[Statement]:
    """Return statements by their keys, those in the user's rights."""
    rows = statement_rows(user).filter(keys_condition(criterion))
    return complete_statements(with_runs(rows).order_by("pk"))


def keys_of_reports(user: AnyUser, criteria: Sequence[Criterion], name: str) -> QuerySet[Any, Any]:
    """Return a query of the keys of what reports refer to that a search would find.

    Parameters
    ----------
    user
        the asker
    criteria
        all of which must fit
    name
        of the reference
    """
    rows = _reports(user, criteria).order_by()
    if name == "result":
        return Finding.objects.filter(run__in=rows.values("pk")).order_by().values("pk")
    return rows.values("study_id" if name == "study" else "study__patient_id")


def keys_of_statements(
    user: AnyUser, criteria: Sequence[Criterion], name: str
) -> QuerySet[Any, Any]:
    """Return a query of the keys of what statements refer to; as `keys_of_reports` does."""
    rows = _statements(user, criteria).order_by()
    return rows.values("run__study_id" if name == "derived-from" else "run__study__patient_id")


def _reports(user: AnyUser, criteria: Sequence[Criterion]) -> QuerySet[Any]:
    named = {one.name for one in criteria}
    rows = report_runs(user)
    if not named & _NAMING:
        rows = newest(rows)
        if "status" not in named:
            rows = rows.exclude(standing=ReportStatus.ENTERED_IN_ERROR.value)
    for criterion in criteria:
        rows = rows.filter(condition_of(criterion, _REPORTS, _NO_REPORT, "reports"))
    return rows


def _statements(user: AnyUser, criteria: Sequence[Criterion]) -> QuerySet[Any]:
    named = {one.name for one in criteria}
    is_named = bool(named & _NAMING)
    rows = statement_rows(user, are_newest=not is_named)
    if not is_named and "status" not in named:
        rows = rows.exclude(standing=ReportStatus.ENTERED_IN_ERROR.value)
    for criterion in criteria:
        rows = rows.filter(condition_of(criterion, _STATEMENTS, _NO_STATEMENT, "statements"))
    return rows


def _constant(codes: set[tuple[str, str]]) -> Callable[[Criterion], Q]:
    """Match what all have alike."""

    def build(criterion: Criterion) -> Q:
        is_it = any(
            token.is_of(system) and token.code in {"", code}
            for token in criterion.values
            for system, code in codes
        )
        return negated(criterion, Q() if is_it else NOTHING)

    return build


def _report_code(criterion: Criterion) -> Q:
    if criterion.modifier == "text":
        titles = (Q(model_version__description__istartswith=one) for one in criterion.values)
        return words_condition(criterion, "model_version__name") | any_of(titles)
    found = []
    for token in criterion.values:
        if any(token.is_of(system) and token.code in {"", code} for system, code in REPORT_CODES):
            found.append(Q(pk__isnull=False))
        if token.is_of(MODEL_SYSTEM):
            found.append(Q(model_version__name=token.code))
    return negated(criterion, any_of(found))


def _report_identifier(criterion: Criterion) -> Q:
    return negated(criterion, any_of(_one_report(token) for token in criterion.values))


def _one_report(token: Token) -> Q:
    uid = uid_of(token)
    if uid is None or not token.is_of(UID_SYSTEM):
        return NOTHING
    # Found by the object's study, which has an index: nothing else knows whose output it is.
    studies = Instance.objects.filter(sop_instance_uid=uid).values("series__study_id")
    said = Q(outputs__sr=uid) | Q(outputs__sr3d=uid)
    verified = ResultReview.objects.filter(successor_uid=uid).values("run_id")
    return Q(study__in=studies) & (said | Q(pk__in=verified))


def _result(criterion: Criterion) -> Q:
    rows = Finding.objects.filter(keys_condition(criterion)).values("run_id")
    return Q(pk__in=rows)


def _studies(path: str) -> Callable[[Criterion], Q]:
    def build(criterion: Criterion) -> Q:
        if criterion.chain is not None:
            return study_condition([criterion.chain], f"{path}__")
        uids = [
            uid_of(one) if criterion.modifier == "identifier" else one.key
            for one in criterion.values
        ]
        return Q(**{f"{path}__study_instance_uid__in": [uid for uid in uids if uid]})

    return build


def _clock(path: str) -> Callable[[Criterion], Q]:
    return lambda criterion: clock_condition(
        criterion, f"{path}__study_date", f"{path}__study_time", timezone.localtime
    )


def _changed(criterion: Criterion) -> Q:
    return instant_condition(criterion, "changed_at")


def _status(criterion: Criterion) -> Q:
    codes = [token.code for token in criterion.values]
    return negated(criterion, Q(standing__in=codes))


def _statement_code(criterion: Criterion) -> Q:
    if criterion.modifier == "text":
        return words_condition(criterion, "name")
    codes = [token.code for token in criterion.values if token.is_of(FINDING_SYSTEM)]
    return negated(criterion, Q(name__in=codes))


def _statement_identifier(criterion: Criterion) -> Q:
    uids = [uid_of(token) for token in criterion.values if token.is_of(UID_SYSTEM)]
    return negated(criterion, Q(tracking_uid__in=[uid for uid in uids if uid]))


def _concept(criterion: Criterion) -> Q:
    said = ~Q(kind=Finding.Kind.MEASUREMENT)
    if criterion.modifier == "text":
        return said & words_condition(criterion, "said_label")
    codes = [token.code for token in criterion.values if token.is_of(LABEL_SYSTEM)]
    found = said & Q(said_label__in=codes)
    if criterion.modifier == "not":
        return ~found
    # What is said now is looked up for those alone that a model or a person ever called so.
    corrected = FindingVerdict.objects.filter(label__in=codes).values("finding_id")
    return (Q(label__in=codes) | Q(pk__in=corrected)) & found


def _quantities(criterion: Criterion) -> Q:
    return any_of(_quantity(one) for one in criterion.values)


def _quantity(quantity: Quantity) -> Q:
    if quantity.system not in {"", UCUM}:
        return NOTHING
    unit = Q(unit=quantity.code) if quantity.code else Q()
    return number_condition(quantity, "said_value") & unit


_REPORTS: Conditions = {
    "_id": keys_condition,
    "_lastUpdated": _changed,
    "issued": _changed,
    "identifier": _report_identifier,
    "patient": lambda criterion: subject_condition(criterion, "study__patient"),
    "subject": lambda criterion: subject_condition(criterion, "study__patient"),
    "status": _status,
    "category": _constant(REPORT_CATEGORIES),
    "code": _report_code,
    "date": _clock("study"),
    "result": _result,
    "study": _studies("study"),
    "_has": referred_condition,
}
_NO_REPORT: dict[str, Q] = {
    "identifier": ~Q(outputs__has_any_keys=["sr", "sr3d"]),
    "date": Q(study__study_date__isnull=True),
    "result": Q(findings__isnull=True),
}
_STATEMENTS: Conditions = {
    "_id": keys_condition,
    "_lastUpdated": _changed,
    "identifier": _statement_identifier,
    "patient": lambda criterion: subject_condition(criterion, "run__study__patient"),
    "subject": lambda criterion: subject_condition(criterion, "run__study__patient"),
    "status": _status,
    "category": _constant(STATEMENT_CATEGORIES),
    "code": _statement_code,
    "date": _clock("run__study"),
    "derived-from": _studies("run__study"),
    "value-concept": _concept,
    "value-quantity": _quantities,
    "_has": referred_condition,
}
_IS_MEASURED = Q(kind=Finding.Kind.MEASUREMENT)
_NO_STATEMENT: dict[str, Q] = {
    "identifier": Q(tracking_uid=""),
    "date": Q(run__study__study_date__isnull=True),
    "value-concept": _IS_MEASURED | Q(said_label=""),
    "value-quantity": Q(said_value__isnull=True),
}
