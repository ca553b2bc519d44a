"""Whether a text that a person typed names the patient whose images it stands beside."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from archive.deid.identifiers import holds_word, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models import Study

_MIN_ID = 4


def names_patient(texts: Iterable[str], study: Study) -> bool:
    """Whether one of the texts holds a part of the patient's name, or an ID of theirs.

    ``study`` comes with its patient. Case and accents are of no account.
    """
    patient = study.patient
    names = frozenset(words_of(patient.patient_name))
    numbers = [
        _plain(number)
        for number in (patient.dicom_patient_id, study.accession_number)
        if len(number) >= _MIN_ID
    ]
    uids = [study.study_instance_uid]
    for text in texts:
        plain = _plain(text)
        if holds_word(text, names):
            return True
        if any(number in plain for number in (*numbers, *uids)):
            return True
    return False


def _plain(text: str) -> str:
    """Return the text in lower case without accents."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
