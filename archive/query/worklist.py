"""The portal's study list: filters to rows, inside the asker's rights, in a handful of queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db.models import F, Func, OrderBy, Q
from django.db.models.functions import Upper

from archive.dicom.charsets import fold_text
from archive.models import Series, Study
from archive.models.memberships import rights_key

if TYPE_CHECKING:
    from datetime import date, datetime, time

    from archive.models.querysets import AnyUser, StudyQuerySet

# Series that hold reports, states and segmentations rather than pictures to look at.
NON_PICTURE_MODALITIES = frozenset(
    {"AU", "DOC", "FID", "HC", "KO", "M3D", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN", "RTRECORD"}
    | {"RTSTRUCT", "SEG", "SR", "STAIN", "TEXTUREMAP"}
)
_FACET_CACHE_SECONDS = 15
# A page says how many studies match up to here; beyond, that there are more.
MAX_COUNTED = 2000
_NAME_ORDER = ("patient__patient_name_search", "patient__dicom_patient_id")
_SORT_FIELDS: dict[str, tuple[str, ...]] = {
    "date": ("study_date", "study_time"),
    "patient": _NAME_ORDER,
    "description": ("study_description",),
    "accession": ("accession_number",),
    "images": ("number_of_study_related_instances",),
    "received": ("created_at",),
}
SORT_KEYS = frozenset(_SORT_FIELDS)


@dataclass(frozen=True)
class WorklistFilters:
    """What the study list is narrowed to; empty fields match everything."""

    patient: str = ""
    date_from: date | None = None
    date_to: date | None = None
    modalities: tuple[str, ...] = ()
    accession: str = ""
    description: str = ""
    sort: str = "date"
    is_descending: bool = True


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
    thumbnail_series_uid: str = ""


@dataclass(frozen=True)
class WorklistPage:
    """A page of studies and where it lies in the whole; ``total`` may be the least it is."""

    rows: list[WorklistRow] = field(default_factory=list)
    total: int = 0
    is_total_exact: bool = True
    page: int = 1
    number_of_pages: int = 1
    first: int = 0
    last: int = 0


def worklist_page(
    user: AnyUser,
    filters: WorklistFilters,
    *,
    page: int = 1,
    page_size: int = 25,
    is_counted: bool = False,
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

    Returns
    -------
    the page, with the number of matching studies as far as they were counted
    """
    matching = _matching(Study.objects.visible_to(user).filter(withheld=""), filters)
    total = matching.order_by()[: None if is_counted else MAX_COUNTED + 1].count()
    is_exact = is_counted or total <= MAX_COUNTED
    number_of_pages = max(1, -(-total // page_size))
    page = min(max(1, page), number_of_pages) if is_exact else max(1, page)
    start = (page - 1) * page_size
    # The order is that of keys alone: a row is read where it is shown.
    ordered = matching.order_by(*_order(filters)).values_list("pk", flat=True)
    keys = list(ordered[start : start + page_size + 1])
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
    )


def _rows(keys: list[int]) -> list[WorklistRow]:
    studies = Study.objects.select_related("patient").in_bulk(keys)
    pictures = picture_series(keys)
    return [row_of(studies[key], pictures.get(key, "")) for key in keys if key in studies]


def visible_modalities(user: AnyUser) -> list[str]:
    """Return the modalities that occur in the user's studies, by name; seconds old at most.

    Parameters
    ----------
    user
        the asker

    Returns
    -------
    DICOM modality codes, reports and segmentations left out
    """
    return [
        name
        for name in _visible_values(user, "modalities_in_study")
        if name not in NON_PICTURE_MODALITIES
    ]


def visible_body_parts(user: AnyUser) -> list[str]:
    """Return the body parts that occur in the user's studies, by name; seconds old at most.

    Parameters
    ----------
    user
        the asker

    Returns
    -------
    Body Part Examined as the studies have it
    """
    return _visible_values(user, "body_parts")


def _visible_values(user: AnyUser, array_field: str) -> list[str]:
    key = f"portal-{array_field}-{rights_key(user)}"
    found: list[str] | None = cache.get(key)
    if found is None:
        studies = Study.objects.visible_to(user).order_by()
        each = studies.annotate(item=Func(F(array_field), function="unnest"))
        found = sorted(set(each.values_list("item", flat=True).distinct()) - {"", None})
        if found:  # what has just arrived first must not stay hidden
            cache.set(key, found, _FACET_CACHE_SECONDS)
    return found


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
    first = (
        Series.objects.filter(study_id__in=study_keys, number_of_series_related_instances__gt=0)
        .filter(withheld="")
        .exclude(modality__in=NON_PICTURE_MODALITIES)
        .order_by("study_id", F("series_number").asc(nulls_last=True), "pk")
        .distinct("study_id")
    )
    return dict(first.values_list("study_id", "series_instance_uid"))


def _matching(studies: StudyQuerySet, filters: WorklistFilters) -> StudyQuerySet:
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


def _order(filters: WorklistFilters) -> list[OrderBy]:
    fields = _SORT_FIELDS.get(filters.sort, _SORT_FIELDS["date"])
    # Only dates and times may be unknown; an index serves no other order of nulls than its own.
    nulls = {"nulls_last": True} if fields[0] == "study_date" else {}
    if filters.is_descending:
        return [F(name).desc(**nulls) for name in fields] + [F("pk").desc()]
    return [F(name).asc(**nulls) for name in fields] + [F("pk").asc()]


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
        thumbnail_series_uid=thumbnail_series_uid,
    )
