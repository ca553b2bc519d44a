from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from archive.errors import ArchiveError
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.evaluation import LEVELS, compare_spaces, evaluate_space
from inference.similarity.quality.labelled import label_sets
from inference.similarity.spaces.registry import find_space
from inference.similarity.types import Level

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace

NO_LABELS = (
    "Nothing in this archive is labelled, and without labels nobody knows what is alike.\n"
    "Bring labels in with “manage.py import_labels FILE.csv” (columns: study, series or instance"
    " UID, label set, label) or with POST /api/v1/labels."
)
SHOWN = ("p_at_1", "p_at_5", "p_at_10", "recall_at_10", "map", "ndcg_at_10", "chance")
HEADS = ("P@1", "P@5", "P@10", "recall@10", "mAP", "nDCG@10", "chance")


class Command(BaseCommand):
    help = (
        "Measure how well similar cases are found on the archive's own labels, leave one out, the"
        " same patient excluded; prints Markdown and keeps the figures."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--space",
            action="append",
            default=[],
            help="embedding space; else the default one. Name two to compare them in pairs",
        )
        parser.add_argument("--label-set", default="", help="else every set with enough labels")
        parser.add_argument(
            "--level", choices=[level.value for level in LEVELS], default=Level.SERIES.value
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if len(options["space"]) > 2:
            raise CommandError("At most two spaces are compared.")
        level = Level(options["level"])
        wanted = [options["label_set"]] if options["label_set"] else label_sets()
        if not wanted:
            raise CommandError(NO_LABELS)
        try:
            spaces = [find_space(name) for name in options["space"] or [""]]
        except ArchiveError as error:
            raise CommandError(error.message) from error
        refusals = [refusal for name in wanted if (refusal := self._set(spaces, name, level))]
        if len(refusals) == len(wanted):
            raise CommandError("\n".join(refusals))
        for refusal in refusals:
            self.stderr.write(refusal)

    def _set(self, spaces: "list[EmbeddingSpace]", label_set: str, level: Level) -> str:
        """Print one set of labels; return why it has no figures."""
        try:
            if len(spaces) == 2:
                self._compare(spaces, label_set, level)
            else:
                self._evaluate(spaces[0], label_set, level)
        except NotEnoughLabelsError as error:
            return error.message
        return ""

    def _evaluate(self, space: "EmbeddingSpace", label_set: str, level: Level) -> None:
        figures = evaluate_space(space, label_set, level).figures
        self._title(f"{space.name}, {level.value}, labels “{label_set}”")
        asked = f"{figures['asked']} of {figures['objects']} labelled objects ask, "
        self.stdout.write(f"{asked}the same patient left out. 95 % intervals over patients.\n\n")
        self._table("", {"all": figures["all"]})
        for grouping, cells in figures["by"].items():
            self._table(f"By {grouping.replace('_', ' ')}, gallery whole", cells)
        if figures["within"]:
            self._table("Within one modality and body part, gallery too", figures["within"])
        index = figures["index_recall"]
        how = "" if index["has_index"] else " (searched exactly: no index answered)"
        self.stdout.write(
            f"Index against exact search: recall@10 {_written(index['recall_at_10'])}"
            f" over {index['queries']} questions{how}.\n\n"
        )

    def _compare(self, spaces: "list[EmbeddingSpace]", label_set: str, level: Level) -> None:
        found = compare_spaces(spaces[0], spaces[1], label_set, level)
        self._title(
            f"{spaces[0].name} and {spaces[1].name}, {level.value}, labels “{label_set}”"
            f" ({found.number_of_objects} objects in both)"
        )
        self._table(
            "",
            {
                spaces[0].name: found.first,
                spaces[1].name: found.second,
                "second less first, in pairs": found.difference,
            },
        )

    def _title(self, text: str) -> None:
        self.stdout.write(f"## {text}\n\n")

    def _table(self, title: str, cells: dict[str, Any]) -> None:
        if title:
            self.stdout.write(f"### {title}\n\n")
        self.stdout.write(f"| | queries | patients | {' | '.join(HEADS)} |")
        self.stdout.write(f"|---|---|---|{'---|' * len(HEADS)}")
        for name, cell in cells.items():
            values = " | ".join(_written(cell[figure]) for figure in SHOWN)
            row = (
                f"| {name.replace('|', '/')} | {cell['queries']} | {cell['patients']} | {values} |"
            )
            self.stdout.write(row)
        self.stdout.write("")


def _written(figure: list[float | None]) -> str:
    """Return a figure with its interval: ``.834 [.802, .861]``."""
    value, low, high = figure
    if value is None:
        return "-"
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
