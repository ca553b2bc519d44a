"""Which device a model runs on, whose turn it is there, and one copy of a model on each."""

import contextlib
import fcntl
import importlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from inference.errors import DeviceBusyError

CPU = "cpu"
GPU = "cuda"
_LOOK_AGAIN_S = 0.05


def choose_device(wanted: str = "") -> str:
    """Return the device to use on this machine.

    Parameters
    ----------
    wanted : ``cpu``, ``cuda`` or ``cuda:1``; the best of this machine if empty

    Returns
    -------
    ``cuda`` or the one that was wanted where torch finds a usable GPU, else ``cpu``
    """
    if wanted == CPU:
        return CPU
    if not _cuda().is_available():
        return CPU
    return wanted or GPU


def gpu_names() -> list[str]:
    """Return the GPUs that torch may use, in its order.

    Returns
    -------
    ``cuda:0`` and so on; empty where there are none
    """
    if choose_device() == CPU:
        return []
    return [f"{GPU}:{index}" for index in range(_cuda().device_count())]


def _cuda() -> Any:
    # By name, when asked: doors reach this module, and none of them may load torch.
    return importlib.import_module("torch").cuda


@contextlib.contextmanager
def device_slot(
    folder: Path, devices: Sequence[str], *, slots: int = 1, timeout_s: float = 600.0
) -> Iterator[str]:
    """Hold a slot of one device for the length of a block, whichever is free first.

    The kernel keeps the locks: a process that dies leaves its slot. Processes of one machine
    share the folder; several hosts share nothing.

    Parameters
    ----------
    folder : where the lock files lie, made if absent
    devices : names such as ``cuda:0``, the preferred one first; the CPU needs no slot
    slots : models that may be on one device at the same time
    timeout_s : how long to wait for a slot

    Yields
    ------
    name of the device

    Raises
    ------
    DeviceBusyError
        No slot became free in time; worth another try.
    """
    if not devices or devices[0] == CPU:
        yield CPU
        return
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    while (held := _take_any(folder, devices, slots)) is None:
        if time.monotonic() >= deadline:
            raise DeviceBusyError(f"No slot on {', '.join(devices)} within {timeout_s:.0f} s.")
        time.sleep(_LOOK_AGAIN_S)
    device, descriptor = held
    try:
        yield device
    finally:
        os.close(descriptor)


def _take_any(folder: Path, devices: Sequence[str], slots: int) -> tuple[str, int] | None:
    # The first slot of every device before the second of any.
    for slot in range(slots):
        for device in devices:
            path = folder / f"{_physical_name(device)}.{slot}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return device, descriptor
    return None


def _physical_name(device: str) -> str:
    """Name a GPU as every process knows it: torch counts those that its process may see."""
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip()]
    _, _, number = device.partition(":")
    index = int(number or 0)
    known = visible[index].strip() if index < len(visible) else str(index)
    return f"{GPU}-{known}"


class ModelCopies:
    """Loaded models of this process, one copy a model and device; the longest unused goes first.

    Parameters
    ----------
    at_most : copies to keep on each device
    """

    def __init__(self, at_most: int = 4) -> None:
        self._at_most = at_most
        self._copies: OrderedDict[tuple[str, Hashable], Any] = OrderedDict()
        self._loading = threading.Lock()

    def get(self, model: Hashable, device: str, load: Callable[[], Any]) -> Any:
        """Return the copy of a model on a device, loading it where there is none.

        Parameters
        ----------
        model : what tells one model from another, such as its digest
        device : where the copy lies
        load : makes the copy; never called by two threads at once

        Returns
        -------
        what `load` returned, now or earlier
        """
        key = (device, model)
        with self._loading:
            if key not in self._copies:
                # Room first: two copies at once may be what the device has no memory for.
                self._make_room(device)
                self._copies[key] = load()
            self._copies.move_to_end(key)
            return self._copies[key]

    def forget(self, device: str) -> None:
        """Drop every copy on a device, for its memory."""
        with self._loading:
            for key in [key for key in self._copies if key[0] == device]:
                del self._copies[key]

    def _make_room(self, device: str) -> None:
        there = [key for key in self._copies if key[0] == device]
        for key in there[: max(0, len(there) - self._at_most + 1)]:
            del self._copies[key]
