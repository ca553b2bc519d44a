"""The inside of a bundle run: a process of its own, started by `bundle_child`.

A bundle may bring a package named ``scripts``; two of them would collide in one process. The
process has an environment without secrets and ends with the run.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from inference.errors import InferenceError
from inference.pipelines.confinement import confine_process, peak_memory_mb
from inference.pipelines.sharding import spare_sharding

_CONFIG_NAMES = ("inference.json", "inference.yaml", "inference.yml")


def main(request_path: Path) -> None:
    """Confine the process, run what is asked, and write down what it took, beside the request.

    Parameters
    ----------
    request_path : file of JSON; ``run`` names a function of ours that takes the request and gives
        an answer, ``limits`` are those of `confine_process`
    """
    request: dict[str, Any] = json.loads(request_path.read_text(encoding="utf-8"))
    # Before numpy and torch are there: a process with threads can't leave its network.
    is_offline = confine_process(request.get("limits", {}))
    spare_sharding()
    started = time.monotonic()
    module, _, name = request["run"].rpartition(".")
    answer = dict(getattr(import_module(module), name)(request))
    answer |= {
        "seconds": round(time.monotonic() - started, 3),
        "memory_mb": peak_memory_mb(),
        "is_offline": is_offline,
    }
    request_path.with_name("answer.json").write_text(json.dumps(answer), encoding="utf-8")


def run_trusted(request: dict[str, Any]) -> dict[str, Any]:
    """Run the bundle's own configuration with its expressions and scripts."""
    from monai.bundle.config_parser import ConfigParser  # noqa: PLC0415 slow, not for the parent

    root = Path(request["bundle_root"])
    sys.path.insert(0, str(root))
    parser = ConfigParser()
    parser.read_config(str(_config_path(root)))
    parser.read_meta(str(root / "configs" / "metadata.json"))
    for key, value in _overrides(parser, request).items():
        parser[key] = value
    if "initialize" in parser:
        parser.get_parsed_content("initialize")
    if "evaluator" in parser:
        evaluator = parser.get_parsed_content("evaluator")
        evaluator.inferer = quick_inferer(getattr(evaluator, "inferer", None), request)
    if "run" in parser:
        parser.get_parsed_content("run")
    else:
        parser.get_parsed_content("evaluator").run()
    return {}


def quick_inferer(inferer: Any, request: dict[str, Any]) -> Any:
    """Let a network run by the quickest of the CPU's runtimes that labels alike.

    Parameters
    ----------
    inferer : the bundle's own, of MONAI
    request : ``device``, and ``exports``, the folder of exported networks; nothing changes
        without it or on a GPU

    Returns
    -------
    an inferer to call in its place
    """
    if request["device"] != "cpu" or not request.get("exports") or not callable(inferer):
        return inferer
    from inference.pipelines.bundle_quick import QuickInferer  # noqa: PLC0415 it imports torch

    return QuickInferer(inferer, Path(request["exports"]))


def _config_path(root: Path) -> Path:
    for name in _CONFIG_NAMES:
        if (root / "configs" / name).is_file():
            return root / "configs" / name
    raise FileNotFoundError("The bundle has no configs/inference.json or .yaml.")


def _overrides(parser: Any, request: dict[str, str]) -> dict[str, Any]:
    """Point the bundle to our image; bundles name their input in one of three ways."""
    found: dict[str, Any] = {
        "bundle_root": request["bundle_root"],
        "output_dir": request["output_dir"],
        "device": f"$torch.device('{request['device']}')",
    }
    if "image" in parser:
        found["image"] = request["image"]
    elif "datalist" in parser:
        found["datalist"] = [request["image"]]
    else:
        found["dataset::data"] = [{"image": request["image"]}]
    return found


def first_cause(error: BaseException) -> str:
    """Return the innermost of chained exceptions as one line: MONAI wraps each in several.

    An error of ours was made to be read: what it came from is not looked for.
    """
    while error.__cause__ is not None and not isinstance(error, InferenceError):
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    # The process's edge: whatever the bundle raised is told to the parent in one line.
    except Exception as failure:
        Path(sys.argv[1]).with_name("failure.txt").write_text(first_cause(failure), "utf-8")
        raise
