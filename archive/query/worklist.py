"""The portal's study list: filters to rows, inside the asker's rights, in a handful of queries."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from archive.dicom.charsets import fold_text
from archive.dicom.uids import is_valid_uid
from archive.models import Series, Study
from archive.models.prepared import Prepared
from archive.query.worklist_order import Direction, keys_behind
from archive.query.worklist_scope import few_visible, within, within_project
from archive.query.worklist_search import search_studies

if TYPE_CHECKING:
    from datetime import date, datetime, time

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser, StudyQuerySet

# Series that hold reports, states and segmentations rather than pictures to look at.
NON_PICTURE_MODALITIES = frozenset(
    {"AU", "DOC", "FID", "HC", "KO", "M3D", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN", "RTRECORD"}
    | {"RTSTRUCT", "SEG", "SR", "STAIN", "TEXTUREMAP"}
)
_STUDIES = Prepared(
    lambda _, keys: Study.objects.order_by().select_related("patient").filter(pk__in=keys),
    is_exact=True,
)
_PICTURES = Prepared(
    lambda _, studies: (
        Series.objects.filter(study_id__in=studies, number_of_series_related_instances__gt=0)
        .filter(withheld="")
        .exclude(modality__in=sorted(NON_PICTURE_MODALITIES))
        .order_by("study_id", F("series_number").asc(nulls_last=True), "pk")
        .distinct("study_id")
        .values_list("study_id", "series_instance_uid")
    )
)
# A page says how many studies match up to here; beyond, that there are more.
MAX_COUNTED = 500


@dataclass(frozen=True)
class WorklistFilters:
    """What the study list is narrowed to; empty fields match everything.

    Each word of ``search`` is in the name, an ID, the accession or the description; ``is_fuzzy``
    takes names that are alike. ``project`` is a slug.
    """

    search: str = ""
    is_fuzzy: bool = False
    project: str = ""
    received_after: datetime | None = None
    patient: str = ""
    date_from: date | None = None
    date_to: date | None = None
    modalities: tuple[str, ...] = ()
    accession: str = ""
    description: str = ""
    sort: str = "date"
    is_descending: bool = True

    @property
    def has_text(self) -> bool:
        """Whether words are looked for."""
        return any((self.search, self.patient, self.accession, self.description))


@dataclass(frozen=True)
class WorklistRow:
    """One study as the list shows it."""

    study_uid: str
    patient_name: str
    patient_id: str
    patient_birth_date: date | None
    patient_sex: str
    patient_age: str
    is_identity_conflict: bool
    study_date: date | None
    study_time: time | None
    description: str
    accession_number: str
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    number_of_series: int
    number_of_instances: int
    received_at: datetime
    referring_physician_name: str = ""
    is_on_hold: bool = False
    thumbnail_series_uid: str = ""


@dataclass(frozen=True)
class WorklistPage:
    """A page of studies and where it lies in the whole; ``total`` may be the least it is.

    ``is_fuzzy`` where nothing was named as asked, and names that are alike are shown instead.
    """

    rows: list[WorklistRow] = field(default_factory=list)
    total: int = 0
    is_total_exact: bool = True
    page: int = 1
    number_of_pages: int = 1
    first: int = 0
    last: int = 0
    is_fuzzy: bool = False


@dataclass(frozen=True)
class Place:
    """Where a page begins: its number, and the study that it comes behind or before.

    With a study, the page is found as quickly at the end of a million as at the beginning.
    """

    page: int = 1
    after: str = ""
    before: str = ""

    @property
    def is_by_study(self) -> bool:
        """Whether it is beside a study."""
        return bool(self.after or self.before)


@dataclass(frozen=True)
class _Counted:
    """How many studies match, as far as that was counted, and the first of them in their order."""

    # The order is that of keys alone: a row is read where it is shown.
    ordered: QuerySet[Any, int]
    total: int
    first: list[int] = field(default_factory=list)

    @classmethod
    def of(
        cls, matching: StudyQuerySet, direction: Direction, *, is_whole: bool, is_apart: bool
    ) -> _Counted:
        """Count them, apart or by reading the first keys at once."""
        ordered = matching.order_by(*direction.order()).values_list("pk", flat=True)
        if is_whole or is_apart:
            bound = None if is_whole else MAX_COUNTED + 1
            return cls(ordered, matching.order_by()[:bound].count())
        first = list(ordered[: MAX_COUNTED + 1])
        return cls(ordered, len(first), first)

    def keys(self, start: int, count: int) -> list[int]:
        """Return the keys of a page."""
        if self.total == len(self.first) <= MAX_COUNTED or start + count <= len(self.first):
            return self.first[start : start + count]
        return list(self.ordered[start : start + count])


def worklist_page(
    user: AnyUser,
    filters: WorklistFilters,
    *,
    page: int = 1,
    page_size: int = 25,
    is_counted: bool = False,
    place: Place | None = None,
) -> WorklistPage:
    """Return one page of the studies that the user may see.

    Parameters
    ----------
    user
        the asker
    filters
        what to narrow to, and the order
    page
        from 1; beyond the end, the last page is given
    page_size
        rows a page, at least 1
    is_counted
        count all matching studies, however many; else up to `MAX_COUNTED`
    place
        in the stead of ``page``: behind or before a study

    Returns
    -------
    the page, with the number of matching studies as far as they were counted; where nothing has
    the words of a search, the studies of names that are like them
    """
    place = place or Place(page=page)
    matching = matching_studies(user, filters)
    direction = Direction.of(filters.sort, is_descending=filters.is_descending)
    # Text is rare or common, which the database does not know: it is counted in any order.
    is_apart = place.is_by_study or filters.has_text
    counted = _Counted.of(matching, direction, is_whole=is_counted, is_apart=is_apart)
    total = counted.total
    if not total and filters.search and not filters.is_fuzzy:
        alike = replace(filters, is_fuzzy=True)
        found = worklist_page(user, alike, page_size=page_size, is_counted=is_counted)
        return replace(found, is_fuzzy=bool(found.rows))
    is_exact = is_counted or total <= MAX_COUNTED
    number_of_pages = max(1, -(-total // page_size))
    page = min(max(1, place.page), number_of_pages) if is_exact else max(1, place.page)
    start = (page - 1) * page_size
    keys = _keys_at(matching, direction, place, page_size)
    if place.before and keys is None:
        return worklist_page(user, filters, page_size=page_size, is_counted=is_counted)
    if keys is None:
        keys = counted.keys(start, page_size + 1)
        if not keys and not is_exact:
            return worklist_page(user, filters, page=page, page_size=page_size, is_counted=True)
    rows = _rows(keys[:page_size])
    return WorklistPage(
        rows=rows,
        total=total if is_exact else max(MAX_COUNTED, start + len(rows)),
        is_total_exact=is_exact,
        page=page,
        number_of_pages=number_of_pages if is_exact else page + (len(keys) > page_size),
        first=start + 1 if rows else 0,
        last=start + len(rows),
        is_fuzzy=filters.is_fuzzy,
    )


def _keys_at(
    matching: StudyQuerySet, direction: Direction, place: Place, page_size: int
) -> list[int] | None:
    """Return the keys behind or before a study, one more than fit; None without such a study."""
    uid = place.after or place.before
    if not is_valid_uid(uid):
        return None
    names = (*direction.fields, "pk")
    values = matching.filter(study_instance_uid=uid).values_list(*names).first()
    if values is None:
        return None
    if place.after:
        return keys_behind(matching, direction, values, page_size + 1) or None
    backwards = keys_behind(matching, direction.reversed(), values, page_size)
    # A page that is not whole is the first one.
    return [*backwards[::-1], 0] if len(backwards) == page_size else None


def matching_studies(user: AnyUser, filters: WorklistFilters) -> StudyQuerySet:
    """Return the studies that a list shows, in no order.

    Parameters
    ----------
    user
        the asker
    filters
        what to narrow to
    """
    studies = Study.objects.visible_to(user).filter(withheld="")
    few = few_visible(user)
    if filters.search:
        studies = search_studies(user, studies, filters.search, is_fuzzy=filters.is_fuzzy, few=few)
    elif few is not None:
        studies = within(studies, few)
    return _matching(studies, filters)


def newest_study_key(*, settled: timedelta = timedelta(0)) -> int:
    """Return the key of the study that came last, seen or not; 0 where there is none.

    Parameters
    ----------
    settled
        how long ago at least: studies that are stored beside each other end in another order
        than they begin
    """
    rows = Study.objects.filter(created_at__lte=timezone.now() - settled).order_by("-created_at")
    return rows.values_list("pk", flat=True).first() or 0


def count_arrived(user: AnyUser, filters: WorklistFilters, *, after: int, up_to: int) -> int:
    """Count the studies behind one up to another, by their keys, that a list would show.

    Parameters
    ----------
    user
        the asker
    filters
        what the list is narrowed to
    after, up_to
        keys of studies

    Returns
    -------
    how many, `MAX_COUNTED` at most
    """
    rows = matching_studies(user, filters).filter(pk__gt=after, pk__lte=up_to)
    return rows.order_by()[:MAX_COUNTED].count()


def _rows(keys: list[int]) -> list[WorklistRow]:
    studies = {row.pk: row for row in _STUDIES(None, keys=[key for key in keys if key])}
    pictures = picture_series(keys)
    return [row_of(studies[key], pictures.get(key, "")) for key in keys if key in studies]


def picture_series(study_keys: list[int]) -> dict[int, str]:
    """Return for each study the UID of its first series of pictures.

    Parameters
    ----------
    study_keys
        primary keys of studies that the asker was found to see

    Returns
    -------
    study key to Series Instance UID; studies without pictures are left out
    """
    return dict(_PICTURES(None, studies=study_keys))


def _matching(studies: StudyQuerySet, filters: WorklistFilters) -> StudyQuerySet:
    if filters.project:
        studies = within_project(studies, filters.project)
    if filters.received_after:
        studies = studies.filter(created_at__gt=filters.received_after)
    for word in fold_text(filters.patient).split():
        studies = studies.filter(
            Q(patient__patient_name_search__contains=word)
            | Q(patient__dicom_patient_id__istartswith=word)
        )
    if filters.date_from:
        studies = studies.filter(study_date__gte=filters.date_from)
    if filters.date_to:
        studies = studies.filter(study_date__lte=filters.date_to)
    if filters.modalities:
        studies = studies.filter(modalities_in_study__overlap=list(filters.modalities))
    if filters.accession:
        studies = studies.filter(accession_number__istartswith=filters.accession.strip())
    for word in filters.description.split():
        # Upper on both sides is the expression that the trigram index was made on.
        studies = studies.alias(description_upper=Upper("study_description")).filter(
            description_upper__contains=word.upper()
        )
    return studies


def _pictures_first(modalities: list[str]) -> tuple[str, ...]:
    return tuple(sorted(modalities, key=lambda code: (code in NON_PICTURE_MODALITIES, code)))


def row_of(study: Study, thumbnail_series_uid: str = "") -> WorklistRow:
    """Return a study as lists show it.

    Parameters
    ----------
    study
        with its patient selected
    thumbnail_series_uid
        series whose thumbnail stands for the study

    Returns
    -------
    the row
    """
    patient = study.patient
    return WorklistRow(
        study_uid=study.study_instance_uid,
        patient_name=patient.patient_name,
        patient_id=patient.dicom_patient_id,
        patient_birth_date=patient.patient_birth_date,
        patient_sex=patient.patient_sex,
        patient_age=study.patient_age,
        is_identity_conflict=patient.conflict_of_id is not None,
        study_date=study.study_date,
        study_time=study.study_time,
        description=study.study_description,
        accession_number=study.accession_number,
        modalities=_pictures_first(study.modalities_in_study),
        body_parts=tuple(study.body_parts),
        number_of_series=study.number_of_study_related_series,
        number_of_instances=study.number_of_study_related_instances,
        received_at=study.created_at,
        referring_physician_name=study.referring_physician_name,
        is_on_hold=bool(study.legal_hold_reason),
        thumbnail_series_uid=thumbnail_series_uid,
    )
