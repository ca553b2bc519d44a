"""Measure the brain tissue model: Dice of white and grey matter, as is and under changes.

    python bench/brain_tissue.py                      the table, some minutes on a CPU
    python bench/brain_tissue.py --checkpoint FILE    of a training that still goes on

ICBM152 is compared with its own tissue maps (nilearn wheel), the real head in
../shared/data/segmentation with the labels of ../shared/models/brain_t1_meshnet, a model of others
whose output is no truth. Nothing of the real head was trained on.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import numpy.typing as npt
import torch

from bench import brain_changes
from bench.brain_changes import Case
from inference import bundles
from inference.bundles.brain import brain_network
from inference.bundles.loading import load_state_dict
from inference.bundles.trust import digest_bundle
from inference.pipelines.brain import GREY, WHITE, segment_brain
from inference.pipelines.brain_network import BrainTissueNet
from inference.pipelines.bundle_runner import segment_with_bundle
from inference.pipelines.devices import choose_device
from inference.pipelines.sliding_window import Network
from inference.training.brain_tissue.atlas import atlas_file
from inference.training.brain_tissue.volumes import read_head

SHARED = Path(__file__).resolve().parents[2] / "shared"
BRAIN_BUNDLE = Path(bundles.__file__).parent / "data" / "brain_tissue_t1"
HEAD = SHARED / "data" / "segmentation" / "mr_t1_head" / "image.nii.gz"
MESHNET = SHARED / "models" / "brain_t1_meshnet"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    volume: str
    change: str
    white: float
    grey: float
    seconds: float


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, from 0 to 1."""
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def cases(wanted: str, reference: Path | None) -> Iterator[tuple[str, Case]]:
    """Yield the volumes that are here, each with the labels it is compared with."""
    if wanted in {"", "icbm152"}:
        maps = {kind: read_head(atlas_file(kind)).array_zyx for kind in ("wm", "gm")}
        labels = np.where(maps["wm"] > 127.5, WHITE, np.where(maps["gm"] > 127.5, GREY, 0))
        yield "ICBM152", Case(read_head(atlas_file("t1")), labels.astype(np.uint8))
    if wanted in {"", "head"} and HEAD.is_file() and MESHNET.is_dir():
        head = read_head(HEAD)
        if reference is not None:
            labels = read_head(reference).array_zyx.astype(np.uint8)
        else:
            labels = segment_with_bundle(MESHNET, head, "cpu", is_trusted=True).mask_zyx
        yield "T1 head", Case(head, labels)


def measure(
    network: Network,
    changes: dict[str, Callable[[Case], Case]],
    *,
    wanted: str = "",
    reference: Path | None = None,
) -> Iterator[Row]:
    """Yield a row for each volume and change."""
    for volume, case in cases(wanted, reference):
        for change, apply in changes.items():
            changed = apply(case)
            before = time.perf_counter()
            mask = segment_brain(changed.volume, network, device=choose_device()).mask_zyx
            seconds = time.perf_counter() - before
            white, grey = (dice(mask == one, changed.labels_zyx == one) for one in (WHITE, GREY))
            yield Row(volume, change, white, grey, seconds)


def network_of(checkpoint: Path | None) -> Network:
    """Return the distribution's network, or that of a training's checkpoint."""
    if checkpoint is None:
        return brain_network(BRAIN_BUNDLE, digest=digest_bundle(BRAIN_BUNDLE))
    weights = load_state_dict(checkpoint)["average"]

    def load() -> BrainTissueNet:
        network = BrainTissueNet()
        network.load_state_dict(weights)
        return network.eval()

    return Network(digest=str(checkpoint), load=load)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--reference", type=Path, help="the head's labels by MeshNet, if kept")
    parser.add_argument("--volume", choices=("icbm152", "head"), default="")
    parser.add_argument("--change", choices=tuple(brain_changes.CHANGES), action="append")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    names = chosen.change or list(brain_changes.CHANGES)
    changes = {name: brain_changes.CHANGES[name] for name in names}
    print("| volume | change | white matter | grey matter | seconds |\n|---|---|---|---|---|")
    rows = measure(
        network_of(chosen.checkpoint), changes, wanted=chosen.volume, reference=chosen.reference
    )
    for row in rows:
        print(
            f"| {row.volume} | {row.change} | {row.white:.3f} | {row.grey:.3f} "
            f"| {row.seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
