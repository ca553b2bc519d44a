"""What will become of images on their way out, known before anything is made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.deid.treatment import Treatment, find_treatment
from archive.deid.types import Refusal
from archive.errors import ArchiveError
from archive.research.types import LeftOut
from archive.retrieve.datasets import load_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.models import Instance


@dataclass(frozen=True)
class Outlook:
    """What of some images leaves, and how.

    Attributes
    ----------
    leaving : the images that may leave
    read : how many of them are read for text, which is masked
    heads : how many of them belong to a head, or may, and lose a face
    left_out : what stays behind
    warnings : what a person should know
    """

    leaving: tuple[Instance, ...] = ()
    read: int = 0
    heads: int = 0
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def needs_cleaning(self) -> bool:
        """Whether a worker has to do it, since pixels are read or changed."""
        return bool(self.read or self.heads)

    @property
    def needs_a_look(self) -> bool:
        """Whether a person may let out what is held back."""
        return any(one.refusal.needs_a_look for one in self.left_out)


def look_ahead(images: Sequence[Instance], *, is_looked_at: bool = False) -> Outlook:
    """Say what becomes of images; one of each kind in each series is looked into.

    Each is looked into again when it is made: what then turns out to be otherwise stays behind,
    where nothing can be cleaned.

    Parameters
    ----------
    images
        with blob, series and study; their rights were checked by the caller
    is_looked_at
        a person found no identity in their pixels
    """
    leaving: list[Instance] = []
    left_out: list[LeftOut] = []
    warnings: dict[str, None] = {}
    read = heads = 0
    for group in _alike(images):
        treatment = _look_into(group[0], is_looked_at=is_looked_at)
        if treatment.refusal is not None:
            left_out.append(LeftOut(treatment.refusal, len(group)))
            continue
        leaving += group
        read += len(group) * treatment.reads_text
        heads += len(group) * treatment.looks_for_face
        warnings.update(dict.fromkeys(treatment.warnings))
    return Outlook(tuple(leaving), read, heads, tuple(left_out), tuple(warnings))


def _alike(images: Iterable[Instance]) -> Iterable[list[Instance]]:
    found: dict[tuple[int, str], list[Instance]] = defaultdict(list)
    for image in images:
        found[image.series_id, image.sop_class_uid].append(image)
    return found.values()


def _look_into(instance: Instance, *, is_looked_at: bool) -> Treatment:
    try:
        ds = load_dataset(instance, stop_before_pixels=True)
    except ArchiveError as error:
        return Treatment(Refusal(error.code, error.message))
    return find_treatment(ds, is_looked_at=is_looked_at)
