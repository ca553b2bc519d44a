"""Free-response receiver operating characteristic: sensitivity against false alarms a case."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Of the LUNA16 and LNDb challenges.
OPERATING_POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Found:
    """One detection in a case, or one true thing: where, and how sure or how large."""

    at_mm: tuple[float, float, float]
    score: float = 1.0
    radius_mm: float = 0.0


@dataclass(frozen=True)
class Froc:
    """Sensitivities at the operating points, with intervals over cases.

    Attributes
    ----------
    points : false alarms a case
    sensitivities : at these
    low, high : 95 % percentile interval of each, by a bootstrap over cases
    score : mean of the sensitivities (the challenges call it CPM)
    targets, cases : how many were counted
    """

    points: tuple[float, ...]
    sensitivities: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    score: float
    targets: int
    cases: int


@dataclass(frozen=True, eq=False)
class _Case:
    """A case after matching: scores of hits (one a true thing found) and of false alarms."""

    hits: tuple[float, ...]
    alarms: tuple[float, ...]
    targets: int


def froc(
    truths: Sequence[Sequence[Found]],
    detections: Sequence[Sequence[Found]],
    *,
    resamples: int = 500,
    seed: int = 0,
) -> Froc:
    """Evaluate detections case by case.

    Parameters
    ----------
    truths
        what is there, a sequence a case
    detections
        what was found, in the same order of cases
    resamples
        of the bootstrap
    seed
        of the bootstrap
    """
    cases = [_matched(t, d) for t, d in zip(truths, detections, strict=True)]
    whole = _sensitivities(cases)
    rng = np.random.default_rng(seed)
    drawn = [
        _sensitivities([cases[at] for at in rng.integers(len(cases), size=len(cases))])
        for _ in range(resamples)
    ]
    low, high = np.percentile(np.array(drawn), [2.5, 97.5], axis=0)
    return Froc(
        points=OPERATING_POINTS,
        sensitivities=tuple(whole),
        low=tuple(float(value) for value in low),
        high=tuple(float(value) for value in high),
        score=float(np.mean(whole)),
        targets=sum(case.targets for case in cases),
        cases=len(cases),
    )


def is_hit(detection: Found, truth: Found) -> bool:
    """Whether a detection lies inside what is there, or within 5 mm of its middle.

    Parameters
    ----------
    detection
        place
    truth
        place and radius
    """
    away = float(np.linalg.norm(np.subtract(detection.at_mm, truth.at_mm)))
    return away <= max(truth.radius_mm, 5.0)


def _matched(truths: Sequence[Found], detections: Sequence[Found]) -> _Case:
    """Give each true thing its best detection; a second one on it counts as neither."""
    hits: dict[int, float] = {}
    alarms = []
    for one in sorted(detections, key=lambda found: -found.score):
        on = [index for index, truth in enumerate(truths) if is_hit(one, truth)]
        fresh = [index for index in on if index not in hits]
        if fresh:
            hits[fresh[0]] = one.score
        elif not on:
            alarms.append(one.score)
    return _Case(tuple(hits.values()), tuple(alarms), len(truths))


def _sensitivities(cases: Sequence[_Case]) -> list[float]:
    targets = sum(case.targets for case in cases)
    hits = np.sort([score for case in cases for score in case.hits])
    alarms = np.sort([score for case in cases for score in case.alarms])[::-1]
    found = []
    for point in OPERATING_POINTS:
        allowed = int(np.floor(point * len(cases) + 1e-9))
        # The lowest threshold that lets no more false alarms through.
        threshold = alarms[allowed] if allowed < len(alarms) else -np.inf
        count = int((hits > threshold).sum())
        found.append(count / targets if targets else float("nan"))
    return found
