"""The brain tissue bundle of the distribution as a network that a worker can load."""

from pathlib import Path

from inference.bundles.networks import load_weights
from inference.errors import BundleInvalidError
from inference.pipelines.brain_network import BrainTissueNet
from inference.pipelines.sliding_window import Network

BRAIN_WEIGHTS = Path("models") / "model.safetensors"


def brain_network(bundle_dir: Path, *, digest: str, exports: Path | None = None) -> Network:
    """Return the network of a brain tissue bundle.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    digest : SHA-256 of the bundle, which names the copy that a process keeps
    exports : folder of networks exported for the CPU's runtimes; torch alone where None

    Raises
    ------
    BundleInvalidError
        Its weights are missing or damaged; when it is loaded, that they don't fit.
    """
    weights = load_weights(bundle_dir / BRAIN_WEIGHTS)

    def load() -> BrainTissueNet:
        network = BrainTissueNet()
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            message = f"{BRAIN_WEIGHTS.name} doesn't fit the brain tissue network."
            raise BundleInvalidError(message) from error
        return network.eval()

    return Network(digest=digest, load=load, exports=exports)
