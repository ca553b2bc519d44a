"""Names of persons against their folded columns: no case, no accents, up to three groups.

A column holds the groups of a name one behind the other with an equals sign between them
(`archive.dicom.charsets.fold_name`), so that a pattern can tell where each begins and ends.
"""

from __future__ import annotations

from archive.dicom.charsets import fold_text
from archive.query.conditions import Condition, all_of, any_of
from archive.query.wildcards import has_wildcard, like_pattern

# A word and a name count as alike from this share of the word's trigrams on.
WORD_SIMILARITY = 0.5
_SHORTEST_ALIKE = 3


def name_condition(column: str, value: str) -> Condition | None:
    """Match a name where the value is like one of its groups as a whole.

    A value with groups of its own is compared group by group; groups it leaves empty match any.

    Parameters
    ----------
    column
        SQL of the folded column
    value
        the key's value, wildcards allowed

    Returns
    -------
    the condition, None where the value says nothing

    References
    ----------
    DICOM PS3.4 sections C.2.2.2.1 and C.2.2.2.4
    """
    groups = [fold_text(group) for group in value.split("=")[:3]]
    if len(groups) == 1:
        return _any_group(column, groups[0]) if groups[0] else None
    conditions = [
        Condition(f"split_part({column}, '=', {place}) LIKE %s", (like_pattern(group),))
        for place, group in enumerate(groups, start=1)
        if group and group.strip("*")
    ]
    if groups[0] and groups[0].strip("*"):
        # The same once more, as the index knows it.
        conditions.append(_begins(column, groups[0]))
    return all_of(conditions) if conditions else None


def _begins(column: str, group: str) -> Condition:
    pattern = like_pattern(group)
    return _likes(column, [pattern, f"{pattern}=%"])


def _any_group(column: str, group: str) -> Condition:
    pattern = like_pattern(group)
    is_open = group.endswith("*")
    condition = _likes(column, [pattern] if is_open else [pattern, f"{pattern}=%"])
    if not group.startswith("*"):
        # Groups behind the first: told apart, for an index of just the names that have some.
        later = [
            Condition(f"strpos({column}, '=') > 0"),
            Condition(f"{column} LIKE %s", (f"%={pattern if is_open else pattern + '%'}",)),
        ]
        if not is_open:
            later.append(_is_group(column, pattern))
        condition = any_of([condition, all_of(later)])
    if "*" in group.strip("*") or "?" in group:
        # What a wildcard stands for ends where the group does.
        alone = Condition(f"strpos({column}, '=') = 0")
        return all_of([condition, any_of([alone, _is_group(column, pattern)])])
    return condition


def _is_group(column: str, pattern: str) -> Condition:
    groups = f"SELECT 1 FROM unnest(string_to_array({column}, '=')) AS name"  # noqa: S608 ours
    return Condition(f"EXISTS ({groups} WHERE name LIKE %s)", (pattern,))


def _likes(column: str, patterns: list[str]) -> Condition:
    return any_of([Condition(f"{column} LIKE %s", (pattern,)) for pattern in patterns])


def fuzzy_name_condition(column: str, value: str) -> Condition | None:
    """Match where each word of the value begins a word of the name, or is like one, in any order.

    Parameters
    ----------
    column
        SQL of the folded column
    value
        the key's value; a word with a wildcard is only compared as it stands

    Returns
    -------
    the condition, None where the value says nothing. Needs pg_trgm and its
    ``word_similarity_threshold`` at `WORD_SIMILARITY`.

    References
    ----------
    DICOM PS3.4 section C.2.2.2.1.1
    """
    words = fold_text(value).split()
    return all_of([_word(column, word) for word in words]) if words else None


def _word(column: str, word: str) -> Condition:
    pattern = like_pattern(f"{word}*")
    begins = _likes(column, [pattern, f"% {pattern}", f"%={pattern}"])
    if has_wildcard(word) or len(word) < _SHORTEST_ALIKE:
        return begins
    return any_of([begins, Condition(f"%s <%% {column}", (word,))])
