"""The shipped embeddings: display image in, unit vector out, in ONNX Runtime.

``lite0-ml-v1`` has several levels of the network side by side and is searched by default; the
smaller ``lite0-b12-v1`` has one level, and heads are fitted on it.

Neither torch nor monai is imported here, so that a web process may embed a query image.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from inference.errors import BundleInvalidError, UnsupportedInputError

SPACE_NAME = "lite0-b12-v1"
DIMENSION = 384
LEVELS_SPACE_NAME = "lite0-ml-v1"
# Of each level so many numbers: blocks 6, 8, 12 and 14, and the layer above the last block.
LEVELS_BLOCKS = (80, 112, 192, 192, 192)
LEVELS_DIMENSION = sum(LEVELS_BLOCKS)
INPUT_SIZE = 224
# What `preprocess` does; vectors after another one are of another space.
PREPROCESSING_VERSION = f"grey-letterbox-{INPUT_SIZE}-imagenet-1"

# Statistics of ImageNet, which the network's weights were trained with.
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32).reshape(3, 1, 1)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32).reshape(3, 1, 1)
_DIGEST_LENGTH = 16
# What the file gives: in its name, so that one of fewer outputs is exported again.
_OUTPUTS = "patches"


def preprocess(display_image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Turn a display image into the network's input: grey, letterboxed, normalised.

    Parameters
    ----------
    display_image : (rows, columns) or (rows, columns, 3) uint8, 0 = darkest, after modality and
        VOI transformation

    Returns
    -------
    (3, 224, 224) float32, ImageNet normalisation, aspect ratio kept, black borders

    Raises
    ------
    UnsupportedInputError
        The array is not a grey or RGB 8-bit image, or has no pixels.
    """
    image = np.asarray(display_image)
    is_grey = image.ndim == 2
    is_colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (is_grey or is_colour) or image.size == 0:
        raise UnsupportedInputError(
            "An embedding needs an 8-bit grey or RGB image with at least one pixel."
        )
    grey = Image.fromarray(image).convert("L")
    scale = INPUT_SIZE / max(grey.size)
    width, height = (max(1, round(side * scale)) for side in grey.size)
    resized = grey.resize((width, height), Image.Resampling.BILINEAR)
    canvas = Image.new("L", (INPUT_SIZE, INPUT_SIZE), 0)
    canvas.paste(resized, ((INPUT_SIZE - width) // 2, (INPUT_SIZE - height) // 2))
    plane = np.asarray(canvas, dtype=np.float32) / np.float32(255)
    return ((plane[np.newaxis] - _MEAN) / _STD).astype(np.float32)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Parameters
    ----------
    path : file to read

    Returns
    -------
    64 lower-case hexadecimal digits
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def embedder_file_name(digest: str, space: str = SPACE_NAME) -> str:
    """Return the name under which an exported embedder lies, which carries its digest.

    Parameters
    ----------
    digest : SHA-256 of the ONNX file, hexadecimal
    space : name of a shipped space

    Returns
    -------
    file name without folder
    """
    return f"{space}-{_OUTPUTS}-{digest[:_DIGEST_LENGTH]}.onnx"


def find_embedder(directory: Path, space: str = SPACE_NAME) -> Path | None:
    """Return the exported embedder in a folder, if a whole and undamaged one is there.

    Parameters
    ----------
    directory : folder that `inference.bundles.embedder.ensure_embedder` writes to
    space : name of a shipped space

    Returns
    -------
    path of the ONNX file whose content has the digest in its name, or None
    """
    for path in sorted(directory.glob(f"{space}-{_OUTPUTS}-*.onnx")):
        if path.name == embedder_file_name(file_digest(path), space):
            return path
    return None


class OnnxEmbedder:
    """The network in an ONNX Runtime session; make it after a process has forked, once.

    Parameters
    ----------
    path : ONNX file written by `inference.bundles.embedder.ensure_embedder`
    intra_op_threads : threads of one call; 0 lets ONNX Runtime take every core

    Raises
    ------
    BundleInvalidError
        The file is absent or not an embedder.
    """

    def __init__(self, path: Path, *, intra_op_threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=_providers()
            )
        # ONNX Runtime's exceptions share no public root below Exception.
        except Exception as error:
            raise BundleInvalidError(f"{path.name} can't be loaded as an ONNX model.") from error
        self._input_name = self._session.get_inputs()[0].name
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        # Of an embedder from elsewhere the first output counts, whatever its name and length.
        self._is_ours = "vector" in outputs
        self._output = "vector" if self._is_ours else next(iter(outputs))
        dimension = outputs[self._output][-1] if len(outputs[self._output]) == 2 else None
        if not isinstance(dimension, int):
            raise BundleInvalidError(f"{path.name} is not an embedder.")
        self._dimension = dimension
        self._has_patches = "patches" in outputs
        # Without it ONNX Runtime computes every output, asked for or not.
        self._options = onnxruntime.RunOptions()
        self._options.only_execute_path_to_fetches = True

    @property
    def dimension(self) -> int:
        """Length of its vectors."""
        return self._dimension

    @property
    def has_patches(self) -> bool:
        """Whether the file also gives the features of an image's places."""
        return self._has_patches

    @property
    def device(self) -> str:
        """Where the network runs: ``cuda`` or ``cpu``."""
        return "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    def embed(
        self, batch: npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """Embed preprocessed images.

        Parameters
        ----------
        batch : (n, 3, 224, 224) float32 or a sequence of (3, 224, 224), from `preprocess`

        Returns
        -------
        (n, dimension) float32, rows of length 1; cosine similarity is their inner product

        Raises
        ------
        UnsupportedInputError
            The batch has another shape.
        """
        images = np.asarray(batch, dtype=np.float32)
        if images.size == 0:
            return np.zeros((0, self._dimension), dtype=np.float32)
        vectors = self._run(self._output, images)
        return vectors if self._is_ours else _of_length_one(vectors)

    def embed_patches(
        self, batch: npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """Describe the places of preprocessed images: what an explanation compares.

        Parameters
        ----------
        batch : as for `embed`, at least one image

        Returns
        -------
        (n, rows, columns, channels) float32 of length 1 along channels; rows and columns divide
        the network's input, letterbox and all, evenly

        Raises
        ------
        UnsupportedInputError
            The batch has another shape, or the file gives no patches.
        """
        if not self._has_patches:
            raise UnsupportedInputError("This embedder gives no patches.")
        return self._run("patches", np.asarray(batch, dtype=np.float32))

    def _run(self, output: str, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if images.ndim != 4 or images.shape[1:] != (3, INPUT_SIZE, INPUT_SIZE):
            raise UnsupportedInputError("A batch must have the shape (n, 3, 224, 224).")
        (values,) = self._session.run([output], {self._input_name: images}, self._options)
        return np.asarray(values, dtype=np.float32)


def _of_length_one(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def mean_vector(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Summarise the vectors of a series' slices in one.

    Parameters
    ----------
    vectors : (n, d) float32, rows of length 1, n at least 1

    Returns
    -------
    (d,) float32 of length 1: the direction of the rows' mean

    Raises
    ------
    UnsupportedInputError
        There are no rows.
    """
    if len(vectors) == 0:
        raise UnsupportedInputError("A series without images has no embedding.")
    mean = vectors.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def spread_indices(count: int, limit: int) -> list[int]:
    """Choose which images of a long series to embed: evenly spaced, both ends a little inside.

    Parameters
    ----------
    count : images in the series
    limit : images to choose at most, at least 1

    Returns
    -------
    increasing indices, 0-based; all of them when `count` is within `limit`
    """
    if count <= limit:
        return list(range(count))
    return [int((position + 0.5) * count / limit) for position in range(limit)]


def _providers() -> list[str]:
    available = onnxruntime.get_available_providers()
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    return [name for name in wanted if name in available]
