"""What happens to attributes that the profile's table does not name: kept only where known safe.

The standard lets them through. Here text stays only where it is on the list below, since free text
is where names hide; so do binary values, and unknown and private attributes go.
"""

from __future__ import annotations

import re
from typing import Any

from archive.deid.types import Action

# Short texts and texts that images can't be read without, or that name products and codes.
_SAFE_TEXT_WORDS = """
    AcquisitionDeviceProcessingCode CodeMeaning CodeValue CodingSchemeDesignator
    CodingSchemeVersion ContrastBolusAgentPhase ConvolutionKernel FilterType ImagedNucleus
    LongCodeValue Manufacturer ManufacturerModelName ModalityLUTType PulseSequenceName
    ReceiveCoilName RescaleType
    ResonantNucleus SequenceName TransmitCoilName URNCodeValue UnitName Units ViewName
"""
_SAFE_TEXT = frozenset(_SAFE_TEXT_WORDS.split())
# Texts that objects are invalid without: of type 1, which get a dummy, and of type 2, left empty.
NEEDED_TEXTS = frozenset(
    {
        "AlgorithmName", "AlgorithmVersion", "AnnotationGroupLabel", "SegmentAlgorithmName",
        "SegmentLabel", "SoftwareVersions", "TrackingID",
    }
)  # fmt: skip
_EMPTIED_TEXTS = frozenset({"ContentDescription", "PositionReferenceIndicator"})
# Names by which parts of an object point at each other: they are nearly always small numbers.
_NUMBERED = frozenset({"OpticalPathIdentifier", "ReferencedOpticalPathIdentifier", "StackID"})
_SMALL_NUMBER = re.compile(r" *\d{1,4} *", re.ASCII)
_SAFE_BINARY_WORDS = """
    AlphaPaletteColorLookupTableData BluePaletteColorLookupTableData DoubleFloatPixelData
    FloatPixelData GreenPaletteColorLookupTableData ICCProfile LUTData PixelData
    RedPaletteColorLookupTableData SegmentedAlphaPaletteColorLookupTableData
    SegmentedBluePaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData
    SegmentedRedPaletteColorLookupTableData
"""
_SAFE_BINARY = frozenset(_SAFE_BINARY_WORDS.split())
# UIDs that name a kind of thing, never a thing.
_KIND_UIDS_WORDS = """
    AvailableTransferSyntaxUID CodingSchemeUID ContextUID MappingResourceUID
    OriginalSpecializedSOPClassUID ReferencedSOPClassUID ReferencedSOPClassUIDInFile
    RelatedGeneralSOPClassUID SOPClassUID SOPClassesInStudy SOPClassesSupported
    TransferSyntaxUID
"""
_KIND_UIDS = frozenset(_KIND_UIDS_WORDS.split())
# A site's own codes may say what no code of a standard does.
_CODE_TEXTS = frozenset({"CodeMeaning", "CodeValue", "LongCodeValue", "URNCodeValue"})
_STANDARD_SCHEMES = frozenset(
    {
        "ACR", "BARI", "DCM", "FMA", "I10", "I9C", "ICD10", "ISO639_2", "ISO3166_1", "LN", "MA",
        "NCIt", "NYUMCCG", "RADLEX", "RFC3066", "RFC5646", "SCT", "SNM3", "SRT", "UCUM", "UMLS",
    }
)  # fmt: skip
_STANDARD_ROOT = "1.2.840.10008."
_TEXTS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC"})
_MOMENTS = frozenset({"DA", "DT", "TM"})
_NUMBERS = frozenset({"FD", "FL", "SL", "SS", "UL", "US", "SV", "UV", "AT", "SQ"})
_BINARY = frozenset({"OB", "OW", "OF", "OD", "OL", "OV"})
_CODE = re.compile(r"[A-Z0-9 _]{0,16}", re.ASCII)
_DECIMAL = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", re.ASCII)
_INTEGER = re.compile(r" *[+-]?\d{1,12} *", re.ASCII)
_SHAPES = {"CS": _CODE, "DS": _DECIMAL, "IS": _INTEGER}


def unlisted_action(keyword: str, vr: str, value: Any) -> Action:
    """Return what happens to a standard attribute that no table names.

    Parameters
    ----------
    keyword
        of the data dictionary; empty for an attribute that it does not know
    vr
        value representation, of two letters
    value
        as pydicom decodes it
    """
    if not keyword:
        return Action.REMOVE
    if vr in _MOMENTS:
        return Action.ZERO
    if vr == "UI":
        return Action.KEEP if _names_a_kind(keyword, value) else Action.REPLACE_UID
    if keyword in NEEDED_TEXTS:
        return Action.DUMMY
    if keyword in _EMPTIED_TEXTS:
        return Action.ZERO
    return Action.KEEP if _is_safe(keyword, vr, value) else Action.REMOVE


def _is_safe(keyword: str, vr: str, value: Any) -> bool:
    if vr in _NUMBERS:
        return True
    if keyword in _NUMBERED:
        return has_shape(_SMALL_NUMBER, value)
    if vr in _TEXTS:
        return keyword in _SAFE_TEXT
    if vr in _BINARY:
        return keyword in _SAFE_BINARY
    return vr in _SHAPES and has_value_shape(vr, value)


def has_value_shape(vr: str, value: Any) -> bool:
    """Whether a code is a code and a number a number, and neither a text in disguise.

    Parameters
    ----------
    vr
        value representation
    value
        as pydicom decodes it
    """
    shape = _SHAPES.get(vr)
    return shape is None or has_shape(shape, value)


def is_local_code(keyword: str, scheme: str) -> bool:
    """Whether an attribute is the text of a code that no standard defines.

    Parameters
    ----------
    keyword
        of the attribute
    scheme
        Coding Scheme Designator of its item

    References
    ----------
    DICOM PS3.16 section 8, PS3.3 8.2
    """
    return keyword in _CODE_TEXTS and scheme.strip() not in _STANDARD_SCHEMES


def has_shape(shape: re.Pattern[str], value: Any) -> bool:
    """Whether every value of a possibly empty or multiple value has the shape.

    Parameters
    ----------
    shape
        pattern of one value
    value
        as pydicom decodes it
    """
    if value is None or value == "":
        return True
    values = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    return all(shape.fullmatch(_written(one)) is not None for one in values)


def _written(value: Any) -> str:
    return str(getattr(value, "original_string", value))


def _names_a_kind(keyword: str, value: Any) -> bool:
    if keyword in _KIND_UIDS:
        return True
    values = [value] if isinstance(value, str) else list(value or [])
    return all(str(one).startswith(_STANDARD_ROOT) for one in values)
