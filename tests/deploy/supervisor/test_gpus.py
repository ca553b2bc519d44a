import os

import pytest

from deploy.supervisor.gpus import Gpu, find_gpus, parse_gpus


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver's program that prints what the test wants."""

    def install(words: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{words}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


def test_gpus_are_read_with_their_memory():
    assert parse_gpus("0, 81559\n1, 8192\n") == (Gpu("0", 81559), Gpu("1", 8192))


@pytest.mark.parametrize("text", ["", "No devices were found\n", "0, [N/A]\n", "garbage"])
def test_what_is_no_gpu_is_passed_over(text):
    assert parse_gpus(text) == ()


def test_large_gpu_takes_large_models_too():
    assert Gpu("0", 81_000).queues == ("gpu-large", "gpu", "inference")
    assert Gpu("0", 8_000).queues == ("gpu", "inference")


def test_wanted_gpus_are_chosen(driver):
    driver('printf "0, 81559\\n1, 81559\\n2, 8192\\n"')
    assert [gpu.index for gpu in find_gpus()] == ["0", "1", "2"]
    assert [gpu.index for gpu in find_gpus("1, 2")] == ["1", "2"]
    assert find_gpus("none") == ()


def test_broken_driver_means_no_gpu(driver):
    driver('echo "NVIDIA-SMI has failed because it could not talk to the driver"; exit 9')
    assert find_gpus() == ()
