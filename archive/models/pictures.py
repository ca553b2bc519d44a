"""Which series hold pictures of a patient: what pages show, models look at and search finds."""

from __future__ import annotations

from django.db.models import Q

from archive.dicom.writing import OWN_MANUFACTURER

# Objects about images rather than images: results, reports, plans, doses, presentation states.
NOT_PICTURES = frozenset(
    {
        "SEG", "SR", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "REG", "FID",
        "RWV", "AU",
    }
)  # fmt: skip


def pictures_filter(series_path: str = "") -> Q:
    """Build the condition that a series holds pictures of a patient, as far as its columns tell.

    What our own models have drawn, such as heat maps, is none.

    Parameters
    ----------
    series_path
        lookup path to the series' columns: empty, or ending in two underscores
    """
    drawn = Q(**{f"{series_path}modality": "OT", f"{series_path}manufacturer": OWN_MANUFACTURER})
    return ~Q(**{f"{series_path}modality__in": NOT_PICTURES}) & ~drawn
