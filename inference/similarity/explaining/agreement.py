"""What agrees between a query and a hit besides the pixels, and what differs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from archive.models import Series
from archive.models.prepared import Prepared
from inference.models import SeriesAttributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archive.models import Study
    from inference.similarity.questions import Attributes, QueryObject

# In the order in which people read them.
COMPARED = (
    "modality",
    "body_part",
    "laterality",
    "view",
    "sex",
    "age",
    "manufacturer",
    "scanner",
)
AGE_WITHIN_YEARS = 10
_VIEWS = ("ViewPosition",)
_SIDES = ("ImageLaterality", "Laterality")
_AGE = re.compile(r"^(\d{3})([DWMY])$")
_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


_SERIES = Prepared(
    lambda _, series, studies: Series.objects.filter(
        Q(pk__in=series) | Q(study_id__in=studies, withheld=Series.Withheld.NOT)
    ).select_related("study__patient")
)
_VALUES = Prepared(
    lambda _, series: (
        SeriesAttributes.objects.filter(series_id__in=series)
        .order_by()
        .values_list("series_id", "values")
    ),
    is_exact=True,
)


@dataclass(frozen=True, slots=True)
class CaseAttributes:
    """What a case says of itself: attribute to its values, and ages in years at the study."""

    values: Mapping[str, frozenset[str]]
    ages: tuple[float, ...] = ()


def attributes_of_query(objects: Sequence[QueryObject], stated: Attributes) -> CaseAttributes:
    """Read what the query's objects say of themselves.

    Parameters
    ----------
    objects : stored objects inside the asker's rights; none for an upload
    stated : modality and body part, of an upload too

    Returns
    -------
    The values of all of them together.
    """
    series = [found.series_id for found in objects if found.series_id is not None]
    studies = [found.study_id for found in objects if found.series_id is None]
    rows = _SERIES(None, series=series, studies=studies) if objects else []
    together = attributes_of_series(rows)
    values = {
        name: frozenset[str]().union(*(case.values[name] for case in together.values()))
        for name in COMPARED
        if name != "age"
    }
    values["modality"] |= stated.modalities
    values["body_part"] |= stated.body_parts
    return CaseAttributes(values, tuple({age for case in together.values() for age in case.ages}))


def attributes_of_series(series: Iterable[Series]) -> dict[int, CaseAttributes]:
    """Read what series say of themselves.

    Parameters
    ----------
    series : with their studies and patients, inside the asker's rights

    Returns
    -------
    Key of the series to its attributes.
    """
    rows = list(series)
    images = dict(_VALUES(None, series=[one.pk for one in rows])) if rows else {}
    return {one.pk: _attributes(one, images.get(one.pk, {})) for one in rows}


def compare_attributes(
    ours: CaseAttributes, theirs: CaseAttributes
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the attributes that agree and those that differ.

    Parameters
    ----------
    ours, theirs : of the query and of the hit

    Returns
    -------
    Names out of `COMPARED`, in its order. What either side does not state is in neither; ages
    agree within `AGE_WITHIN_YEARS` years.
    """
    agrees: list[str] = []
    differs: list[str] = []
    for name in COMPARED:
        does_agree = _ages_agree(ours, theirs) if name == "age" else _agree(name, ours, theirs)
        if does_agree is not None:
            (agrees if does_agree else differs).append(name)
    return tuple(agrees), tuple(differs)


def _attributes(series: Series, images: Mapping[str, Sequence[str]]) -> CaseAttributes:
    study = series.study
    values = {
        "modality": [series.modality],
        "body_part": [series.body_part_examined],
        "laterality": [series.laterality, *_of_images(images, _SIDES)],
        "view": _of_images(images, _VIEWS),
        "sex": [study.patient.patient_sex],
        "manufacturer": [series.manufacturer],
        "scanner": [series.manufacturer_model_name],
    }
    age = _age_in_years(study)
    return CaseAttributes(
        {name: frozenset(_folded(stated)) for name, stated in values.items()},
        () if age is None else (age,),
    )


def _of_images(images: Mapping[str, Sequence[str]], keywords: Sequence[str]) -> list[str]:
    return [str(value) for keyword in keywords for value in images.get(keyword, ())]


def _folded(stated: Iterable[str]) -> Iterable[str]:
    """Values without padding or case: manufacturers write themselves in many ways."""
    return (value.strip().upper() for value in stated if value.strip())


def _age_in_years(study: Study) -> float | None:
    """Patient's Age of the study (PS3.5 6.2, AS), else the years from birth to the study."""
    stated = _AGE.match(study.patient_age.strip())
    if stated is not None:
        return int(stated[1]) / _A_YEAR[stated[2]]
    born = study.patient.patient_birth_date
    if born is None or study.study_date is None:
        return None
    return (study.study_date - born).days / _A_YEAR["D"]


def _agree(name: str, ours: CaseAttributes, theirs: CaseAttributes) -> bool | None:
    both = ours.values.get(name), theirs.values.get(name)
    return bool(both[0] & both[1]) if both[0] and both[1] else None


def _ages_agree(ours: CaseAttributes, theirs: CaseAttributes) -> bool | None:
    if not ours.ages or not theirs.ages:
        return None
    return min(abs(a - b) for a in ours.ages for b in theirs.ages) <= AGE_WITHIN_YEARS
