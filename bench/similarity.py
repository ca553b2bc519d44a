"""Recall and latency of similarity search on synthetic clustered vectors, as a table.

    python bench/similarity.py --vectors 100000 --queries 100

A scratch PostgreSQL is started, filled, measured and thrown away; no archive is touched. Vectors
are drawn around random centres (noise 0.7 of the centre's length, spread over all dimensions),
rounded to halfvec; every vector is a series, two series a study, two studies a patient, in one
project that the asker reads. The filter's values are drawn without regard to the clusters, which
is the hard case for an index. Recall@10 is measured against exact search in the same database.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from django.contrib.auth.models import User

    from inference.models import EmbeddingSpace
    from inference.similarity.planning import SearchLimits

MAX_VECTORS = 2_000_000
DIMENSION = 384
CLUSTERS = 1000
NOISE = 0.7
K = 10
# Filter's name and value; the statement that draws the values gives the shares.
CASES = {"none": None, "50 %": "S50", "10 %": "S10", "1 %": "S1", "0.1 %": "S01"}

_ROWS_OF_THE_ARCHIVE = (
    """
    INSERT INTO archive_patient (id, dicom_patient_id, issuer_of_patient_id, patient_name,
        patient_name_search, patient_sex, created_at)
    SELECT n, n::text, '', '', '', '', now() FROM generate_series(1, %(patients)s) n
    """,
    """
    INSERT INTO archive_study (id, patient_id, study_instance_uid, accession_number,
        dicom_study_id, study_description, referring_physician_name,
        referring_physician_name_search, patient_age, timezone_offset_from_utc,
        specific_character_set, modalities_in_study, body_parts, number_of_study_related_series,
        number_of_study_related_instances, is_deidentified, created_at, updated_at)
    SELECT n, (n - 1) / 2 + 1, '2.25.2.' || n, '', '', '', '', '', '', '', '', '{}', '{}', 2, 2,
        false, now(), now() FROM generate_series(1, %(studies)s) n
    """,
    """
    INSERT INTO archive_study_projects (study_id, project_id)
    SELECT n, %(project)s FROM generate_series(1, %(studies)s) n
    """,
    """
    INSERT INTO archive_series (id, study_id, series_instance_uid, modality, series_description,
        body_part_examined, laterality, protocol_name, manufacturer, manufacturer_model_name,
        station_name, institution_name, frame_of_reference_uid, request_attributes,
        number_of_series_related_instances, created_at, updated_at)
    SELECT n, (n - 1) / 2 + 1, '2.25.3.' || n, 'CT', '',
        CASE WHEN share < 0.001 THEN 'S01' WHEN share < 0.011 THEN 'S1'
             WHEN share < 0.111 THEN 'S10' WHEN share < 0.611 THEN 'S50' ELSE 'REST' END,
        '', '', '', '', '', '', '', '[]', 1, now(), now()
    FROM (SELECT n, random() AS share FROM generate_series(1, %(series)s) n) drawn
    """,
)


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    recall: float
    exact_share: float
    search_ms: npt.NDArray[np.float64]
    answer_ms: npt.NDArray[np.float64]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="twinsight-bench-") as folder:
        Path(folder).chmod(0o755)
        os.environ["TWINSIGHT_HOME"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.testing")
        from deploy.supervisor.services import embedded_services  # noqa: PLC0415 after the home

        with embedded_services(Path(folder), fast=True) as endpoints:
            os.environ.update(endpoints.as_environment())
            import django  # noqa: PLC0415
            from django.core.management import call_command  # noqa: PLC0415

            django.setup()
            call_command("migrate", verbosity=0)
            _run(options.vectors, options.queries, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not 1000 <= options.vectors <= MAX_VECTORS:
        parser.error(f"--vectors is a number from 1000 to {MAX_VECTORS}")
    return options


def _run(count: int, queries: int, seed: int) -> None:
    from inference.similarity.planning import DEFAULT_LIMITS  # noqa: PLC0415 after setup

    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    space, user = _load(count, rng)
    loaded = time.perf_counter()
    _index(space)
    built = time.perf_counter()
    print(f"{count:,} vectors of {DIMENSION}: loaded in {loaded - started:.0f} s, ", end="")
    print(
        f"indexed in {built - loaded:.0f} s, {_index_size(space)}; {queries} queries a row, k = {K}"
    )
    print()
    print("| filter | recall@10 | exact | search p50 | search p95 | answer p50 | answer p95 |")
    print("|---|---|---|---|---|---|---|")
    series = [int(key) for key in rng.integers(1, count + 1, size=queries)]
    for name, value in CASES.items():
        row = _measure(space, user, series, value, DEFAULT_LIMITS)
        search, answer = (np.percentile(ms, [50, 95]) for ms in (row.search_ms, row.answer_ms))
        print(
            f"| {name} | {row.recall:.3f} | {row.exact_share:.0%}"
            f" | {search[0]:.1f} ms | {search[1]:.1f} ms"
            f" | {answer[0]:.1f} ms | {answer[1]:.1f} ms |"
        )


def _measure(
    space: EmbeddingSpace,
    user: User,
    series: list[int],
    value: str | None,
    limits: SearchLimits,
) -> Measured:
    from inference.similarity.services import search_similar  # noqa: PLC0415 after setup
    from inference.similarity.types import Filters, SimilarQuery  # noqa: PLC0415

    filters = Filters(body_part=(value,)) if value else Filters()
    ask = [SimilarQuery(series=f"2.25.3.{key}", filters=filters, k=K) for key in series]
    search_similar(user, ask[0], limits=limits)
    found, exact, search_ms, answer_ms = [], [], [], []
    for query in ask:
        _, ms = _timed(lambda query=query: search_similar(user, query, limits=limits))
        answer_ms.append(ms)
        (keys, is_exact), ms = _rank(space, user, query, limits)
        search_ms.append(ms)
        wanted = keys if is_exact else _rank(space, user, query, _always_exact())[0][0]
        exact.append(is_exact)
        found.append(len(keys & wanted) / max(len(wanted), 1))
    return Measured(
        float(np.mean(found)), float(np.mean(exact)), np.array(search_ms), np.array(answer_ms)
    )


def _rank(
    space: EmbeddingSpace, user: User, query: object, limits: SearchLimits
) -> tuple[tuple[set[int], bool], float]:
    """Plan and rank alone, without resolving the query and filling the results."""
    from inference.similarity.permitted import compile_permitted  # noqa: PLC0415 after setup
    from inference.similarity.questions import resolve_question, scope_of  # noqa: PLC0415
    from inference.similarity.ranking import rank  # noqa: PLC0415

    question = resolve_question(user, query, space)
    permitted = compile_permitted(user, space, scope_of(query, question), question.vector)
    ranking, ms = _timed(
        lambda: rank(
            space=space, permitted=permitted, level=query.level, k=K, fold=True, limits=limits
        )
    )
    return ({row.embedding_id for row in ranking.rows}, ranking.is_exact), ms


def _always_exact() -> SearchLimits:
    from inference.similarity.planning import SearchLimits  # noqa: PLC0415 after setup

    return SearchLimits(exact_rows=10 * MAX_VECTORS)


def _timed(call: Callable[[], object]) -> tuple[object, float]:
    started = time.perf_counter()
    answer = call()
    return answer, (time.perf_counter() - started) * 1000


def _load(count: int, rng: np.random.Generator) -> tuple[EmbeddingSpace, User]:
    from django.contrib.auth.models import User  # noqa: PLC0415 after setup
    from django.db import connection  # noqa: PLC0415

    from archive.models import Membership, Project  # noqa: PLC0415
    from inference.models import EmbeddingSpace, ModelVersion  # noqa: PLC0415

    version = ModelVersion.objects.create(name="bench", version="1", task="embed")
    space = EmbeddingSpace.objects.create(
        name="bench", dimension=DIMENSION, model_version=version, is_default=True
    )
    project = Project.objects.create(name="Bench", slug="bench")
    user = User.objects.create_user("bench")
    Membership.objects.create(user=user, project=project, role="viewer")
    with connection.cursor() as cursor:
        numbers = {"series": count, "studies": count // 2 + 1, "patients": count // 4 + 1}
        for statement in _ROWS_OF_THE_ARCHIVE:
            cursor.execute(statement, {**numbers, "project": project.pk})
        _copy_vectors(cursor, space.pk, count, rng)
        cursor.execute("ANALYZE")
    return space, user


def _copy_vectors(cursor: object, space: int, count: int, rng: np.random.Generator) -> None:
    centres = rng.normal(size=(CLUSTERS, DIMENSION)).astype(np.float32)
    columns = "space_id, level, study_id, series_id, vector, created_at"
    with cursor.copy(f"COPY inference_embedding ({columns}) FROM STDIN") as copy:
        for first in range(0, count, 5000):
            size = min(5000, count - first)
            chosen = rng.integers(CLUSTERS, size=size)
            noise = rng.normal(size=(size, DIMENSION)).astype(np.float32)
            vectors = centres[chosen] + NOISE * noise
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            for offset, vector in enumerate(vectors):
                number = first + offset + 1
                text = "[" + ",".join(f"{value:.5g}" for value in vector) + "]"
                study = (number - 1) // 2 + 1
                copy.write_row((space, "series", study, number, text, "now"))


def _index(space: EmbeddingSpace) -> None:
    from django.db import connection  # noqa: PLC0415 after setup

    from inference.similarity.spaces import ensure_space_indexes  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '2GB'")
    ensure_space_indexes(space)
    with connection.cursor() as cursor:
        cursor.execute("RESET maintenance_work_mem")
        cursor.execute("VACUUM ANALYZE")


def _index_size(space: EmbeddingSpace) -> str:
    from django.db import connection  # noqa: PLC0415 after setup

    from inference.similarity.spaces import index_name  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_size_pretty(pg_relation_size(%s::regclass))", [index_name(space, "series")]
        )
        return str(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
