from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.errors import InferenceError


class Command(BaseCommand):
    help = "Train a classifier on a folder of labelled images and write it as a bundle."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("head", choices=["modality_body_part"])
        parser.add_argument("data_dir", type=Path, help="folder with labels.csv and the images")
        parser.add_argument(
            "--output",
            type=Path,
            help="bundle folder to write; default: the models folder of this installation",
        )
        parser.add_argument(
            "--notes", type=Path, help="Markdown about the data set, to end the model card with"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Training pulls in torch for the one-time export of the embedder.
        from inference.bundles.embedder import ensure_embedder  # noqa: PLC0415
        from inference.pipelines.embedding import OnnxEmbedder  # noqa: PLC0415
        from inference.training.heads import train_modality_body_part  # noqa: PLC0415

        models_dir = Path(settings.TWINSIGHT_MODELS_DIR)
        try:
            report = train_modality_body_part(
                data_dir=options["data_dir"],
                bundle_dir=options["output"] or models_dir / options["head"],
                notes=options["notes"].read_text(encoding="utf-8") if options["notes"] else "",
                embedder=OnnxEmbedder(ensure_embedder(models_dir), intra_op_threads=0),
                progress=self.stdout.write,
            )
        except InferenceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"held-out accuracy {report.accuracy:.3f}, modality {report.modality_accuracy:.3f}, "
            f"body part {report.body_part_accuracy:.3f}, temperature {report.temperature:.3f}"
        )
