"""Texts into the space of the pictures, where the space's model brings an encoder for them.

Such a model's bundle holds, beside the encoder of pictures, an ONNX file from token numbers to a
vector and a ``tokenizer.json``; its `ModelVersion.config` says so::

    {"text_encoder": {"model": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": 77}}

The tokenizer's package is the optional extra ``text``: without it, as without such a model, texts
are found by their words alone.
"""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from inference.errors import ModelUnavailableError
from inference.similarity.feedback import unit
from inference.similarity.metrics import is_normalised

if TYPE_CHECKING:
    import numpy.typing as npt

    from inference.models import EmbeddingSpace

DEFAULT_MAX_TOKENS = 77
_MOST_TOKENS = 512
_loaded: dict[tuple[Path, int], TextEncoder] = {}
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Files:
    model: Path
    tokenizer: Path
    max_tokens: int


class TextEncoder:
    """A tokenizer and the network behind it; may be called from several threads."""

    def __init__(self, tokenizer: Any, session: Any) -> None:
        self._tokenizer = tokenizer
        self._session = session

    def embed(self, text: str) -> npt.NDArray[np.float32]:
        """Encode one text.

        Parameters
        ----------
        text : of any length; what is over the model's limit is cut off

        Returns
        -------
        (dimension,) float32; the mean over its tokens where the network answers one a token
        """
        encoded = self._tokenizer.encode(text)
        mask = np.array([encoded.attention_mask], dtype=np.int64)
        values = {"ids": np.array([encoded.ids], dtype=np.int64), "mask": mask}
        output = self._session.run(None, self._inputs(values))[0]
        vectors = np.asarray(output, dtype=np.float32)
        if vectors.ndim == 3:
            weights = mask[..., None].astype(np.float32)
            vectors = (vectors * weights).sum(axis=1) / max(float(mask.sum()), 1.0)
        return np.asarray(vectors.reshape(-1))

    def _inputs(self, values: dict[str, npt.NDArray[np.int64]]) -> dict[str, Any]:
        """Give each input of the network what its name asks for."""
        inputs = {}
        for node in self._session.get_inputs():
            kind = np.int32 if "int32" in node.type else np.int64
            if "mask" in node.name:
                value = values["mask"]
            elif "type" in node.name:
                value = np.zeros_like(values["ids"])
            else:
                value = values["ids"]
            inputs[node.name] = value.astype(kind)
        return inputs


def has_text_encoder(space: EmbeddingSpace) -> bool:
    """Tell whether texts can be placed in a space on this machine.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    True where the model says so, its files are there, and the tokenizer's package is installed.
    """
    files = _files_of(space)
    if files is None or importlib.util.find_spec("tokenizers") is None:
        return False
    return files.model.is_file() and files.tokenizer.is_file()


def embed_text(space: EmbeddingSpace, text: str) -> npt.NDArray[np.float32]:
    """Place a text among the pictures of a space.

    Parameters
    ----------
    space : one for which `has_text_encoder` is true
    text : kept nowhere

    Returns
    -------
    (dimension,) float32, of length 1 where the space's vectors are

    Raises
    ------
    ModelUnavailableError
        The encoder can't be loaded, fails, or answers a vector of another length.
    """
    encoder = _encoder(space)
    try:
        vector = encoder.embed(text)
    except Exception as error:  # ONNX Runtime has no error class of its own
        message = f"The text encoder of the space {space.name} failed."
        raise ModelUnavailableError(message) from error
    is_fit = vector.shape == (space.dimension,) and bool(np.isfinite(vector).all())
    if not is_fit or not vector.any():
        message = f"The text encoder of the space {space.name} answers no vector of that space."
        raise ModelUnavailableError(message)
    return unit(vector) if is_normalised(space.metric) else vector


def text_model_name(space: EmbeddingSpace) -> str:
    """Return the name of the file that encodes texts, which is no encoder of pictures.

    Parameters
    ----------
    space : with its model version

    Returns
    -------
    A file's name; empty where the model reads no text.
    """
    files = _files_of(space)
    return files.model.name if files else ""


def _files_of(space: EmbeddingSpace) -> _Files | None:
    version = space.model_version
    stated = version.config.get("text_encoder") if isinstance(version.config, dict) else None
    if not isinstance(stated, dict) or not version.bundle_path:
        return None
    folder = Path(settings.TWINSIGHT_MODELS_DIR) / version.bundle_path
    if folder.is_file():
        folder = folder.parent
    limit = stated.get("max_tokens", DEFAULT_MAX_TOKENS)
    return _Files(
        # Names, never paths: a bundle's files lie in the bundle.
        model=folder / Path(str(stated.get("model", "text.onnx"))).name,
        tokenizer=folder / Path(str(stated.get("tokenizer", "tokenizer.json"))).name,
        max_tokens=min(max(int(limit), 1), _MOST_TOKENS) if isinstance(limit, int) else 1,
    )


def _encoder(space: EmbeddingSpace) -> TextEncoder:
    files = _files_of(space)
    if files is None or not has_text_encoder(space):
        message = f"The text encoder of the space {space.name} is not installed on this machine."
        raise ModelUnavailableError(message)
    key = (files.model, files.model.stat().st_mtime_ns)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(files, space)
        return _loaded[key]


def _load(files: _Files, space: EmbeddingSpace) -> TextEncoder:
    # Both cost every process that imports them: only those that encode texts pay.
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
        tokenizer.enable_truncation(max_length=files.max_tokens)
        session = onnxruntime.InferenceSession(
            str(files.model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # neither library has an error class of its own
        message = f"The text encoder of the space {space.name} can't be loaded."
        raise ModelUnavailableError(message) from error
    return TextEncoder(tokenizer, session)
