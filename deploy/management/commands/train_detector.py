from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import torch
from django.core.management.base import BaseCommand

from deploy.demo.nodule_detector import DetectorPlan, make_detector
from inference.training.detector import DetectorRecipe


class Command(BaseCommand):
    help = "Train the nodule detector on labelled phantoms, test it on others, write its bundle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where the bundle is written")
        parser.add_argument("--steps", type=int, default=DetectorRecipe.steps)
        parser.add_argument("--training", type=int, default=DetectorPlan.training)
        parser.add_argument("--testing", type=int, default=DetectorPlan.testing)
        parser.add_argument("--threads", type=int, default=1)

    def handle(self, *_args: Any, **options: Any) -> None:
        torch.set_num_threads(options["threads"])
        plan = DetectorPlan(
            training=options["training"],
            testing=options["testing"],
            recipe=DetectorRecipe(steps=options["steps"]),
        )
        make_detector(options["folder"], plan, report=self._report)

    def _report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
