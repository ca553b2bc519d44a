"""The brain's tissues in a T1 MR head, by the network of the distribution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference.bundles.networks import load_weights
from inference.bundles.trust import trusted_copy
from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.brain import segment_brain
from inference.pipelines.brain_network import BrainTissueNet
from inference.pipelines.mr_weighting import why_not_t1
from inference.pipelines.sliding_window import Network
from inference.runs.execution.devices import exports_folder, on_device
from inference.runs.execution.segmentation import read_run_volume, store_segmentation

if TYPE_CHECKING:
    from inference.models import Run
    from inference.runs.types import RunOutcome

WEIGHTS = Path("models") / "model.safetensors"


def run_brain_tissue(run: Run) -> RunOutcome:
    """Segment white matter, grey matter and CSF.

    Raises
    ------
    BundleNotTrustedError
        The bundle's files are not those that were registered.
    UnsupportedInputError
        The series is no regular volume of a whole head, or not T1-weighted.
    """
    version = run.model_version
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        volume = read_run_volume(run)
        if reason := why_not_t1(volume.datasets[0]):
            raise UnsupportedInputError(reason)
        network = brain_network(bundle, digest=version.digest, exports=exports_folder())
        done = on_device(
            version, lambda device, _batch: segment_brain(volume, network, device=device)
        )
        return store_segmentation(run, volume, done.result)


def brain_network(bundle_dir: Path, *, digest: str, exports: Path | None = None) -> Network:
    """Return the network of a brain tissue bundle.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    digest : SHA-256 of the bundle, which names the copy that a process keeps
    exports : folder of networks exported for the CPU's runtimes; torch alone where None
    """
    weights = load_weights(bundle_dir / WEIGHTS)

    def load() -> BrainTissueNet:
        network = BrainTissueNet()
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            message = f"{WEIGHTS.name} doesn't fit the brain tissue network."
            raise BundleInvalidError(message) from error
        return network.eval()

    return Network(digest=digest, load=load, exports=exports)
