"""What the search knows, asked: spaces, how far a study is embedded, labels."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Q

from archive.errors import NotVisibleError
from archive.models import Study
from archive.models.prepared import Prepared
from inference.models import Embedding, EmbeddingSpace, Label
from inference.similarity.attributes.consensus import agreed_labels
from inference.similarity.spaces.embedder import has_encoder
from inference.similarity.types import EmbeddedCounts, Level, SpaceSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.querysets import AnyUser


_LABEL_COLUMNS = (
    *("study_id", "label_set", "label", "series_id", "instance_id"),
    "instance__series_id",
)
_LABELS = Prepared(
    lambda _, studies: (
        Label.objects.on_shown()
        .filter(study_id__in=studies)
        .order_by()
        .values_list(*_LABEL_COLUMNS)
    )
)
_SPACES = Prepared(
    lambda _: (
        EmbeddingSpace.objects.filter(Q(state=EmbeddingSpace.State.READY) | Q(is_default=True))
        .select_related("model_version", "base_space__model_version")
        .order_by("-is_default", "name")
    )
)


def list_spaces() -> list[SpaceSummary]:
    """Return the embedding spaces that answer, the default one first.

    Returns
    -------
    One summary a space; `has_encoder` says whether pictures can be asked with here.
    """
    return [
        SpaceSummary(
            name=space.name,
            dimension=space.dimension,
            is_default=space.is_default,
            has_encoder=has_encoder(space),
        )
        for space in _SPACES(None)
    ]


def embedded_counts(user: AnyUser, study_uid: str, *, space: str = "") -> EmbeddedCounts:
    """Count what of a study has a vector.

    Parameters
    ----------
    user : the asker
    study_uid : Study Instance UID
    space : its name; the default one where empty

    Returns
    -------
    Series, instances and frames with a vector; zeros where there is no such space yet.

    Raises
    ------
    NotVisibleError
        The study is absent or outside the asker's rights.
    """
    study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study.")
    in_space = Q(space__name=space) if space else Q(space__is_default=True)
    rows = Embedding.objects.filter(in_space, study=study).order_by()
    counts = dict(rows.values_list("level").annotate(Count("pk")))
    return EmbeddedCounts(
        series=counts.get(Embedding.Level.SERIES, 0),
        instances=counts.get(Embedding.Level.INSTANCE, 0),
        frames=counts.get(Embedding.Level.FRAME, 0),
    )


def labels_of(
    level: Level,
    hits: Iterable[tuple[int, int | None, int | None]],
    *,
    agreed_set: str = "",
) -> list[tuple[str, ...]]:
    """Return the labels that apply to each hit, as the label filter understands it.

    Parameters
    ----------
    level : what a hit is
    hits : keys of study, series and instance, all inside the asker's rights
    agreed_set : of this set alone, and of what readers are at odds over what most of them say;
        labels on regions are left out

    Returns
    -------
    One sorted tuple of ``set:label`` a hit, in the order of the hits.
    """
    wanted = list(hits)
    by_study: dict[int, list[_AppliedLabel]] = defaultdict(list)
    studies = {hit[0] for hit in wanted}
    agreed = None
    if agreed_set:
        rows: Iterable[tuple[Any, ...]] = (
            Label.objects.on_shown()
            .filter(study_id__in=studies, label_set=agreed_set, region=[], frame=None)
            .order_by()
            .values_list(*_LABEL_COLUMNS)
        )
        agreed = agreed_labels(agreed_set, studies=studies)
    else:
        rows = _LABELS(None, studies=studies)
    for row in rows:
        if agreed is None or row[2] in agreed[row[0], row[3], row[4]]:
            by_study[row[0]].append(_AppliedLabel(*row[1:]))
    return [
        tuple(
            sorted(
                {
                    label.text
                    for label in by_study[study_id]
                    if label.applies(level, series_id, instance_id)
                }
            )
        )
        for study_id, series_id, instance_id in wanted
    ]


class _AppliedLabel(NamedTuple):
    label_set: str
    label: str
    series_id: int | None
    instance_id: int | None
    series_of_instance_id: int | None

    @property
    def text(self) -> str:
        return f"{self.label_set}:{self.label}"

    def applies(self, level: Level, series_id: int | None, instance_id: int | None) -> bool:
        if level is Level.STUDY or (self.series_id is None and self.instance_id is None):
            return True
        if level is Level.SERIES:
            return series_id in {self.series_id, self.series_of_instance_id}
        if self.instance_id is not None:
            return self.instance_id == instance_id
        return self.series_id == series_id
