"""What a thumbnail shows, in words: for who does not see it, and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from archive.models import Series
from archive.models.prepared import Prepared

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_MODALITIES = {
    "CR": _("X-ray"), "DX": _("X-ray"), "RG": _("X-ray"), "MG": _("Mammogram"),
    "CT": "CT", "MR": "MRI",
    "US": _("Ultrasound"), "IVUS": _("Ultrasound"), "NM": _("Nuclear medicine image"), "PT": "PET",
    "XA": _("Angiogram"), "RF": _("Fluoroscopy"), "XC": _("Photograph"), "ES": _("Endoscopy"),
    "OP": _("Photograph of the eye"), "OPT": "OCT", "SM": _("Slide"), "GM": _("Microscopy"),
    "SR": _("Report"), "SEG": _("Segmentation"), "KO": _("Selection of images"),
    "DOC": _("Document"),
    "PR": _("Presentation of images"),
}  # fmt: skip
# Common Defined Terms of Body Part Examined (PS3.16 Annex L), within a sentence.
_PARTS = {
    "ABDOMEN": pgettext_lazy("of the", "abdomen"),
    "ANKLE": pgettext_lazy("of the", "ankle"),
    "BRAIN": pgettext_lazy("of the", "brain"),
    "BREAST": pgettext_lazy("of the", "breast"),
    "CHEST": pgettext_lazy("of the", "chest"),
    "ELBOW": pgettext_lazy("of the", "elbow"),
    "EXTREMITY": pgettext_lazy("of the", "extremity"),
    "FOOT": pgettext_lazy("of the", "foot"),
    "HAND": pgettext_lazy("of the", "hand"),
    "HEAD": pgettext_lazy("of the", "head"),
    "HEART": pgettext_lazy("of the", "heart"),
    "HIP": pgettext_lazy("of the", "hip"),
    "KIDNEY": pgettext_lazy("of the", "kidney"),
    "KNEE": pgettext_lazy("of the", "knee"),
    "LIVER": pgettext_lazy("of the", "liver"),
    "LUNG": pgettext_lazy("of the", "lung"),
    "NECK": pgettext_lazy("of the", "neck"),
    "PELVIS": pgettext_lazy("of the", "pelvis"),
    "PROSTATE": pgettext_lazy("of the", "prostate"),
    "SHOULDER": pgettext_lazy("of the", "shoulder"),
    "SKULL": pgettext_lazy("of the", "skull"),
    "SPINE": pgettext_lazy("of the", "spine"),
    "WRIST": pgettext_lazy("of the", "wrist"),
}
_SIDES = {
    "L": pgettext_lazy("side", "left"),
    "R": pgettext_lazy("side", "right"),
    "B": _("both sides"),
}
# A page or an answer shows no more at once; a longer list is cut rather than asked in full.
MAX_SERIES = 1000


_SERIES = Prepared(
    lambda user, uids: (
        Series.objects.visible_to(user)
        .filter(series_instance_uid__in=uids)
        .only(
            "series_instance_uid",
            "modality",
            "body_part_examined",
            "laterality",
            "number_of_series_related_instances",
        )
        .order_by()
    )
)


@dataclass(frozen=True, slots=True)
class PictureNotes:
    """What other rooms know of a series: views and sides of its images, what models found."""

    views: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


NotesReader = Callable[[Sequence[int]], Mapping[int, PictureNotes]]
_readers: dict[str, NotesReader] = {}


def register_picture_notes(name: str, reader: NotesReader) -> None:
    """Ask the reader, too, whenever pictures are put in words; once, when the program starts.

    Parameters
    ----------
    name
        of the room that knows more
    reader
        keys of series that the asker was found to see, to what is known of them
    """
    _readers[name] = reader


def pictures_in_words(
    user: AnyUser, series_uids: Iterable[str], *, has_findings: bool = True
) -> dict[str, str]:
    """Describe the thumbnails of series, all of them in a handful of queries.

    Parameters
    ----------
    user
        the asker
    series_uids
        Series Instance UIDs; empty ones are passed over
    has_findings
        without, nothing is said of what models found: where that would be the answer to a question

    Returns
    -------
    Series Instance UID to one sentence or two; series outside the user's rights are left out.
    Nothing in it says who the patient is.
    """
    wanted = sorted({uid for uid in series_uids if uid})[:MAX_SERIES]
    if not wanted:
        return {}
    found: list[Series] = _SERIES(user, uids=wanted)
    keys = [series.pk for series in found]
    known = [reader(keys) for reader in _readers.values()] if keys else []
    return {
        series.series_instance_uid: picture_in_words(
            series,
            [notes[series.pk] for notes in known if series.pk in notes],
            has_findings=has_findings,
        )
        for series in found
    }


def picture_in_words(
    series: Series, notes: Sequence[PictureNotes], *, has_findings: bool = True
) -> str:
    """Describe one thumbnail.

    Parameters
    ----------
    series
        the row
    notes
        what other rooms know of it
    has_findings
        whether to say what models found

    Returns
    -------
    Such as "X-ray of the hand, left, PA view, 1 image. Models say: fracture 87 % (not reviewed)."
    """
    part = _part(series.body_part_examined)
    kind = _modality(series.modality)
    said = gettext("%(kind)s of the %(part)s") % {"kind": kind, "part": part}
    parts = [said if part else kind]
    sides = _unique([series.laterality, *(side for note in notes for side in note.sides)])
    parts += [str(_SIDES[side]) for side in sides if side in _SIDES]
    views = _unique(view for note in notes for view in note.views)
    if views:
        parts.append(gettext("%(views)s view") % {"views": ", ".join(views[:2])})
    count = series.number_of_series_related_instances
    parts.append(ngettext("%(n)s image", "%(n)s images", count) % {"n": count})
    text = ", ".join(parts)
    findings = [finding for note in notes for finding in note.findings] if has_findings else []
    if not findings:
        return text
    told = {"text": text, "findings": ", ".join(findings)}
    return gettext("%(text)s. Models say: %(findings)s.") % told


def _modality(code: str) -> str:
    if known := _MODALITIES.get(code.upper()):
        return str(known)
    return gettext("%(code)s image") % {"code": code} if code else gettext("Image")


def _part(code: str) -> str:
    if known := _PARTS.get(code.upper()):
        return str(known)
    return code.replace("_", " ").lower() if code.isupper() else code


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value.strip() for value in values if value.strip()))
