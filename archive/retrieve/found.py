"""The rows that nearly every retrieval begins with, by statements that the database keeps ready."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, Model
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL

from archive.models import Blob, Instance, Series, Study
from archive.models.statements import Reading, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_Model = TypeVar("_Model", bound=Model)
ORDER = ("series__series_number", "series_id", "instance_number", "pk")
STUDY_UID, SERIES_UID, SOP_UID = Slot("study"), Slot("series"), Slot("sop")
# In the order of the models' fields, by which Django fills them.
_INSTANCE = (
    "id",
    "series_id",
    "sop_instance_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "instance_number",
    "rows",
    "columns",
    "bits_allocated",
    "samples_per_pixel",
    "number_of_frames",
    "photometric_interpretation",
    "has_pixel_data",
    "blob_id",
    "dataset_sha256",
    "withheld",
    "coerced",
)
_BLOB = ("id", "sha256", "size_bytes", "state")
_SERIES = ("id", "study_id", "series_instance_uid", "withheld", "corrected")
_STUDY = ("id", "study_instance_uid", "corrected")
_COLUMNS = (
    *_INSTANCE,
    *(f"blob__{name}" for name in _BLOB),
    *(f"series__{name}" for name in _SERIES),
    *(f"series__study__{name}" for name in _STUDY),
)
_COERCED = _INSTANCE.index("coerced")


def in_study(user: AnyUser) -> QuerySet[Instance]:
    """Instances of a study in the order of retrieval, without what was rejected."""
    shown = Instance.objects.visible_to(user).filter(withheld="", series__withheld="")
    return shown.filter(series__study__study_instance_uid=STUDY_UID).order_by(*ORDER)


def in_series(user: AnyUser) -> QuerySet[Instance]:
    """Instances of a series in the order of retrieval, rejected ones too."""
    rows = Instance.objects.visible_to(user).filter(series__series_instance_uid=SERIES_UID)
    return rows.filter(series__study__study_instance_uid=STUDY_UID).order_by(*ORDER)


def by_path(user: AnyUser) -> QuerySet[Instance]:
    """One instance by its path."""
    rows = Instance.objects.visible_to(user).filter(sop_instance_uid=SOP_UID)
    return rows.filter(
        series__series_instance_uid=SERIES_UID, series__study__study_instance_uid=STUDY_UID
    )


def _in_study_by_name(user: AnyUser) -> QuerySet[Instance]:
    rows = Instance.objects.visible_to(user).filter(sop_instance_uid=SOP_UID)
    return rows.filter(series__study__study_instance_uid=STUDY_UID)


# By what is given beside the study: series and instance.
SCOPES: dict[tuple[bool, bool], Callable[[AnyUser], QuerySet[Instance]]] = {
    (False, False): in_study,
    (True, False): in_series,
    (True, True): by_path,
    (False, True): _in_study_by_name,
}


def reading_of(*columns: str) -> dict[tuple[bool, bool], Reading[Any]]:
    """Prepare the same columns for each scope."""

    def make(
        scope: Callable[[AnyUser], QuerySet[Instance]],
    ) -> Callable[[AnyUser], QuerySet[Any, Any]]:
        return lambda user: scope(user).values_list(*columns)

    names = ("study", "series", "sop")
    return {given: Reading(make(scope), names) for given, scope in SCOPES.items()}


_READINGS = reading_of(*_COLUMNS)


def _without_metadata(named: str) -> Reading[Any]:
    """Prepare instances that have no kept metadata, for whomever they are read."""

    def make(_user: AnyUser) -> QuerySet[Any, Any]:
        condition = RawSQL(named, (Slot("keys"),))  # noqa: S611 words of ours
        condition.output_field = BooleanField()
        rows = Instance.objects.filter(condition, stored_metadata__isnull=True)
        return rows.order_by("pk").values_list(*_COLUMNS)

    return Reading(make, ("keys",))


# One alone has a statement of its own: the database plans those of many anew each time.
_UNREAD = _without_metadata("archive_instance.id = ANY(%s::bigint[])")
_UNREAD_ONE = _without_metadata("archive_instance.id = %s::bigint")


def find_without_metadata(keys: Sequence[int]) -> list[Instance]:
    """Return those of the instances whose metadata nobody has made yet, in order of their keys.

    Parameters
    ----------
    keys
        of instances; rights are no matter here

    Returns
    -------
    as `find_instances` does
    """
    if len(keys) == 1:
        rows = _UNREAD_ONE.rows(AnonymousUser(), {"keys": keys[0]})
    else:
        rows = _UNREAD.rows(AnonymousUser(), {"keys": list(keys)})
    return list(_instances(rows))


def find_instances(user: AnyUser, path: Mapping[str, str | None]) -> list[Instance]:
    """Return the instances at a path, inside the asker's rights.

    Parameters
    ----------
    user
        the asker
    path
        valid UIDs of ``study``, ``series`` and ``sop``, as far as they are given

    Returns
    -------
    instances with blob, series and study loaded, other columns when they are asked for
    """
    reading = _READINGS[path.get("series") is not None, path.get("sop") is not None]
    return list(_instances(reading.rows(user, path)))


def _instances(rows: Iterable[tuple[Any, ...]]) -> Iterable[Instance]:
    series_by_key: dict[int, Series] = {}
    first, second, third = len(_INSTANCE), len(_INSTANCE) + len(_BLOB), len(_COLUMNS) - len(_STUDY)
    for row in rows:
        values = list(row[:first])
        # Django leaves JSON to its fields; nearly always there is nothing in it.
        text = values[_COERCED]
        values[_COERCED] = {} if text == "{}" else json.loads(text)
        instance = _loaded(Instance, _INSTANCE, values)
        instance.blob = _loaded(Blob, _BLOB, row[first:second])
        series = series_by_key.get(instance.series_id)
        if series is None:
            series = _loaded(Series, _SERIES, _with_entries(row[second:third]))
            series.study = _loaded(Study, _STUDY, _with_entries(row[third:]))
            series_by_key[instance.series_id] = series
        instance.series = series
        yield instance


def _loaded(model: type[_Model], names: Sequence[str], values: Sequence[Any]) -> _Model:
    """Make what `Model.from_db` makes; it takes as long as the database does for the row."""
    made = model.__new__(model)
    state = ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    made.__dict__ = {"_state": state, **dict(zip(names, values, strict=True))}
    return made


def _with_entries(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read the corrections at a row's end; nearly always there are none."""
    *others, text = values
    return (*others, [] if text == "[]" else json.loads(text))
