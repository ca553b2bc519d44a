"""What has to become of an image before it leaves: nothing, hours of reading, or staying behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.deid.faces import may_show_face
from archive.deid.holding import find_refusal, find_warnings, may_show_text
from archive.deid.text_reading import can_read_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydicom.dataset import Dataset

    from archive.deid.types import Option, Refusal


@dataclass(frozen=True)
class Treatment:
    """What becomes of an object.

    Attributes
    ----------
    refusal : why it stays behind; None where it may leave
    reads_text : its pixels are read for text, which is masked
    looks_for_face : its series is a head, or may be one, and loses its face
    warnings : what a person should know of it
    """

    refusal: Refusal | None = None
    reads_text: bool = False
    looks_for_face: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def takes_a_worker(self) -> bool:
        """Whether pixels have to be read or changed, for which no page can wait."""
        return self.reads_text or self.looks_for_face


def find_treatment(
    ds: Dataset, *, is_looked_at: bool = False, options: Collection[Option] = ()
) -> Treatment:
    """Say what becomes of an object; the one answer for what is planned and what is done.

    Parameters
    ----------
    ds
        the data set as stored; the pixel data itself is not needed
    is_looked_at
        a person has looked at the pixels and found no identity in them: they are not read. A face
        is taken off all the same, since no slice shows what is rebuilt of all
    options
        of the profile
    """
    reads = can_read_text() and not is_looked_at
    refusal = find_refusal(ds, is_looked_at=is_looked_at, cleans_pixels=reads, options=options)
    if refusal is not None:
        return Treatment(refusal)
    is_head = may_show_face(ds)
    return Treatment(
        reads_text=reads and "Rows" in ds and may_show_text(ds),
        looks_for_face=is_head,
        warnings=() if is_head else find_warnings(ds),
    )
