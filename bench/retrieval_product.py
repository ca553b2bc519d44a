"""Measure retrieval through the whole product: ingest, embedding, pgvector, ``/api/v1/similar``.

    python -m bench.retrieval_product DATA_DIR [--models-dir DIR] [--seed N]

DATA_DIR has labels.csv. Each image becomes a DICOM file of its modality's SOP class with an
identity window, a study of its own, of its source's patient or of one of its own. Two archives
with embedded servers are made and thrown away, one for each half of a partition: the half is
ingested, labelled and fitted to; then the other half is ingested, so that the fit saw nothing of
it, and every image of it asks what its reader may see, which is that half alone. The first
archive also answers every image among all, in the default space and in components of the archive.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
    UltrasoundImageStorage,
    generate_uid,
)

from bench.processes import end_by_signals
from bench.retrieval_figures import (
    HEADER,
    Figures,
    Indices,
    Material,
    figures_of,
    line,
    read_material,
    two_folds,
)
from inference.training.labelled_images import LabelledImage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

COMPONENTS = 320
LABEL_SET = "bench"
K = 1000
_CLASSES = {
    "CR": ComputedRadiographyImageStorage,
    "CT": CTImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
    "MR": MRImageStorage,
    "US": UltrasoundImageStorage,
}


@dataclass(frozen=True)
class Row:
    """One row of one archive, to be joined with the other archive's."""

    table: str
    name: str
    figures: Figures


def as_dicom(image: LabelledImage, name: str) -> bytes:
    """Wrap an image as a DICOM file whose display values are its pixels."""
    pixels = image.pixels()
    ds = Dataset()
    ds.SOPClassUID = _CLASSES[image.modality]
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (
        generate_uid(entropy_srcs=[kind, name]) for kind in ("study", "series", "instance")
    )
    ds.PatientID, ds.PatientName = image.patient[-64:], "Bench^Image"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20250101", "120000", "1", ""
    ds.Modality, ds.BodyPartExamined = image.modality, image.body_part
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.WindowCenter, ds.WindowWidth = 128, 256
    content = pixels.tobytes()
    ds.PixelData = content + b"\0" * (len(content) % 2)
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


class Archive:
    """A fresh archive with the shipped models, one project and one reader a half."""

    def __init__(self, material: Material) -> None:
        from django.contrib.auth.models import User  # noqa: PLC0415 after setup
        from django.core.management import call_command  # noqa: PLC0415

        from archive.models import Membership, Project  # noqa: PLC0415
        from inference.runs.defaults import install_defaults  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        install_defaults()
        self.material = material
        self.uids: list[str] = [""] * len(material)
        self.projects = [
            Project.objects.create(name=f"Half {half}", slug=f"half-{half}") for half in (0, 1)
        ]
        self.readers = [User.objects.create_user(f"half-{half}") for half in (0, 1)]
        self.everyone = User.objects.create_user("everyone")
        for project, reader in zip(self.projects, self.readers, strict=True):
            for user in (reader, self.everyone):
                Membership.objects.create(user=user, project=project, role="viewer")

    def store(self, indices: Iterable[int], half: int) -> None:
        """Ingest images into a half's project and embed them in the default space."""
        from archive.ingest.services import ingest_files  # noqa: PLC0415 after setup
        from archive.ingest.spooling import spool_stream  # noqa: PLC0415
        from archive.ingest.types import IncomingFile, Origin  # noqa: PLC0415
        from archive.models import Instance, Series  # noqa: PLC0415
        from inference.runs.operations import (  # noqa: PLC0415
            embedding_version,
            queue_model,
            run_here,
        )

        origin = Origin(door="bench", project=self.projects[half])
        for index in indices:
            image = self.material.images[index]
            with spool_stream([as_dicom(image, f"{index} {image.path.name}")]) as spool:
                (result,) = ingest_files(files=[IncomingFile(spool)], origin=origin)
            if not result.is_accepted:
                raise SystemExit(f"{image.path} was not taken: {result}")
            self.uids[index] = result.sop_instance_uid
        fresh = Series.objects.filter(embeddings__isnull=True)
        runs = list(run_here(queue_model(embedding_version(), fresh)))
        failed = [run.message for run in runs if run.state != "succeeded"]
        stored = Instance.objects.count()
        print(f"half {half}: {stored} instances, {len(runs)} embedded", file=sys.stderr)
        if failed:
            raise SystemExit(f"{len(failed)} images were not embedded: {failed[0]}")

    def label(self, indices: Iterable[int]) -> None:
        """Keep the classes of some images as labels."""
        from archive.audit.types import Asker  # noqa: PLC0415 after setup
        from inference.training.labelling import NewLabel, import_labels  # noqa: PLC0415

        counts = import_labels(
            asker=Asker(door="command", name="bench"),
            labels=[
                NewLabel(LABEL_SET, str(self.material.labels[index]), instance=self.uids[index])
                for index in indices
            ],
        )
        if counts.unknown:
            raise SystemExit(f"{len(counts.unknown)} labels found no image.")

    def fit(self, kind: str) -> str:
        """Make a projected space over the default one and fill it; return its name."""
        from archive.audit.types import Asker  # noqa: PLC0415 after setup
        from inference.runs.operations import fill_here  # noqa: PLC0415
        from inference.training.adaptation import adapt_space, fit_components  # noqa: PLC0415

        asker = Asker(door="command", name="bench")
        if kind == "labels":
            made = adapt_space(asker, space="", label_sets=[LABEL_SET]).space
        else:
            made = fit_components(asker, space="", dimension=COMPONENTS).space
        for _ in fill_here(asker, made):
            pass
        return made.name

    def ranker(self, user: "User", space: str) -> Callable[[int], Indices]:
        """Ask the API as that user in that space."""
        from django.test import Client  # noqa: PLC0415 after setup

        client = Client(HTTP_HOST="localhost")
        client.force_login(user)
        index_of = {uid: index for index, uid in enumerate(self.uids)}
        question = {"level": "instance", "k": K, "fold": False, "patient": "exclude"}
        question |= {"explain": False, "space": space}

        def rank(query: int) -> Indices:
            asked: dict[str, Any] = {**question, "instance": self.uids[query]}
            answer = client.post("/api/v1/similar", asked, content_type="application/json")
            if answer.status_code != 200:
                raise SystemExit(f"{answer.status_code}: {answer.content[:500]!r}")
            found = [index_of[row["instance_uid"]] for row in answer.json()["results"]]
            return np.array(found, dtype=np.intp)

        return rank


def measure_archive(material: Material, halves: Indices, fitted: int) -> list[Row]:
    """Fill an archive half by half, fit to the first, and ask."""
    archive = Archive(material)
    first, other = np.flatnonzero(halves == fitted), np.flatnonzero(halves != fitted)
    archive.store(first, fitted)
    archive.label(first)
    adapted = archive.fit("labels")
    archive.store(other, 1 - fitted)
    name = "lite0-ml-v1, fitted to labels"
    rows = [_asked(archive, "halves", name, archive.readers[1 - fitted], adapted, other)]
    if fitted == 0:
        components = archive.fit("components")
        for name, space in (("lite0-ml-v1, components", components), ("lite0-ml-v1", "")):
            rows.append(_asked(archive, "all", name, archive.everyone, space, None))
    return rows


def _asked(
    archive: Archive, table: str, name: str, user: "User", space: str, among: Indices | None
) -> Row:
    figures = figures_of(archive.material, archive.ranker(user, space), among)
    print(line(f"{table}: {name}", "", [figures]), file=sys.stderr, flush=True)
    return Row(table, name, figures)


def run_in_archive(arguments: argparse.Namespace) -> None:
    """Measure one archive with servers of its own; write its rows as JSON."""
    with tempfile.TemporaryDirectory(prefix="twinsight-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ["TWINSIGHT_HOME"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "deploy.settings.testing"
        from deploy.supervisor.services import embedded_services  # noqa: PLC0415 after the home

        with embedded_services(Path(folder), fast=True) as endpoints:
            os.environ.update(endpoints.as_environment())
            import django  # noqa: PLC0415

            django.setup()
            if arguments.models_dir is not None:
                from django.conf import settings  # noqa: PLC0415

                settings.TWINSIGHT_MODELS_DIR = arguments.models_dir
            material = read_material(arguments.data_dir)
            halves = two_folds(material, arguments.seed)
            rows = measure_archive(material, halves, arguments.fitted_half)
    print(json.dumps([asdict(row) for row in rows]))


def tables(rows: list[Row]) -> str:
    """Return the rows as Markdown tables, those of one name joined."""
    parts = []
    for table, title in (
        ("all", "All images, leave one out, no labels:"),
        ("halves", "Each half after the other one was fitted to:"),
    ):
        names = dict.fromkeys(row.name for row in rows if row.table == table)
        lines = [
            line(name, "", [row.figures for row in rows if (row.table, row.name) == (table, name)])
            for name in names
        ]
        parts.append("\n".join([title, "", HEADER, *lines]))
    return "\n\n".join(parts)


def main() -> None:
    """Read the arguments; measure in two processes, an archive each; print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--models-dir", type=Path, help="where exported embedders lie")
    parser.add_argument("--seed", type=int, default=0, help="of the partition into halves")
    parser.add_argument("--fitted-half", type=int, choices=[0, 1], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fitted_half is not None:
        run_in_archive(arguments)
        return
    rows = []
    for half in (0, 1):
        command = [sys.executable, "-m", "bench.retrieval_product", *sys.argv[1:]]
        done = subprocess.run(  # noqa: S603 our own words
            [*command, "--fitted-half", str(half)], check=True, stdout=subprocess.PIPE, text=True
        )
        for row in json.loads(done.stdout.splitlines()[-1]):
            figures = Figures(**{**row["figures"], "within": tuple(row["figures"]["within"])})
            rows.append(Row(row["table"], row["name"], figures))
    print(tables(rows))


if __name__ == "__main__":
    end_by_signals()
    main()
