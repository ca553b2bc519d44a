"""A torch network on the CPU by whichever runtime is quickest, among those that answer alike.

ONNX Runtime and OpenVINO (where it is installed) are often two to three times as quick as torch.
Neither is used before it has labelled windows of a real image as torch labels them.
"""

import hashlib
import importlib
import importlib.metadata
import json
import logging
import math
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

logger = logging.getLogger(__name__)

# Share of voxels that must carry torch's label, on each probe.
LEAST_AGREEMENT = 0.999
TORCH, ONNX_RUNTIME, OPENVINO = "torch", "onnxruntime", "openvino"
_OPSET = 17
_LONG_S = 5.0
_PACKAGES = ("torch", "onnxruntime", "openvino")

Predictor = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Trial:
    """How one runtime did on the probes.

    Attributes
    ----------
    runtime : ``torch``, ``onnxruntime`` or ``openvino``
    seconds : for all probes, after a warm-up
    agreement : least share of equal labels on a probe, against torch; 0 where it failed
    """

    runtime: str
    seconds: float
    agreement: float


class CpuNetwork:
    """A network on the CPU, called as the torch module is.

    Parameters
    ----------
    predict : from a float32 batch to its answers
    trials : how the runtimes did; the quickest that agrees is used
    runtime : which one that is
    """

    def __init__(self, predict: Predictor, trials: Sequence[Trial], runtime: str) -> None:
        self._predict = predict
        self.trials = tuple(trials)
        self.runtime = runtime

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the network's answers, float32."""
        return self._predict(batch)


def quickest_on_cpu(
    network: torch.nn.Module, probes: Sequence[torch.Tensor], *, folder: Path, digest: str
) -> CpuNetwork:
    """Return a network on the runtime that is quickest here and labels as torch does.

    The comparison is made once a model, size of its input, set of packages and machine; what came
    of it lies beside the exported file.

    Parameters
    ----------
    network : in evaluation mode, on the CPU; one tensor in, one out, classes along axis 1
    probes : batches of real input, all of one shape but for the first axis
    folder : where exported networks and comparisons are kept, made if absent
    digest : what tells this network's weights from any other's, hexadecimal

    Returns
    -------
    CpuNetwork
        torch itself, where nothing else is quicker and labels at least 0.999 of the voxels alike
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest[:32]}.onnx"
    record = folder / f"{digest[:32]}-{_circumstances(probes[0])}.json"
    known = _read(record)
    if known:
        chosen = _best(known)
        try:
            return CpuNetwork(_runtime(chosen, network, path), known, chosen)
        # A file that was removed or damaged: compared anew below, as the runtimes' errors are.
        except Exception:
            logger.warning("a compared network can't be loaded", exc_info=True)
    trials = _compare(network, probes, path)
    _write(record, trials)
    chosen = _best(trials)
    return CpuNetwork(_runtime(chosen, network, path), trials, chosen)


def label_agreement(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the share of places to which two answers give the same label.

    Parameters
    ----------
    one, other : (n, classes, ...) float32; the largest class is the label, or the sign of a single
        one

    Returns
    -------
    0 to 1; 0 where the shapes differ or an answer is not finite
    """
    if one.shape != other.shape or not bool(torch.isfinite(other).all()):
        return 0.0
    if one.ndim > 1 and one.shape[1] > 1:
        same = one.argmax(dim=1) == other.argmax(dim=1)
    else:
        same = (one > 0) == (other > 0)
    return float(same.float().mean())


def _compare(
    network: torch.nn.Module, probes: Sequence[torch.Tensor], path: Path
) -> tuple[Trial, ...]:
    reference = _runtime(TORCH, network, path)
    truth, seconds = _answers(reference, probes)
    # Torch needs no warm-up to speak of where a probe takes its time.
    seconds = seconds if seconds > _LONG_S else _answers(reference, probes)[1]
    trials = [Trial(TORCH, seconds, 1.0)]
    for name in (ONNX_RUNTIME, OPENVINO):
        try:
            if not path.is_file():
                _export(network, probes[0], path)
            predict = _runtime(name, network, path)
            answers, _ = _answers(predict, probes)
            agreement = min(map(label_agreement, truth, answers))
            trials.append(Trial(name, _answers(predict, probes)[1], agreement))
        # Not installed, or an operation that it doesn't know: torch remains.
        except Exception as error:  # noqa: BLE001 the runtimes' errors share no root
            logger.info("%s does not run this network: %s", name, type(error).__name__)
    return tuple(trials)


def _best(trials: Sequence[Trial]) -> str:
    equal = [one for one in trials if one.agreement >= LEAST_AGREEMENT]
    return min(equal, key=lambda one: one.seconds).runtime if equal else TORCH


def _answers(
    predict: Predictor, probes: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], float]:
    started = time.perf_counter()
    answers = [predict(probe) for probe in probes]
    return answers, time.perf_counter() - started


def _runtime(name: str, network: torch.nn.Module, path: Path) -> Predictor:
    if name == ONNX_RUNTIME:
        return _onnx_runtime(path)
    if name == OPENVINO:
        return _OpenVino(path)

    def predict(batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            answer: torch.Tensor = network(batch)
            return answer.float()

    return predict


def _onnx_runtime(path: Path) -> Predictor:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def predict(batch: torch.Tensor) -> torch.Tensor:
        (answer,) = session.run(None, {name: np.ascontiguousarray(batch.numpy())})
        return torch.from_numpy(np.asarray(answer, dtype=np.float32))

    return predict


class _OpenVino:
    """Compiled for each shape it meets: a known shape is quicker than any."""

    def __init__(self, path: Path) -> None:
        # Optional, and without annotations.
        openvino: Any = importlib.import_module("openvino")
        self._core: Any = openvino.Core()
        self._model: Any = self._core.read_model(path)
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._compiling = threading.Lock()

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        shape = tuple(batch.shape)
        with self._compiling:
            if shape not in self._compiled:
                if len(self._compiled) >= 4:
                    self._compiled.clear()
                self._compiled[shape] = self._compile(shape)
        answer = self._compiled[shape](np.ascontiguousarray(batch.numpy()))[0]
        return torch.from_numpy(np.array(answer, dtype=np.float32))

    def _compile(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape(list(shape))
        settings = {
            # Else bfloat16 where the processor knows it, which changes labels.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        return self._core.compile_model(model, "CPU", settings)


def _export(network: torch.nn.Module, probe: torch.Tensor, path: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=".export-", suffix=".onnx", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    sizes = {0: "n"} | {axis: f"d{axis}" for axis in range(2, probe.ndim)}
    try:
        with warnings.catch_warnings():
            # The tracing exporter is deprecated; the comparison shows its file to be right.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (probe,),
                str(partial),
                input_names=["image"],
                output_names=["answer"],
                dynamic_axes={"image": sizes, "answer": sizes},
                opset_version=_OPSET,
                dynamo=False,
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _circumstances(probe: torch.Tensor) -> str:
    """Name what a comparison holds for; images of about one size are alike."""
    size = f"{probe.shape[1]} channels, 2^{round(math.log2(max(1, probe[0, 0].numel())))} voxels"
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    facts = [*versions, size, f"{torch.get_num_threads()} threads", os.uname().nodename]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _read(record: Path) -> tuple[Trial, ...]:
    try:
        rows = json.loads(record.read_text(encoding="utf-8"))
        return tuple(Trial(**row) for row in rows)
    except (OSError, ValueError, TypeError):
        return ()


def _write(record: Path, trials: Sequence[Trial]) -> None:
    partial = record.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps([asdict(one) for one in trials]), encoding="utf-8")
    partial.replace(record)
