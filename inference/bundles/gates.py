"""Where a model's intended use holds: its declared inputs against what a series is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag

from archive.retrieve.metadata import metadata_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archive.models import Series
    from inference.models import ModelVersion, SeriesAttributes

NOTICE = "Not for diagnostic use"

# Patient's Age (PS3.5 6.2, AS): days, weeks, months or years.
_AGE = re.compile(r"^(\d{3})([DWMY])$")
_UNITS_A_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
_WORD = re.compile(r"[A-Z0-9]+")
_SPACING = ("PixelSpacing", "ImagerPixelSpacing")
_SLICES = ("SpacingBetweenSlices", "SliceThickness")
_KEYWORDS = frozenset({"ViewPosition", "ContrastBolusAgent", "NumberOfFrames", *_SPACING, *_SLICES})
# Where an enhanced multi-frame image says it (PS3.3 C.7.6.16): the first item speaks for all.
_INSIDE = frozenset(
    {
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
        "PixelMeasuresSequence",
        "ContrastBolusAgentSequence",
    }
)


@dataclass(frozen=True)
class SeriesFacts:
    """What gates ask of a series.

    Attributes
    ----------
    modality, body_part : DICOM's terms in upper case; empty where the series doesn't say
    views : View Position of its images, in upper case
    age : in years at the time of the study; None where it isn't stated
    has_contrast : whether an image names a contrast agent
    spacing_mm, slice_spacing_mm : of pixels and of slices, every value that occurs
    images : frames counted one by one
    """

    modality: str = ""
    body_part: str = ""
    views: frozenset[str] = frozenset()
    age: float | None = None
    has_contrast: bool = False
    spacing_mm: tuple[float, ...] = ()
    slice_spacing_mm: tuple[float, ...] = ()
    images: int = 0


def notice_of(version: ModelVersion) -> str:
    """Return what every result of the model must say; empty where the registry allows more."""
    return "" if version.is_diagnostic else NOTICE


def why_not(version: ModelVersion, series: Series) -> str:
    """Say why a model may not run on a series.

    Parameters
    ----------
    version
        its ``inputs`` may hold ``modalities``, ``body_parts`` and ``views`` (lists of DICOM's
        terms), ``age_from`` and ``age_to`` (years, both included), ``contrast`` (true, false or
        null), ``spacing_mm`` and ``slice_spacing_mm`` ([least, most]), ``dimensions`` (2 or 3),
        ``minimum_instances``, and ``accept_unknown`` (keys of these that also hold where the
        series doesn't state the value)
    series
        quickest with ``study__patient`` and ``searchable_attributes`` selected along

    Returns
    -------
    One sentence; empty where the model may run. What a series doesn't state holds nowhere, but a
    contrast agent that isn't stated is none.
    """
    if not version.inputs:
        return ""
    return why_not_facts(version.inputs, facts_of(series))


def why_not_facts(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    """Say why declared inputs exclude these facts; see `why_not`."""
    reasons = (rule(inputs, facts) for rule in _RULES)
    return next((reason for reason in reasons if reason), "")


def facts_of(series: Series) -> SeriesFacts:
    """Collect what gates ask of a series.

    Parameters
    ----------
    series
        of whose images the stored attributes are read, or where these are behind, the metadata of
        the first and the last one
    """
    values = _values_of(series)
    return SeriesFacts(
        modality=series.modality.strip().upper(),
        body_part=series.body_part_examined.strip().upper(),
        views=frozenset(text.upper() for text in values.get("ViewPosition", ())),
        age=_age_in_years(series),
        has_contrast=bool(values.get("ContrastBolusAgent")),
        spacing_mm=_first_numbers(values, _SPACING),
        slice_spacing_mm=_first_numbers(values, _SLICES),
        images=_count_images(series, values),
    )


def _values_of(series: Series) -> Mapping[str, Sequence[str]]:
    kept: SeriesAttributes | None = getattr(series, "searchable_attributes", None)
    if kept is not None and any(kept.values.get(keyword) for keyword in _SPACING):
        values: Mapping[str, Sequence[str]] = kept.values
        return values
    # Not kept yet, or an enhanced image, which says it in sequences.
    keys = list(series.instances.filter(has_pixel_data=True).values_list("pk", flat=True))
    found: dict[str, list[str]] = {}
    for document in metadata_documents(sorted({*keys[:1], *keys[-1:]}), ""):
        _collect(json.loads(document), found)
    return found


def _collect(document: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    for tag, element in document.items():
        keyword, values = keyword_for_tag(int(tag, 16)), element.get("Value") or ()
        if keyword in _KEYWORDS:
            found.setdefault(keyword, []).extend(str(one) for one in values)
        elif keyword in _INSIDE and values:
            if keyword == "ContrastBolusAgentSequence":
                found.setdefault("ContrastBolusAgent", []).append("coded")
            _collect(values[0], found)


def _first_numbers(
    values: Mapping[str, Sequence[str]], keywords: Sequence[str]
) -> tuple[float, ...]:
    stated = next((values[keyword] for keyword in keywords if values.get(keyword)), ())
    return tuple(sorted({float(text) for text in stated}))


def _count_images(series: Series, values: Mapping[str, Sequence[str]]) -> int:
    frames = max((float(text) for text in values.get("NumberOfFrames", ())), default=1.0)
    return max(series.number_of_series_related_instances, int(frames))


def _age_in_years(series: Series) -> float | None:
    study = series.study
    stated = _AGE.match(study.patient_age.strip())
    if stated is not None:
        return int(stated[1]) / _UNITS_A_YEAR[stated[2]]
    born = study.patient.patient_birth_date
    if born is None or study.study_date is None:
        return None
    return (study.study_date - born).days / _UNITS_A_YEAR["D"]


def _modality(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    allowed = _terms(inputs, "modalities")
    if not allowed or facts.modality in allowed:
        return ""
    return f"The model is for {_listed(allowed)}; the series is {facts.modality or 'unstated'}."


def _body_part(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    allowed = _terms(inputs, "body_parts")
    if not allowed:
        return ""
    if not facts.body_part:
        what = f"The model is for {_listed(allowed)}; the series doesn't state its body part."
        return _unknown(inputs, "body_parts", what)
    named = {facts.body_part, *_WORD.findall(facts.body_part)}
    if named & set(allowed):
        return ""
    return f"The model is for {_listed(allowed)}; the series shows {facts.body_part}."


def _view(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    allowed = _terms(inputs, "views")
    if not allowed or (facts.views and facts.views <= set(allowed)):
        return ""
    if not facts.views:
        what = f"The model is for the view {_listed(allowed)}; the series doesn't state its view."
        return _unknown(inputs, "views", what)
    other = _listed(sorted(facts.views - set(allowed)))
    return f"The model is for the view {_listed(allowed)}; the series holds {other}."


def _age(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    youngest, oldest = inputs.get("age_from"), inputs.get("age_to")
    if youngest is None and oldest is None:
        return ""
    meant = _ages_in_words(youngest, oldest)
    if facts.age is None:
        what = f"The model is for people {meant}; the study states no age."
        return _unknown(inputs, "age", what)
    # Ages are whole years: somebody is 17 until the 18th birthday.
    too_old = oldest is not None and facts.age >= oldest + 1
    if too_old or (youngest is not None and facts.age < youngest):
        return f"The model is for people {meant}; the patient was {int(facts.age)}."
    return ""


def _contrast(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    wanted = inputs.get("contrast")
    if wanted is None or bool(wanted) == facts.has_contrast:
        return ""
    if wanted:
        return "The model is for images with a contrast agent; the series names none."
    return "The model is for images without a contrast agent; the series names one."


def _pixel_spacing(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    return _spacing(inputs, "spacing_mm", facts.spacing_mm, "pixels")


def _slice_spacing(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    return _spacing(inputs, "slice_spacing_mm", facts.slice_spacing_mm, "slices")


def _spacing(inputs: Mapping[str, Any], key: str, values: Sequence[float], what: str) -> str:
    limits = inputs.get(key)
    if not limits:
        return ""
    least, most = (float(limit) for limit in limits)
    meant = f"The model is for {what} {least:g} to {most:g} mm apart"
    if not values:
        return _unknown(inputs, key, f"{meant}; the series doesn't state it.")
    outside = [value for value in values if not least <= value <= most]
    return f"{meant}; the series has {outside[0]:g} mm." if outside else ""


def _size(inputs: Mapping[str, Any], facts: SeriesFacts) -> str:
    least = int(inputs.get("minimum_instances") or 0)
    if inputs.get("dimensions") == 3:
        least = max(least, 2)
    if facts.images >= least:
        return ""
    return f"The model needs at least {least} images; the series has {facts.images}."


def _terms(inputs: Mapping[str, Any], key: str) -> list[str]:
    return [str(term).strip().upper() for term in inputs.get(key) or ()]


def _unknown(inputs: Mapping[str, Any], key: str, reason: str) -> str:
    return "" if key in (inputs.get("accept_unknown") or ()) else reason


def _listed(terms: Sequence[str]) -> str:
    return " or ".join([", ".join(terms[:-1]), terms[-1]] if len(terms) > 1 else terms)


def _ages_in_words(youngest: int | None, oldest: int | None) -> str:
    if oldest is None:
        return f"from {youngest} years on"
    if youngest is None:
        return f"up to {oldest} years"
    return f"of {youngest} to {oldest} years"


_RULES: tuple[Callable[[Mapping[str, Any], SeriesFacts], str], ...] = (
    _modality,
    _body_part,
    _view,
    _age,
    _contrast,
    _pixel_spacing,
    _slice_spacing,
    _size,
)
