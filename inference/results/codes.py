"""Codes of the statements our own classifiers make."""

from archive.dicom.short_codes import short_code
from inference.results.types import CodeTriple

MODALITY: CodeTriple = ("121139", "DCM", "Modality")
BODY_PART: CodeTriple = ("123014", "DCM", "Target Region")
CERTAINTY: CodeTriple = ("111012", "DCM", "Certainty of Finding")
PERCENT: CodeTriple = ("%", "UCUM", "Percent")
DIAMETER: CodeTriple = ("81827009", "SCT", "Diameter")
MILLIMETRE: CodeTriple = ("mm", "UCUM", "millimeter")
MORPHOLOGY: CodeTriple = ("49755003", "SCT", "Morphologically Abnormal Structure")
NODULE: CodeTriple = ("27925004", "SCT", "Nodule")
LUNG: CodeTriple = ("39607008", "SCT", "Lung")
COMMENT: CodeTriple = ("121106", "DCM", "Comment")

_MODALITIES: dict[str, CodeTriple] = {
    "CR": ("CR", "DCM", "Computed Radiography"),
    "CT": ("CT", "DCM", "Computed Tomography"),
    "DX": ("DX", "DCM", "Digital Radiography"),
    "MG": ("MG", "DCM", "Mammography"),
    "MR": ("MR", "DCM", "Magnetic Resonance"),
    "NM": ("NM", "DCM", "Nuclear Medicine"),
    "PT": ("PT", "DCM", "Positron emission tomography"),
    "US": ("US", "DCM", "Ultrasound"),
    "XA": ("XA", "DCM", "X-Ray Angiography"),
}
_BODY_PARTS: dict[str, CodeTriple] = {
    "ABDOMEN": ("818981001", "SCT", "Abdomen"),
    "BRAIN": ("12738006", "SCT", "Brain"),
    "BREAST": ("76752008", "SCT", "Breast"),
    "CHEST": ("816094009", "SCT", "Chest"),
    "HAND": ("85562004", "SCT", "Hand"),
    "HEAD": ("69536005", "SCT", "Head"),
}
LOCAL_SCHEME = "99TWINSIGHT"


def modality_code(modality: str) -> CodeTriple:
    """Return the code of a modality.

    Parameters
    ----------
    modality : defined term of (0008,0060)

    Returns
    -------
    code of CID 29, or of the local scheme where the term isn't known here

    References
    ----------
    DICOM PS3.16 CID 29
    """
    return _MODALITIES.get(modality, (modality[:16], LOCAL_SCHEME, modality))


def body_part_code(body_part: str) -> CodeTriple:
    """Return the code of a body part.

    Parameters
    ----------
    body_part : defined term of (0018,0015), upper case

    Returns
    -------
    SNOMED CT code, or of the local scheme where the term isn't known here

    References
    ----------
    DICOM PS3.16 Annex L
    """
    return _BODY_PARTS.get(body_part, (body_part[:16], LOCAL_SCHEME, body_part.title()))


def local_code(words: str) -> CodeTriple:
    """Return a code of our own scheme for words that no scheme we know has.

    Parameters
    ----------
    words : for people

    Returns
    -------
    code whose value is the words in short
    """
    short = words.strip().casefold().replace(" ", "-")
    return (short_code(short) or "unnamed", LOCAL_SCHEME, words.strip()[:64] or "Unnamed")
