"""A classifier that was trained here: its ONNX file, on images or on vectors; no torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from archive.dicom.short_codes import short_code
from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.types import CodeTriple

IMAGE, VECTOR = "image", "vector"
WEIGHTS = "models/model.onnx"
# Codes of labels that nobody coded.
LOCAL_SCHEME = "99TWINSIGHT"
_AT_ONCE = 16


@dataclass(frozen=True)
class ClassifierFacts:
    """What a classifier's bundle says of itself.

    Attributes
    ----------
    kind : ``image`` or ``vector``: what it takes
    labels : in the order of its answers
    codes : of each label
    question : what it answers, such as ``finding``
    image_side : of the square that an image is letterboxed into
    space : embedding space whose vectors it takes
    """

    kind: str
    labels: tuple[str, ...]
    codes: tuple[CodeTriple, ...]
    question: str
    image_side: int = 0
    space: str = ""


def read_facts(bundle_dir: Path) -> ClassifierFacts:
    """Read what a classifier takes and answers.

    Parameters
    ----------
    bundle_dir : folder with ``configs/metadata.json``

    Returns
    -------
    ClassifierFacts

    Raises
    ------
    BundleInvalidError
        The metadata are absent or not those of a classifier trained here.
    """
    try:
        metadata = json.loads((bundle_dir / "configs" / "metadata.json").read_text("utf-8"))
        told, config = metadata["twinsight"], metadata["twinsight"]["config"]
        outputs = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
        labels = tuple(str(outputs[str(index)]) for index in range(len(outputs)))
        facts = ClassifierFacts(
            kind=str(config["input"]),
            labels=labels,
            codes=_codes(labels, told.get("labels", [])),
            question=str(config.get("question") or "finding"),
            image_side=int(config.get("image_side", 0)),
            space=str(config.get("space", "")),
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleInvalidError(f"{bundle_dir.name} is no classifier trained here.") from error
    is_whole = facts.space if facts.kind == VECTOR else facts.kind == IMAGE and facts.image_side
    if not labels or not is_whole:
        raise BundleInvalidError(f"{bundle_dir.name} doesn't say what it takes and answers.")
    return facts


class TrainedClassifier:
    """The exported network in an ONNX Runtime session; make it after a process has forked.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    intra_op_threads : threads of one call; 0 lets ONNX Runtime take every core

    Raises
    ------
    BundleInvalidError
        The bundle is damaged or no classifier trained here.
    """

    def __init__(self, bundle_dir: Path, *, intra_op_threads: int = 1) -> None:
        self.facts = read_facts(bundle_dir)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        available = onnxruntime.get_available_providers()
        wanted = [
            one for one in ("CUDAExecutionProvider", "CPUExecutionProvider") if one in available
        ]
        try:
            self._session = onnxruntime.InferenceSession(
                str(bundle_dir / WEIGHTS), sess_options=options, providers=wanted
            )
        # ONNX Runtime's exceptions share no public root below Exception.
        except Exception as error:
            raise BundleInvalidError(f"{bundle_dir.name} holds no readable weights.") from error
        self._input = self._session.get_inputs()[0].name

    @property
    def device(self) -> str:
        """Where the network runs: ``cuda`` or ``cpu``."""
        return "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Turn a display image into the network's input.

        Parameters
        ----------
        picture : (rows, columns) or (rows, columns, 3) uint8, 0 = darkest

        Returns
        -------
        (1, side, side) float32, 0 to 1, grey, proportions kept, black borders
        """
        square = letterboxed(picture, self.facts.image_side)
        return (square.astype(np.float32) / np.float32(255))[np.newaxis]

    def predict(
        self, inputs: npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float64]:
        """Return the probabilities of prepared images, or of vectors.

        Parameters
        ----------
        inputs : (n, 1, side, side) or (n, dimension) float32

        Returns
        -------
        (n, labels) float64, rows sum to 1

        Raises
        ------
        UnsupportedInputError
            The inputs have another shape.
        """
        batch = np.asarray(inputs, dtype=np.float32)
        if len(batch) == 0:
            raise UnsupportedInputError("A series without images can't be classified.")
        if self.facts.kind == VECTOR:
            batch = batch.reshape(len(batch), -1, 1, 1)
        parts = []
        for start in range(0, len(batch), _AT_ONCE):
            try:
                (part,) = self._session.run(None, {self._input: batch[start : start + _AT_ONCE]})
            # As above: whatever ONNX Runtime raises means the input doesn't fit.
            except Exception as error:
                raise UnsupportedInputError("The images don't fit this classifier.") from error
            parts.append(np.asarray(part, dtype=np.float64))
        return np.concatenate(parts)


def letterboxed(picture: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Return an image as a grey square with its proportions kept, on black.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 3) uint8
    side : pixels

    Returns
    -------
    (side, side) uint8
    """
    grey = Image.fromarray(picture).convert("L")
    scale = side / max(grey.size)
    width, height = (max(1, round(length * scale)) for length in grey.size)
    canvas = Image.new("L", (side, side), 0)
    resized = grey.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(resized, ((side - width) // 2, (side - height) // 2))
    return np.asarray(canvas)


def local_code(label: str) -> CodeTriple:
    """Return the code of a label that has none: its own words, in this program's scheme.

    Parameters
    ----------
    label : as people wrote it

    Returns
    -------
    value, scheme, meaning
    """
    return (short_code(label), LOCAL_SCHEME, label[:64].replace("_", " "))


def _codes(labels: Sequence[str], coded: Sequence[Any]) -> tuple[CodeTriple, ...]:
    known = {
        str(one["name"]): (str(one["code"]), str(one["scheme"]), str(one["meaning"]))
        for one in coded
        if one.get("code")
    }
    return tuple(known.get(label, local_code(label)) for label in labels)
