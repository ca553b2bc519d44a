"""Labels from what reports say: named terms, unless they are negated or in doubt."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from archive.dicom.charsets import fold_text
from archive.errors import InvalidRequestError
from archive.models import Study
from inference.models import Label
from inference.similarity.words.reports import report_statements
from inference.training.labelling import LabelledCounts, NewLabel, import_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archive.audit.types import Asker

_BATCH = 500
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"[.;:!?\n]+|\s-\s")
# Words that turn what follows them in a sentence, within so many words, or what goes before.
_REACH = 6
_BEFORE = (
    *("no", "not", "without", "denies", "negative for", "free of", "absence of", "rule out"),
    *("possible", "possibly", "suspected", "suspicion of", "cannot exclude", "may represent"),
    *("history of", "status post", "kein", "keine", "ohne", "kein nachweis", "verdacht auf"),
)
_AFTER = (
    *("is excluded", "was excluded", "ruled out", "is absent", "not seen", "not identified"),
    *("unlikely", "has resolved", "ausgeschlossen", "nicht nachweisbar"),
)


def label_from_reports(
    *, asker: Asker, label_set: str, terms: Mapping[str, Sequence[str]]
) -> LabelledCounts:
    """Label studies by the terms in their reports, for the site's operator.

    A study gets the label of each term that a report states. Negated, doubtful and past findings
    give none; nor does silence. These are weak labels: their source says that they are from
    reports, and nobody's name stands by them.

    Parameters
    ----------
    asker
        for the audit trail
    label_set
        name of the set
    terms
        label to the words that stand for it

    Raises
    ------
    InvalidRequestError
        A name is empty or too long, or there are no terms.
    """
    if not any(terms.values()):
        raise InvalidRequestError("There are no terms to look for.")
    created = existing = 0
    studies = Study.objects.filter(series__modality="SR").distinct().order_by("pk")
    labels: list[NewLabel] = []
    for study in studies.iterator(chunk_size=_BATCH):
        found = stated_labels(report_statements(study), terms)
        labels += [
            NewLabel(label_set=label_set, label=label, study=study.study_instance_uid)
            for label in sorted(found)
        ]
        if len(labels) >= _BATCH:
            counts = import_labels(asker=asker, labels=labels, source=Label.Source.REPORT)
            created, existing = created + counts.created, existing + counts.existing
            labels = []
    counts = import_labels(asker=asker, labels=labels, source=Label.Source.REPORT)
    return LabelledCounts(created=created + counts.created, existing=existing + counts.existing)


def stated_labels(texts: Iterable[str], terms: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the labels of which a term is stated: neither negated, in doubt, nor in the past.

    References
    ----------
    Chapman et al. 2001, J Biomed Inform 34, 301 (NegEx), simplified
    """
    sentences = [f" {_words(sentence)} " for text in texts for sentence in _SENTENCE.split(text)]
    return {
        label
        for label, words in terms.items()
        if any(_is_stated(sentence, word) for sentence in sentences for word in words)
    }


def _words(text: str) -> str:
    return " ".join(_WORD.findall(fold_text(text)))


def _is_stated(sentence: str, term: str) -> bool:
    wanted = _words(term)
    if not wanted:
        return False
    # A plural is the same finding.
    for found in re.finditer(rf" {re.escape(wanted)}(?:e?s|en)? ", sentence):
        before = " ".join(sentence[: found.start()].split()[-_REACH:])
        after = " ".join(sentence[found.end() :].split()[:_REACH])
        if not (_has(before, _BEFORE) or _has(after, _AFTER)):
            return True
    return False


def _has(text: str, cues: Iterable[str]) -> bool:
    return any(f" {cue} " in f" {text} " for cue in cues)


def read_terms(lines: Iterable[str]) -> dict[str, list[str]]:
    """Read terms from the lines of a CSV file with the columns label and term.

    Raises
    ------
    InvalidRequestError
        A column is missing, or the file is no CSV.
    """
    found: dict[str, list[str]] = defaultdict(list)
    reader = csv.DictReader(lines, restval="")
    try:
        for row in reader:
            held = {str(name).strip().lower(): str(text).strip() for name, text in row.items()}
            if not {"label", "term"} <= set(held):
                raise InvalidRequestError("The file of terms has the columns label and term.")
            if held["label"] and held["term"]:
                found[held["label"]].append(held["term"])
    except csv.Error as error:
        message = f"Line {reader.line_num} is not CSV: {error}."
        raise InvalidRequestError(message) from error
    return dict(found)
