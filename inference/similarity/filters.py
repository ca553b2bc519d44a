"""Rights and filters as conditions on rows of vectors: the set that a search may draw from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db.models import (
    Case,
    DateField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Substr

from archive.models import Project, Series
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.querysets import readable_projects, visible_studies_filter
from inference.models import Embedding, Finding, Label, SeriesAttributes
from inference.similarity.attributes.keywords import wanted_values
from inference.similarity.facts import facts_condition, filter_facts
from inference.similarity.types import Filters, Level

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace

# Which stored vectors answer at a level; a single-frame instance is its own frame.
_STORED_LEVELS: dict[Level, tuple[str, ...]] = {
    Level.FRAME: (Embedding.Level.FRAME, Embedding.Level.INSTANCE),
    Level.INSTANCE: (Embedding.Level.INSTANCE,),
    Level.SERIES: (Embedding.Level.SERIES,),
    Level.STUDY: (Embedding.Level.SERIES,),
}
_SERIES_FIELDS = {
    "modality": "modality",
    "body_part": "body_part_examined",
    "laterality": "laterality",
}
# As default answers have it: neither deleted nor rejected or superseded as a whole, nor on trial.
_SHOWN_SERIES = Q(series__withheld=Series.Withheld.NOT)
ANY_FINDING = "any"
_VIEW = "ViewPosition"
# Units of Age String in years, as PS3.5 6.2 has them.
_AGE_UNITS_A_YEAR = {"Y": 1, "M": 12, "W": 52, "D": 365}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where to search: filters, the patients in or out, the objects left out."""

    level: Level
    filters: Filters = field(default_factory=Filters)
    only_patients: frozenset[int] = frozenset()
    without_patients: frozenset[int] = frozenset()
    without_studies: frozenset[int] = frozenset()
    without_series: frozenset[int] = frozenset()
    without_instances: frozenset[int] = frozenset()


def permitted_rows(
    user: AnyUser, space: EmbeddingSpace, scope: Scope
) -> list[tuple[str, QuerySet[Embedding]]]:
    """Return the vectors a search may draw from, one queryset a stored level.

    Parameters
    ----------
    user : only what they may see is in the querysets
    space : whose vectors
    scope : level, filters and what is left out

    Returns
    -------
    One or two stored levels, each what one partial index covers, with disjoint rows in no order.
    """
    within = visible_studies_filter(user, "study_id") & _conditions(user, scope) & _SHOWN_SERIES
    shown = Q(instance__isnull=True) | Q(instance__withheld="")
    return _by_stored_level(within & shown, space, scope)


def copied_rows(
    user: AnyUser, space: EmbeddingSpace, scope: Scope
) -> list[tuple[str, QuerySet[Embedding]]]:
    """Return the vectors inside the filters by the copies that they carry, rights apart.

    Filters without a copy are asked as in `permitted_rows`. What is found here is not yet
    permitted: rights are to be added, and checked with `permitted_rows` in the end.

    Parameters
    ----------
    user : for the projects of the filters
    space : whose vectors
    scope : level, filters and what is left out

    Returns
    -------
    As `permitted_rows`, in the same order.
    """
    without_copies = replace(
        scope.filters, modality=(), body_part=(), laterality=(), sex=(), project=()
    )
    whole = replace(
        scope, filters=without_copies, only_patients=frozenset(), without_patients=frozenset()
    )
    within = _conditions(user, whole) & facts_condition(filter_facts(scope.filters, user))
    if scope.only_patients:
        # Through the studies, which have an index by patient.
        within &= Q(study__patient_id__in=scope.only_patients)
    if scope.without_patients:
        within &= ~Q(patient_key__in=scope.without_patients)
    return _by_stored_level(within, space, scope)


def _by_stored_level(
    within: Q, space: EmbeddingSpace, scope: Scope
) -> list[tuple[str, QuerySet[Embedding]]]:
    found = []
    for stored in _STORED_LEVELS[scope.level]:
        rows = Embedding.objects.filter(within, space_id=space.pk, level=stored)
        if scope.level is Level.FRAME and stored == Embedding.Level.INSTANCE:
            rows = rows.filter(
                Q(instance__number_of_frames__isnull=True) | Q(instance__number_of_frames__lte=1)
            )
        found.append((stored, rows.order_by()))
    return found


def series_condition(user: AnyUser, scope: Scope) -> Q:
    """Return rights and filters for rows of series that are no vectors: their words.

    Parameters
    ----------
    user : only what they may see passes
    scope : filters and what is left out; images that are left out leave their series in

    Returns
    -------
    A condition on any model with ``study`` and ``series``.
    """
    level = Level.STUDY if scope.level is Level.STUDY else Level.SERIES
    whole = replace(scope, level=level, without_instances=frozenset())
    return visible_studies_filter(user, "study_id") & _conditions(user, whole) & _SHOWN_SERIES


def _conditions(user: AnyUser, scope: Scope) -> Q:
    filters = scope.filters
    condition = _left_out(scope) & _series_conditions(filters) & _study_conditions(filters)
    if filters.project:
        # Only projects the asker may read: a match must not tell that a study is in another one.
        roles = READING_ROLES | DEIDENTIFIED_ROLES
        projects = readable_projects(user, roles).filter(slug__in=filters.project)
        through = Project.studies.through.objects
        condition &= Q(Exists(through.filter(study_id=OuterRef("study_id"), project__in=projects)))
    if filters.label:
        condition &= Q(Exists(_labels(filters.label, scope.level)))
    if filters.finding:
        condition &= Q(Exists(_findings(filters.finding, scope.level)))
    return condition & _attribute_conditions(filters)


def _left_out(scope: Scope) -> Q:
    condition = Q()
    if scope.only_patients:
        condition &= Q(study__patient_id__in=scope.only_patients)
    if scope.without_patients:
        condition &= ~Q(study__patient_id__in=scope.without_patients)
    if scope.without_studies:
        condition &= ~Q(study_id__in=scope.without_studies)
    if scope.without_series:
        condition &= ~Q(series_id__in=scope.without_series)
    if scope.without_instances:
        condition &= Q(instance_id__isnull=True) | ~Q(instance_id__in=scope.without_instances)
    return condition


def _series_conditions(filters: Filters) -> Q:
    condition = Q()
    for name, column in _SERIES_FIELDS.items():
        # Code strings are upper case in DICOM (PS3.5 6.2).
        wanted = {value.strip().upper() for value in getattr(filters, name)}
        if wanted:
            condition &= Q(**{f"series__{column}__in": sorted(wanted)})
    if filters.manufacturer:
        of_any = Q()
        for name in filters.manufacturer:
            of_any |= Q(series__manufacturer__iexact=name.strip())
        condition &= of_any
    return condition


def _study_conditions(filters: Filters) -> Q:
    condition = Q()
    if filters.sex:
        wanted = {value.strip().upper() for value in filters.sex}
        condition &= Q(study__patient__patient_sex__in=sorted(wanted))
    if filters.date_from is not None:
        condition &= Q(study__study_date__gte=filters.date_from)
    if filters.date_to is not None:
        condition &= Q(study__study_date__lte=filters.date_to)
    if filters.age_from is not None or filters.age_to is not None:
        condition &= _age_condition(filters.age_from, filters.age_to)
    return condition


def _age_condition(age_from: int | None, age_to: int | None) -> Q:
    from archive.models import Study  # noqa: PLC0415 only this condition asks for studies

    studies = Study.objects.order_by().annotate(age_in_years=_age_in_years())
    studies = studies.filter(pk=OuterRef("study_id"))
    if age_from is not None:
        studies = studies.filter(age_in_years__gte=age_from)
    if age_to is not None:
        studies = studies.filter(age_in_years__lte=age_to)
    return Q(Exists(studies))


def _age_in_years() -> Case:
    """Patient's Age of the study (PS3.5 6.2, AS), else the years from birth to the study."""
    number = Cast(Substr("patient_age", 1, 3), IntegerField())
    stated = [
        When(patient_age__regex=rf"^\d{{3}}{unit}$", then=number / Value(per_year))
        for unit, per_year in _AGE_UNITS_A_YEAR.items()
    ]
    since_birth: Func = Func(
        F("study_date"),
        Cast(F("patient__patient_birth_date"), DateField()),
        template="EXTRACT(YEAR FROM age(%(expressions)s))::integer",
        output_field=IntegerField(),
    )
    return Case(*stated, default=since_birth, output_field=IntegerField())


def _labels(wanted: tuple[str, ...], level: Level) -> QuerySet[Label]:
    """Labels on the hit, on what holds it, or (for series and studies) on what it holds."""
    rows = Label.objects.order_by().filter(_label_names(wanted), study_id=OuterRef("study_id"))
    if level is Level.STUDY:
        return rows.on_shown()
    on_study = Q(series__isnull=True, instance__isnull=True)
    if level is Level.SERIES:
        inside = Q(instance__series_id=OuterRef("series_id"), instance__withheld="")
        return rows.filter(on_study | Q(series_id=OuterRef("series_id")) | inside)
    on_series = Q(series_id=OuterRef("series_id"), instance__isnull=True)
    return rows.filter(on_study | on_series | Q(instance_id=OuterRef("instance_id")))


def _findings(wanted: tuple[str, ...], level: Level) -> QuerySet[Any]:
    """Select what models found in the hit's series; for a study, in any of its series."""
    rows = Finding.objects.standing().order_by()
    if level is Level.STUDY:
        rows = rows.filter(series__study_id=OuterRef("study_id"))
    else:
        rows = rows.filter(series_id=OuterRef("series_id"))
    condition = Q()
    for text in wanted:
        if text.strip().lower() == ANY_FINDING:
            return rows
        condition |= Q(label=text)
        name, colon, label = text.partition(":")
        if colon:
            condition |= Q(name=name.strip(), label=label.strip())
    return rows.filter(condition)


def _attribute_conditions(filters: Filters) -> Q:
    """One image or other of the series has the value; of several keywords each."""
    wanted = wanted_values(filters.attribute)
    views = wanted_values(((_VIEW, value) for value in filters.view), field="filters.view")
    condition = Q()
    for keyword, values in [*wanted.items(), *views.items()]:
        of_any = Q()
        for value in values:
            of_any |= Q(values__contains={keyword: [value]})
        rows = SeriesAttributes.objects.order_by().filter(of_any, series_id=OuterRef("series_id"))
        condition &= Q(Exists(rows))
    return condition


def _label_names(wanted: tuple[str, ...]) -> Q:
    condition = Q()
    for text in wanted:
        condition |= Q(label=text)
        label_set, colon, label = text.partition(":")
        if colon:
            condition |= Q(label_set=label_set.strip(), label=label.strip())
    return condition
