"""How values read on a page: names, ages, dates, sizes, icons. A template library, built in."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from django import template
from django.template.defaultfilters import filesizeformat
from django.templatetags.static import static
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.notices.selectors import is_following
from archive.portal.field_terms import BODY_PARTS, DOORS, PROJECTS, STRUCTURES
from archive.portal.folding import steady
from archive.portal.languages import words_address
from archive.portal.sayings import say_again
from archive.portal.viewer_files import ohif_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, time

    from django.template import Context
    from django.utils.safestring import SafeString

    from archive.collections.types import CaseCard, Picture
    from archive.portal.panels import CaseAction

register = template.Library()

MISSING = "\N{EN DASH}"
_TONES = {
    "CT": "ct", "MR": "mr", "CR": "xr", "DX": "xr", "RG": "xr", "MG": "xr", "XA": "xr", "RF": "xr",
    "US": "us", "IVUS": "us", "NM": "nm", "PT": "nm",
    "SR": "aux", "SEG": "aux", "PR": "aux", "KO": "aux", "DOC": "aux", "REG": "aux",
}  # fmt: skip
_AGE = re.compile(r"^0*(\d{1,3})([DWMY])$")
# Translators: ages, in days, weeks, months, years, as short as can be.
_AGES = {"D": _("%(n)s d"), "W": _("%(n)s w"), "M": _("%(n)s mo"), "Y": _("%(n)s y")}
_SEXES = {"M": _("male"), "F": _("female"), "O": _("other")}


@register.simple_tag
@steady
def icon(name: str, extra: str = "") -> SafeString:
    """Return an icon of the sprite; decoration only, so the text stands beside it."""
    return _drawn(name, extra)


@lru_cache(maxsize=1024)
def _drawn(name: str, extra: str) -> SafeString:
    # A page has dozens of them, the program a few hundred in all.
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        static("portal/img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def follow_state(context: Context, study_uid: str) -> bool:
    """Whether the page's reader follows the study."""
    return is_following(context["request"].user, study_uid)


@register.simple_tag
def ohif_url(study_uid: str, series_uid: str = "", instance_uid: str = "") -> str:
    """Return where OHIF shows a study or a part of it; empty where it isn't installed."""
    return ohif_address(study_uid, series_uid, instance_uid)


@register.simple_tag
@steady
def script_words() -> str:
    """Return where scripts find their words in the page's language."""
    return words_address()


@register.filter
def person_name(value: str) -> str:
    """Return a DICOM person name as people write it: ``DOE^JANE^^DR`` -> ``DOE, Jane, Dr``."""
    alphabetic, _, rest = value.partition("=")
    # Ideographic names are written without a comma (PS3.5 H.3).
    ideographic = " ".join(part.strip() for part in rest.partition("=")[0].split("^")).strip()
    written = [part for part in (_name_group(alphabetic), ideographic) if part]
    return " ".join(written) or gettext("No name")


def _name_group(group: str) -> str:
    family, given, middle, prefix, suffix = (group.split("^") + [""] * 5)[:5]
    forenames = " ".join(part.strip() for part in (given, middle) if part.strip())
    titles = " ".join(part.strip() for part in (prefix, suffix) if part.strip())
    return ", ".join(part for part in (family.strip(), forenames, titles) if part)


@register.filter
def age(value: str) -> str:
    """Return a DICOM age string as people write it: ``043Y`` -> ``43 y``."""
    found = _AGE.match(value.strip())
    return str(_AGES[found[2]] % {"n": found[1]}) if found else value


@register.filter
def sex(value: str) -> str:
    """Return the word for a DICOM sex code."""
    return str(_SEXES.get(value.upper(), value))


@register.filter
def said(value: str) -> str:
    """Return what a worker wrote down, in English, in the reader's language where it is known."""
    return say_again(value)


@register.filter
def short_date(value: date | None) -> str:
    """Return a date in figures, as the reader's language writes it."""
    return date_format(value, "SHORT_DATE_FORMAT") if value else MISSING


@register.filter
def clock(value: time | None) -> str:
    """Return hours and minutes."""
    return value.strftime("%H:%M") if value else ""


@register.filter
def modality_tone(value: str) -> str:
    """Return the colour group of a modality."""
    return _TONES.get(value.upper(), "other")


@register.filter
def title_case(value: str) -> str:
    """Return ``CHEST`` as ``Chest``, in the reader's language; DICOM shouts its code strings."""
    known = BODY_PARTS.get(value.upper())
    if known is not None:
        return str(known)
    return value.replace("_", " ").capitalize() if value.isupper() else value


def structure_name(value: str) -> str:
    """Return a segment's label; of a common structure its name in the reader's language."""
    known = STRUCTURES.get(value.replace("_", " ").strip().lower())
    return value if known is None else capfirst(str(known))


@register.filter
def door_name(value: str) -> str:
    """Return the door that something came by, in the reader's words."""
    return str(DOORS.get(value, value))


@register.filter
def project_name(value: str | None) -> str:
    """Return a project's name; the one that every archive has, in the reader's language."""
    return str(PROJECTS.get(value or "", value or ""))


@register.filter
def or_dash(value: object) -> object:
    """Return a dash in the place of nothing."""
    return MISSING if value in (None, "") else value


@register.filter
def chart_number(value: float | None, unit: str = "") -> str:
    """Return a value of a chart as its table says it: shares in percent, bytes in units."""
    if value is None:
        return MISSING
    if unit == "share":
        return f"{value * 100:.0f}\N{NO-BREAK SPACE}%"
    if unit == "bytes":
        return str(filesizeformat(value))
    return number_format(int(value), force_grouping=True)


@register.filter
def number(value: float) -> str:
    """Return a whole number with its thousands apart, as the reader writes it."""
    return number_format(int(value), force_grouping=True)


@register.filter
def gauge_width(value: float) -> str:
    """Return a share of a hundred as an attribute of an SVG takes it, whatever the language."""
    return f"{min(max(value, 0), 100):.1f}"


@register.filter
def percent(value: float | None) -> str:
    """Return a share of one in whole percent."""
    return MISSING if value is None else f"{value * 100:.0f}"


@register.filter
def short_uid(value: str) -> str:
    """Return the end of a UID, which is what tells two apart."""
    return f"…{value[-12:]}" if len(value) > 16 else value


@register.filter
def get(mapping: Mapping[str, object], key: str) -> object:
    """Return a mapping's value, or None."""
    return mapping.get(key)


@register.filter
def in_words(words: Mapping[str, str] | None, series_uid: str) -> str:
    """Return what a thumbnail shows, from `archive.query.picture_words`."""
    return (words or {}).get(series_uid) or gettext("Picture")


@register.filter
def study_link(action: CaseAction, study_uid: str) -> str:
    """Return where the action leads for a study."""
    return action.study_url(study_uid)


@register.filter
def series_link(action: CaseAction, series_uid: str) -> str:
    """Return where the action leads for a series."""
    return action.series_url(series_uid)


@register.filter
def thumbnail_url(picture: Picture) -> str:
    """Return where the thumbnail of a collected case is; empty where nothing shows it."""
    if picture.frame is not None:
        path = (picture.study_uid, picture.series_uid, picture.instance_uid, picture.frame)
        return reverse("dicomweb:frames-thumbnail", args=path)
    if picture.instance_uid:
        path_of = (picture.study_uid, picture.series_uid, picture.instance_uid)
        return reverse("dicomweb:instance-thumbnail", args=path_of)
    if picture.series_uid:
        return reverse("dicomweb:series-thumbnail", args=(picture.study_uid, picture.series_uid))
    return ""


@register.filter
def case_url(case: CaseCard) -> str:
    """Return the page that shows a collected case."""
    if case.series_uid:
        return reverse("portal:series-view", args=(case.study_uid, case.series_uid))
    return reverse("portal:study-detail", args=(case.study_uid,))


@register.filter
def case_link(action: CaseAction, case: CaseCard) -> str:
    """Return where the action leads for a collected case."""
    if case.series_uid:
        return action.series_url(case.series_uid)
    return action.study_url(case.study_uid)
