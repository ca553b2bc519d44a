"""Modality and body part by a linear head on the embedding; no torch, no pickle."""

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.embedding import DIMENSION, SPACE_NAME

MODALITY, BODY_PART = "modality", "body_part"
# How much a series' own header is believed against its pixels.
HEADER_TRUST = 0.99
# Header values that say nothing about how the pixels came to be.
_SILENT_MODALITIES = frozenset({"", "OT", "SC", "XC", "DOC"})
# The training images don't tell these apart, so neither does the head.
_ONE_KIND = {"CR": "DX", "RG": "DX"}


@dataclass(frozen=True)
class Classification:
    """One answer of a head about a series.

    Attributes
    ----------
    kind : ``modality`` or ``body_part``
    label : DICOM defined term, such as ``CT`` or ``ABDOMEN``
    probability : 0 to 1
    """

    kind: str
    label: str
    probability: float


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Multinomial logistic regression on vectors of one embedding space.

    Attributes
    ----------
    labels : ``MODALITY/BODY_PART``, one a row of `weights`
    weights : (labels, 384) float64
    bias : (labels,) float64
    temperature : what the scores are divided by so that probabilities are calibrated
    version : of the bundle
    """

    labels: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    temperature: float
    version: str = ""

    @classmethod
    def load(cls, bundle_dir: Path) -> "LinearHead":
        """Read a head from its bundle.

        Parameters
        ----------
        bundle_dir : folder with ``configs/metadata.json`` and ``models/head.npz``

        Returns
        -------
        LinearHead

        Raises
        ------
        BundleInvalidError
            A file is absent or damaged, or the head is for another embedding space.
        """
        try:
            metadata = json.loads((bundle_dir / "configs" / "metadata.json").read_text("utf-8"))
            outputs = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
            labels = tuple(str(outputs[str(index)]) for index in range(len(outputs)))
            space = metadata["embedding_space"]
            with (
                (bundle_dir / "models" / "head.npz").open("rb") as stream,
                np.load(stream, allow_pickle=False) as arrays,
            ):
                weights = arrays["weights"].astype(np.float64)
                bias = arrays["bias"].astype(np.float64)
                temperature = float(arrays["temperature"])
        except (OSError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise BundleInvalidError(f"{bundle_dir.name} is no readable head.") from error
        fits = weights.shape == (len(labels), DIMENSION) and bias.shape == (len(labels),)
        if space != SPACE_NAME or not fits or not temperature > 0:
            raise BundleInvalidError(f"{bundle_dir.name} doesn't fit {SPACE_NAME}.")
        return cls(labels, weights, bias, temperature, str(metadata.get("version", "")))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return the modalities that the head tells apart, sorted."""
        return tuple(sorted({label.partition("/")[0] for label in self.labels}))

    def predict(
        self, vectors: npt.NDArray[np.float32], *, modality: str | None = None
    ) -> list[dict[str, float]]:
        """Return each vector's probabilities.

        Parameters
        ----------
        vectors : (n, 384) float32 of length 1, from `embedding.OnnxEmbedder.embed`
        modality : what the header says; it counts as right in 99 of 100 series. None or a value
            such as ``OT`` leaves all to the pixels.

        Returns
        -------
        one dictionary a vector: ``MODALITY/BODY_PART`` to probability, sum 1

        Raises
        ------
        UnsupportedInputError
            The vectors are of another space, or the head never saw that modality.
        """
        if vectors.ndim != 2 or vectors.shape[1] != DIMENSION:
            raise UnsupportedInputError(f"The head needs vectors of {SPACE_NAME}.")
        scores = (vectors.astype(np.float64) @ self.weights.T + self.bias) / self.temperature
        scores += np.log(self._prior(modality))
        scores -= scores.max(axis=1, keepdims=True)
        probabilities = np.exp(scores)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return [dict(zip(self.labels, row.tolist(), strict=True)) for row in probabilities]

    def _prior(self, modality: str | None) -> npt.NDArray[np.float64]:
        header = (modality or "").strip().upper()
        if header in _SILENT_MODALITIES:
            return np.ones(len(self.labels))
        kind = _ONE_KIND.get(header, header)
        if kind not in self.modalities:
            known = ", ".join(self.modalities)
            raise UnsupportedInputError(f"The classifier knows {known}; the series is {header}.")
        others = max(1, len(self.modalities) - 1)
        return np.array(
            [
                HEADER_TRUST if label.partition("/")[0] == kind else (1 - HEADER_TRUST) / others
                for label in self.labels
            ]
        )


def classify_series(
    head: LinearHead, vectors: npt.NDArray[np.float32], *, modality: str | None = None
) -> tuple[Classification, Classification]:
    """Answer modality and body part of a series from the vectors of its images.

    Parameters
    ----------
    head : trained head
    vectors : (n, 384) float32 of length 1, n at least 1
    modality : what the header says, as for `LinearHead.predict`

    Returns
    -------
    the likeliest modality, and the likeliest body part; probabilities are the mean over the
    images

    Raises
    ------
    UnsupportedInputError
        There are no vectors, or as for `LinearHead.predict`.
    """
    if len(vectors) == 0:
        raise UnsupportedInputError("A series without images can't be classified.")
    rows = head.predict(vectors, modality=modality)
    mean = {label: sum(row[label] for row in rows) / len(rows) for label in head.labels}
    header = (modality or "").strip().upper()
    best_modality, best_body_part = (
        _likeliest(kind, marginal(mean, kind)) for kind in (MODALITY, BODY_PART)
    )
    if _ONE_KIND.get(header) == best_modality.label:
        best_modality = Classification(MODALITY, header, best_modality.probability)
    return best_modality, best_body_part


def marginal(probabilities: dict[str, float], kind: str) -> dict[str, float]:
    """Sum the probabilities of pairs that agree in modality or in body part.

    Parameters
    ----------
    probabilities : ``MODALITY/BODY_PART`` to probability
    kind : ``modality`` or ``body_part``

    Returns
    -------
    term to probability
    """
    sums: dict[str, float] = {}
    for label, probability in probabilities.items():
        parts = label.split("/", 1)
        term = parts[0] if kind == MODALITY else parts[-1]
        sums[term] = sums.get(term, 0.0) + probability
    return sums


def _likeliest(kind: str, sums: dict[str, float]) -> Classification:
    label = max(sums, key=lambda term: sums[term])
    return Classification(kind, label, min(1.0, sums[label]))
