"""Which modalities and body parts there are to choose from, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache

from archive.models import Series
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.memberships import rights_key
from archive.models.querysets import readable_projects
from archive.query.execution import fetch_all
from archive.query.worklist import NON_PICTURE_MODALITIES

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_SECONDS = 60
# More kinds than anyone chooses from are not looked for one by one.
_MAX_KINDS = 100
# Each value is found behind the one before: as many steps as there are values, not rows.
_STEPS = """
    WITH RECURSIVE steps(value) AS (
        (SELECT {column} FROM archive_series ORDER BY {column} LIMIT 1)
        UNION ALL
        SELECT (SELECT {column} FROM archive_series WHERE {column} > steps.value
                ORDER BY {column} LIMIT 1)
        FROM steps WHERE steps.value IS NOT NULL
    )
    SELECT value FROM steps WHERE value <> '' LIMIT %s
"""


def visible_modalities(user: AnyUser) -> list[str]:
    """Return the modalities that occur in the user's studies, by name; a minute old at most.

    Parameters
    ----------
    user
        the asker

    Returns
    -------
    DICOM modality codes, reports and segmentations left out
    """
    return [
        name for name in _visible_values(user, "modality") if name not in NON_PICTURE_MODALITIES
    ]


def visible_body_parts(user: AnyUser) -> list[str]:
    """Return the body parts that occur in the user's studies, by name; a minute old at most.

    Parameters
    ----------
    user
        the asker

    Returns
    -------
    Body Part Examined as the studies have it
    """
    return _visible_values(user, "body_part_examined")


def visible_projects(user: AnyUser) -> list[tuple[str, str]]:
    """Return slugs and names of the projects that the user reads in, by name.

    Parameters
    ----------
    user
        the asker
    """
    rows = readable_projects(user, READING_ROLES | DEIDENTIFIED_ROLES).order_by("name")
    return list(rows.values_list("slug", "name"))


def _visible_values(user: AnyUser, column: str) -> list[str]:
    key = f"portal-{column}-{rights_key(user)}"
    found: list[str] | None = cache.get(key)
    if found is None:
        found = _values(user, column)
        if found:  # what has just arrived first must not stay hidden
            cache.set(key, found, _SECONDS)
    return found


def _values(user: AnyUser, column: str) -> list[str]:
    kinds = fetch_all(_STEPS.format(column=column), (_MAX_KINDS,))
    mine = Series.objects.visible_to(user).filter(withheld="").order_by()
    return [value for (value,) in kinds if mine.filter(**{column: value}).exists()]
