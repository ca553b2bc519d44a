"""Linear maps fitted on an archive's vectors: principal components, and a head on its labels.

Both are closed forms, fitted in seconds on a CPU. A projection is kept as bytes without pickles.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from inference.errors import BundleInvalidError, UnsupportedInputError

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

# Exponent of the standard deviations that components are divided by: 0 leaves them as they
# are, 1 is full whitening. Measured in docs/retrieval.md, as are the two below.
WHITENING = 0.25
# How far the scatter within classes is drawn towards a sphere.
SHRINKAGE = 0.3
# Length of the head's part beside the components' part, which has length 1.
HEAD_WEIGHT = 2.5
# Share of the mean variance added to each component's, so that unseen directions stay finite.
_RIDGE = 1e-3
_FORMAT = 1
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Part:
    """One linear map, whose output is brought to a length of its own.

    Attributes
    ----------
    offset : (d,) float32, subtracted first
    matrix : (d, k) float32
    weight : length of the part in the whole vector before that is brought to length 1
    """

    offset: Vectors
    matrix: Vectors
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Projection:
    """Parts side by side: a vector of a base space becomes a unit vector of another space.

    Attributes
    ----------
    kind : ``pca`` or ``lda``
    parts : at least one, all for the same dimension
    """

    kind: str
    parts: tuple[Part, ...]

    @property
    def input_dimension(self) -> int:
        """Dimension of the base space."""
        return int(self.parts[0].matrix.shape[0])

    @property
    def dimension(self) -> int:
        """Dimension of the projected space."""
        return sum(int(part.matrix.shape[1]) for part in self.parts)

    def apply(self, vectors: Vectors) -> Vectors:
        """Project vectors of the base space.

        Parameters
        ----------
        vectors : (n, input_dimension)

        Returns
        -------
        (n, dimension) float32, rows of length 1; a row that is nothing but offset stays zero

        Raises
        ------
        UnsupportedInputError
            The vectors have another shape.
        """
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.input_dimension:
            raise UnsupportedInputError(
                f"This projection takes vectors of {self.input_dimension} dimensions."
            )
        found = [part.weight * _unit((rows - part.offset) @ part.matrix) for part in self.parts]
        return _unit(np.concatenate(found, axis=1)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the projection as the bytes of an ``.npz`` file without pickles."""
        return self._content

    @property
    def sha256(self) -> str:
        """Digest of `to_bytes`, hexadecimal."""
        return hashlib.sha256(self._content).hexdigest()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Projection":
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        content : bytes of an ``.npz`` file

        Returns
        -------
        Projection

        Raises
        ------
        BundleInvalidError
            The bytes are damaged, of another format, or hold a pickle.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                number = int(arrays["format"])
                parts = tuple(
                    Part(arrays[f"offset_{index}"], arrays[f"matrix_{index}"], float(weight))
                    for index, weight in enumerate(arrays["weights"])
                )
                kind = str(arrays["kind"])
        except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
            raise BundleInvalidError("The projection is damaged.") from error
        if number != _FORMAT or not parts or not all(_fits(part, parts[0]) for part in parts):
            raise BundleInvalidError("The projection is of another format or incomplete.")
        return cls(kind, parts)

    @cached_property
    def _content(self) -> bytes:
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "format": np.array(_FORMAT),
            "kind": np.array(self.kind),
            "weights": np.array([part.weight for part in self.parts]),
        }
        for index, part in enumerate(self.parts):
            arrays[f"offset_{index}"] = part.offset
            arrays[f"matrix_{index}"] = part.matrix
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        return stream.getvalue()


def fit_pca(vectors: Vectors, dimension: int, *, whitening: float = WHITENING) -> Projection:
    """Fit principal components, divided by a power of their standard deviations.

    Parameters
    ----------
    vectors : (n, d) of the base space
    dimension : components to keep, 1 to d
    whitening : 0 keeps variances, 1 makes all equal, which loses where vectors are few

    Returns
    -------
    Projection with one part

    Raises
    ------
    UnsupportedInputError
        There are fewer than two vectors, or more dimensions are asked for than there are.
    """
    rows = _checked(vectors)
    if not 1 <= dimension <= rows.shape[1]:
        raise UnsupportedInputError(f"A dimension from 1 to {rows.shape[1]} can be kept.")
    return Projection("pca", (_components(rows, dimension, whitening),))


def fit_lda(
    vectors: Vectors,
    labels: Sequence[str],
    *,
    groups: Sequence[object] | None = None,
    reference: Vectors | None = None,
    shrinkage: float = SHRINKAGE,
    weight: float = HEAD_WEIGHT,
    whitening: float = WHITENING,
) -> Projection:
    """Fit a linear discriminant head, and keep the vector beside it for what has no label.

    Parameters
    ----------
    vectors : (n, d) of the base space
    labels : class of each vector, at least two different ones
    groups : patient of each vector; one with many images of a class counts as one with few
    reference : (m, d) vectors drawn from the whole archive, which the part beside the head is
        fitted on; the labelled ones where absent
    shrinkage : 0 takes the scatter within classes as it is, 1 as a sphere
    weight : length of the head's part, where the other part has length 1
    whitening : of the other part, as in `fit_pca`

    Returns
    -------
    Projection to d + classes - 1 dimensions (fewer where there are more classes than dimensions)

    Raises
    ------
    UnsupportedInputError
        There are fewer than two classes, or the lengths of the arguments differ.
    """
    rows = _checked(vectors)
    names, classes = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    if len(classes) != len(rows) or (groups is not None and len(groups) != len(rows)):
        raise UnsupportedInputError("Every vector needs one label and one group.")
    if len(names) < 2:
        raise UnsupportedInputError("A head needs at least two classes.")
    beside = _components(
        rows if reference is None else _checked(reference), rows.shape[1], whitening
    )
    head = _discriminant(rows, classes, _row_weights(classes, groups), shrinkage)
    return Projection("lda", (beside, Part(head.offset, head.matrix, weight)))


def _components(rows: Floats, dimension: int, whitening: float) -> Part:
    mean = rows.mean(axis=0)
    centred = rows - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    floor = _RIDGE * float(variances.mean()) + _TINY
    scales = (variances[:dimension] + floor) ** (-whitening / 2)
    return Part(mean.astype(np.float32), (axes[:, :dimension] * scales).astype(np.float32))


def _discriminant(
    rows: Floats, classes: npt.NDArray[np.intp], weights: Floats, shrinkage: float
) -> Part:
    """Directions that tell class means apart, in units of the scatter within classes."""
    count = int(classes.max()) + 1
    share = np.zeros((count, len(rows)))
    share[classes, np.arange(len(rows))] = weights
    means = (share @ rows) / share.sum(axis=1, keepdims=True)
    within = rows - means[classes]
    scatter = (within * (weights / weights.sum())[:, np.newaxis]).T @ within
    sphere = float(np.trace(scatter)) / len(scatter)
    scatter = (1 - shrinkage) * scatter + (shrinkage * sphere + _TINY) * np.eye(len(scatter))
    variances, axes = np.linalg.eigh(scatter)
    whiten = axes / np.sqrt(np.maximum(variances, _TINY))
    centre = means.mean(axis=0)
    _, _, directions = np.linalg.svd((means - centre) @ whiten, full_matrices=False)
    matrix = whiten @ directions[: count - 1].T
    return Part(centre.astype(np.float32), matrix.astype(np.float32))


def _row_weights(classes: npt.NDArray[np.intp], groups: Sequence[object] | None) -> Floats:
    if groups is None:
        return np.ones(len(classes))
    numbers: dict[tuple[int, object], int] = {}
    pairs = [(int(kind), group) for kind, group in zip(classes, groups, strict=True)]
    for pair in pairs:
        numbers[pair] = numbers.get(pair, 0) + 1
    return np.array([1 / np.sqrt(numbers[pair]) for pair in pairs])


def _checked(vectors: Vectors) -> Floats:
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
        raise UnsupportedInputError("A fit needs at least two vectors of finite numbers.")
    return rows


def _unit(rows: npt.NDArray[np.floating[Any]]) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _TINY), dtype=np.float32)


def _fits(part: Part, first: Part) -> bool:
    return (
        part.matrix.ndim == 2
        and part.offset.shape == part.matrix.shape[:1]
        and part.matrix.shape[0] == first.matrix.shape[0]
    )
