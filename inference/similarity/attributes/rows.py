"""Keep the searchable attributes of series: filled as images come, rebuilt where behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from archive.models import Instance, Series
from archive.retrieve.metadata import metadata_documents
from inference.models import SeriesAttributes
from inference.similarity.attributes.keywords import merge_values

if TYPE_CHECKING:
    from collections.abc import Iterable

_BATCH = 500


def fill_attributes(series_ids: Iterable[int]) -> int:
    """Add what new images of series bring.

    Parameters
    ----------
    series_ids : keys of series; those that are gone are passed over

    Returns
    -------
    How many images were read.
    """
    return sum(_fill(key) for key in sorted(set(series_ids)))


def forget_attributes(study_ids: Iterable[int]) -> list[int]:
    """Forget what studies are found by: it was corrected, and is read anew.

    Parameters
    ----------
    study_ids : keys of studies

    Returns
    -------
    The keys of their series.
    """
    keys = list(Series.objects.filter(study__in=list(study_ids)).values_list("pk", flat=True))
    SeriesAttributes.objects.filter(pk__in=keys).delete()
    return keys


def reconcile_attributes(*, limit: int = 1000) -> int:
    """Rebuild the series whose images are not those that went in.

    Parameters
    ----------
    limit : series at most

    Returns
    -------
    How many series were rebuilt.
    """
    counts = Instance.objects.order_by().filter(series_id=OuterRef("pk")).values("series_id")
    counted = Subquery(counts.values(n=Count("pk")), output_field=IntegerField())
    behind = (
        Series.objects.order_by()
        .annotate(held=Coalesce(counted, 0))
        .filter(
            Q(searchable_attributes__isnull=True, held__gt=0)
            | ~Q(searchable_attributes__number_of_instances=F("held"))
            & Q(searchable_attributes__isnull=False)
        )
    )
    keys = list(behind.values_list("pk", flat=True)[:limit])
    for key in keys:
        with transaction.atomic():
            SeriesAttributes.objects.filter(pk=key).delete()
            _fill(key)
    return len(keys)


@transaction.atomic
def _fill(series_id: int) -> int:
    if not Series.objects.filter(pk=series_id).exists():
        return 0
    SeriesAttributes.objects.bulk_create(
        [SeriesAttributes(series_id=series_id)], ignore_conflicts=True
    )
    row = SeriesAttributes.objects.select_for_update().get(pk=series_id)
    instances = Instance.objects.filter(series_id=series_id, pk__gt=row.last_instance_id)
    keys = list(instances.order_by("pk").values_list("pk", flat=True))
    if not keys:
        return 0
    for start in range(0, len(keys), _BATCH):
        for document in metadata_documents(keys[start : start + _BATCH], ""):
            merge_values(row.values, json.loads(document))
    row.last_instance_id = keys[-1]
    row.number_of_instances += len(keys)
    row.save()
    return len(keys)
