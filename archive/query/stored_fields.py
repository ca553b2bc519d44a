"""Attributes to return that only the stored objects know: what is asked of them, and taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.datadict import tag_for_keyword

from archive.query.attributes import ATTRIBUTES
from archive.query.levels import is_of_level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archive.query.types import Level, Query

_TAG = re.compile(r"[0-9A-F]{8}", re.ASCII)
_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00[1-9A-F][0-9A-F]", re.ASCII)


@dataclass(frozen=True)
class StoredFields:
    """Tags to return of each answer's object, or all of its level.

    ``creators`` says for a block of private elements, by the tag of its Private Creator, whose
    it must be.
    """

    level: Level
    tags: frozenset[str] = frozenset()
    is_everything: bool = False
    creators: Mapping[str, str] = field(default_factory=dict)

    def pick(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Take out of an object's DICOM JSON what is to be returned.

        Parameters
        ----------
        document
            all its attributes

        Returns
        -------
        attributes by tag, in no order
        """
        if self.is_everything:
            return {tag: value for tag, value in document.items() if is_of_level(tag, self.level)}
        picked = {}
        for tag in self.tags:
            for place in self._places(tag, document):
                if place in document:
                    picked[place] = document[place]
        return picked

    def _places(self, tag: str, document: Mapping[str, Any]) -> Iterator[str]:
        """Say where an element is: a private one wherever its creator reserved a block."""
        creator = self.creators.get(f"{tag[:4]}00{tag[4:6]}")
        if creator is None:
            yield tag
            return
        for number in range(0x10, 0x100):
            reserved = f"{tag[:4]}{number:04X}"
            if creator in document.get(reserved, {}).get("Value", ()):
                yield reserved
                yield f"{tag[:4]}{number:02X}{tag[6:]}"
                return


def is_private_creator(keyword: str) -> bool:
    """Whether a key names who reserved a block of private elements, and matches nothing.

    Parameters
    ----------
    keyword
        or the tag, of an attribute that has none
    """
    return _CREATOR.fullmatch(keyword) is not None


def stored_fields(query: Query) -> StoredFields | None:
    """Say what a query asks for beyond the index; None where nothing is.

    Parameters
    ----------
    query
        what is asked
    """
    if query.is_everything_included:
        return StoredFields(query.level, is_everything=True)
    tags = {tag for name in query.include if (tag := _stored_tag(name, query.level))}
    if not tags:
        return None
    creators = {
        key.keyword: key.values[0]
        for key in query.keys
        if key.values and is_private_creator(key.keyword)
    }
    return StoredFields(query.level, frozenset(tags), creators=creators)


def _stored_tag(name: str, level: Level) -> str | None:
    # An attribute inside a sequence comes with all of the sequence.
    name = name.partition(".")[0]
    if name in ATTRIBUTES:
        return None
    number = tag_for_keyword(name)
    tag = f"{number:08X}" if number is not None else name
    return tag if _TAG.fullmatch(tag) and is_of_level(tag, level) else None
