"""Does the time of an answer tell what the asker may not see? Differences of medians, bootstrapped.

    python bench/leak.py --images ../shared/data/retrieval

A scratch archive is filled with realistic vectors (`bench/vectors.py`) in a project that the
asker reads. A pair is one question asked twice, ``--repeats`` times each, in random order: once
while another project holds ``--forbidden`` near copies of the question's own vector, which the
asker may not see, and once while as many lie there that are far from it. The archive's size and
everything permitted are the same on both sides; only nearness differs. The difference of the
two medians of every pair is taken, and the 95 % bootstrap interval of the median difference over
all pairs printed, for each plan: exact, index, and index with a filter; by the clock, and of the
processors' time of both processes, which a busy machine disturbs less. A leak is an interval
without zero in it. Answers must be the same byte for byte, apart from the time they took.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processes import end_by_signals
from bench.similarity import DIMENSION, cpu_ms, source_of
from bench.vector_rows import make_archive

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.vector_rows import VectorArchive
    from inference.similarity.planning import SearchLimits

RESAMPLES = 10_000
_MOVES_A_VACUUM = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forbidden", type=int, default=200)
    parser.add_argument("--plans", default="", help="begin of the names of the plans; else all")
    parser.add_argument("--images", type=Path, help="folder whose images shape the vectors")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="twinsight-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ["TWINSIGHT_HOME"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.testing")
        from deploy.supervisor.services import embedded_services  # noqa: PLC0415 after the home

        with embedded_services(Path(folder)) as endpoints:
            os.environ.update(endpoints.as_environment())
            import django  # noqa: PLC0415
            from django.core.management import call_command  # noqa: PLC0415

            django.setup()
            call_command("migrate", verbosity=0)
            _run(options)


def _run(options: argparse.Namespace) -> None:
    from inference.similarity.planning import SearchLimits  # noqa: PLC0415 after setup

    rng = np.random.default_rng(1)
    archive = make_archive(DIMENSION)
    archive.grow(source_of(options.images), options.vectors // 4 * 4, rng)
    strangers = _strangers(archive, options.forbidden)
    _build()
    plans = {
        "index": (SearchLimits(exact_rows=100), None),
        "index, filter of 50 %": (SearchLimits(exact_rows=100), "S500"),
        "exact, filter of 10 %": (SearchLimits(exact_rows=10**7), "S100"),
    }
    print(
        f"{options.vectors:,} permitted vectors, {options.forbidden} forbidden ones near the"
        f" question or far from it; {options.pairs} pairs of medians of {options.repeats};"
        f" load average {os.getloadavg()[0]:.1f}\n"
    )
    print("| plan | of | median ms | difference ms | 95 % interval | zero inside | answers equal |")
    print("|---|---|---:|---:|---:|---|---|")
    for name, (limits, value) in plans.items():
        if not name.startswith(options.plans):
            continue
        near, far, same = _pairs(archive, strangers, options, limits, value, rng)
        for place, clock in enumerate(("clock", "processor")):
            differences = (near - far)[:, place]
            low, high = _interval(differences, rng)
            inside = "yes" if low <= 0 <= high else "NO"
            print(
                f"| {name} | {clock} | {np.median(far[:, place]):.2f}"
                f" | {np.median(differences):+.3f} | {low:+.3f} to {high:+.3f} | {inside}"
                f" | {'yes' if same else 'NO'} |",
                flush=True,
            )


def _pairs(
    archive: VectorArchive,
    strangers: list[int],
    options: argparse.Namespace,
    limits: SearchLimits,
    value: str | None,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], bool]:
    medians: dict[bool, list[npt.NDArray[np.float64]]] = {True: [], False: []}
    same = True
    for row in rng.integers(0, len(archive.vectors), size=options.pairs):
        answers: dict[bool, Any] = {}
        far = int(np.argmin(archive.vectors @ archive.vectors[row]))
        for is_near in rng.permutation([True, False]).tolist():
            _move(archive, strangers, int(row) if is_near else far, rng)
            times, answers[is_near] = _asked(archive, int(row), options.repeats, limits, value)
            medians[is_near].append(np.median(times, axis=0))
        same &= answers[True] == answers[False]
    return np.array(medians[True]), np.array(medians[False]), same


def _asked(
    archive: VectorArchive, row: int, repeats: int, limits: SearchLimits, value: str | None
) -> tuple[npt.NDArray[np.float64], Any]:
    """Return (repeats, 2) times by the clock and of the processor, and the answer."""
    from inference.similarity.services import search_similar  # noqa: PLC0415 after setup
    from inference.similarity.types import Filters, SimilarQuery  # noqa: PLC0415

    filters = Filters(body_part=(value,)) if value else Filters()
    query = SimilarQuery(series=f"2.25.3.{row + 1}", filters=filters)
    times, answer = [], search_similar(archive.user, query, limits=limits)
    for _ in range(repeats):
        spent, started = cpu_ms().sum(), time.perf_counter()
        answer = search_similar(archive.user, query, limits=limits)
        times.append(((time.perf_counter() - started) * 1000, cpu_ms().sum() - spent))
    return np.array(times), replace(answer, took_ms=0.0)


def _strangers(archive: VectorArchive, number: int) -> list[int]:
    """Add studies of a project that the asker can't read; return the keys of their vectors."""
    from django.db import connection  # noqa: PLC0415 after setup

    from archive.models import Patient, Project, Series, Study  # noqa: PLC0415
    from inference.models import Embedding  # noqa: PLC0415

    other = Project.objects.create(name="Other", slug="other")
    with connection.cursor() as cursor:
        for table in ("archive_patient", "archive_study", "archive_series"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608
            )
    keys = []
    for serial in range(number):
        patient = Patient.objects.create(dicom_patient_id=f"forbidden-{serial}")
        study = Study.objects.create(patient=patient, study_instance_uid=f"2.25.8.{serial}")
        study.projects.add(other)
        series = Series.objects.create(
            study=study,
            series_instance_uid=f"2.25.9.{serial}",
            modality="CT",
            body_part_examined=["S500", "S100"][serial % 2],
        )
        row = Embedding.objects.create(
            space=archive.space,
            level="series",
            study=study,
            series=series,
            vector=archive.vectors[0],
        )
        keys.append(row.pk)
    return keys


def _move(archive: VectorArchive, strangers: list[int], row: int, rng: np.random.Generator) -> None:
    """Put the forbidden vectors around one of the archive's, and clear up behind."""
    from django.db import connection  # noqa: PLC0415 after setup

    around = archive.vectors[row] + 0.002 * rng.standard_normal((len(strangers), DIMENSION))
    texts = ["[" + ",".join(f"{value:.5f}" for value in vector) + "]" for vector in around]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inference_embedding stranger SET vector = moved.vector::halfvec"
            " FROM unnest(%s::bigint[], %s::text[]) moved (id, vector)"
            " WHERE stranger.id = moved.id",
            [strangers, texts],
        )
        if rng.random() < 1 / _MOVES_A_VACUUM:
            cursor.execute("VACUUM inference_embedding")


def _interval(
    differences: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float]:
    drawn = rng.choice(differences, size=(RESAMPLES, len(differences)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return float(low), float(high)


def _build() -> None:
    from django.db import connection  # noqa: PLC0415 after setup

    from inference.similarity.realms import reconcile_realms  # noqa: PLC0415

    reconcile_realms(least_rows=1000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    end_by_signals()
    main()
