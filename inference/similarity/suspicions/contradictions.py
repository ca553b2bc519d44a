"""Do the pixels contradict what the header says? The nearest of other patients vote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.similarity.suspicions.body_regions import regions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.similarity.suspicions.neighbours import Neighbour

# Measured on wrong labels planted among right ones: docs/retrieval.md, "Mix-ups".
VOTERS = 15
LEAST_VOTERS = 8
LEAST_SHARE = 0.7
MOST_AGREEING = 0.14
# Two words for one look; a secondary capture may hold anything.
_SAME_LOOK = {"CR": "XRAY", "DX": "XRAY", "RG": "XRAY", "RF": "XRAY", "PT": "NM"}
_SAYS_NOTHING = frozenset({"", "OT", "SC", "XC", "DOC", "PR", "SR", "SEG", "KO"})


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The header states one thing, the images like these another."""

    attribute: str
    stated: str
    seen: str
    votes: int
    voters: int

    @property
    def share(self) -> float:
        """Return the part of the voters that agree on what is seen, 0 to 1."""
        return self.votes / self.voters


def contradictions_of(
    *, body_part: str, modality: str, neighbours: Sequence[Neighbour]
) -> list[Contradiction]:
    """Compare a series' words with those of the series that look most like it.

    Parameters
    ----------
    body_part, modality : as the header of the series states them; empty contradicts nothing
    neighbours : nearest series of other patients, nearest first

    Returns
    -------
    What at least `LEAST_SHARE` of the voters see otherwise while almost none agrees.
    """
    found = [
        _voted(
            "BodyPartExamined",
            body_part,
            regions_of(body_part),
            [(near.body_part, regions_of(near.body_part)) for near in neighbours],
        ),
        _voted(
            "Modality",
            modality,
            _look(modality),
            [(near.modality, _look(near.modality)) for near in neighbours],
        ),
    ]
    return [one for one in found if one is not None]


def _look(modality: str) -> frozenset[str]:
    code = modality.upper()
    return frozenset() if code in _SAYS_NOTHING else frozenset({_SAME_LOOK.get(code, code)})


def _voted(
    attribute: str,
    stated: str,
    ours: frozenset[str],
    theirs: Sequence[tuple[str, frozenset[str]]],
) -> Contradiction | None:
    ballots = [(word, regions) for word, regions in theirs if regions][:VOTERS]
    if not ours or len(ballots) < LEAST_VOTERS:
        return None
    agreeing = sum(bool(regions & ours) for _, regions in ballots)
    if agreeing > MOST_AGREEING * len(ballots):
        return None
    counts = Counter(region for _, regions in ballots for region in regions)
    region, votes = counts.most_common(1)[0]
    if votes < LEAST_SHARE * len(ballots):
        return None
    words = Counter(word.upper() for word, regions in ballots if region in regions)
    return Contradiction(attribute, stated, words.most_common(1)[0][0], votes, len(ballots))
