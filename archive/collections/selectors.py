"""Collections and their cases as pages and programs read them, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count

from archive.collections.rights import (
    editable_collections,
    find_collection,
    shareable_projects,
    visible_collections,
    visible_items,
)
from archive.collections.types import (
    CaseCard,
    CaseLevel,
    CollectionDetail,
    CollectionSummary,
    Kind,
    Picture,
)
from archive.models import CollectionItem, QuizAnswer, Series
from archive.models.pictures import pictures_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.models import Collection
    from archive.models.querysets import AnyUser

COVERS = 4


def list_collections(
    user: AnyUser, *, kind: str = "", limit: int | None = None, offset: int = 0
) -> tuple[CollectionSummary, ...]:
    """Return the collections that the user may see, the latest changed first."""
    rows = visible_collections(user)
    if kind:
        rows = rows.filter(kind=kind)
    stop = None if limit is None else offset + limit
    found = list(rows[offset:stop])
    return _summaries(user, found)


def count_collections(user: AnyUser, *, kind: str = "") -> int:
    """Return how many collections the user may see."""
    rows = visible_collections(user)
    return (rows.filter(kind=kind) if kind else rows).count()


def collections_to_add_to(user: AnyUser) -> tuple[tuple[int, str], ...]:
    """Return keys and names of the collections that the user may add to."""
    return tuple(editable_collections(user).values_list("pk", "name"))


def collected_studies(user: AnyUser, pk: int) -> list[str]:
    """Return the Study Instance UIDs of a collection's cases that the user sees, each once.

    Raises
    ------
    NotVisibleError
        There is no such collection for the user.
    """
    collection = find_collection(user, pk)
    rows = visible_items(user).filter(collection=collection).order_by("position", "pk")
    return list(dict.fromkeys(rows.values_list("study__study_instance_uid", flat=True)))


def projects_to_share_in(user: AnyUser) -> tuple[tuple[str, str], ...]:
    """Return slugs and names of the projects that the user may share in."""
    return tuple(shareable_projects(user).values_list("slug", "name"))


def collection_detail(user: AnyUser, pk: int) -> CollectionDetail:
    """Return a collection with the cases that the user may see."""
    collection = find_collection(user, pk)
    (summary,) = _summaries(user, [collection])
    items = list(visible_items(user).filter(collection_id=pk).order_by("position", "pk"))
    answered = set(
        QuizAnswer.objects.filter(item__in=items, user_id=user.pk or 0).values_list(
            "item_id", flat=True
        )
    )
    covers = _picture_series(items)
    cases = tuple(
        _card(item, number, covers, is_masked=summary.hides_answers and item.pk not in answered)
        for number, item in enumerate(items, start=1)
    )
    return CollectionDetail(summary, cases)


def case_card(user: AnyUser, pk: int, item_pk: int) -> CaseCard | None:
    """Return one case of a collection, or None where the user sees none."""
    detail = collection_detail(user, pk)
    return next((case for case in detail.cases if case.pk == item_pk), None)


def _summaries(user: AnyUser, rows: Sequence[Collection]) -> tuple[CollectionSummary, ...]:
    keys = [row.pk for row in rows]
    items = visible_items(user).filter(collection_id__in=keys)
    counts = dict(
        items.order_by()
        .values("collection_id")
        .annotate(n=Count("pk"))
        .values_list("collection_id", "n")
    )
    covers = _covers(items)
    editable = set(editable_collections(user).filter(pk__in=keys).values_list("pk", flat=True))
    return tuple(
        CollectionSummary(
            pk=row.pk,
            name=row.name,
            kind=Kind(row.kind),
            description=row.description,
            source=row.source,
            owner_name=row.owner.get_full_name() or row.owner.get_username(),
            is_own=row.owner_id == user.pk,
            project_name=row.project.name if row.project else "",
            project_slug=row.project.slug if row.project else "",
            may_edit=row.pk in editable,
            item_count=counts.get(row.pk, 0),
            created_at=row.created_at,
            updated_at=row.updated_at,
            covers=covers.get(row.pk, ()),
        )
        for row in rows
    )


def _covers(items: Iterable[CollectionItem]) -> dict[int, tuple[Picture, ...]]:
    """Return the first pictures of each collection."""
    first: dict[int, list[CollectionItem]] = {}
    for item in items:
        chosen = first.setdefault(item.collection_id, [])
        if len(chosen) < COVERS:
            chosen.append(item)
    series = _picture_series([item for chosen in first.values() for item in chosen])
    return {key: tuple(_picture(item, series) for item in chosen) for key, chosen in first.items()}


def _picture_series(items: Sequence[CollectionItem]) -> dict[int, Series]:
    """Return of each item's study the first series that shows something."""
    keys = {item.study_id for item in items}
    rows = Series.objects.filter(study_id__in=keys, withheld="")
    rows = rows.order_by("study_id", "series_number", "pk")
    found: dict[int, Series] = {}
    for row in rows.filter(pictures_filter()):
        found.setdefault(row.study_id, row)
    return found


def _picture(item: CollectionItem, series: dict[int, Series]) -> Picture:
    shown = item.series or series.get(item.study_id)
    return Picture(
        study_uid=item.study.study_instance_uid,
        series_uid=shown.series_instance_uid if shown else "",
        instance_uid=item.instance.sop_instance_uid if item.instance else "",
        frame=item.frame,
    )


def level_of(item: CollectionItem) -> CaseLevel:
    """Return what of a study an item is."""
    if item.frame is not None:
        return CaseLevel.FRAME
    if item.instance_id is not None:
        return CaseLevel.INSTANCE
    return CaseLevel.SERIES if item.series_id is not None else CaseLevel.STUDY


def _card(
    item: CollectionItem, number: int, covers: dict[int, Series], *, is_masked: bool
) -> CaseCard:
    shown = item.series or covers.get(item.study_id)
    # Where a case is a question, its study's page would be the answer.
    picture = Picture("") if is_masked else _picture(item, covers)
    description = shown.series_description if item.series and shown else ""
    return CaseCard(
        pk=item.pk,
        number=number,
        level=level_of(item),
        study_uid=picture.study_uid,
        series_uid=picture.series_uid if item.series else "",
        instance_uid=picture.instance_uid,
        frame=item.frame,
        title="" if is_masked else item.title,
        note="" if is_masked else item.note,
        diagnosis="" if is_masked else item.diagnosis,
        modality=shown.modality if shown else "",
        body_part=shown.body_part_examined if shown else "",
        description="" if is_masked else description or item.study.study_description,
        patient_sex=item.study.patient.patient_sex,
        patient_age=item.study.patient_age,
        study_date=None if is_masked else item.study.study_date,
        image_count=_image_count(item),
        picture=picture,
        is_asked=bool(item.diagnosis),
        is_masked=is_masked,
    )


def _image_count(item: CollectionItem) -> int:
    if item.instance_id is not None:
        return 1
    if item.series is not None:
        return int(item.series.number_of_series_related_instances)
    return int(item.study.number_of_study_related_instances)
