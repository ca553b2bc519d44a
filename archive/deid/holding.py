"""Which objects are held back, and why: what no table of attributes can make safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from archive.deid.types import Option, Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydicom.dataset import Dataset

_ROOT = "1.2.840.10008.5.1.4.1.1"
_DOCUMENTS = (f"{_ROOT}.104.",)
_REPORTS = (f"{_ROOT}.88.",)
_PRESENTATIONS = (f"{_ROOT}.11.",)
_SCREENS = (f"{_ROOT}.7", f"{_ROOT}.77.1.4", f"{_ROOT}.77.1.2.1")
_PHOTOGRAPHS = (f"{_ROOT}.77.1.4",)
_ULTRASOUND = (f"{_ROOT}.6.1", f"{_ROOT}.3.1")
# Modalities whose pictures carry text in their pixels by habit: screens, ultrasound, photographs,
# endoscopes, scanned paper.
RISKY_MODALITIES = frozenset({"US", "IVUS", "SC", "OT", "XC", "ES", "GM", "SM", "OP", "HC", "SR"})
_CROSS_SECTIONS = frozenset({"CT", "MR", "PT", "NM", "SEG"})
# Segmentations and parametric maps are drawn by programs, sample by sample.
_DRAWN = frozenset({f"{_ROOT}.66.4", f"{_ROOT}.66.7", f"{_ROOT}.30"})
_FACE_PARTS = frozenset({"HEAD", "BRAIN", "SKULL", "FACE", "SINUS", "HEADNECK", "NECK", "ORBIT"})
_FACE_MODALITIES = frozenset({"CT", "MR", "PT"})

DOCUMENT = Refusal(
    "document",
    gettext_noop("An encapsulated document (PDF, CDA, STL): what it holds can't be cleaned."),
)
REPORT = Refusal(
    "report", gettext_noop("A report: its text may name people, and says the diagnosis.")
)
PRESENTATION = Refusal(
    "presentation", gettext_noop("A presentation state: its annotations are free text.")
)
NO_IMAGE = Refusal("no-image", gettext_noop("It holds no image."))
BURNED_IN = Refusal(
    "burned-in",
    gettext_noop("The file says that its pixels show the patient's identity."),
    needs_a_look=True,
)
PHOTOGRAPH = Refusal(
    "photograph",
    gettext_noop("A photograph: it may show a face, which is no text."),
    needs_a_look=True,
)
RENDERING = Refusal(
    "rendering",
    gettext_noop("A picture drawn of a head: it may show a face, which is no text."),
    needs_a_look=True,
)
RISKY_KIND = Refusal(
    "look-first",
    gettext_noop(
        "Pictures of this kind often show names in their pixels, and the file does not deny it."
    ),
    needs_a_look=True,
)


def find_refusal(
    ds: Dataset,
    *,
    is_looked_at: bool = False,
    cleans_pixels: bool = False,
    options: Collection[Option] = (),
) -> Refusal | None:
    """Say why an object must not leave, or None where it may.

    Parameters
    ----------
    ds
        the data set as stored; the pixel data itself is not needed
    is_looked_at
        a person has looked at the pixels and found no identity in them
    cleans_pixels
        its pixels go through `archive.deid.pixels.clean_pixels` next, which has the last word
    options
        of the profile: with structured content cleaned (113104) reports may leave, with graphics
        cleaned (113103) presentation states

    References
    ----------
    DICOM PS3.15 E.3.1 (Clean Pixel Data), PS3.3 C.7.6.1.1.7 (Burned In Annotation)
    """
    kind = str(ds.get("SOPClassUID", ""))
    if kind.startswith((*_DOCUMENTS, *_REPORTS, *_PRESENTATIONS)):
        return _hold_text(kind, options)
    if "Rows" not in ds:
        return NO_IMAGE
    if is_looked_at:
        return None
    return _hold_picture(ds) if cleans_pixels else _hold(ds)


def _hold_text(kind: str, options: Collection[Option]) -> Refusal | None:
    """Hold what is text: documents always, the others but where their options clean them."""
    if kind.startswith(_REPORTS):
        return None if Option.STRUCTURED_CONTENT in options else REPORT
    if kind.startswith(_PRESENTATIONS):
        return None if Option.GRAPHICS in options else PRESENTATION
    return DOCUMENT


def find_class_refusal(kind: str) -> Refusal | None:
    """Say why objects of a SOP class are held back as what they are; None for images.

    Parameters
    ----------
    kind
        SOP Class UID
    """
    is_text = kind.startswith((*_DOCUMENTS, *_REPORTS, *_PRESENTATIONS))
    return _hold_text(kind, ()) if is_text else None


def _hold(ds: Dataset) -> Refusal | None:
    if says_burned_in(ds):
        return BURNED_IN
    if _stated(ds) == "NO":
        return None
    return RISKY_KIND if _is_risky_kind(ds) else None


def says_burned_in(ds: Dataset) -> bool:
    """Whether a file says, in whatever words, that its pixels show the patient's identity.

    Parameters
    ----------
    ds
        the data set as stored

    References
    ----------
    DICOM PS3.3 C.7.6.1.1.7
    """
    return _stated(ds) not in {"", "NO"}


def may_show_text(ds: Dataset) -> bool:
    """Whether text may be burned into an image: all but cross-sections as a scanner makes them.

    Parameters
    ----------
    ds
        the data set as stored, or de-identified
    """
    if says_burned_in(ds) or _is_risky_kind(ds):
        return True
    modality = str(ds.get("Modality", "")).strip().upper()
    kinds = [str(one).strip().upper() for one in ds.get("ImageType") or []]
    is_plain = kinds[:2] == ["ORIGINAL", "PRIMARY"] or str(ds.get("SOPClassUID", "")) in _DRAWN
    return not (is_plain and modality in _CROSS_SECTIONS)


def _stated(ds: Dataset) -> str:
    return str(ds.get("BurnedInAnnotation") or "").strip().upper()


def _hold_picture(ds: Dataset) -> Refusal | None:
    """Hold what may show a face as people see it: no reader of text finds that."""
    kind = str(ds.get("SOPClassUID", ""))
    modality = str(ds.get("Modality", "")).strip().upper()
    if modality == "XC" or kind.startswith(_PHOTOGRAPHS):
        return PHOTOGRAPH
    is_head = modality in _FACE_MODALITIES and _part(ds) in _FACE_PARTS
    return RENDERING if is_head and _is_screen(kind) else None


def _part(ds: Dataset) -> str:
    return str(ds.get("BodyPartExamined", "")).strip().upper().replace(" ", "")


def _is_screen(kind: str) -> bool:
    return kind == _SCREENS[0] or kind.startswith((f"{_SCREENS[0]}.", *_SCREENS[1:]))


def _is_risky_kind(ds: Dataset) -> bool:
    kind = str(ds.get("SOPClassUID", ""))
    modality = str(ds.get("Modality", "")).strip().upper()
    return modality in RISKY_MODALITIES or _is_screen(kind) or kind.startswith(_ULTRASOUND)


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
    modality = str(ds.get("Modality", "")).strip().upper()
    if modality in _FACE_MODALITIES and _part(ds) in _FACE_PARTS:
        return (gettext_noop("A face may be rebuilt from these slices: it was not removed."),)
    return ()
