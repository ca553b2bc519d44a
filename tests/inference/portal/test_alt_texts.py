"""Every thumbnail of the portal says in words what it shows, and only to who may see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.collections.cases import add_case, describe_case
from archive.collections.services import create_collection, share_collection
from archive.collections.types import CasePath
from inference.models import EmbeddingSpace, Finding, SearchMatch, Suspicion
from inference.similarity.searches.saving import save_search
from inference.similarity.searches.sessions import start_session
from inference.similarity.types import SimilarQuery
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.inference import RunFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db

WORDS = "X-ray of the chest, 1 image. Models say: effusion 91 % (not reviewed)."
_IMAGE = re.compile(r"<img\b[^>]*>", re.DOTALL)
_ALT = re.compile(r'\balt="([^"]*)"')


@pytest.fixture
def series(project) -> list[Series]:
    """Two chest films of two patients, in which a model saw the same."""
    space = make_space()
    columns = {"modality": "CR", "body_part_examined": "CHEST"}
    columns["number_of_series_related_instances"] = 1
    made = [
        make_case(space, [direction(angle)], projects=[project], **columns) for angle in (0, 0.1)
    ]
    for one in made:
        run = RunFactory(series=one, state="succeeded", not_before=timezone.now())
        Finding.objects.create(
            run=run,
            series=one,
            kind=Finding.Kind.CLASSIFICATION,
            name="finding",
            label="effusion",
            probability=0.91,
        )
    return made


def alts(response) -> list[str]:
    """Return what each thumbnail of a page says."""
    assert response.status_code == 200, response.content
    images = [one for one in _IMAGE.findall(response.content.decode()) if "src=" in one]
    return [found[1] if (found := _ALT.search(one)) else "" for one in images]


def test_study_list(client, radiologist, series):
    client.force_login(radiologist)

    assert alts(client.get("/studies/")) == [WORDS, WORDS]
    assert alts(client.get("/studies/", headers={"HX-Request": "true"})) == [WORDS, WORDS]


def test_study_and_viewer(client, radiologist, series):
    client.force_login(radiologist)
    study = f"/studies/{series[0].study.study_instance_uid}/"

    assert alts(client.get(study)) == [WORDS]
    assert alts(client.get(f"{study}series/{series[0].series_instance_uid}/")) == [WORDS]


def test_similar_cases_and_the_case_in_hand(client, radiologist, series):
    client.force_login(radiologist)

    page = client.get("/similar/", {"series": series[0].series_instance_uid})

    shown = [alt for alt in alts(page) if alt]
    assert shown == [WORDS, WORDS]


def test_answers_of_the_api_carry_the_words(client, radiologist, series):
    client.force_login(radiologist)
    body = {"series": series[0].series_instance_uid}

    answer = client.post("/api/v1/similar", body, content_type="application/json").json()

    assert [result["description"] for result in answer["results"]] == [WORDS]


def test_saved_searches_and_their_matches(client, radiologist, series):
    client.force_login(radiologist)
    query = SimilarQuery(series=series[0].series_instance_uid)
    session = start_session(radiologist, query)
    save_search(radiologist, session.pk, name="Look-alikes")
    SearchMatch.objects.create(session=session, study=series[1].study, series=series[1], score=0.9)

    assert alts(client.get("/similar/searches/")) == [WORDS, WORDS]
    answer = client.get(f"/api/v1/searches/{session.pk}/matches").json()
    assert [match["description"] for match in answer["results"]] == [WORDS]


def test_suspected_mix_ups(client, archive_admin, series):
    client.force_login(archive_admin)
    Suspicion.objects.create(
        kind="near_duplicate",
        series=series[0],
        other_series=series[1],
        score=0.99,
        evidence={"keypoints": 80},
    )

    assert alts(client.get("/similar/checks/")) == [WORDS, WORDS]


def _collection(user, project, series, kind: str) -> int:
    asker = Asker(door="tests", user=user)
    pk = create_collection(user, asker=asker, name="Films", kind=kind)
    path = CasePath(series_uid=series.series_instance_uid)
    item, _ = add_case(user, pk, path, asker=asker)
    describe_case(user, pk, item, asker=asker, diagnosis="Effusion")
    share_collection(user, pk, asker=asker, project=project.slug)
    return pk


def test_collections(client, radiologist, project, series):
    pk = _collection(radiologist, project, series[0], "teaching")
    client.force_login(radiologist)

    assert alts(client.get("/collections/")) == ["X-ray of the chest, 1 image"]
    assert alts(client.get(f"/collections/{pk}/")) == [WORDS]
    assert alts(client.get(f"/collections/{pk}/export/")) == [WORDS]


def test_quiz_says_nothing_that_would_answer_it(client, radiologist, colleague, project, series):
    pk = _collection(radiologist, project, series[0], "quiz")
    client.force_login(colleague)

    for address in ("/collections/", f"/collections/{pk}/", f"/collections/{pk}/quiz/"):
        assert "effusion" not in client.get(address).content.decode().lower()
    assert alts(client.get(f"/collections/{pk}/")) == ["Picture of case 1: CR Chest"]


def test_study_list_takes_no_more_queries_for_more_thumbnails(
    client, radiologist, project, series, django_assert_max_num_queries
):
    more = {"modality": "CT", "number_of_series_related_instances": 1}
    space = EmbeddingSpace.objects.get()
    for angle in (0.2, 0.3, 0.4, 0.5):
        make_case(space, [direction(angle)], projects=[project], **more)
    client.force_login(radiologist)

    with django_assert_max_num_queries(21):
        assert len(alts(client.get("/studies/"))) == 6
