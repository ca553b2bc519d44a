"""Make the demonstration studies and hand them to the ordinary ingest; a second time skips them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archive.access.projects import ensure_project
from archive.dicom.reading import read_header
from archive.ingest.deliveries import Delivery
from archive.ingest.types import IngestResult, Origin
from archive.models import Instance, Study
from deploy.demo.cohort import Visit, true_labels, visits
from deploy.demo.datasets import series_instance_uid, visit_files
from deploy.demo.packaged import packaged_files
from deploy.demo.pictures import series_of
from inference.models import Label
from inference.similarity.spaces.lifecycle import fill_registered_spaces
from inference.training.labelling import NewLabel, import_labels

PROJECT_NAME = "Demonstration"
CHUNK_BYTES = 1 << 20
Report = Callable[[str], None]


@dataclass
class Loaded:
    """What a run of the loader did."""

    studies: int = 0
    skipped: int = 0
    labels: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)

    def add(self, results: list[IngestResult]) -> None:
        """Count the results of a delivery and keep the reasons of refusals."""
        for result in results:
            self.outcomes[result.outcome.value] += 1
            if result.error is not None:
                self.refusals.append(f"{result.name}: {result.error}")


def demo_origin() -> Origin:
    """Return the door of the demonstration, into its own project."""
    project = ensure_project(name=PROJECT_NAME)
    return Origin(door="demo", source="load_demo", project=project, is_trusted=True)


def missing_visits() -> list[Visit]:
    """Visits whose series are not complete in the archive, newest first."""
    wanted = {visit: _expected(visit) for visit in visits()}
    uids = [uid for counts in wanted.values() for uid in counts]
    rows = Instance.objects.filter(series__series_instance_uid__in=uids)
    held = Counter(rows.values_list("series__series_instance_uid", flat=True))
    missing = [
        visit
        for visit, counts in wanted.items()
        if any(held[uid] < count for uid, count in counts.items())
    ]
    return missing[::-1]


def _expected(visit: Visit) -> dict[str, int]:
    """Series Instance UIDs of a visit and how many instances each has."""
    return {series_instance_uid(series): len(series.heights_mm) for series in series_of(visit)}


def missing_packaged() -> list[Path]:
    """Files of the pip packages that are not in the archive."""
    by_uid = {}
    for path in packaged_files():
        by_uid[str(read_header(path).ds.SOPInstanceUID)] = path
    held = set(
        Instance.objects.filter(sop_instance_uid__in=by_uid).values_list(
            "sop_instance_uid", flat=True
        )
    )
    return [path for uid, path in by_uid.items() if uid not in held]


def load_demo(*, report: Report, limit: int | None = None) -> Loaded:
    """Bring the archive to hold every demonstration study; ``limit`` visits at most."""
    loaded, origin = Loaded(), demo_origin()
    files, todo = missing_packaged(), missing_visits()
    loaded.skipped = len(visits()) - len(todo)
    if files:
        with Delivery(origin) as delivery:
            for path in files:
                delivery.take(path.name, _chunks(path))
            loaded.add(delivery.finish())
        report(f"{len(files)} real files from pip packages stored")
    todo = todo[:limit]
    for number, visit in enumerate(todo, start=1):
        with Delivery(origin) as delivery:
            for file in visit_files(visit):
                delivery.take(file.name, (file.content,))
            loaded.add(delivery.finish())
        loaded.studies += 1
        if number % 5 == 0 or number == len(todo):
            report(f"{number} of {len(todo)} studies stored")
    loaded.labels = store_labels(origin)
    # A visitor may search by any of them; they are filled after everything else.
    fill_registered_spaces(origin.asker)
    return loaded


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def store_labels(origin: Origin) -> int:
    """Hand the ground truth of archived studies to the label service; how many labels are new."""
    truth = true_labels()
    uids = {label.study_instance_uid for label in truth}
    studies = set(
        Study.objects.filter(study_instance_uid__in=uids).values_list(
            "study_instance_uid", flat=True
        )
    )
    rows = Label.objects.filter(study__study_instance_uid__in=studies, series=None, instance=None)
    held = set(rows.values_list("study__study_instance_uid", "label_set", "label"))
    new = [
        NewLabel(study=label.study_instance_uid, label_set=label.label_set, label=label.label)
        for label in truth
        if label.study_instance_uid in studies
        and (label.study_instance_uid, label.label_set, label.label) not in held
    ]
    return import_labels(asker=origin.asker, labels=new).created if new else 0
