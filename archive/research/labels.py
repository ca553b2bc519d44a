"""Labels that go with images: told by rooms above, which know what was said of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.deid.identifiers import holds_word, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from archive.models import Study
    from archive.models.querysets import AnyUser
    from archive.research.pseudonyms import Realm

    Source = Callable[[AnyUser, str], Iterable["ExportedLabel"]]

COLUMNS = (
    "patient",
    "study",
    "series",
    "instance",
    "label_set",
    "label",
    "frame",
    "region",
    "source",
    "annotator_code",
)


@dataclass(frozen=True)
class ExportedLabel:
    """What somebody said of a study, series, instance or region, by its UIDs as stored."""

    label_set: str
    label: str
    series_uid: str = ""
    instance_uid: str = ""
    frame: int | None = None
    region: tuple[int, ...] = ()
    source: str = ""
    annotator: str = ""


_sources: list[Source] = []


def register_label_source(source: Source) -> None:
    """Ask the function, given a user and a Study Instance UID; called as the program starts."""
    _sources.append(source)


def label_rows(
    user: AnyUser, study: Study, realm: Realm, left: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Return a study's labels by the UIDs of its images without identity, as rows of a table.

    Labels whose words name the patient stay behind, as do those of series and instances that do.

    Parameters
    ----------
    user
        who sees the labels
    study
        as stored
    realm
        of the pseudonyms
    left
        SOP Instance UID as stored -> Series Instance UID as stored, of the images that left
    """
    words = _words(study)
    series = set(left.values())
    rows = []
    for source in _sources:
        for one in source(user, study.study_instance_uid):
            is_there = one.instance_uid in left if one.instance_uid else one.series_uid in series
            if (one.instance_uid or one.series_uid) and not is_there:
                continue
            if holds_word(one.label, words) or holds_word(one.label_set, words):
                continue
            rows.append(_row(one, study, realm))
    return rows


def _row(one: ExportedLabel, study: Study, realm: Realm) -> tuple[str, ...]:
    return (
        realm.code(study.patient_id),
        realm.uid(study.study_instance_uid),
        realm.uid(one.series_uid) if one.series_uid else "",
        realm.uid(one.instance_uid) if one.instance_uid else "",
        one.label_set,
        one.label,
        "" if one.frame is None else str(one.frame),
        " ".join(map(str, one.region)),
        one.source,
        realm.pseudonyms.code(f"person:{one.annotator}") if one.annotator else "",
    )


def _words(study: Study) -> frozenset[str]:
    """Return words that name the patient of a study."""
    patient = study.patient
    found: set[str] = set()
    for text in (patient.patient_name, patient.dicom_patient_id, study.accession_number):
        found |= words_of(text)
    return frozenset(found)
