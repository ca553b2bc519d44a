"""Recall and latency of similarity search beside FAISS on the same vectors, as a table.

    python bench/similarity.py --sizes 100000,1000000 --images ../shared/data/retrieval

A scratch PostgreSQL is started with the settings of the product, filled, measured and thrown
away; no archive is touched. Vectors come from `bench/vectors.py`: realistic ones between the
embeddings of the images of ``--images`` (a folder with labels.csv), or hard clusters without.
Every vector is a series, two series a study, two studies a patient, in one project that the
asker reads. Queries are stored series; the asker's patient is left out, one result a patient.

Recall@10 is against exact search by FAISS flat over the same rows. "search" is planning and
ranking, with rights, filters and folding; "answer" is `search_similar` as the API calls it.
FAISS searches in the memory of one process, one query at a time in one thread, with a bitmap as
filter, without rights and folding, as narrowly as gives it at least our recall. "CPU" is the
processor time of one search, in our process and in PostgreSQL's: on a busy machine it says more
than the clock, which then counts mostly waiting.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.faiss_peer import FaissPeer, Peer
from bench.processes import end_by_signals
from bench.vector_rows import VectorArchive, make_archive
from bench.vectors import ClusteredVectors, RealisticVectors, Vectors, intrinsic_dimension

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from inference.similarity.planning import SearchLimits

MAX_VECTORS = 2_000_000
DIMENSION = 384
K = 10
CASES = {"none": None, "50 %": "S500", "10 %": "S100", "1 %": "S010", "0.1 %": "S001"}


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    case: str
    recall: float
    exact_share: float
    search_ms: npt.NDArray[np.float64]
    answer_ms: npt.NDArray[np.float64]
    client_cpu_ms: float
    database_cpu_ms: float
    flat: Peer
    hnsw: Peer


def main() -> None:
    options = _options()
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="100000", help="numbers of vectors, growing")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--images", type=Path, help="folder whose images shape the vectors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true", help="without FAISS's HNSW")
    options = parser.parse_args()
    options.sizes = [int(size) // 4 * 4 for size in options.sizes.split(",")]
    if not all(1000 <= size <= MAX_VECTORS for size in options.sizes):
        parser.error(f"--sizes are numbers from 1000 to {MAX_VECTORS}")
    return options


def _run(options: argparse.Namespace) -> None:
    from inference.similarity.realms import reconcile_realms  # noqa: PLC0415 after setup

    rng = np.random.default_rng(options.seed)
    source = source_of(options.images)
    archive = make_archive(DIMENSION)
    tables: dict[int, list[Measured]] = {}
    for size in options.sizes:
        started = time.perf_counter()
        reconcile_realms(least_rows=10 * MAX_VECTORS, least_facts=10 * MAX_VECTORS)
        archive.grow(source, size, rng)
        loaded = time.perf_counter()
        made = reconcile_realms()
        _vacuum()
        built = time.perf_counter() - loaded
        print(f"\n{size:,} {source.name} vectors of {DIMENSION}, ", end="")
        print(f"TwoNN dimension {intrinsic_dimension(archive.vectors):.1f}: ", end="")
        print(f"loaded in {loaded - started:.0f} s, {len(made)} indexes of {_size(made)} ", end="")
        print(f"in {built:.0f} s; load average {os.getloadavg()[0]:.1f}", flush=True)
        tables[size] = _measure_all(archive, options, rng)
    if len(tables) > 1:
        _print_growth(tables)


def source_of(images: Path | None) -> Vectors:
    """Return realistic vectors between those of images, or clusters without images."""
    if images is None:
        return ClusteredVectors(DIMENSION)
    from bench.retrieval import embed_images  # noqa: PLC0415 after setup
    from inference.bundles.embedder import ensure_embedder  # noqa: PLC0415
    from inference.pipelines.embedding import OnnxEmbedder  # noqa: PLC0415
    from inference.training.labelled_images import read_labelled_images  # noqa: PLC0415

    embedder = OnnxEmbedder(ensure_embedder(Path(os.environ["TWINSIGHT_HOME"])))
    seeds = embed_images(read_labelled_images(images), embedder)
    source = RealisticVectors(seeds)
    drawn = source.draw(len(seeds), np.random.default_rng(0))
    print(
        f"{len(seeds)} real vectors: TwoNN dimension {intrinsic_dimension(seeds):.1f};"
        f" as many synthetic ones: {intrinsic_dimension(drawn):.1f}"
    )
    return source


def _measure_all(
    archive: VectorArchive, options: argparse.Namespace, rng: np.random.Generator
) -> list[Measured]:
    from inference.similarity.spaces.registry import HNSW_EF_CONSTRUCTION, HNSW_M  # noqa: PLC0415

    peer = FaissPeer(
        archive.vectors if not options.no_peer else archive.vectors[:1000],
        m=HNSW_M,
        ef_construction=HNSW_EF_CONSTRUCTION,
        threads=2,
    )
    print(f"FAISS HNSW built in {peer.build_s:.0f} s by 2 threads\n")
    print(
        "| filter | recall@10 | exact | search p50 | p95 | answer p50 | p95 | CPU of us"
        " | of PostgreSQL | FAISS flat p50 | CPU | FAISS HNSW recall | p50 | p95 | CPU |"
    )
    print("|---|" + "---:|" * 14)
    asked = rng.integers(0, len(archive.vectors), size=options.queries)
    rows = []
    for case, value in CASES.items():
        rows.append(_measure(archive, peer, asked, case, value))
        _print(rows[-1])
    return rows


def _measure(
    archive: VectorArchive, peer: FaissPeer, asked: Any, case: str, value: str | None
) -> Measured:
    from inference.similarity.planning import DEFAULT_LIMITS  # noqa: PLC0415 after setup
    from inference.similarity.services import search_similar  # noqa: PLC0415
    from inference.similarity.types import Filters, SimilarQuery  # noqa: PLC0415

    filters = Filters(body_part=(value,)) if value else Filters()
    queries = [SimilarQuery(series=f"2.25.3.{row + 1}", filters=filters, k=K) for row in asked]
    allowed = archive.rows_with(value)
    found, exact, search_ms, answer_ms = [], [], [], []
    for query in queries[:10]:
        search_similar(archive.user, query)
    for query in queries:
        _, ms = _timed(lambda query=query: search_similar(archive.user, query))
        answer_ms.append(ms)
    spent = np.zeros(2)
    for query in queries:
        (keys, is_exact), ms, cpu = _ranked(archive, query, DEFAULT_LIMITS)
        spent += cpu
        search_ms.append(ms)
        exact.append(is_exact)
        found.append(keys)
    recall = float(
        np.mean([
            len(set(keys) & set(_truth(archive, allowed, row))) / K
            for keys, row in zip(found, asked, strict=True)
        ])
    )  # fmt: skip
    selected = None if value is None else allowed
    truth, flat = peer.exact(archive.vectors[asked], selected, K)
    hnsw = peer.at_recall(archive.vectors[asked], selected, truth, min(recall, 0.999))
    return Measured(
        case=case,
        recall=recall,
        exact_share=float(np.mean(exact)),
        search_ms=np.array(search_ms),
        answer_ms=np.array(answer_ms),
        client_cpu_ms=float(spent[0]) / len(queries),
        database_cpu_ms=float(spent[1]) / len(queries),
        flat=flat,
        hnsw=hnsw,
    )


def _truth(archive: VectorArchive, allowed: npt.NDArray[np.int64], row: int) -> list[int]:
    """Return the ten nearest series of other patients, one a patient, by brute force."""
    cosines = archive.vectors[allowed] @ archive.vectors[row]
    best: dict[int, int] = {}
    for position in allowed[np.argsort(-cosines)[: 20 * K]]:
        patient = int(position) // 4
        if patient != row // 4:
            best.setdefault(patient, int(position) + 1)
        if len(best) == K:
            break
    return list(best.values())


def _ranked(
    archive: VectorArchive, query: Any, limits: SearchLimits
) -> tuple[tuple[list[int], bool], float, npt.NDArray[np.float64]]:
    """Plan and rank alone, without resolving the query and filling the results."""
    from inference.similarity.permitted import compile_permitted  # noqa: PLC0415 after setup
    from inference.similarity.questions import resolve_question, scope_of  # noqa: PLC0415
    from inference.similarity.ranking import rank  # noqa: PLC0415

    question = resolve_question(archive.user, query, archive.space)
    scope, vector = scope_of(query, question), question.vector

    def search() -> Any:
        permitted = compile_permitted(archive.user, archive.space, scope, vector)
        return rank(
            space=archive.space,
            permitted=permitted,
            level=query.level,
            k=K,
            fold=True,
            limits=limits,
        )

    before = cpu_ms()
    ranking, ms = _timed(search)
    return ([row.series_id for row in ranking.rows], ranking.is_exact), ms, cpu_ms() - before


def cpu_ms() -> npt.NDArray[np.float64]:
    """Processor time so far: ours, and that of the connection's server process (Linux)."""
    from django.db import connection  # noqa: PLC0415 after setup

    statistics = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    database = int(statistics.read_text().split()[0]) / 1e6 if statistics.exists() else np.nan
    return np.array([time.process_time() * 1000, database])


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    answer = call()
    return answer, (time.perf_counter() - started) * 1000


def _print(row: Measured) -> None:
    search, answer = (np.percentile(ms, [50, 95]) for ms in (row.search_ms, row.answer_ms))
    print(
        f"| {row.case} | {row.recall:.3f} | {row.exact_share:.0%}"
        f" | {search[0]:.1f} | {search[1]:.1f} | {answer[0]:.1f} | {answer[1]:.1f}"
        f" | {row.client_cpu_ms:.1f} | {row.database_cpu_ms:.1f}"
        f" | {row.flat.p50_ms:.1f} | {row.flat.cpu_ms:.1f}"
        f" | {row.hnsw.recall:.3f} (ef {row.hnsw.width})"
        f" | {row.hnsw.p50_ms:.2f} | {row.hnsw.p95_ms:.2f} | {row.hnsw.cpu_ms:.2f} |",
        flush=True,
    )


def _print_growth(tables: dict[int, list[Measured]]) -> None:
    sizes = sorted(tables)
    print(f"\nGrowth of the p50 of search from {sizes[0]:,} to {sizes[-1]:,}: ", end="")
    pairs = zip(tables[sizes[0]], tables[sizes[-1]], strict=True)
    print(
        ", ".join(
            f"{small.case} x {np.median(large.search_ms) / np.median(small.search_ms):.1f}"
            f" (CPU x {_all_cpu(large) / _all_cpu(small):.1f})"
            for small, large in pairs
        )
    )


def _all_cpu(row: Measured) -> float:
    return row.client_cpu_ms + row.database_cpu_ms


def _vacuum() -> None:
    from django.db import connection  # noqa: PLC0415 after setup

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE inference_embedding")


def _size(indexes: list[str]) -> str:
    from django.db import connection  # noqa: PLC0415 after setup

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_size_pretty(sum(pg_relation_size(name::regclass)))"
            " FROM unnest(%s::text[]) name",
            [indexes],
        )
        return str(cursor.fetchone()[0])


if __name__ == "__main__":
    end_by_signals()
    main()
