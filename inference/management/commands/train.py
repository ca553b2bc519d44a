from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.training.adaptation import adapt_space, fit_components

_ASKER = Asker(door="command", name="train")


class Command(BaseCommand):
    help = (
        "Train a classifier on a folder of labelled images and write it as a bundle; or fit a new"
        " embedding space to the archive: to its labels (--adapt), to its spread (--pca)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("head", nargs="?", choices=["modality_body_part"])
        parser.add_argument(
            "data_dir", nargs="?", type=Path, help="folder with labels.csv and the images"
        )
        parser.add_argument(
            "--output",
            type=Path,
            help="bundle folder to write; default: the models folder of this installation",
        )
        parser.add_argument(
            "--notes", type=Path, help="Markdown about the data set, to end the model card with"
        )
        fits = parser.add_mutually_exclusive_group()
        fits.add_argument(
            "--adapt", action="store_true", help="a space fitted to the archive's own labels"
        )
        fits.add_argument(
            "--pca", type=int, metavar="N", help="a space of the archive's N principal components"
        )
        parser.add_argument("--space", default="", help="what to start from; else the default one")
        parser.add_argument(
            "--label-set", action="append", default=[], help="to adapt to; several are combined"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["adapt"]:
                self._adapt(space=options["space"], label_sets=options["label_set"])
            elif options["pca"] is not None:
                self._fit_components(space=options["space"], dimension=options["pca"])
            else:
                self._train_head(**options)
        except ArchiveError as error:
            raise CommandError(error.message) from error

    def _adapt(self, *, space: str, label_sets: list[str]) -> None:
        if not label_sets:
            raise CommandError("--adapt needs --label-set.")
        adapted = adapt_space(_ASKER, space=space, label_sets=label_sets)
        for label, number in adapted.classes.items():
            self.stdout.write(f"    {number:6d}  {label}")
        for label, number in adapted.left_out.items():
            self.stdout.write(f"    {number:6d}  {label}: too few, left out")
        self._say(str(adapted.space), adapted.number_of_vectors)

    def _fit_components(self, *, space: str, dimension: int) -> None:
        fitted = fit_components(_ASKER, space=space, dimension=dimension)
        self._say(str(fitted.space), fitted.number_of_vectors)

    def _say(self, space: str, vectors: int) -> None:
        self.stdout.write(
            f"{space} fitted on {vectors} images; it is filled in the background."
            " Compare it with evaluate_retrieval, then: models promote " + space
        )

    def _train_head(self, **options: Any) -> None:
        # Training pulls in torch for the one-time export of the embedder.
        from inference.bundles.embedder import ensure_embedder  # noqa: PLC0415
        from inference.pipelines.embedding import OnnxEmbedder  # noqa: PLC0415
        from inference.training.heads import train_modality_body_part  # noqa: PLC0415

        if options["head"] is None or options["data_dir"] is None:
            raise CommandError("Name a head and a folder of images, or --adapt, or --pca.")
        models_dir = Path(settings.TWINSIGHT_MODELS_DIR)
        report = train_modality_body_part(
            data_dir=options["data_dir"],
            bundle_dir=options["output"] or models_dir / options["head"],
            notes=options["notes"].read_text(encoding="utf-8") if options["notes"] else "",
            embedder=OnnxEmbedder(ensure_embedder(models_dir), intra_op_threads=0),
            progress=self.stdout.write,
        )
        self.stdout.write(
            f"held-out accuracy {report.accuracy:.3f}, modality {report.modality_accuracy:.3f}, "
            f"body part {report.body_part_accuracy:.3f}, temperature {report.temperature:.3f}"
        )
