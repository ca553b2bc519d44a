"""What workers wrote down in English, said again in the reader's language.

Reasons are kept as sentences: of a refused file, a run that did not apply, a peer that is silent.
What stands in them (a number, a name) is found again by the sentences below, which translators
know as they know any other text.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

# What is longer is no sentence of ours.
_MOST_LETTERS = 1000
_PLACE = re.compile(r"%\((\w+)\)s")
# Reasons one after the other, each with how many objects it held back.
_REASON = re.compile(r"(\S.*?) \((\d+)\)(?: (?=\S)|$)")

FILES = (
    _("This is not a DICOM file."),
    _("This is a DICOMDIR, the index of a medium."),
    _("This is a DICOMDIR, the index of a medium; its images are files of their own."),
    _("The file can't be read as DICOM."),
    _("The file ends inside its meta information."),
    _("The file ends inside an element that begins at byte %(position)s."),
    _("%(what)s at byte %(position)s reaches beyond the end of the data: the file was cut off."),
    _(
        "Element %(tag)s at byte %(position)s reaches beyond the end of the data at %(end)s: "
        "the file was cut off."
    ),
    _("The encapsulated pixel data has no end mark: the file was cut off."),
    _("The pixel data has %(length)s bytes where its header announces %(expected)s."),
    _("The pixel data has %(fragments)s fragments for %(frames)s frames."),
    _("The file has no %(name)s."),
    _("The file has pixel data but no %(name)s."),
    _("The %(name)s is not a valid UID."),
    _("The transfer syntax is not a valid UID."),
    _("The file has two different values for %(tag)s."),
    _("The file is larger than the limit of %(limit)s bytes."),
    _("The virus scanner found %(signature)s."),
    _("The file is larger than the virus scanner takes (StreamMaxLength of clamd)."),
    _("The entry is encrypted."),
    _("The entry is a link or a device."),
    _("The entry is compressed in a way that is not supported (only deflate is)."),
    _("The NIfTI file is cut off."),
    _("The volume is larger than the limit of %(limit)s bytes."),
    _("This study is not yours to add to."),
)
RUNS = (
    _("The model is for %(allowed)s; the series is %(modality)s."),
    _("The model is for %(allowed)s; the series shows %(part)s."),
    _("The model is for %(allowed)s; the series doesn't state its body part."),
    _("The model is for the view %(allowed)s; the series holds %(view)s."),
    _("The model is for the view %(allowed)s; the series doesn't state its view."),
    _("The model needs at least %(least)s images; the series has %(images)s."),
    _("The model is for people %(ages)s; the study states no age."),
    _("The model is for people %(ages)s; the patient was %(age)s."),
    _("The model is for images without a contrast agent; the series names one."),
    _("The model is for images with a contrast agent; the series names none."),
    _("The model is for T1-weighted images; the series is named %(name)s."),
    _("The model is for T1-weighted images; the series doesn't say that it is one."),
    _("The model is for T1-weighted images; by its times the series is none."),
    _("The same images were analysed before."),
    _("The slices are %(distance)s mm apart; %(most)s mm is the most."),
    _("The series shows %(reach)s mm in one direction; a head takes %(least)s."),
    _("The slices are not evenly spaced: gaps from %(least)s to %(most)s mm."),
    _(
        "%(missing)s of %(all)s slices are missing: the slices are not evenly spaced, "
        "with gaps of up to %(most)s mm; else %(usual)s mm."
    ),
    _("The slices don't lie along one straight line."),
    _("The images are mixed: several orientations or pixel spacings."),
    _("The images are mixed: images of several sizes (%(sizes)s)."),
    _("Colour images have no modality values."),
    _("The frames of this multi-frame image have no positions."),
    _("An image lacks a valid %(keyword)s, so it has no place."),
    _("An image's pixels can't be decoded."),
    _("A single image without slice thickness has no volume."),
    _("A localizer shows no cross sections."),
    _("The CT shows no body: nothing is denser than air."),
    _("No lung found: fewer than two air-filled parts of more than 300 mL in the body."),
    _("No brain found: less than 300 mL of white and grey matter in one piece."),
    _("The model found none of its structures."),
)
PEERS = (
    _("%(peer)s can't be reached: %(why)s."),
    _("%(peer)s takes nothing of what is proposed."),
    _("%(peer)s did not answer the %(act)s."),
    _("The name %(name)s is not known."),
    _("The association was lost."),
    _("The peer's answer broke off."),
    _("The peer's answer can't be read."),
    _("The peer has no such study."),
    _("The peer's service is busy: it answers %(status)s."),
    _("The peer's service answers %(status)s."),
)
JOBS = (
    _("%(workers)s workers died of it."),
    _("There is no room on the disk for this export."),
    _("The study is too large for an export."),
    _("It is in the file already."),
    _("It is in the bucket already."),
    _("There is no such bucket any more."),
    _("The bucket refused: %(why)s."),
    _("The bucket can't be reached: %(why)s."),
    _("The file can't be written: %(why)s."),
    _("An instance's UID is no UID: it can't name a file."),
    _("There is no such study, or it is outside your projects."),
    _("There is no such de-identified project of yours any more."),
    _("Another patient has the same pseudonym there: choose another project."),
    _("It was sealed under a key that is not here any more."),
    _("It could not be stored."),
    _("Nothing of it may leave any more."),
    _("Nothing of it may leave so. %(why)s"),
    _("%(images)s images, %(number)s objects left out: %(why)s"),
)
# Of HL7 messages of other systems.
MESSAGES = (
    _("This is no HL7 message: it begins with no MSH segment."),
    _("These are several messages without a batch's header."),
    _("The message can't be read as HL7."),
    _("This is not in the character set that MSH-18 names."),
    _("A batch holds 1 to %(most)s messages."),
    _("%(kind)s is not taken in."),
    _("%(field)s names no patient."),
    _("The %(name)s has more than %(most)s characters."),
    _("OBR-24 or IPC-5 is empty."),
    _("The receiver can't be reached, or is silent."),
    _("The receiver's answer is no acknowledgement."),
    _("The receiver answers %(code)s."),
    _("It was interrupted."),
    _("Something went wrong in the archive itself."),
)
# Of a report that is read in place: what heads it, and why it is not read.
REPORTS = (
    _("Patient"),
    _("Patient ID"),
    _("Study date"),
    _("Content date"),
    _("Completion"),
    _("Verification"),
    _("The report is not built as the standard says."),
    _("This kind of object is not read as text."),
)
# Of an examination that is planned, as DICOM names them.
PRIORITIES = (_("Stat"), _("High"), _("Routine"), _("Medium"), _("Low"))
SAYINGS = (*FILES, *RUNS, *PEERS, *JOBS, *MESSAGES, *REPORTS)


def say_again(text: str) -> str:
    """Return a sentence in the reader's language, as it is where no catalogue knows it."""
    known = gettext(text) if text else ""
    if known != text or len(text) > _MOST_LETTERS or (get_language() or "en").startswith("en"):
        return known
    for pattern, saying in _patterns():
        if found := pattern.fullmatch(text):
            held = found.groupdict()
            if "why" in held:
                # A reason is a sentence of its own; everything else that stands in one is data.
                held["why"] = _reasons_again(held["why"])
            return gettext(saying) % held
    return text


def _reasons_again(text: str) -> str:
    reasons = _REASON.findall(text)
    if " ".join(f"{why} ({count})" for why, count in reasons) != text:
        return say_again(text)
    return " ".join(f"{say_again(why)} ({count})" for why, count in reasons)


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the sentences that hold something, those that say most of themselves first."""
    holding = [saying for saying in SAYINGS if "%(" in saying]
    return [(_pattern(saying), saying) for saying in sorted(holding, key=_own_letters)[::-1]]


def _own_letters(saying: str) -> int:
    return len(_PLACE.sub("", saying))


def _pattern(saying: str) -> re.Pattern[str]:
    parts = _PLACE.split(saying)
    words = (
        f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile("".join(words))
