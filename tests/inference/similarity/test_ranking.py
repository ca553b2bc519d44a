"""The search against brute force: random archives, rights and filters."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inference.similarity.planning import SearchLimits
from inference.similarity.realms import reconcile_realms
from inference.similarity.services import search_similar
from inference.similarity.types import Filters, Level, PatientScope, SimilarQuery
from tests.builders.similarity_world import (
    BODY_PARTS,
    LABELS,
    MODALITIES,
    PEOPLE,
    Item,
    World,
    cosine,
    make_world,
)
from tests.builders.vectors import make_space

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.django_db

ONLY_EXACT = SearchLimits(exact_rows=1_000_000)
# Everything with a handful of rows goes through the index.
MOSTLY_INDEX = SearchLimits(exact_rows=3, ef_search=100, oversampling=4)
QUERIES = 15


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    seed = getattr(request, "param", 11)
    made = make_world(make_space(), np.random.default_rng(seed))
    reconcile_realms(least_rows=1, least_facts=1)
    compact()
    return made


def compact() -> None:
    """What autovacuum does after a while: pages of rows long gone would thin out the sample."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("CLUSTER inference_embedding USING inference_embedding_pkey")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


two_worlds = pytest.mark.parametrize("world", [11, 12], indirect=True)


def random_query(world: World, person: str, rng: np.random.Generator) -> tuple[SimilarQuery, Item]:
    asked = world.permitted(person)[int(rng.integers(len(world.permitted(person))))]
    options: dict[str, Any] = {}
    if rng.random() < 0.5:
        options["modality"] = tuple(rng.choice(MODALITIES, size=2, replace=False))
    if rng.random() < 0.3:
        options["body_part"] = (str(rng.choice(BODY_PARTS[:3])).lower(),)
    if rng.random() < 0.3:
        options["sex"] = (str(rng.choice(["F", "M"])),)
    if rng.random() < 0.3:
        options["age_from"] = int(rng.integers(0, 40))
        options["age_to"] = options["age_from"] + 40
    if rng.random() < 0.3:
        options["date_from"] = date(2020, 6, 1)
        options["date_to"] = options["date_from"] + timedelta(days=500)
    if rng.random() < 0.3:
        options["label"] = (str(rng.choice([*LABELS, f"findings:{LABELS[0]}"])),)
    if rng.random() < 0.3:
        options["project"] = (f"p{rng.integers(3)}",)
    query = SimilarQuery(
        series=asked.series_uid,
        filters=Filters(**options),
        level=Level(str(rng.choice(["series", "study", "instance"]))),
        k=int(rng.choice([1, 3, 10, 200])),
        patient=PatientScope(str(rng.choice(["exclude", "any", "only"]))),
        fold=bool(rng.random() < 0.6),
    )
    return query, asked


def matches(item: Item, filters: Filters, person: str) -> bool:
    readable = {f"p{number}" for number in PEOPLE[person][0]}
    in_projects = {f"p{number}" for number in item.projects} & readable
    labels = {*item.labels, *(f"findings:{label}" for label in item.labels)}
    return all([
        not filters.modality or item.modality in filters.modality,
        not filters.body_part or item.body_part.lower() in filters.body_part,
        not filters.sex or item.sex in filters.sex,
        filters.age_from is None or item.age >= filters.age_from,
        filters.age_to is None or item.age <= filters.age_to,
        filters.date_from is None or item.day >= filters.date_from,
        filters.date_to is None or item.day <= filters.date_to,
        not filters.label or bool(labels & set(filters.label)),
        not filters.project or bool(in_projects & set(filters.project)),
    ])  # fmt: skip


def brute_force(
    world: World, person: str, query: SimilarQuery, asked: Item
) -> list[tuple[str, float, int]]:
    """Key, score and siblings of every result in order, without a database."""
    is_study = query.level is Level.STUDY
    left_out = [
        item
        for item in world.permitted(person)
        if matches(item, query.filters, person)
        and not (query.patient is PatientScope.EXCLUDE and item.patient_id == asked.patient_id)
        and not (query.patient is PatientScope.ONLY and item.patient_id != asked.patient_id)
        and not (item.study_id == asked.study_id if is_study else item is asked)
    ]
    groups: dict[Any, list[Item]] = defaultdict(list)
    for item in left_out:
        unit = item.study_id if is_study else item.series_id
        groups[item.patient_id if query.fold else unit].append(item)
    found = []
    for members in groups.values():
        best = max(members, key=lambda item: cosine(item.vector, asked.vector))
        units = {item.study_id if is_study else item.series_id for item in members}
        score = cosine(best.vector, asked.vector)
        found.append((best.series_uid, score, len(units) - 1 if query.fold else 0))
    return sorted(found, key=lambda row: -row[1])[: query.k]


def assert_same(results: Sequence[Any], expected: list[tuple[str, float, int]]) -> None:
    np.testing.assert_allclose(
        [result.score for result in results], [row[1] for row in expected], atol=2e-5
    )
    assert {result.series_uid for result in results} == {row[0] for row in expected}
    siblings = {row[0]: row[2] for row in expected}
    assert {result.series_uid: result.siblings for result in results} == siblings


@two_worlds
@pytest.mark.parametrize("person", [name for name in PEOPLE if name != "nobody"])
def test_exact_plan_returns_what_brute_force_over_permitted_rows_returns(world, person):
    rng = np.random.default_rng(5)
    for _ in range(QUERIES):
        query, asked = random_query(world, person, rng)

        answer = search_similar(world.people[person], query, limits=ONLY_EXACT)

        assert answer.exact
        assert_same(answer.results, brute_force(world, person, query, asked))


@two_worlds
@pytest.mark.parametrize("person", ["one_project", "everything", "researcher"])
def test_index_plan_returns_exactly_the_permitted_number_and_finds_nearly_all(world, person):
    rng = np.random.default_rng(6)
    found = wanted = through_index = 0
    for _ in range(QUERIES):
        query, asked = random_query(world, person, rng)
        expected = brute_force(world, person, query, asked)

        answer = search_similar(world.people[person], query, limits=MOSTLY_INDEX)

        through_index += not answer.exact
        assert len(answer.results) == len(expected)
        permitted = {item.series_uid for item in world.permitted(person)}
        assert {result.series_uid for result in answer.results} <= permitted
        found += len({row[0] for row in expected} & {r.series_uid for r in answer.results})
        wanted += len(expected)
    assert through_index >= 2
    assert found >= 0.98 * wanted


def test_answer_is_the_same_when_what_is_forbidden_is_not_there(world):
    person, rng = "one_project", np.random.default_rng(7)
    asked = [random_query(world, person, rng)[0] for _ in range(10)]
    user = world.people[person]
    with_forbidden = [search_similar(user, query).results for query in asked]

    visible = {item.study_id for item in world.permitted(person)}
    from inference.models import Embedding, Label

    Label.objects.exclude(study_id__in=visible).delete()
    Embedding.objects.exclude(study_id__in=visible).delete()

    assert [search_similar(user, query).results for query in asked] == with_forbidden


def test_settings_of_the_index_plan_end_with_it(world):
    query = SimilarQuery(series=world.items[0].series_uid, k=2, fold=False)

    answer = search_similar(world.people["everything"], query, limits=MOSTLY_INDEX)

    assert not answer.exact
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('enable_sort'), current_setting('work_mem')")
        assert cursor.fetchone() == ("on", "16MB")


def explained(world: World, query: SimilarQuery, limits: SearchLimits, person: str) -> str:
    """The plan of the statement that ranked the query's rows."""
    with CaptureQueriesContext(connection) as captured:
        search_similar(world.people[person], query, limits=limits)
    statements = [row["sql"] for row in captured.captured_queries]
    position = next(n for n, sql in enumerate(statements) if "ORDER BY distance" in sql)
    from django.db import transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for sql in statements[:position]:
            if "set_config" in sql:
                cursor.execute(sql)
        cursor.execute(f"EXPLAIN {statements[position]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        transaction.set_rollback(True)
    return plan


@pytest.mark.parametrize("person", ["one_project", "two_projects", "researcher", "admin"])
def test_broad_query_walks_the_indexes_of_the_realms_that_are_the_askers(world, person):
    query = SimilarQuery(series=world.permitted(person)[0].series_uid, k=5)

    plan = explained(world, query, MOSTLY_INDEX, person)

    walked = set(re.findall(r"Index Scan using (embedding_(?:hnsw|realm)\w+)", plan))
    level = f"{world.space.pk}_series"
    keys = [project.pk for project in world.projects]
    assert (
        walked
        == {
            "one_project": {f"embedding_realm_{level}_p{keys[0]}"},
            "two_projects": {f"embedding_realm_{level}_p{key}" for key in keys[:2]},
            "researcher": {f"embedding_realm_{level}_d_p{key}" for key in keys},
            "admin": {f"embedding_hnsw_{level}_all"},
        }[person]
    )


def test_filter_by_another_project_does_not_lead_into_its_index(world):
    asked = next(item for item in world.permitted("two_projects") if 0 in item.projects)
    query = SimilarQuery(series=asked.series_uid, k=5, filters=Filters(project=("p1",)))

    plan = explained(world, query, SearchLimits(exact_rows=1), "two_projects")

    assert f"embedding_realm_{world.space.pk}_series_p{world.projects[0].pk}" in plan


def test_selective_query_never_touches_an_hnsw_index(world):
    query = SimilarQuery(
        series=world.items[0].series_uid, k=5, filters=Filters(body_part=("CHEST",))
    )

    plan = explained(world, query, SearchLimits(exact_rows=len(world.items) - 1), "everything")

    assert "hnsw" not in plan
    assert "embedding_realm" not in plan


def test_index_that_runs_dry_gives_way_to_exact_search(world):
    starved = SearchLimits(exact_rows=3, ef_search=1, max_scan_tuples=1, rounds=1)
    query = SimilarQuery(series=world.items[0].series_uid, k=200, fold=False)

    answer = search_similar(world.people["everything"], query, limits=starved)

    assert answer.exact
    assert len(answer.results) == len(
        [item for item in world.items if item.patient_id != world.items[0].patient_id]
    )


def test_missing_index_means_exact_search(world):
    reconcile_realms(least_rows=10_000)
    query = SimilarQuery(series=world.items[0].series_uid, k=5)

    answer = search_similar(world.people["everything"], query, limits=MOSTLY_INDEX)

    assert answer.exact
    assert len(answer.results) == 5


def test_realm_without_an_index_is_read_beside_the_one_that_has_one(world):
    sizes = sorted(sum(n in item.projects for item in world.items) for n in range(2))
    reconcile_realms(least_rows=100_000)
    reconcile_realms(least_rows=sizes[1])
    limits = SearchLimits(exact_rows=sizes[0], ef_search=100)
    rng = np.random.default_rng(8)
    through_index = 0
    for _ in range(2 * QUERIES):
        query, asked = random_query(world, "two_projects", rng)

        answer = search_similar(world.people["two_projects"], query, limits=limits)

        through_index += not answer.exact
        assert_same(answer.results, brute_force(world, "two_projects", query, asked))
    assert through_index


def test_plan_is_estimated_where_plenty_is_permitted(world):
    analyse()
    # Some pages are the whole of so small a table.
    generous = SearchLimits(exact_rows=10, sampled_rows=10_000, least_seen=5)
    asked = world.items[0].series_uid

    with CaptureQueriesContext(connection) as captured:
        broad = search_similar(
            world.people["everything"], SimilarQuery(series=asked), limits=generous
        )

    assert not broad.exact
    assert not [row for row in captured.captured_queries if "FROM candidates ORDER" in row["sql"]]


def test_rows_are_read_up_to_the_budget_where_the_estimate_is_too_thin(world):
    analyse()
    generous = SearchLimits(exact_rows=40, sampled_rows=60, least_seen=5)
    chosen = Filters(modality=("CT",), body_part=("CHEST",))
    query = SimilarQuery(series=world.items[0].series_uid, filters=chosen)

    with CaptureQueriesContext(connection) as captured:
        selective = search_similar(world.people["everything"], query, limits=generous)

    assert selective.exact
    reading = [r["sql"] for r in captured.captured_queries if "FROM candidates ORDER" in r["sql"]]
    assert [sql for sql in reading if "LIMIT 41" in sql]


def analyse() -> None:
    """What autovacuum does after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inference_embedding")
        cursor.execute("ANALYZE archive_series")
