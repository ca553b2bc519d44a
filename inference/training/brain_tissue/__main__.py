"""Train the brain tissue network: ``python -m inference.training.brain_tissue --minutes 60``."""

import argparse
import sys
from pathlib import Path

from inference.training.brain_tissue.loop import Plan, train


def main() -> None:
    """Read the arguments and train until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("var/brain_tissue"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", type=int, default=112, help="of the invented cubes, in mm")
    parser.add_argument("--cube", type=int, default=80, help="of the parts that a step sees")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=152)
    given = parser.parse_args()
    plan = Plan(**{key: value for key, value in vars(given).items() if key != "output"})
    train(given.output, plan, say=lambda line: sys.stdout.write(line + "\n") and sys.stdout.flush())


if __name__ == "__main__":
    main()
