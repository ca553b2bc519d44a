"""The brain's tissues in a T1 MR head, by the network of the distribution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference.bundles.brain import brain_network
from inference.bundles.trust import trusted_copy
from inference.errors import UnsupportedInputError
from inference.pipelines.brain import segment_brain
from inference.pipelines.mr_weighting import why_not_t1
from inference.runs.execution.devices import exports_folder, on_device
from inference.runs.execution.segmentation import read_run_volume, store_segmentation

if TYPE_CHECKING:
    from inference.models import Run
    from inference.runs.types import RunOutcome


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
