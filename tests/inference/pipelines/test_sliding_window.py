import numpy as np
import pytest
import torch
from torch import nn

from inference.pipelines import sliding_window
from inference.pipelines.devices import ModelCopies
from inference.pipelines.sliding_window import Network, Windows, label_volume

WINDOWS = Windows((8, 8, 8), batch=4)


class Thresholds(nn.Module):
    """Class 0, 1 or 2 by the value of the voxel: any cut of the volume must give the same."""

    def forward(self, image):
        return torch.cat([-image, image * 0 - 0.0, image * 2 - 2], dim=1)


class Ties(nn.Module):
    """All three classes alike where the voxel is 0, elsewhere the last two."""

    def forward(self, image):
        return torch.cat([image, image * 0, image * 0], dim=1)


def expected(image):
    answers = np.stack([-image, image * 0, image * 2 - 2])
    return answers.argmax(axis=0).astype(np.uint8)


@pytest.fixture(autouse=True)
def no_copies(monkeypatch):
    monkeypatch.setattr(sliding_window, "_copies", ModelCopies())


def picture(shape=(11, 19, 13)):
    return np.random.default_rng(0).normal(0, 2, shape).astype(np.float32)


def network(**changes):
    return Network(**{"digest": "ab" * 32, "load": lambda: Thresholds().eval()} | changes)


@pytest.mark.parametrize("shape", [(11, 19, 13), (8, 8, 8), (5, 30, 7)])
@pytest.mark.parametrize("is_weighted", [True, False])
def test_labels_do_not_depend_on_the_cut(shape, is_weighted):
    image = picture(shape)
    result = label_volume(network(), image[None], Windows((8, 8, 8), is_weighted=is_weighted))
    assert np.array_equal(result.labels_zyx, expected(image))
    assert result.labels_zyx.dtype == np.uint8
    assert (result.device, result.runtime, result.note) == ("cpu", "torch", "")


def test_of_equal_answers_the_first_is_the_label():
    image = np.where(picture() > 0, np.float32(0), np.float32(-4))
    result = label_volume(network(load=lambda: Ties().eval()), image[None], WINDOWS)
    assert np.array_equal(result.labels_zyx, np.where(image == 0, 0, 1))


def test_quick_runtimes_label_the_same(tmp_path):
    image = picture()
    result = label_volume(network(exports=tmp_path), image[None], WINDOWS)
    assert np.array_equal(result.labels_zyx, expected(image))
    assert len(result.trials) >= 2
    assert all(trial.agreement >= 0.999 for trial in result.trials)


def test_network_is_loaded_once():
    loaded = []

    def load():
        loaded.append(1)
        return Thresholds().eval()

    for _ in range(3):
        label_volume(network(load=load), picture()[None], WINDOWS)
    assert len(loaded) == 1


def test_memory_of_the_gpu_that_ends_makes_batches_smaller(monkeypatch):
    tried = []

    def on_gpu(network, image, windows, device, batch):
        tried.append((device, batch))
        if batch > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.ones(image.shape[0], *image.shape[2:], dtype=torch.uint8)

    monkeypatch.setattr(sliding_window, "_on_gpu", on_gpu)

    result = label_volume(network(), picture()[None], WINDOWS, device="cuda:1")

    assert tried == [("cuda:1", 4), ("cuda:1", 2), ("cuda:1", 1)]
    assert (result.device, result.batch) == ("cuda:1", 1)
    assert "Memory was short" in result.note


def test_gpu_without_room_leaves_the_volume_to_the_cpu(monkeypatch):
    def on_gpu(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(sliding_window, "_on_gpu", on_gpu)
    image = picture()

    result = label_volume(network(), image[None], WINDOWS, device="cuda")

    assert result.device == "cpu"
    assert np.array_equal(result.labels_zyx, expected(image))
    assert "done on cpu" in result.note


def test_probes_are_whole_windows_even_of_small_volumes():
    image = torch.from_numpy(picture((5, 30, 7)))[None, None]
    probes = sliding_window.probes_of(image, WINDOWS)
    assert probes
    assert all(probe.shape == (1, 1, 8, 8, 8) for probe in probes)


@pytest.mark.gpu
def test_gpu_labels_as_the_cpu_does():
    if not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    image = picture((40, 50, 60))
    on_cpu = label_volume(network(), image[None], WINDOWS)
    on_gpu = label_volume(network(), image[None], WINDOWS, device="cuda")
    assert on_gpu.device == "cuda"
    assert (on_cpu.labels_zyx == on_gpu.labels_zyx).mean() >= 0.999
