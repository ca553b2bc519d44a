"""Foreign files opened in a child process with limits: their decoders are not ours to trust."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np

from archive.dicom.process_limits import read_message
from archive.dicom.wrapping.nifti import NiftiVolume
from archive.dicom.wrapping.pictures import Picture
from archive.errors import InvalidInstanceError, LimitExceededError

# Wall-clock time, on a machine that may be busy; the child's own limit counts its CPU time.
JOB_SECONDS = 240.0


def open_picture(path: Path) -> Picture:
    """Decode a PNG, JPEG or TIFF.

    Parameters
    ----------
    path : of the file

    Returns
    -------
    Picture, upright

    Raises
    ------
    InvalidInstanceError
        ``not-a-picture``, or ``decoder-died``: it takes too much, or is made to harm.
    LimitExceededError
        It has too many pixels or pages.
    """
    said, content = _read("picture", path)
    samples = np.frombuffer(content, said["dtype"]).reshape(said["shape"])
    return Picture(samples, is_lossy=bool(said["is_lossy"]))


def open_volume(path: Path) -> NiftiVolume:
    """Read a NIfTI file.

    Parameters
    ----------
    path : of the file

    Returns
    -------
    NiftiVolume

    Raises
    ------
    InvalidInstanceError
        As for `archive.dicom.wrapping.nifti.read_nifti`, or ``decoder-died``.
    LimitExceededError
        It is too large.
    """
    said, content = _read("volume", path)
    voxels = np.frombuffer(content, said["dtype"]).reshape(said["shape"], order="F")
    affine = np.array(said["affine"], np.float64)
    return NiftiVolume(voxels, affine, float(said["slope"]), float(said["intercept"]))


def _read(kind: str, path: Path) -> tuple[dict[str, Any], bytes]:
    command = [sys.executable, "-E", "-s", "-m", "archive.dicom.wrapping.reading_process", kind]
    with path.open("rb") as file:
        process = subprocess.Popen(  # noqa: S603 our own program, no shell
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[3],
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        )
    clock = threading.Timer(JOB_SECONDS, process.kill)
    clock.daemon = True
    clock.start()
    try:
        message = read_message(cast("Any", process.stdout))
    finally:
        clock.cancel()
        process.kill()
        cast("Any", process.stdout).close()
        process.wait()
    if message is None:
        text = "Opening this file takes too much time or memory, or it is made to harm."
        raise InvalidInstanceError(text, code="decoder-died")
    said, content = message
    if "error" in said:
        kind_of = LimitExceededError if said["kind"] else InvalidInstanceError
        raise kind_of(said["error"], code=said["code"])
    return said, content
