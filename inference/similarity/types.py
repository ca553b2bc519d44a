"""What is asked of the search and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import numpy.typing as npt

DEFAULT_K = 10
MAX_K = 1000
MAX_EXAMPLES = 50
MAX_TEXT_LENGTH = 1000
MAX_IMAGE_BYTES = 64 * 1024 * 1024


class Level(StrEnum):
    """What one result is."""

    FRAME = "frame"
    INSTANCE = "instance"
    SERIES = "series"
    STUDY = "study"


class PatientScope(StrEnum):
    """What becomes of the patient of the query object."""

    EXCLUDE = "exclude"
    ONLY = "only"
    ANY = "any"


class ScoreKind(StrEnum):
    """What a score is; greater is always more alike.

    For cosine and Bhattacharyya 1 is the same. A Euclidean score is 1 / (1 + distance). ``rrf``
    is the sum of reciprocal ranks of a mixed query, ``text`` PostgreSQL's rank of words.
    """

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"
    INNER_PRODUCT = "inner_product"
    BHATTACHARYYA = "bhattacharyya"
    RRF = "rrf"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels of the stored frame: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on results: a list means any of it; different conditions hold together.

    ``label`` holds a label of any set, or ``set:label``; ``finding`` a model's finding by its
    label, by ``name:label``, or ``any``. ``attribute`` holds pairs of a DICOM keyword and a value
    that an image of the series has (PS3.6). ``view`` is View Position. Ages are whole years,
    both ends included, at the time of the study; what has no age or date matches no range.
    ``project`` holds slugs of projects that the asker may read.
    """

    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    laterality: tuple[str, ...] = ()
    view: tuple[str, ...] = ()
    manufacturer: tuple[str, ...] = ()
    sex: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    finding: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    attribute: tuple[tuple[str, str], ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    age_from: int | None = None
    age_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarQuery:
    """A question to `inference.similarity.services.search_similar`.

    ``instance`` is more specific than ``series``, and that than ``study``: given together they
    name one object by its path. ``frame`` counts from 1 and, like ``region``, belongs to
    ``instance``, or to ``image`` where there is no instance. ``image`` holds the bytes of a
    picture or of a DICOM file. ``text`` is looked for in labels, findings, descriptions and
    reports, and among the pictures where the space's model reads text. A stored object, an image
    and a text may come together: each is ranked by itself, and the rankings are fused.
    ``positive`` and ``negative`` are SOP Instance UIDs. ``k`` counts patients where ``fold``.
    ``space`` is the name of an embedding space, the default one where it is empty. ``rerank``
    False leaves series in the order of their mean vectors; else the nearest are compared slice
    by slice where both have slices.
    """

    study: str = ""
    series: str = ""
    instance: str = ""
    frame: int | None = None
    region: Region | None = None
    image: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    level: Level = Level.SERIES
    k: int = DEFAULT_K
    patient: PatientScope = PatientScope.EXCLUDE
    fold: bool = True
    space: str = ""
    explain: bool = True
    rerank: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePair:
    """The two images, one of the query and one of the result, that look most alike."""

    query_instance_uid: str
    result_instance_uid: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What else agrees besides the pixels: names of attributes that do, and of those that don't.

    What the query or the result does not state is in neither.
    """

    agrees: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    shared_labels: tuple[str, ...] = ()
    best_pair: SlicePair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How far the answer can be trusted to be like the query at all.

    ``cut`` is the calibrated score from which a hit counts as close in this space, level and
    modality; None before anything was calibrated, and then nothing else here says anything.
    ``is_out_of_distribution`` says that the query lies further from everything than what the
    archive holds lies from each other: not the kind of image that the archive knows.
    """

    cut: float | None = None
    number_close: int = 0
    is_nothing_close: bool = False
    is_out_of_distribution: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """What some of the nearest cases carry: ``count`` of ``considered`` cases.

    ``share`` is weighted by rank and score, 0 to 1, with its 95 % interval ``low`` to ``high``.
    ``source`` is ``label`` (of people), ``finding`` or ``result`` (of models); ``name`` the label
    set's, finding's or model's. ``carrying`` cases say anything under this name.
    ``mean_probability`` is what the model gave the label on average, None for people's.
    """

    source: str
    name: str
    label: str
    count: int
    considered: int
    share: float
    low: float
    high: float
    carrying: int = 0
    mean_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarResult:
    """One similar case.

    ``instance_uid`` is, for a series or study, its embedded image closest to the query.
    ``percentile`` is the share, in percent, of random pairs of the space that are less alike;
    None before quantiles exist. ``rerank_score`` is what decided the order where series were
    compared slice by slice, None elsewhere. ``siblings`` counts the patient's other objects of
    this level inside the asker's rights and the filters, folded behind this one. ``labels`` are
    written ``set:label``.
    """

    study_uid: str
    series_uid: str
    instance_uid: str = ""
    frame: int | None = None
    score: float
    score_kind: ScoreKind = ScoreKind.COSINE
    percentile: float | None = None
    rerank_score: float | None = None
    siblings: int = 0
    thumbnail: str
    labels: tuple[str, ...] = ()
    explain: Explanation | None = None
    # Against the calibrated cut; None before there is one.
    is_close: bool | None = None
    # Which parts of a query with words or of several parts found it, by their fields' names.
    matched_by: tuple[str, ...] = ()
    modality: str = ""
    body_part: str = ""
    study_date: date | None = None
    study_description: str = ""
    series_description: str = ""
    patient_sex: str = ""
    patient_age: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarAnswer:
    """The ranked cases; ``exact`` says that no index was between the query and the rows."""

    results: tuple[SimilarResult, ...]
    space: str
    level: Level
    exact: bool
    took_ms: float
    closeness: Closeness = field(default_factory=Closeness)
    # Never a diagnosis: what people and models said of the nearest cases.
    summary: tuple[SummaryLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceVector:
    """The vector of an instance, or of one of its frames (from 1), to be stored."""

    instance_id: int
    vector: npt.NDArray[np.float32]
    frame: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedCounts:
    """How much of a study has a vector in a space."""

    series: int = 0
    instances: int = 0
    frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSummary:
    """An embedding space as a person chooses it."""

    name: str
    dimension: int
    is_default: bool
    has_encoder: bool
