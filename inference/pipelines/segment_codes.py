"""SNOMED CT codes for the structure names that bundles use."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archive.dicom.short_codes import short_code
from inference.pipelines.types import CodeTriple, Segment

_ANATOMY: CodeTriple = ("123037004", "SCT", "Body structure")
_TISSUE: CodeTriple = ("85756007", "SCT", "Tissue")
_TUMOUR: CodeTriple = ("49755003", "SCT", "Morphologically Abnormal Structure")
_LOCAL_SCHEME = "99TWINSIGHT"
# Of Code Value (0008,0100).
_LONGEST_CODE = 16

_KNOWN: dict[str, tuple[CodeTriple, CodeTriple]] = {
    "white matter": (_TISSUE, ("68523003", "SCT", "Cerebral White Matter")),
    "grey matter": (_TISSUE, ("40146001", "SCT", "Cerebral Gray Matter")),
    "gray matter": (_TISSUE, ("40146001", "SCT", "Cerebral Gray Matter")),
    "brain": (_ANATOMY, ("12738006", "SCT", "Brain")),
    "spleen": (_ANATOMY, ("78961009", "SCT", "Spleen")),
    "liver": (_ANATOMY, ("10200004", "SCT", "Liver")),
    "pancreas": (_ANATOMY, ("15776009", "SCT", "Pancreas")),
    "kidney": (_ANATOMY, ("64033007", "SCT", "Kidney")),
    "heart": (_ANATOMY, ("80891009", "SCT", "Heart")),
    "lung": (_ANATOMY, ("39607008", "SCT", "Lung")),
    "bone": (_TISSUE, ("272673000", "SCT", "Bone")),
    "prostate": (_ANATOMY, ("41216001", "SCT", "Prostate")),
    "tumor": (_TUMOUR, ("108369006", "SCT", "Neoplasm")),
    "tumour": (_TUMOUR, ("108369006", "SCT", "Neoplasm")),
}


def segment_named(name: str, *, number: int, values: tuple[int, ...]) -> Segment:
    """Return a segment with the codes of its name.

    Parameters
    ----------
    name : as the bundle's metadata has it, any case
    number : 1-based number in the result
    values : those of the label map that make it up

    Returns
    -------
    Segment
        with a code of the local scheme ``99TWINSIGHT`` where the name isn't known here
    """
    key = name.strip().casefold().replace("_", " ")
    unknown = (_ANATOMY, (short_code(key.replace(" ", "-")), _LOCAL_SCHEME, name.strip()[:64]))
    category, property_type = _KNOWN.get(key, unknown)
    label = name.strip()[:64].replace("_", " ")
    return Segment(number, label[:1].upper() + label[1:], category, property_type, values)


def segment_coded(declared: Mapping[str, Any], segment: Segment) -> Segment:
    """Return a segment with the codes that its bundle declares, where it does.

    Parameters
    ----------
    declared : one of the bundle's ``labels``: ``code``, ``scheme``, ``meaning``; ``category`` as a
        list of the same three
    segment : with the codes of its name
    """
    said = [declared.get(key) for key in ("code", "scheme", "meaning")]
    if not _is_code(said):
        return segment
    category = declared.get("category")
    return replace(
        segment,
        property_type=_triple(said),
        category=_triple(category) if _is_code(category) else segment.category,
    )


def _is_code(said: Any) -> bool:
    return (
        isinstance(said, list)
        and len(said) == len(_ANATOMY)
        and all(isinstance(one, str) and one.strip() for one in said)
        # Cut off, a code would be another one.
        and len(said[0].strip()) <= _LONGEST_CODE
    )


def _triple(said: Any) -> CodeTriple:
    value, scheme, meaning = said
    # As long as DICOM's short and long strings may be.
    return value.strip(), scheme.strip()[:16], meaning.strip()[:64]
