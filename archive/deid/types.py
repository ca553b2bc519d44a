"""What de-identification speaks of: actions, how dates are treated, profiles, what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom.dataset import Dataset


class Action(Enum):
    """What happens to an attribute (PS3.15 table E.1-1a).

    Which of a combined action's parts applies depends on the attribute's type in the object. Here
    the part is taken that leaves a valid object whatever the type is: a dummy before an empty
    value, an empty value before none.
    """

    DUMMY = "D"
    ZERO = "Z"
    REMOVE = "X"
    KEEP = "K"
    REPLACE_UID = "U"
    ZERO_OR_DUMMY = "Z/D"
    REMOVE_OR_ZERO = "X/Z"
    REMOVE_OR_DUMMY = "X/D"
    REMOVE_ZERO_OR_DUMMY = "X/Z/D"
    REMOVE_ZERO_OR_UIDS = "X/Z/U*"
    # Of the options: a moment is moved by its patient's offset, a description keeps safe words.
    SHIFT = "C: moved"
    SAFE_WORDS = "C: safe words"

    @property
    def resolved(self) -> Action:
        """The single action that stands for a combined one."""
        return _RESOLVED.get(self, self)


_RESOLVED = {
    Action.ZERO_OR_DUMMY: Action.DUMMY,
    Action.REMOVE_OR_ZERO: Action.ZERO,
    Action.REMOVE_OR_DUMMY: Action.DUMMY,
    Action.REMOVE_ZERO_OR_DUMMY: Action.DUMMY,
    Action.REMOVE_ZERO_OR_UIDS: Action.REPLACE_UID,
}


class DatePolicy(Enum):
    """What becomes of dates and times."""

    REMOVE = "remove"
    SHIFT = "shift"


class Option(Enum):
    """What a profile may keep or clean beside its base; the values are codes of CID 7050.

    Pixels and faces (113101, 113102) are cleaned instance by instance, in `archive.deid.pixels`.
    """

    GRAPHICS = "113103"
    STRUCTURED_CONTENT = "113104"
    DESCRIPTORS = "113105"
    FULL_DATES = "113106"
    PATIENT_CHARACTERISTICS = "113108"
    DEVICE_IDENTITY = "113109"
    UIDS = "113110"
    SAFE_PRIVATE = "113111"
    INSTITUTION_IDENTITY = "113112"


@dataclass(frozen=True)
class MethodCode:
    """One item of the De-identification Method Code Sequence (PS3.16 CID 7050)."""

    value: str
    meaning: str


@dataclass(frozen=True)
class Profile:
    """A confidentiality profile with its options, as data.

    ``actions`` maps keywords to actions and wins over the rules for what no table names.
    """

    name: str
    actions: Mapping[str, Action]
    codes: tuple[MethodCode, ...]
    dates: DatePolicy = DatePolicy.REMOVE
    options: frozenset[Option] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """Why an object is left out: a stable slug, and words for people.

    ``needs_a_look`` is true where a person who has looked at the pixels may decide otherwise.
    """

    code: str
    text: str
    needs_a_look: bool = False


@dataclass(frozen=True)
class Deidentified:
    """A data set without identity, ready to be written, and what a person should know of it.

    Attributes
    ----------
    ds : the new data set
    warnings : what was not done
    changes : how many attributes were ``removed``, ``emptied``, ``replaced``, ``moved`` (dates),
        ``cleaned`` (descriptions), ``private`` or ``graphics`` (both gone), ``uids`` (replaced)
    removed : keywords of what is gone or empty now, of any depth; never a value
    """

    ds: Dataset
    warnings: tuple[str, ...] = field(default=())
    changes: Mapping[str, int] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
