from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.management.training_options import add_training_options, recipe_values
from inference.training.adaptation import adapt_space, fit_components
from inference.training.finding_heads import find_head, notes_of
from inference.training.recipe import read_recipe
from inference.training.selectors import headline_of, list_trainings
from inference.training.services import claim_training, request_training, resume_training
from inference.training.watching import Watch

_ASKER = Asker(door="command", name="train")
# The one head that is trained by a way of its own.
_HEAD = "modality_body_part"


class Command(BaseCommand):
    _stage = ""
    help = (
        "Train a classifier on the archive's labels (NAME --label-set SET) or on a folder of"
        " labelled images (NAME FOLDER), or a network that segments on stored SEG objects"
        " (NAME --segment LABEL), measure it and register it as a draft; or fit a new"
        " embedding space to the archive: to its labels (--adapt), to its spread (--pca)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("head", nargs="?", help="name of the model to be")
        parser.add_argument(
            "data_dir", nargs="?", type=Path, help="folder with labels.csv and the images"
        )
        parser.add_argument(
            "--output",
            type=Path,
            help="write the bundle into this folder, and register nothing",
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
            "--label-set", action="append", default=[], help="to learn; --adapt combines several"
        )
        add_training_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._choose(options)(**options)
        except ArchiveError as error:
            raise CommandError(error.message) from error

    def _choose(self, options: dict[str, Any]) -> Callable[..., None]:
        ways: dict[str, Callable[..., None]] = {
            "list": self._list,
            "adapt": self._adapt,
            "pca": self._fit_components,
            "resume": self._train,
        }
        for name, way in ways.items():
            if options[name]:
                return way
        if options["head"] == _HEAD:
            return self._train_head
        material = options["data_dir"] or options["label_set"] or options["segment"]
        if options["head"] is None or not material:
            raise CommandError(
                "Name a head and a folder of images, a --label-set or a --segment; or --adapt, or"
                " --pca."
            )
        if options["segment"] and options["output"]:
            raise CommandError("--segment learns from the archive: it takes no --output.")
        return self._write if options["output"] else self._train

    def _adapt(self, *, space: str, label_set: list[str], **_options: Any) -> None:
        if not label_set:
            raise CommandError("--adapt needs --label-set.")
        adapted = adapt_space(_ASKER, space=space, label_sets=label_set)
        for label, number in adapted.classes.items():
            self.stdout.write(f"    {number:6d}  {label}")
        for label, number in adapted.left_out.items():
            self.stdout.write(f"    {number:6d}  {label}: too few, left out")
        self._say(str(adapted.space), adapted.number_of_vectors)

    def _fit_components(self, *, space: str, pca: int, **_options: Any) -> None:
        fitted = fit_components(_ASKER, space=space, dimension=pca)
        self._say(str(fitted.space), fitted.number_of_vectors)

    def _say(self, space: str, vectors: int) -> None:
        self.stdout.write(
            f"{space} fitted on {vectors} images; it is filled in the background."
            " Compare it with evaluate_retrieval, then: models promote " + space
        )

    def _list(self, **_options: Any) -> None:
        for training in list_trainings(None):
            self.stdout.write(
                f"{training.pk}  {training.name}  {training.state}  {headline_of(training)}"
            )

    def _train(self, **options: Any) -> None:
        """Train here, or leave it to a worker."""
        if options["resume"]:
            training = resume_training(_ASKER, options["resume"])
        else:
            training = request_training(_ASKER, recipe_values(options))
        if options["queue"]:
            self.stdout.write(f"training {training.pk} is queued")
            return
        claimed = claim_training(training.pk)
        if claimed is None:
            raise CommandError(f"A worker has training {training.pk} already.")
        from inference.training.fitting import fit_training  # noqa: PLC0415 it imports torch

        fit_training(claimed, makes_room=False, say=self._say_stage)
        training.refresh_from_db()
        if training.state != training.State.SUCCEEDED:
            raise CommandError(training.message)
        self.stdout.write(training.model_version.card if training.model_version else "")
        self.stdout.write(training.message + f" Then: models promote {training.name}")

    def _write(self, **options: Any) -> None:
        """Train on a folder of images and write the bundle; the archive is not asked."""
        from inference.training.bundle_writing import write_bundle  # noqa: PLC0415 it imports torch
        from inference.training.datasets import read_data  # noqa: PLC0415
        from inference.training.learning import Site, learn  # noqa: PLC0415

        head = find_head(options["head"])
        values = recipe_values(options)
        recipe = head.recipe(options["data_dir"]) if head else read_recipe(values)
        with TemporaryDirectory(prefix="training-") as folder:
            site = Site(
                folder=Path(folder),
                models_dir=Path(settings.TWINSIGHT_MODELS_DIR),
                watch=Watch(tell=self._say_stage),
                codes=head.codes if head else {},
                inputs=head.inputs if head else {},
                notes=notes_of(head) if head else "",
            )
            trained = learn(recipe, read_data(recipe), site)
            write_bundle(trained, options["output"])
        self.stdout.write((options["output"] / "docs" / "model_card.md").read_text("utf-8"))

    def _say_stage(self, progress: dict[str, Any]) -> None:
        stage = f"{progress.get('stage', '')} {progress.get('split', '')}".strip()
        if stage != self._stage:
            self._stage = stage
            self.stdout.write(stage)

    def _train_head(self, **options: Any) -> None:
        # Training pulls in torch for the one-time export of the embedder.
        from inference.bundles.embedder import ensure_embedder  # noqa: PLC0415
        from inference.pipelines.embedding import OnnxEmbedder  # noqa: PLC0415
        from inference.training.heads import train_modality_body_part  # noqa: PLC0415

        if options["data_dir"] is None:
            raise CommandError("Name a folder of images.")
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
