"""What people and models said of the nearest cases: counted, weighted, and never a diagnosis."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import F

from inference.models import Finding, ModelVersion, Run
from inference.similarity.types import Level, SummaryLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inference.similarity.ranking import RankedRow
    from inference.similarity.types import SimilarResult

MAX_CONSIDERED = 20
# Lines of one name, say of one set of labels: the rest is a long tail of single cases.
MAX_LINES_A_NAME = 5
# A class that a model gives less than this is no statement of it.
LEAST_PROBABILITY = 0.5
# Quantile of the normal distribution for 95 %.
_Z = 1.959964
# Said of each result already, and by the filters.
_SAID_ELSEWHERE = frozenset({"modality", "body_part"})
_SOURCES = ("label", "finding", "result")


def summarise_neighbours(
    level: Level, rows: Sequence[RankedRow], results: Sequence[SimilarResult]
) -> tuple[SummaryLine, ...]:
    """Say what labels, findings and results of models the nearest cases carry.

    The cases are the results shown, one a patient, the first 20 at most: every one of them can be
    looked at, and nothing that the asker did not get has a say. Where fewer than 20 were asked
    for, fewer are counted; no more are fetched behind the asker's back.

    Parameters
    ----------
    level : what one result is
    rows : inside the asker's rights and filters, best first
    results : of the same rows, with their labels

    Returns
    -------
    Lines by source (labels of people first), by name, and greatest share first. ``considered``
    are all cases looked at, ``carrying`` those that say anything under this name.

    Notes
    -----
    A case's weight is its rank's discount times its score's part of the best score,
    ``s / (s_1 log2(1 + rank))``, as in discounted cumulative gain: a near case counts for more,
    and no case decides alone. The share is the weighted mean; its 95 % interval is Wilson's,
    with Kish's effective number of cases ``(sum w)^2 / sum w^2`` in place of their number. It
    says how sure the share is among cases like these, not how probable the label is for the
    query.

    References
    ----------
    Järvelin and Kekäläinen 2002, ACM TOIS 20, 422 (the discount). Kish 1965, Survey Sampling,
    11.7 (effective size). Wilson 1927, JASA 22, 209; Korn and Graubard 1998, Survey Methodology
    24, 193 (intervals for weighted proportions by effective size).
    """
    cases = _nearest_cases(rows, results)
    if not cases:
        return ()
    _add_statements_of_models(level, cases)
    counted: dict[tuple[str, str], dict[str, list[_Said]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        for statement in case.statements.values():
            counted[statement.source, statement.name][statement.label].append(statement)
    total = sum(case.weight for case in cases)
    effective = total**2 / sum(case.weight**2 for case in cases)
    lines = []
    for (source, name), by_label in counted.items():
        carrying = {id(said.case) for statements in by_label.values() for said in statements}
        of_name = [
            _line(statements, (source, name, label), (len(cases), len(carrying)), total, effective)
            for label, statements in by_label.items()
        ]
        lines += sorted(of_name, key=lambda line: (-line.share, line.label))[:MAX_LINES_A_NAME]
    return tuple(sorted(lines, key=lambda line: (_SOURCES.index(line.source), line.name)))


def wilson_interval(share: float, number: float) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Parameters
    ----------
    share : 0 to 1
    number : of cases, or their effective number, above 0

    Returns
    -------
    Lower and upper end, 0 to 1.

    References
    ----------
    Wilson 1927, JASA 22, 209
    """
    spread = _Z**2 / number
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / number + spread / (4 * number))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement about a case; a model's has a probability."""

    case: _Case = field(repr=False)
    source: str
    name: str
    label: str
    probability: float | None = None


@dataclass(slots=True)
class _Case:
    """One of the nearest cases; statements by source, name and label, each counted once."""

    row: RankedRow
    weight: float
    statements: dict[tuple[str, str, str], _Said] = field(default_factory=dict)

    def say(self, source: str, name: str, label: str, probability: float | None = None) -> None:
        said = _Said(self, source, name, label, probability)
        self.statements.setdefault((source, name, label), said)


def _nearest_cases(rows: Sequence[RankedRow], results: Sequence[SimilarResult]) -> list[_Case]:
    best = max((result.score for result in results), default=0.0)
    cases: dict[int, _Case] = {}
    for row, result in zip(rows, results, strict=True):
        if row.patient_id in cases or len(cases) == MAX_CONSIDERED:
            continue
        closeness = max(result.score / best, 0.0) if best > 0 else 1.0
        case = _Case(row, max(closeness, 1e-6) / math.log2(2 + len(cases)))
        cases[row.patient_id] = case
        for text in result.labels:
            name, _, label = text.partition(":")
            case.say("label", name, label)
    return list(cases.values())


def _add_statements_of_models(level: Level, cases: Iterable[_Case]) -> None:
    """Models speak of series: their newest runs on each case's series, or on its study's."""
    column = "study_id" if level is Level.STUDY else "series_id"
    by_object: dict[int, list[_Case]] = defaultdict(list)
    for case in cases:
        by_object[getattr(case.row, column)].append(case)
    newest = (
        Run.objects.standing()
        .filter(**{f"{column}__in": list(by_object)})
        .order_by("series_id", "model_version__name", "-pk")
        .distinct("series_id", "model_version__name")
    )
    columns = ("pk", column, "model_version__name", "model_version__task")
    runs = {pk: (key, name, task) for pk, key, name, task in newest.values_list(*columns)}
    for key, name, task in runs.values():
        for case in by_object[key] if task == ModelVersion.Task.SEGMENT else ():
            case.say("result", name, "segmentation")
    _add_findings({pk: by_object[key] for pk, (key, _, _) in runs.items()})


def _add_findings(cases_of_run: Mapping[int, Sequence[_Case]]) -> None:
    """Take each case's most probable class of each name."""
    rows = (
        Finding.objects.standing()
        .filter(run__in=cases_of_run, kind=Finding.Kind.CLASSIFICATION)
        .exclude(name__in=_SAID_ELSEWHERE)
        .order_by(F("probability").desc(nulls_last=True), "pk")
    )
    said: set[tuple[int, str]] = set()
    for run, name, label, probability in rows.values_list("run", "name", "label", "probability"):
        for case in cases_of_run[run]:
            is_first = (id(case), name) not in said
            said.add((id(case), name))
            if is_first and (probability is None or probability >= LEAST_PROBABILITY):
                case.say("finding", name, label, probability)


def _line(
    statements: Sequence[_Said],
    words: tuple[str, str, str],
    numbers: tuple[int, int],
    total: float,
    effective: float,
) -> SummaryLine:
    share = min(1.0, sum(said.case.weight for said in statements) / total)
    low, high = wilson_interval(share, effective)
    stated = [said.probability for said in statements if said.probability is not None]
    return SummaryLine(
        source=words[0],
        name=words[1],
        label=words[2],
        count=len(statements),
        considered=numbers[0],
        carrying=numbers[1],
        share=round(share, 4),
        low=round(low, 4),
        high=round(high, 4),
        mean_probability=round(sum(stated) / len(stated), 4) if stated else None,
    )
