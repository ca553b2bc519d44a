"""The shipped network in torch, beside ONNX Runtime; a GPU is simulated where there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from inference.pipelines.embedding import LEVELS_SPACE_NAME, SPACE_NAME
from inference.runs.execution import gpu_embedding
from inference.runs.execution.gpu_embedding import GpuEncoder, batch_images, quick_encoder


class Exact:
    """ONNX Runtime's part: unit vectors that are the images themselves."""

    device = "cpu"

    def __init__(self) -> None:
        self.embedded: list[int] = []

    def prepare(self, picture: np.ndarray) -> np.ndarray:
        return picture

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        self.embedded.append(len(prepared))
        return unit(prepared)


def unit(images: list[np.ndarray]) -> np.ndarray:
    rows = np.stack(images)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def images(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).random((count, 5), dtype=np.float32) + 0.1)


def space(name: str = SPACE_NAME, pipeline: str = "lite0") -> SimpleNamespace:
    return SimpleNamespace(model_version=SimpleNamespace(name=name, pipeline=pipeline))


def test_without_a_gpu_the_encoder_stays() -> None:
    exact: Any = Exact()
    assert quick_encoder(space(), exact, device="cpu") is exact


def test_only_shipped_networks_go_to_the_gpu() -> None:
    exact: Any = Exact()
    assert quick_encoder(space("lite0-other"), exact, device="cuda") is exact
    assert quick_encoder(space(pipeline="descriptor"), exact, device="cuda") is exact
    assert isinstance(quick_encoder(space(), exact, device="cuda"), GpuEncoder)


def test_gpu_that_answers_alike_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exact: Any = Exact()
    monkeypatch.setattr(gpu_embedding, "embed_on_gpu", lambda network, part, device: unit(part))
    encoder = GpuEncoder(SPACE_NAME, exact, "cuda:0")

    for _ in range(3):
        assert np.allclose(encoder.embed(images(20)), unit(images(20)))

    assert exact.embedded == [8]
    assert encoder.device == "cuda:0"


def test_gpu_that_answers_otherwise_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    exact: Any = Exact()
    monkeypatch.setattr(
        gpu_embedding, "embed_on_gpu", lambda network, part, device: unit(part)[:, ::-1]
    )
    encoder = GpuEncoder(SPACE_NAME, exact, "cuda:0")

    assert np.allclose(encoder.embed(images(20)), unit(images(20)))

    assert encoder.device == "cpu"


def test_memory_that_ends_makes_batches_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def embed(network: str, part: list[np.ndarray], device: str) -> np.ndarray:
        tried.append(len(part))
        if len(part) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return unit(part)

    monkeypatch.setattr(gpu_embedding, "embed_on_gpu", embed)
    encoder = GpuEncoder(SPACE_NAME, Exact(), "cuda:0")

    assert np.allclose(encoder.embed(images(16)), unit(images(16)))

    assert tried == [16, 8, 4, 4, 4, 4]
    assert encoder.device == "cuda:0"


def test_gpu_without_room_leaves_the_images_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(*_: object) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(gpu_embedding, "embed_on_gpu", embed)
    exact: Any = Exact()
    encoder = GpuEncoder(SPACE_NAME, exact, "cuda:0")

    assert np.allclose(encoder.embed(images(4)), unit(images(4)))

    assert encoder.device == "cpu"
    encoder.embed(images(4))
    assert exact.embedded == [4, 4]


def test_large_batches_are_for_gpus() -> None:
    assert batch_images("cuda:0") > batch_images("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", [SPACE_NAME, LEVELS_SPACE_NAME])
def test_torch_gives_the_vectors_of_onnx_runtime(name: str, tmp_path: object) -> None:
    """The code that a GPU runs, on the CPU: other numbers would be another space."""
    from inference.bundles.embedder import ensure_embedder
    from inference.pipelines.embedding import OnnxEmbedder

    exact = OnnxEmbedder(ensure_embedder(tmp_path, name))
    batch = list(np.random.default_rng(0).standard_normal((3, 3, 224, 224), dtype=np.float32))

    ours = gpu_embedding.embed_on_gpu(name, batch, "cpu")

    assert (ours * exact.embed(batch)).sum(axis=1).min() > 0.99999
