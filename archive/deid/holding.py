"""Which objects are held back, and why: what no table of attributes can make safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.deid.types import Refusal

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ROOT = "1.2.840.10008.5.1.4.1.1"
_DOCUMENTS = (f"{_ROOT}.104.",)
_REPORTS = (f"{_ROOT}.88.",)
_PRESENTATIONS = (f"{_ROOT}.11.",)
_SCREENS = (f"{_ROOT}.7", f"{_ROOT}.77.1.4", f"{_ROOT}.77.1.2.1")
_ULTRASOUND = (f"{_ROOT}.6.1", f"{_ROOT}.3.1")
# Modalities whose pictures carry text in their pixels by habit: screens, ultrasound, photographs,
# endoscopes, scanned paper.
RISKY_MODALITIES = frozenset({"US", "IVUS", "SC", "OT", "XC", "ES", "GM", "SM", "OP", "HC", "SR"})
_FACE_PARTS = frozenset({"HEAD", "BRAIN", "SKULL", "FACE", "SINUS", "HEADNECK", "NECK", "ORBIT"})
_FACE_MODALITIES = frozenset({"CT", "MR", "PT"})

DOCUMENT = Refusal("document", "A document: its pages name the patient.")
REPORT = Refusal("report", "A report: its text may name people, and says the diagnosis.")
PRESENTATION = Refusal("presentation", "A presentation state: its annotations are free text.")
NO_IMAGE = Refusal("no-image", "It holds no image.")
BURNED_IN = Refusal(
    "burned-in", "The file says that its pixels show the patient's identity.", needs_a_look=True
)
RISKY_KIND = Refusal(
    "look-first",
    "Pictures of this kind often show names in their pixels, and the file does not deny it.",
    needs_a_look=True,
)


def find_refusal(ds: Dataset, *, is_looked_at: bool = False) -> Refusal | None:
    """Say why an object must not leave, or None where it may.

    Parameters
    ----------
    ds
        the data set as stored; the pixel data itself is not needed
    is_looked_at
        a person has looked at the pixels and found no identity in them

    References
    ----------
    DICOM PS3.15 E.3.1 (Clean Pixel Data), PS3.3 C.7.6.1.1.7 (Burned In Annotation)
    """
    kind = str(ds.get("SOPClassUID", ""))
    for roots, refusal in (
        (_DOCUMENTS, DOCUMENT),
        (_REPORTS, REPORT),
        (_PRESENTATIONS, PRESENTATION),
    ):
        if kind.startswith(roots):
            return refusal
    if "Rows" not in ds:
        return NO_IMAGE
    return None if is_looked_at else _hold(ds, kind)


def _hold(ds: Dataset, kind: str) -> Refusal | None:
    stated = str(ds.get("BurnedInAnnotation", "")).strip().upper()
    if stated == "NO":
        return None
    if stated == "YES" or stated:
        return BURNED_IN
    modality = str(ds.get("Modality", "")).strip().upper()
    is_screen = kind == _SCREENS[0] or kind.startswith((f"{_SCREENS[0]}.", *_SCREENS[1:]))
    if modality in RISKY_MODALITIES or is_screen or kind.startswith(_ULTRASOUND):
        return RISKY_KIND
    return None


def find_warnings(ds: Dataset) -> tuple[str, ...]:
    """Say what a person should know of an image that leaves.

    Parameters
    ----------
    ds
        the data set as stored

    References
    ----------
    DICOM PS3.15 E.3.2 (Clean Recognizable Visual Features)
    """
    part = str(ds.get("BodyPartExamined", "")).strip().upper().replace(" ", "")
    modality = str(ds.get("Modality", "")).strip().upper()
    if modality in _FACE_MODALITIES and part in _FACE_PARTS:
        return ("A face may be rebuilt from these slices: it was not removed.",)
    return ()
