"""Which instances a forwarding rule means: one query, for arrivals and for trials alike."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from archive.models import Instance
from archive.models.pictures import pictures_filter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, time

    from django.db.models import QuerySet

    from archive.models import ForwardingRule

# What a condition can be about, and where it is kept.
CONDITION_PATHS = {
    "PatientID": "series__study__patient__dicom_patient_id",
    "IssuerOfPatientID": "series__study__patient__issuer_of_patient_id",
    "PatientSex": "series__study__patient__patient_sex",
    "StudyDescription": "series__study__study_description",
    "AccessionNumber": "series__study__accession_number",
    "StudyID": "series__study__dicom_study_id",
    "ReferringPhysicianName": "series__study__referring_physician_name",
    "SeriesDescription": "series__series_description",
    "BodyPartExamined": "series__body_part_examined",
    "Laterality": "series__laterality",
    "ProtocolName": "series__protocol_name",
    "Manufacturer": "series__manufacturer",
    "ManufacturerModelName": "series__manufacturer_model_name",
    "StationName": "series__station_name",
    "InstitutionName": "series__institution_name",
    "SOPClassUID": "sop_class_uid",
}


def sendable_instances() -> QuerySet[Instance]:
    """Return what may leave by a rule: nothing deleted, rejected or on trial."""
    return Instance.objects.filter(withheld="", series__withheld="", series__study__withheld="")


def instances_matching(rule: ForwardingRule) -> QuerySet[Instance]:
    """Return the instances that a rule means.

    Parameters
    ----------
    rule
        kept or not; whether it is enabled plays no part
    """
    rows = sendable_instances()
    if rule.project_id is not None:
        rows = rows.filter(series__study__projects=rule.project_id)
    return rows.filter(_kinds(rule)).filter(_conditions(rule.conditions))


def _kinds(rule: ForwardingRule) -> Q:
    """Say which modalities; results belong to the modalities of their study."""
    wanted = list(rule.modalities)
    if not wanted:
        return Q() if rule.includes_results else pictures_filter("series__")
    named = Q(series__modality__in=wanted)
    if not rule.includes_results:
        return named
    beside = Q(series__study__modalities_in_study__overlap=wanted)
    return named | (~pictures_filter("series__") & beside)


def _conditions(conditions: Mapping[str, str]) -> Q:
    held = Q()
    for keyword, pattern in conditions.items():
        held &= Q(**{f"{CONDITION_PATHS[keyword]}__iregex": _as_regex(pattern)})
    return held


def _as_regex(pattern: str) -> str:
    """Return a pattern with ``*`` and ``?`` as a regular expression over the whole value."""
    parts = re.split(r"(\*+|\?)", pattern)
    words = [
        ".*" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts
    ]
    return f"^{''.join(words)}$"


def next_opening(rule: ForwardingRule | None, now: datetime) -> datetime:
    """Return the first moment from now on at which a rule lets its instances go.

    Parameters
    ----------
    rule
        None, or one without hours, lets them go at once
    now
        aware
    """
    if rule is None or rule.from_time is None or rule.until_time is None:
        return now
    local = timezone.localtime(now)
    if _is_between(local.time(), rule.from_time, rule.until_time):
        return now
    opening = local.replace(
        hour=rule.from_time.hour, minute=rule.from_time.minute, second=0, microsecond=0
    )
    return opening if opening > local else opening + timedelta(days=1)


def _is_between(moment: time, start: time, end: time) -> bool:
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end
