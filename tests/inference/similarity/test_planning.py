"""The planner's choice against the measured optimum, and what a walk may not depend on.

Work is counted, not timed: exact search meets the rows it reads, a walk through an index the
pages it touches, about one for every vector compared.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from archive.models import Patient, Project, Series, Study
from bench.vector_rows import VectorArchive, make_archive
from inference.models import Embedding
from inference.similarity.planning import (
    DEFAULT_LIMITS,
    Choice,
    Plan,
    SearchLimits,
    exact_budget,
    walk_settings,
)
from inference.similarity.realms import reconcile_realms
from inference.similarity.services import search_similar
from inference.similarity.types import Filters, SimilarQuery

if TYPE_CHECKING:
    import numpy.typing as npt

pytestmark = pytest.mark.django_db

DIMENSION, VECTORS = 16, 8_000
SHARES = {"S010": 0.01, "S050": 0.05, "S100": 0.1, "S150": 0.15, "S500": 0.5, "REST": 0.19}
EXACT, INDEX = SearchLimits(exact_rows=10**7), SearchLimits(exact_rows=1)


class Gaussian:
    """Vectors of few dimensions: recall is not what is measured here."""

    name = "gaussian"

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        vectors = rng.standard_normal((count, DIMENSION), dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def archive() -> VectorArchive:
    made = replace(make_archive(DIMENSION), shares=SHARES)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        made.grow(Gaussian(), VECTORS, np.random.default_rng(3))
        for table in ("archive_patient", "archive_study", "archive_series"):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, {VECTORS})")
    reconcile_realms(least_rows=1000, least_facts=1000)
    return made


def question(row: int, value: str | None) -> SimilarQuery:
    filters = Filters(body_part=(value,)) if value else Filters()
    return SimilarQuery(series=f"2.25.3.{row + 1}", filters=filters, explain=False)


def plans_of(archive: VectorArchive, query: SimilarQuery, limits: SearchLimits) -> list[Any]:
    """EXPLAIN every ranking statement that the search ran, under the settings it ran with."""
    with CaptureQueriesContext(connection) as captured:
        search_similar(archive.user, query, limits=limits)
    plans = []
    with transaction.atomic(), connection.cursor() as cursor:
        for row in captured.captured_queries:
            if "set_config" in row["sql"]:
                cursor.execute(row["sql"])
            if "ORDER BY distance" in row["sql"]:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {row['sql']}")
                found = cursor.fetchone()[0]
                plans.append((found if isinstance(found, list) else json.loads(found))[0]["Plan"])
        transaction.set_rollback(True)
    return plans


def work(plan: dict[str, Any]) -> int:
    """Rows read, or pages touched by a walk."""
    if "embedding_realm" in json.dumps(plan) or "embedding_hnsw" in json.dumps(plan):
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
    return max(row["Actual Rows"] for row in nodes(plan) if row["Node Type"] == "CTE Scan")


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


@pytest.mark.parametrize("value", [*SHARES, None])
def test_choice_does_at_most_half_more_work_than_the_better_plan(archive, value):
    for row in (5, 4001, 7777):
        query = question(row, value)
        costs = {
            name: sum(work(plan) for plan in plans_of(archive, query, limits))
            for name, limits in (("exact", EXACT), ("index", INDEX), ("chosen", DEFAULT_LIMITS))
        }

        assert costs["chosen"] <= 1.5 * min(costs["exact"], costs["index"]), costs


@pytest.mark.parametrize(
    ("value", "exact"), [("S010", True), ("S050", True), ("S500", False), (None, False)]
)
def test_selective_is_exact_and_broad_goes_through_the_index(archive, value, exact):
    answer = search_similar(archive.user, question(17, value))

    assert answer.exact == exact
    assert len(answer.results) == 10


def strangers(archive: VectorArchive, vectors: npt.NDArray[np.float32]) -> None:
    """Cases of a project that the asker can't read."""
    other = Project.objects.create(name="Other", slug="other")
    for serial, vector in enumerate(vectors):
        patient = Patient.objects.create(dicom_patient_id=f"X{serial}")
        study = Study.objects.create(patient=patient, study_instance_uid=f"2.25.8.{serial}")
        study.projects.add(other)
        series = Series.objects.create(
            study=study,
            series_instance_uid=f"2.25.9.{serial}",
            modality="CT",
            body_part_examined="S500",
        )
        Embedding.objects.create(
            space=archive.space, level="series", study=study, series=series, vector=vector
        )


@pytest.mark.parametrize("value", [None, "S500"])
def test_walk_and_answer_are_the_same_whether_or_not_forbidden_cases_are_near(archive, value):
    query = question(42, value)
    rng = np.random.default_rng(0)
    before = search_similar(archive.user, query, limits=INDEX)
    walked = [work(plan) for plan in plans_of(archive, query, INDEX)]

    strangers(archive, archive.vectors[42] + 0.001 * rng.standard_normal((100, DIMENSION)))

    after = search_similar(archive.user, query, limits=INDEX)
    assert not before.exact
    assert replace(after, took_ms=0.0) == replace(before, took_ms=0.0)
    assert [work(plan) for plan in plans_of(archive, query, INDEX)] == walked


def test_exact_search_reads_no_forbidden_row(archive):
    query = question(42, "S500")
    before = search_similar(archive.user, query, limits=EXACT)
    read = [work(plan) for plan in plans_of(archive, query, EXACT)]

    strangers(archive, np.repeat(archive.vectors[42:43], 100, axis=0))

    after = search_similar(archive.user, query, limits=EXACT)
    assert replace(after, took_ms=0.0) == replace(before, took_ms=0.0)
    assert [work(plan) for plan in plans_of(archive, query, EXACT)] == read


def test_budget_grows_with_the_root_of_the_space():
    assert exact_budget(1_000) == DEFAULT_LIMITS.least_exact_rows
    assert exact_budget(4_000_000) == pytest.approx(2 * exact_budget(1_000_000), rel=0.01)
    assert exact_budget(10**6, SearchLimits(exact_rows=7)) == 7


def test_walk_is_wider_for_rarer_rows_and_larger_spaces():
    def width(stored: float, share: float) -> int:
        choice = Choice(Plan.INDEX, 1, stored, share)
        return int(walk_settings(choice, 50, DEFAULT_LIMITS)["hnsw.ef_search"])

    assert width(1e5, 1.0) < width(1e6, 1.0) < width(1e6, 0.1)
    assert width(1e7, 0.001) <= 1000
