"""How far readers agree: Cohen's and Fleiss' kappa, from their labels of the same objects."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from django.contrib.auth import get_user_model

from archive.models import Study
from archive.models.access import LABELLING_ROLES
from archive.models.querysets import readable_projects
from inference.models import Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_Z = 1.959964
# Landis and Koch 1977, Biometrics 33, 159: words for ranges of kappa, conventional as they are.
_WORDS = ((0.0, "poor"), (0.2, "slight"), (0.4, "fair"), (0.6, "moderate"), (0.8, "substantial"))


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance; ``value`` is None where chance alone would agree always."""

    value: float | None
    low: float | None
    high: float | None
    observed: float
    expected: float
    objects: int

    @property
    def words(self) -> str:
        """Return what the value is conventionally called."""
        if self.value is None:
            return ""
        return next((word for top, word in _WORDS if self.value <= top), "almost perfect")


@dataclass(frozen=True)
class ReaderPair:
    """Two readers and how they agree on what both have read."""

    first: str
    second: str
    kappa: Kappa


@dataclass(frozen=True)
class ReadersAgreement:
    """A set of labels: who read how much, how they agree, and over which answers they differ."""

    label_set: str
    objects: int
    read_by_several: int
    readers: tuple[tuple[str, int], ...]
    fleiss: Kappa | None
    pairs: tuple[ReaderPair, ...]
    # Pairs of answers given to the same object, the most frequent first.
    confusions: tuple[tuple[str, str, int], ...]


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> Kappa:
    """Compare two readers' answers to the same objects.

    Parameters
    ----------
    first, second : answers, in the same order of objects, at least one

    Returns
    -------
    Kappa with its 95 % interval by the large-sample variance

    References
    ----------
    Cohen 1960, Educ Psychol Meas 20, 37. Fleiss, Cohen and Everitt 1969, Psychol Bull 72, 323.
    """
    number = len(first)
    classes = sorted({*first, *second})
    place = {name: index for index, name in enumerate(classes)}
    table = np.zeros((len(classes), len(classes)))
    for one, other in zip(first, second, strict=True):
        table[place[one], place[other]] += 1 / number
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float(np.trace(table)), float(rows @ columns)
    if expected > 1 - 1e-12:
        return Kappa(None, None, None, observed, expected, number)
    value = (observed - expected) / (1 - expected)
    means = columns[:, np.newaxis] + rows[np.newaxis, :]
    diagonal = np.diag(table)
    on = float((diagonal * (1 - (rows + columns) * (1 - value)) ** 2).sum())
    off_weights = table * means**2
    off = (1 - value) ** 2 * float(off_weights.sum() - np.trace(off_weights))
    rest = (value - expected * (1 - value)) ** 2
    error = math.sqrt(max(0.0, on + off - rest) / number) / (1 - expected)
    return _with_interval(value, error, observed, expected, number)


def fleiss_kappa(counts: npt.NDArray[np.int64]) -> Kappa:
    """Compare any number of readers, not the same or as many for each object.

    Parameters
    ----------
    counts : (objects, classes), how many readers gave the class; objects of one reader are
        left out

    Returns
    -------
    Kappa with a 95 % interval by the jackknife over objects

    References
    ----------
    Fleiss 1971, Psychol Bull 76, 378
    """
    table = np.asarray(counts, dtype=np.float64)
    table = table[table.sum(axis=1) > 1]
    number = len(table)
    if not number:
        return Kappa(None, None, None, math.nan, math.nan, 0)
    readers = table.sum(axis=1)
    alike = (table * (table - 1)).sum(axis=1) / (readers * (readers - 1))
    observed = float(alike.mean())
    totals = table.sum(axis=0)
    expected = float(((totals / totals.sum()) ** 2).sum())
    if expected > 1 - 1e-12:
        return Kappa(None, None, None, observed, expected, number)
    value = (observed - expected) / (1 - expected)
    if number < 3:
        return Kappa(value, None, None, observed, expected, number)
    without_totals = totals - table
    shares = without_totals / without_totals.sum(axis=1, keepdims=True)
    by_chance = (shares**2).sum(axis=1)
    without = ((alike.sum() - alike) / (number - 1) - by_chance) / np.maximum(1 - by_chance, 1e-12)
    error = math.sqrt((number - 1) / number * float(((without - without.mean()) ** 2).sum()))
    return _with_interval(value, error, observed, expected, number)


def _with_interval(
    value: float, error: float, observed: float, expected: float, number: int
) -> Kappa:
    low, high = max(-1.0, value - _Z * error), min(1.0, value + _Z * error)
    return Kappa(value, low, high, observed, expected, number)


def labels_to_agree_on(user: AnyUser) -> QuerySet[Label]:
    """Return the labels in the projects in which the user labels."""
    through = Study.projects.through.objects.filter(
        project__in=readable_projects(user, LABELLING_ROLES)
    )
    return Label.objects.filter(study__in=through.values("study_id"))


def shared_label_sets(user: AnyUser) -> list[str]:
    """Return the sets of labels in which the user's projects have something."""
    rows = labels_to_agree_on(user).order_by()
    return sorted(rows.values_list("label_set", flat=True).distinct()[:500])


def readers_agreement(user: AnyUser, label_set: str) -> ReadersAgreement:
    """Compare the readers of a set of labels, inside the user's rights.

    A reader's answer is what they gave to a study, series or whole image; several labels of one
    reader on one object are one answer together. Labels that came without a reader are left out,
    and those of a review: who confirms what a model says has not read on their own.
    """
    said = _answers(user, label_set)
    names = _names({reader for answers in said.values() for reader in answers})
    by_reader: dict[int, dict[object, str]] = defaultdict(dict)
    for key, answers in said.items():
        for reader, answer in answers.items():
            by_reader[reader][key] = answer
    readers = sorted(by_reader, key=lambda one: (-len(by_reader[one]), names[one]))
    several = [answers for answers in said.values() if len(answers) > 1]
    return ReadersAgreement(
        label_set=label_set,
        objects=len(said),
        read_by_several=len(several),
        readers=tuple((names[one], len(by_reader[one])) for one in readers),
        fleiss=fleiss_kappa(_counts(several)) if several else None,
        pairs=tuple(_pairs(readers, by_reader, names)),
        confusions=_confusions(several),
    )


def _answers(user: AnyUser, label_set: str) -> dict[object, dict[int, str]]:
    rows = (
        labels_to_agree_on(user)
        .filter(label_set=label_set, region=[], frame=None, created_by__isnull=False)
        .exclude(source=Label.Source.REVIEW)
        .order_by("label")
    )
    said: dict[object, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    columns = ("study_id", "series_id", "instance_id", "created_by_id", "label")
    for study, series, instance, reader, label in rows.values_list(*columns).iterator():
        said[study, series, instance][reader].append(label)
    return {
        key: {reader: " + ".join(dict.fromkeys(labels)) for reader, labels in answers.items()}
        for key, answers in said.items()
    }


def _names(readers: set[int]) -> dict[int, str]:
    users = get_user_model().objects.filter(pk__in=readers)
    return {user.pk: user.get_full_name() or user.get_username() for user in users}


def _counts(several: Sequence[Mapping[int, str]]) -> npt.NDArray[np.int64]:
    classes = sorted({answer for answers in several for answer in answers.values()})
    place = {name: index for index, name in enumerate(classes)}
    table = np.zeros((len(several), len(classes)), dtype=np.int64)
    for row, answers in enumerate(several):
        for answer in answers.values():
            table[row, place[answer]] += 1
    return table


def _pairs(
    readers: Sequence[int],
    by_reader: Mapping[int, Mapping[object, str]],
    names: Mapping[int, str],
) -> list[ReaderPair]:
    made = []
    for first, second in combinations(readers, 2):
        shared = [key for key in by_reader[first] if key in by_reader[second]]
        if shared:
            kappa = cohen_kappa(
                [by_reader[first][key] for key in shared],
                [by_reader[second][key] for key in shared],
            )
            made.append(ReaderPair(names[first], names[second], kappa))
    return sorted(made, key=lambda pair: -pair.kappa.objects)


def _confusions(several: Sequence[Mapping[int, str]]) -> tuple[tuple[str, str, int], ...]:
    met: Counter[tuple[str, str]] = Counter()
    for answers in several:
        for one, other in combinations(sorted(answers.values()), 2):
            if one != other:
                met[one, other] += 1
    return tuple((one, other, number) for (one, other), number in met.most_common(10))
