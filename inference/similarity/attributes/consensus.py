"""What several readers say of one object, made into what the object counts as."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from inference.models import Label

if TYPE_CHECKING:
    from collections.abc import Iterable

# Study, series and instance of a label; what is not named is None.
ObjectKey = tuple[int, int | None, int | None]


def agreed_labels(label_set: str, *, studies: Iterable[int] = ()) -> dict[ObjectKey, set[str]]:
    """Return what each object is called by at least half of those who labelled it.

    However many readers said so, an object counts once. Labels on regions say something about a
    part of an image and are left out. Labels without a reader count as one reader's.

    Parameters
    ----------
    label_set : name of a set of labels
    studies : keys of studies to look at; all where empty

    Returns
    -------
    Labels by object; several where one reader gave several, or readers are at odds.
    """
    rows = Label.objects.filter(label_set=label_set, region=[], frame=None).order_by("pk")
    wanted = list(studies)
    if wanted:
        rows = rows.filter(study__in=wanted)
    said: dict[ObjectKey, dict[int | None, set[str]]] = defaultdict(lambda: defaultdict(set))
    columns = ("study_id", "series_id", "instance_id", "created_by_id", "label")
    for study, series, instance, reader, label in rows.values_list(*columns).iterator():
        said[study, series, instance][reader].add(label)
    return {key: agreed_of(readers) for key, readers in said.items()}


def agreed_of(readers: dict[int | None, set[str]]) -> set[str]:
    """Return the labels that at least half of the readers gave.

    Parameters
    ----------
    readers : each reader's labels

    Returns
    -------
    The labels; never none where there is a reader.
    """
    votes: dict[str, int] = defaultdict(int)
    for labels in readers.values():
        for label in labels:
            votes[label] += 1
    kept = {label for label, number in votes.items() if 2 * number >= len(readers)}
    # All at odds: whatever was said most often.
    most = max(votes.values(), default=0)
    return kept or {label for label, number in votes.items() if number == most}
