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

# Components kept in all, and where a head stands on them; measured in docs/retrieval.md as are
# the three below.
COMPONENTS = 320
COMPONENTS_UNDER_HEAD = 480
# Exponent of the standard deviations that components are divided by: 0 leaves them as they
# are, 1 is full whitening.
WHITENING = 0.35
# How far the scatter within classes is drawn towards a sphere.
SHRINKAGE = 0.7
# Length of the head's numbers beside the components, which have length 1.
HEAD_WEIGHT = 2.0
# Share of the mean variance added to each component's, so that unseen directions stay finite.
_RIDGE = 1e-3
_FORMAT = 3
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Part:
    """One linear map of some of a vector's numbers.

    Attributes
    ----------
    offset : (d,) float32, subtracted first
    matrix : (d, k) float32
    start : where the d numbers begin in the vector
    """

    offset: Vectors
    matrix: Vectors
    start: int = 0

    @property
    def end(self) -> int:
        """Where the numbers that it takes end."""
        return self.start + int(self.matrix.shape[0])

    def apply(self, rows: Vectors) -> Vectors:
        """Return (n, k), rows of any length."""
        moved = rows[:, self.start : self.end] - self.offset
        return np.asarray(moved @ self.matrix, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Projection:
    """A vector of a base space becomes a unit vector of another space.

    Attributes
    ----------
    kind : ``pca`` or ``lda``
    parts : at least one, a block of the vector each; side by side they are the components
    head : takes the components and is put beside them
    weight : length of the head's numbers, where the components have length 1
    reach : how long the head's numbers must be for that; shorter ones, of what is like none of
        the labels, count less in proportion
    """

    kind: str
    parts: tuple[Part, ...]
    head: Part | None = None
    weight: float = 0.0
    reach: float = 0.0

    @property
    def input_dimension(self) -> int:
        """Dimension of the base space."""
        return self.parts[-1].end

    @property
    def dimension(self) -> int:
        """Dimension of the projected space."""
        beside = 0 if self.head is None else int(self.head.matrix.shape[1])
        return sum(int(part.matrix.shape[1]) for part in self.parts) + beside

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
        parts = [_unit(part.apply(rows)) for part in self.parts]
        found = _unit(np.concatenate(parts, axis=1))
        if self.head is None:
            return found
        judged = _unit(self.head.apply(found), self.reach)
        return _unit(np.concatenate([found, self.weight * judged], axis=1))

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
                    Part(arrays[f"offset_{index}"], arrays[f"matrix_{index}"], int(start))
                    for index, start in enumerate(arrays["starts"])
                )
                has_head = "head_matrix" in arrays
                head = Part(arrays["head_offset"], arrays["head_matrix"]) if has_head else None
                weight, reach = (float(value) for value in arrays["head"])
                found = cls(str(arrays["kind"]), parts, head, weight, reach)
        except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as error:
            raise BundleInvalidError("The projection is damaged.") from error
        if number != _FORMAT or not _is_whole(found):
            raise BundleInvalidError("The projection is of another format or incomplete.")
        return found

    @cached_property
    def _content(self) -> bytes:
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "format": np.array(_FORMAT),
            "kind": np.array(self.kind),
            "head": np.array([self.weight, self.reach]),
            "starts": np.array([part.start for part in self.parts], dtype=np.int64),
        }
        for index, part in enumerate(self.parts):
            arrays[f"offset_{index}"] = part.offset
            arrays[f"matrix_{index}"] = part.matrix
        if self.head is not None:
            arrays |= {"head_offset": self.head.offset, "head_matrix": self.head.matrix}
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        return stream.getvalue()


def fit_pca(
    vectors: Vectors,
    dimension: int = COMPONENTS,
    *,
    blocks: Sequence[int] | None = None,
    whitening: float = WHITENING,
) -> Projection:
    """Fit principal components, divided by a power of their standard deviations.

    Parameters
    ----------
    vectors : (n, d) of the base space
    dimension : components to keep in all, 1 to d; an equal share of each block
    blocks : lengths of the blocks that the vector is made of, each with components of its own;
        the whole vector is one where absent
    whitening : 0 keeps variances, 1 makes all equal, which loses where vectors are few

    Returns
    -------
    Projection without head, to `dimension` dimensions

    Raises
    ------
    UnsupportedInputError
        There are fewer than two vectors, more dimensions are asked for than there are, or the
        blocks are not the vector.
    """
    return Projection("pca", _fit_parts(_checked(vectors), dimension, blocks, whitening))


def fit_lda(
    vectors: Vectors,
    labels: Sequence[str],
    *,
    groups: Sequence[object] | None = None,
    reference: Vectors | None = None,
    blocks: Sequence[int] | None = None,
    shrinkage: float = SHRINKAGE,
    weight: float = HEAD_WEIGHT,
) -> Projection:
    """Fit components and a linear discriminant head on them, put beside each other.

    The components stay for what has no label.

    Parameters
    ----------
    vectors : (n, d) of the base space
    labels : class of each vector, at least two different ones
    groups : patient of each vector; many images of a patient and class count less than as many
        patients
    reference : (m, d) vectors drawn from the whole archive, which the components are fitted on;
        the labelled ones where absent
    blocks : as in `fit_pca`
    shrinkage : 0 takes the scatter within classes as it is, 1 as a sphere
    weight : length of the head's numbers, where the components have length 1

    Returns
    -------
    Projection to at most 480 + classes - 1 dimensions

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
    beside = rows if reference is None else _checked(reference)
    dimension = min(COMPONENTS_UNDER_HEAD, rows.shape[1])
    parts = _fit_parts(beside, dimension, blocks, WHITENING)
    found = Projection("lda", parts).apply(rows.astype(np.float32)).astype(np.float64)
    head = _discriminant(found, classes, _row_weights(classes, groups), shrinkage)
    lengths = np.linalg.norm(head.apply(found.astype(np.float32)), axis=1)
    return Projection("lda", parts, head, weight, float(np.median(lengths)))


def _fit_parts(
    rows: Floats, dimension: int, blocks: Sequence[int] | None, whitening: float
) -> tuple[Part, ...]:
    lengths = list(blocks or [rows.shape[1]])
    if min(lengths) < 1 or sum(lengths) != rows.shape[1]:
        raise UnsupportedInputError("The blocks are not those of the vectors.")
    if not len(lengths) <= dimension <= rows.shape[1]:
        raise UnsupportedInputError(
            f"A dimension from {len(lengths)} to {rows.shape[1]} can be kept."
        )
    starts = np.cumsum([0, *lengths[:-1]])
    return tuple(
        _components(rows[:, start : start + length], int(start), kept, whitening)
        for start, length, kept in zip(starts, lengths, _shares(dimension, lengths), strict=True)
    )


def _shares(dimension: int, lengths: Sequence[int]) -> list[int]:
    """Deal out dimensions one at a time, so that short blocks leave theirs to the others."""
    shares = [0] * len(lengths)
    while sum(shares) < dimension:
        for index, length in enumerate(lengths):
            if shares[index] < length and sum(shares) < dimension:
                shares[index] += 1
    return shares


def _components(rows: Floats, start: int, dimension: int, whitening: float) -> Part:
    mean = rows.mean(axis=0)
    centred = rows - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    floor = _RIDGE * float(variances.mean()) + _TINY
    scales = (variances[:dimension] + floor) ** (-whitening / 2)
    matrix = axes[:, :dimension] * scales
    return Part(mean.astype(np.float32), matrix.astype(np.float32), start)


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


def _unit(rows: npt.NDArray[np.floating[Any]], least: float = 0.0) -> Vectors:
    """Bring rows to length 1, those shorter than `least` to their share of it."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, max(least, _TINY)), dtype=np.float32)


def _is_whole(found: Projection) -> bool:
    """Tell whether the parts take the whole vector, one after another, and the head all of them."""
    end, count = 0, 0
    for part in found.parts:
        if part.start != end or not _fits(part):
            return False
        end, count = part.end, count + int(part.matrix.shape[1])
    if found.head is None:
        return count > 0
    return _fits(found.head) and found.head.end == count


def _fits(part: Part) -> bool:
    return part.matrix.ndim == 2 and part.offset.shape == part.matrix.shape[:1]
