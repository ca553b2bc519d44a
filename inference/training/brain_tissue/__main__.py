"""Train the brain tissue network: ``python -m inference.training.brain_tissue --steps 3000``."""

import argparse
import json
import sys
from pathlib import Path

from inference.training.brain_tissue.bundle import write_bundle
from inference.training.brain_tissue.loop import CHECKPOINT, Plan, train


def main() -> None:
    """Read the arguments and train to the end, or write what was trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("var/brain_tissue"))
    parser.add_argument("--bundle", type=Path, help="write the checkpoint as a bundle here instead")
    parser.add_argument("--figures", type=Path, help="JSON of what was measured, for the bundle")
    parser.add_argument("--steps", type=int, default=3000, help="in all; half a second each, alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", type=int, default=112, help="of the invented cubes, in mm")
    parser.add_argument("--cube", type=int, default=80, help="of the parts that a step sees")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=152)
    given = vars(parser.parse_args())
    output, bundle, figures = (given.pop(key) for key in ("output", "bundle", "figures"))
    if bundle is not None:
        measured = json.loads(figures.read_text(encoding="utf-8")) if figures else {}
        write_bundle(output / CHECKPOINT, bundle, measured)
        return
    train(output, Plan(**given), say=lambda line: sys.stdout.write(line + "\n"))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main()
