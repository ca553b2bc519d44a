"""What a result is made from; the pipelines' types fit these protocols without being imported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from archive.dicom.writing import OWN_MANUFACTURER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydicom.sr.coding import Code

# Value, scheme designator and meaning of a DICOM coded concept.
CodeTriple = tuple[str, str, str]

MANUFACTURER = OWN_MANUFACTURER
ARTIFICIAL_INTELLIGENCE: CodeTriple = ("123110", "DCM", "Artificial Intelligence")
MORPHOLOGICAL_OPERATIONS: CodeTriple = ("123104", "DCM", "Morphological Operations")


class SegmentationType(StrEnum):
    """How a segmentation is encoded (PS3.3 C.8.20.2)."""

    BINARY = "BINARY"
    FRACTIONAL = "FRACTIONAL"
    LABELMAP = "LABELMAP"


class SegmentLike(Protocol):
    """One structure of a label map: which values of the map it comprises, and its codes."""

    @property
    def number(self) -> int:
        """1-based number in the SEG."""

    @property
    def label(self) -> str:
        """Name for people."""

    @property
    def category(self) -> CodeTriple:
        """Segmented Property Category."""

    @property
    def property_type(self) -> CodeTriple:
        """Segmented Property Type."""

    @property
    def values(self) -> tuple[int, ...]:
        """Values of the label map; segments may share them."""


class MeasurementLike(Protocol):
    """A number about one segment."""

    @property
    def segment_number(self) -> int:
        """The segment's number in the SEG."""

    @property
    def name(self) -> CodeTriple:
        """What was measured."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def unit(self) -> CodeTriple:
        """UCUM unit."""

    @property
    def derivation(self) -> CodeTriple | None:
        """How many values became one, such as *Mean*."""


@dataclass(frozen=True)
class Evaluation:
    """One statement of a classifier.

    Attributes
    ----------
    name : what was asked, such as the modality
    value : the answer
    probability : 0 to 1
    """

    name: CodeTriple
    value: CodeTriple
    probability: float


@dataclass(frozen=True)
class Algorithm:
    """The model as a result names it; every text is required by the standard.

    Attributes
    ----------
    name, version : as in the model registry
    digest : SHA-256 of the model's files, becomes the device serial number
    family : code of CID 7162
    parameters : further facts, such as ``device=cpu``
    notice : what every result must tell its reader, such as that it is not for diagnostic use
    """

    name: str
    version: str
    digest: str
    family: CodeTriple = ARTIFICIAL_INTELLIGENCE
    parameters: tuple[str, ...] = ()
    notice: str = ""


@dataclass(frozen=True)
class ResultIdentity:
    """What distinguishes this object from another; the same identity gives the same bytes.

    Attributes
    ----------
    series_instance_uid, sop_instance_uid : new UIDs, for instance from `uids.result_uid`
    series_number : at least 1
    timestamp : when the result was computed; becomes content, series and creation date
    series_description : at most 64 characters
    """

    series_instance_uid: str
    sop_instance_uid: str
    timestamp: datetime
    series_number: int = 1
    series_description: str = ""


def code_of(triple: CodeTriple) -> Code:
    """Return pydicom's code of a triple.

    Parameters
    ----------
    triple : value, scheme designator, meaning

    Returns
    -------
    pydicom.sr.coding.Code
    """
    # Its package reads every table of codes, which few processes need.
    from pydicom.sr.coding import Code  # noqa: PLC0415

    return Code(*triple)


def parameters_of(algorithm: Algorithm, notes: Sequence[str]) -> list[str]:
    """Return an algorithm's parameters for a report, notes to the reader included.

    Parameters
    ----------
    algorithm : the model
    notes : sentences

    Returns
    -------
    texts, each of them one parameter item
    """
    told = dict.fromkeys([algorithm.notice, *notes])
    return [
        f"digest={algorithm.digest}",
        *algorithm.parameters,
        *(f"note={sentence}" for sentence in told if sentence),
    ]
