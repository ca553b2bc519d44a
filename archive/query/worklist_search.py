"""The study list's one search box: each word is in the name, an ID, the accession or description.

A rare word is looked up first, in the indexes of names, IDs, accessions and descriptions: the few
studies that have it are all that is looked at afterwards. A word that very many studies have is
asked of each study in the order of the list, where the next ones are soon found; two words of names
or descriptions are looked up together before, for common ones may be rare together.
"""

from __future__ import annotations

from itertools import combinations, islice, product
from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Upper

from archive.dicom.charsets import fold_text
from archive.dicom.uids import is_valid_uid
from archive.models import Patient, Study
from archive.models.visibility import visibility
from archive.query.conditions import Condition, all_of, any_of
from archive.query.execution import fetch_all, prepare_fuzzy_search
from archive.query.wildcards import like_pattern
from archive.query.worklist_scope import is_many, remember_many, within

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser, StudyQuerySet

MAX_WORDS = 8
# More than so many studies have a word: it is common.
MAX_CANDIDATES = 10_000
# So many pairs of common words are looked up.
MAX_PAIRS = 3
# Shorter words are looked for where a word begins; longer ones anywhere.
_SHORTEST_INSIDE = 3
_SHORTEST_ALIKE = 4
_SHORTEST_UID = 10
_WORD_SIMILARITY = "0.38"
_ID, _ACCESSION = "upper(p.dicom_patient_id)", "upper(archive_study.accession_number)"
_NAME, _DESCRIPTION = "p.patient_name_search", "upper(archive_study.study_description)"
_STUDY = "archive_study"
_JOINED = "archive_patient p JOIN archive_study ON archive_study.patient_id = p.id"


def words_of(text: str) -> list[str]:
    """Return the words of a search, as they were typed.

    Parameters
    ----------
    text
        what stands in the search box

    Returns
    -------
    at most `MAX_WORDS`, commas and carets of names taken for spaces
    """
    plain = "".join(" " if char in ",^" or not char.isprintable() else char for char in text)
    return list(dict.fromkeys(plain.split()))[:MAX_WORDS]


def search_studies(
    user: AnyUser,
    studies: StudyQuerySet,
    text: str,
    *,
    is_fuzzy: bool = False,
    few: list[int] | None = None,
) -> StudyQuerySet:
    """Keep the studies that have every word of a search.

    Parameters
    ----------
    user
        the asker
    studies
        those the asker may see
    text
        what stands in the search box
    is_fuzzy
        take names that are alike, too; of very many, some
    few
        keys of all studies that there may be, where these are few

    Returns
    -------
    the studies; which words were rare shows in the time alone
    """
    # What is longer is rarer, mostly.
    words = sorted(words_of(text), key=len, reverse=True)
    if is_fuzzy and _is_prepared():
        return within(studies, _alike(user, words))
    if few is not None:
        return within(studies, _narrowed(few, words))
    for rare in _tries(words):
        # What is said of most studies, a modality or a region, is looked up once in a while.
        if is_many(("words", *rare)):
            continue
        keys = _candidates(rare)
        if keys is not None:
            return within(studies, _narrowed(keys, [one for one in words if one not in rare]))
        for common in (rare, *((word,) for word in rare)):
            remember_many(("words", *common))
    for word in words:
        studies = studies.alias(
            description_upper=Upper("study_description"),
            accession_upper=Upper("accession_number"),
        ).filter(_asked_of_each(word))
    return studies


def _tries(words: list[str]) -> list[tuple[str, ...]]:
    """Return which words are looked up for few studies, alone or together, in this order.

    Words that are common alone may be rare together. What has digits is an ID, mostly, and rare by
    itself; of two words without, one statement for both takes a third of one for each.
    """
    alone = [(word,) for word in words]
    pairs = list(islice(combinations(words, 2), MAX_PAIRS))
    if pairs and all(word.isalpha() for word in pairs[0]):
        return [pairs[0], *alone, *pairs[1:]]
    return [*alone, *pairs]


def _is_prepared() -> bool:
    """Set the session up for names that are alike; say whether the database can tell."""
    if not prepare_fuzzy_search():
        return False
    # People mistype more than systems do that ask for fuzzy matching.
    fetch_all(
        "SELECT set_config('pg_trgm.word_similarity_threshold', %s, false)", (_WORD_SIMILARITY,)
    )
    return True


def _is_alike(word: str) -> bool:
    return len(word) >= _SHORTEST_ALIKE and word.isalpha()


def _candidates(words: tuple[str, ...]) -> list[int] | None:
    """Return the keys of all studies with the words, inside rights or not; None for common ones."""
    branches = _conditions(words[0]) if len(words) == 1 else _splits(words)
    # Each with a bound of its own: the planner then stops early where there are many.
    bound = f"LIMIT {MAX_CANDIDATES + 1}"
    inner = " UNION ALL ".join(
        f"(SELECT archive_study.id FROM {source} WHERE {condition.sql} {bound})"  # noqa: S608 ours
        for source, condition in branches
    )
    params = tuple(param for _, condition in branches for param in condition.params)
    rows = fetch_all(f"SELECT id FROM ({inner}) found {bound}", params)  # noqa: S608 ours
    return None if len(rows) > MAX_CANDIDATES else [row[0] for row in rows]


def _splits(words: tuple[str, ...]) -> list[tuple[str, Condition]]:
    """Return where several words may stand: each of the patient, or each of the study.

    So each table's indexes answer for all of its words at once, and few rows are joined.
    """
    ways = [_of_tables(word) for word in words]
    found = []
    for sources in product((_JOINED, _STUDY), repeat=len(words)):
        asked = all_of([way[source] for way, source in zip(ways, sources, strict=True)])
        found.append((_JOINED if _JOINED in sources else _STUDY, asked))
    return found


def _of_tables(word: str) -> dict[str, Condition]:
    """Return for each table whether a row of it has the word."""
    found: dict[str, list[Condition]] = {}
    for source, condition in _conditions(word):
        found.setdefault(source, []).append(condition)
    return {source: any_of(conditions) for source, conditions in found.items()}


def _alike(user: AnyUser, words: list[str]) -> list[int]:
    """Return studies of the asker's whose patients' names are like the words; of many, some."""
    first = next((word for word in words if _is_alike(fold_text(word))), None)
    if first is None:
        return []
    allowed = visibility(Study, user)
    sql = (
        f"SELECT archive_study.id FROM {_JOINED} WHERE %s <%% {_NAME} AND {allowed.sql}"  # noqa: S608
        f" LIMIT {MAX_CANDIDATES}"
    )
    rows = fetch_all(sql, (fold_text(first), *allowed.params))
    rest = [word for word in words if word != first]
    return _narrowed([row[0] for row in rows], rest, is_fuzzy=True)


def _narrowed(keys: list[int], words: list[str], *, is_fuzzy: bool = False) -> list[int]:
    """Keep the studies that have these words, too."""
    if not words or not keys:
        return keys
    asked = all_of([_whole_condition(word, is_fuzzy=is_fuzzy) for word in words])
    sql = f"SELECT archive_study.id FROM {_JOINED} WHERE archive_study.id = ANY(%s) AND {asked.sql}"  # noqa: S608
    return [row[0] for row in fetch_all(sql, (keys, *asked.params))]


def _whole_condition(word: str, *, is_fuzzy: bool) -> Condition:
    ways = [condition for _, condition in _conditions(word)]
    folded = fold_text(word)
    if is_fuzzy and _is_alike(folded):
        ways.append(Condition(f"%s <%% {_NAME}", (folded,)))
    return any_of(ways)


def _conditions(word: str) -> list[tuple[str, Condition]]:
    """Return where a word may stand: the tables to look in, and the condition on them."""
    upper, folded = word.upper(), fold_text(word)
    begins = like_pattern(f"{upper}*")
    found = [
        (_JOINED, Condition(f"{_ID} LIKE %s", (begins,))),
        (_STUDY, Condition(f"{_ACCESSION} LIKE %s", (begins,))),
    ]
    if len(word) >= _SHORTEST_UID and "." in word and is_valid_uid(word):
        uid = Condition("archive_study.study_instance_uid = %s", (word,))
        found.append((_STUDY, uid))
    if folded:
        found.append((_JOINED, _likes(_NAME, folded)))
    found.append((_STUDY, _likes(_DESCRIPTION, upper)))
    return found


def _likes(column: str, text: str) -> Condition:
    if len(text) >= _SHORTEST_INSIDE:
        return Condition(f"{column} LIKE %s", (like_pattern(f"*{text}*"),))
    patterns = (like_pattern(f"{text}*"), like_pattern(f"* {text}*"))
    return any_of([Condition(f"{column} LIKE %s", (pattern,)) for pattern in patterns])


def _asked_of_each(word: str) -> Q:
    """Condition on a study as it comes; the patients with the word are looked up once."""
    upper, folded = word.upper(), fold_text(word)
    of_patient = Q(id_upper__startswith=upper)
    if folded:
        of_patient |= _has("patient_name_search", folded)
    patients = Patient.objects.order_by().alias(id_upper=Upper("dicom_patient_id"))
    return (
        Q(accession_upper__startswith=upper)
        | _has("description_upper", upper)
        | Q(patient_id__in=patients.filter(of_patient).values("pk"))
    )


def _has(path: str, text: str) -> Q:
    if len(text) >= _SHORTEST_INSIDE:
        return Q(**{f"{path}__contains": text})
    return Q(**{f"{path}__startswith": text}) | Q(**{f"{path}__contains": f" {text}"})
