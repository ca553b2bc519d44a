import multiprocessing
import threading
from types import SimpleNamespace

import pytest
import torch

from inference.errors import DeviceBusyError
from inference.pipelines.devices import ModelCopies, choose_device, device_slot, gpu_names


def test_choose_device_says_cpu_where_torch_finds_no_gpu():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert choose_device() == "cpu"
    assert choose_device("cuda:1") == "cpu"
    assert gpu_names() == []


@pytest.mark.gpu
def test_choose_device_says_cuda_where_torch_finds_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    assert choose_device() == "cuda"


def test_choose_device_takes_the_wanted_gpu(monkeypatch):
    fake = SimpleNamespace(is_available=lambda: True, device_count=lambda: 2)
    monkeypatch.setattr(torch, "cuda", fake)
    assert choose_device() == "cuda"
    assert choose_device("cuda:1") == "cuda:1"
    assert choose_device("cpu") == "cpu"
    assert gpu_names() == ["cuda:0", "cuda:1"]


def test_cpu_needs_no_slot(tmp_path):
    with device_slot(tmp_path / "slots", []) as one, device_slot(tmp_path / "slots", []) as other:
        assert (one, other) == ("cpu", "cpu")
    assert not (tmp_path / "slots").exists()


def test_slot_is_held_by_one_and_freed_after(tmp_path):
    with (
        device_slot(tmp_path, ["cuda:0"]) as held,
        pytest.raises(DeviceBusyError) as refused,
        device_slot(tmp_path, ["cuda:0"], timeout_s=0),
    ):
        pytest.fail("two on one slot")
    assert held == "cuda:0"
    assert refused.value.retriable
    with device_slot(tmp_path, ["cuda:0"], timeout_s=0) as again:
        assert again == "cuda:0"


def test_slots_spread_over_devices_before_they_share_one(tmp_path):
    devices = ["cuda:0", "cuda:1"]
    with (
        device_slot(tmp_path, devices, slots=2) as first,
        device_slot(tmp_path, devices, slots=2) as second,
        device_slot(tmp_path, devices, slots=2) as third,
    ):
        assert [first, second, third] == ["cuda:0", "cuda:1", "cuda:0"]


def test_processes_that_see_other_gpus_mean_the_same_card_by_other_names(tmp_path, monkeypatch):
    with device_slot(tmp_path, ["cuda:1"]):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        with pytest.raises(DeviceBusyError), device_slot(tmp_path, ["cuda:0"], timeout_s=0):
            pytest.fail("two on one card")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        with device_slot(tmp_path, ["cuda:0"], timeout_s=0) as other:
            assert other == "cuda:0"


def hold_and_die(folder, is_held):
    with device_slot(folder, ["cuda:0"]):
        is_held.set()
        threading.Event().wait()


def test_slot_of_a_process_that_was_killed_is_free_again(tmp_path):
    context = multiprocessing.get_context("spawn")
    is_held = context.Event()
    process = context.Process(target=hold_and_die, args=(tmp_path, is_held))
    process.start()
    assert is_held.wait(60)
    with pytest.raises(DeviceBusyError), device_slot(tmp_path, ["cuda:0"], timeout_s=0):
        pytest.fail("two processes on one slot")

    process.kill()
    process.join(30)

    with device_slot(tmp_path, ["cuda:0"], timeout_s=5) as device:
        assert device == "cuda:0"


def test_slot_is_waited_for(tmp_path):
    first = device_slot(tmp_path, ["cuda:0"])
    first.__enter__()
    timer = threading.Timer(0.1, first.__exit__, (None, None, None))
    timer.start()
    with device_slot(tmp_path, ["cuda:0"], timeout_s=30) as device:
        assert device == "cuda:0"
    timer.join()


def test_one_copy_of_a_model_on_each_device():
    copies, made = ModelCopies(), []

    def load():
        made.append(object())
        return made[-1]

    assert copies.get("digest", "cuda:0", load) is copies.get("digest", "cuda:0", load)
    assert copies.get("digest", "cpu", load) is not copies.get("digest", "cuda:0", load)
    assert len(made) == 2
    copies.forget("cuda:0")
    copies.get("digest", "cuda:0", load)
    copies.get("digest", "cpu", load)
    assert len(made) == 3


def test_longest_unused_copy_goes_first_and_only_of_the_full_device():
    copies = ModelCopies(at_most=2)
    copies.get("cpu model", "cpu", lambda: "kept")
    copies.get("a", "cuda:0", lambda: "a")
    copies.get("b", "cuda:0", lambda: "b")
    copies.get("a", "cuda:0", lambda: pytest.fail("still there"))
    copies.get("c", "cuda:0", lambda: "c")

    assert copies.get("a", "cuda:0", lambda: "anew") == "a"
    assert copies.get("b", "cuda:0", lambda: "anew") == "anew"
    assert copies.get("cpu model", "cpu", lambda: "anew") == "kept"


def test_threads_that_ask_at_once_get_one_copy():
    copies, made = ModelCopies(), []
    start = threading.Barrier(8)

    def ask():
        start.wait()
        copies.get("digest", "cpu", lambda: made.append(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
