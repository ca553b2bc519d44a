"""What models say and measure, as people write it in their language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from archive.portal.field_terms import BODY_PARTS, STRUCTURES
from archive.portal.presentation import title_case
from inference.similarity.explaining.finding_terms import all_class_words, class_words

if TYPE_CHECKING:
    from inference.models import Finding

_QUESTIONS = {"modality": _("Modality"), "body_part": _("Body part"), "finding": _("Finding")}
# What our segmentations are measured by, in lower case; other names stay as they are.
_MEASUREMENTS = {
    "long axis": pgettext_lazy("measurement", "long axis"),
    "mean attenuation coefficient": pgettext_lazy("measurement", "mean attenuation"),
    "mean mr signal intensity": pgettext_lazy("measurement", "mean signal"),
    "volume": pgettext_lazy("measurement", "volume"),
}
# What a classifier says beside its finding: how sure it is of each class.
_SHARES = re.compile(r"(?:[^,]+ [01]\.\d\d(?:, |\.$))+")
# UCUM codes as people write them.
_UNITS = {"[hnsf'U]": "HU", "cm3": "mL", "1": "", "{ratio}": "", "%": "%"}


def question_name(name: str) -> str:
    """Return what a classification is about, as people write it."""
    return str(_QUESTIONS.get(name) or capfirst(name.replace("_", " ").strip()))


def class_name(name: str, label: str) -> str:
    """Return an answer as people write it: codes of modalities as they are, ours in words."""
    return label if name == "modality" else label_name(label)


def label_name(label: str) -> str:
    """Return the name of a class or of a structure, beginning a line."""
    plain = label.replace("_", " ").strip()
    words = class_words(plain) or STRUCTURES.get(plain.lower()) or title_case(plain)
    return capfirst(str(words))


def answers_in_words() -> dict[str, str]:
    """Return what our models answer with, in lower case, and its words within a line."""
    parts = {code.lower(): str(words) for code, words in BODY_PARTS.items()}
    return parts | all_class_words()


def measurement_name(name: str) -> str:
    """Return what was measured, as it stands behind the name of a structure."""
    return str(_MEASUREMENTS.get(name.lower(), name))


def share_in_words(share: float) -> str:
    """Return how sure a model is, in whole percent."""
    return f"{share * 100:.0f} %"


def measured(label: str, name: str) -> str:
    """Return what was measured of which structure, as one name."""
    if not label:
        return capfirst(measurement_name(name))
    said = {"structure": label_name(label), "measurement": measurement_name(name)}
    return gettext("%(structure)s %(measurement)s") % said


def shares_in_words(message: str) -> str:
    """Return a classifier's ``class 0.18, class 0.82.`` in words; anything else as it is."""
    if not _SHARES.fullmatch(message):
        return message
    shares = (one.rsplit(" ", 1) for one in message.removesuffix(".").split(", "))
    return ", ".join(f"{label_name(label)} {float(share) * 100:.0f} %" for label, share in shares)


def statement_words(words: str) -> str:
    """Return the words of ``class`` or ``structure measurement``, as agreement is counted by."""
    for name in _MEASUREMENTS:
        if words.lower().endswith(f" {name}"):
            return measured(words[: -len(name)], name)
    return label_name(words)


def statement_name(finding: Finding) -> str:
    """Return what a statement is about: a question, or what was measured."""
    if finding.kind == "measurement":
        return capfirst(measurement_name(finding.name))
    return question_name(finding.name)


def written_unit(unit: str) -> str:
    """Return a UCUM code as people write it."""
    return _UNITS.get(unit, unit)


def written_value(value: float | None) -> str:
    """Return a number with the digits that matter."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
