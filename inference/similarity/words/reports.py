"""What the reports of a study say, in words: the text of its structured report documents."""

from __future__ import annotations

import logging
import struct
from collections import deque
from typing import TYPE_CHECKING

from archive.dicom.charsets import fold_text
from archive.errors import ArchiveError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.results.types import MANUFACTURER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from archive.models import Study

logger = logging.getLogger(__name__)

# Structured reports (PS3.4 B.5); ours repeat findings, which are words of their own right.
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
MAX_DOCUMENTS = 20
MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
MAX_ITEMS = 5000
MAX_CHARACTERS = 20_000
# Who observed, in which language and country: nothing that a case is found by.
_CONTEXT = "HAS OBS CONTEXT"
_NO_CONTENT = frozenset({"121049", "121046"})
_LEAST_NAME_LENGTH = 2
_UNREADABLE: tuple[type[Exception], ...] = (
    ArchiveError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def report_text(study: Study) -> str:
    """Return the text and the codes' meanings in the reports of a study.

    Only so many documents, items and characters are read, newest documents first. Words of the
    patient's name and their ID are left out, as are people's names that are marked as such.

    Parameters
    ----------
    study : with its patient

    Returns
    -------
    Folded text of at most `MAX_CHARACTERS`; empty without reports. What can't be read counts as
    absent.
    """
    hidden = _names_of(study)
    text = " ".join(report_statements(study)).replace("\x00", " ")
    words = fold_text(text[:MAX_CHARACTERS]).split(" ")
    return " ".join(word for word in words if word.strip(".,;:()[]'\"") not in hidden)


def report_statements(study: Study) -> list[str]:
    """Return the texts and the codes' meanings in the reports of a study, one by one.

    Parameters
    ----------
    study : whose reports; those of our own models, and hidden ones, are left out

    Returns
    -------
    As written, of about `MAX_CHARACTERS` together.
    """
    rows = (
        Instance.objects.shown()
        .filter(
            series__study=study,
            series__withheld="",
            sop_class_uid__startswith=_SR_CLASSES,
            blob__size_bytes__lte=MAX_DOCUMENT_BYTES,
        )
        .exclude(series__manufacturer=MANUFACTURER)
        .select_related("blob")
        .order_by("-pk")
    )
    parts: list[str] = []
    length = 0
    for instance in rows[:MAX_DOCUMENTS]:
        for text in _texts_of(instance):
            if length >= MAX_CHARACTERS:
                break
            parts.append(text)
            length += len(text) + 1
    return parts


def document_texts(ds: Dataset) -> Iterator[str]:
    """Yield the values of a document's TEXT and CODE items, in the order they are read.

    Parameters
    ----------
    ds : a structured report

    Yields
    ------
    Texts and code meanings; what observers are called and in which language is passed over.

    References
    ----------
    DICOM PS3.3 C.17.3
    """
    waiting = deque(ds.get("ContentSequence") or [])
    for _ in range(MAX_ITEMS):
        if not waiting:
            return
        item = waiting.popleft()
        if item.get("RelationshipType") == _CONTEXT or _is_about_language(item):
            continue
        if item.get("ValueType") == "TEXT":
            yield str(item.get("TextValue") or "")
        elif item.get("ValueType") == "CODE":
            for code in (item.get("ConceptCodeSequence") or [])[:1]:
                yield str(code.get("CodeMeaning") or "")
        waiting.extendleft(reversed(item.get("ContentSequence") or []))


def _is_about_language(item: Dataset) -> bool:
    names = item.get("ConceptNameCodeSequence") or []
    return any(name.get("CodeValue") in _NO_CONTENT for name in names)


def _texts_of(instance: Instance) -> list[str]:
    try:
        return list(document_texts(load_dataset(instance, stop_before_pixels=True)))
    except _UNREADABLE:
        # Whatever is wrong with a stranger's document, the study's other words still count.
        logger.warning("a report could not be read for its words", extra={"instance": instance.pk})
        return []


def _names_of(study: Study) -> set[str]:
    patient = study.patient
    texts = (patient.patient_name, patient.patient_name_search, patient.dicom_patient_id)
    words = {word for text in texts for word in fold_text(text).split(" ")}
    return {word for word in words if len(word) >= _LEAST_NAME_LENGTH}
