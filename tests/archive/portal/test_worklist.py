"""The study list's own pages: filters and columns that are kept, news, a table, acts on many."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from archive.bulk import services
from archive.bulk.working import work_on_job
from archive.models import AuditEvent, BulkJob, Collection, Notice, SavedFilter
from archive.portal import following
from archive.portal.following import tell_of_arrivals
from archive.query.worklist import newest_study_key
from tests.factories.archive import PatientFactory, StudyFactory

pytestmark = pytest.mark.django_db
LIST = "/studies/"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(services, "_wake", lambda _job: None)


@pytest.fixture
def studies(project):
    return [
        StudyFactory(projects=[project], accession_number=f"ACC-{n}").study_instance_uid
        for n in range(3)
    ]


def _text(response):
    return response.content.decode()


def test_filters_are_kept_renamed_begun_with_followed_and_dropped(client, radiologist, studies):
    client.force_login(radiologist)
    query = "q=&accession=ACC-1&page=3&after=1.2.3&sort=date"
    made = client.post("/studies/filters/keep/", {"name": " Mine ", "query": query})
    kept = SavedFilter.objects.get()

    assert (made.status_code, kept.name, kept.query) == (302, "Mine", "accession=ACC-1&sort=date")
    assert made["Location"] == "/studies/?accession=ACC-1&sort=date"
    assert "Mine" in _text(client.get(LIST))
    for act in ("default", "follow"):
        assert client.post(f"/studies/filters/{kept.pk}/{act}/").status_code == 302
    client.post(f"/studies/filters/{kept.pk}/rename/", {"name": "Ours"})
    kept.refresh_from_db()
    assert (kept.name, kept.is_default, kept.is_followed, kept.seen_up_to > 0) == (
        *("Ours", True, True),
        True,
    )
    assert client.get(LIST)["Location"] == "/studies/?accession=ACC-1&sort=date"
    assert client.get(f"{LIST}?all").status_code == 200
    assert "Ours" in _text(client.get("/studies/filters/"))
    client.post(f"/studies/filters/{kept.pk}/undefault/")
    assert client.get(LIST).status_code == 200
    client.post(f"/studies/filters/{kept.pk}/drop/")
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    ("name", "status"), [("", 422), ("x" * 65, 422), ("\x00\n", 422), ("fine\r\nX: y", 302)]
)
def test_a_filter_needs_a_name(client, radiologist, name, status):
    client.force_login(radiologist)

    answer = client.post("/studies/filters/keep/", {"name": name, "query": "q=a%0d%0ab"})

    assert answer.status_code == status


def test_filters_of_others_are_not_there(client, radiologist, outsider):
    theirs = SavedFilter.objects.create(user=outsider, name="Theirs", query="q=x")
    client.force_login(radiologist)

    assert "Theirs" not in _text(client.get("/studies/filters/"))
    for act in ("rename", "default", "follow", "drop", "nothing"):
        answer = client.post(f"/studies/filters/{theirs.pk}/{act}/", {"name": "Mine"})
        assert answer.status_code == 404


def test_columns_are_those_chosen_in_their_order(client, radiologist, studies):
    client.force_login(radiologist)
    usual = _text(client.get(LIST))
    client.post("/studies/columns/", {"column": ["received", "accession"], "query": "sort=date"})
    chosen = _text(client.get(LIST))

    assert "cell-date" in usual
    assert "cell-received" not in usual
    assert chosen.index("cell-received") < chosen.index("cell-accession")
    assert "cell-date" not in chosen
    assert client.post("/studies/columns/", {"column": ["password"]}).status_code == 422
    client.post("/studies/columns/", {"usual": "1", "column": ["received"]})
    assert "cell-date" in _text(client.get(LIST))


def test_news_count_what_came_since_and_matches(client, radiologist, project, other_project):
    client.force_login(radiologist)
    since = (timezone.now() - timedelta(seconds=1)).isoformat()

    def news(**more):
        return _text(client.get("/studies/news/", {"since": since, **more}))

    assert "new stud" not in news()
    StudyFactory(projects=[project], accession_number="A1")
    StudyFactory(projects=[project])
    StudyFactory(projects=[other_project])

    assert "2 new studies" in news()
    assert "1 new study" in news(accession="A1")
    assert 'hx-get="/studies/?accession=A1"' in news(accession="A1")
    assert "new stud" not in _text(client.get("/studies/news/", {"since": "never"}))


def test_table_to_take_away_is_safe_on_record_and_of_ones_own_studies(
    client, radiologist, project, other_project
):
    patient = PatientFactory(patient_name="=cmd|'/c calc'!A1", dicom_patient_id="@SUM(1)")
    StudyFactory(patient=patient, projects=[project], study_description="+1 for a look")
    StudyFactory(projects=[other_project], accession_number="HIDDEN")
    client.force_login(radiologist)

    answer = client.get("/studies/list.csv")
    content = b"".join(answer.streaming_content).decode()

    (_head, row) = csv.reader(io.StringIO(content))
    assert [cell[:2] for cell in (row[0], row[1], row[7])] == ["'=", "'@", "'+"]
    assert "HIDDEN" not in content
    assert AuditEvent.objects.filter(act="export-list", details__rows=1).exists()


def test_an_act_is_asked_for_done_and_followed(client, radiologist, studies):
    collection = Collection.objects.create(owner=radiologist, name="Interesting")
    client.force_login(radiologist)
    htmx = {"HX-Request": "true"}

    assert "Interesting" in _text(client.get("/studies/acts/collect/?count=2", headers=htmx))
    sent = {"collection": collection.pk, "studies": " ".join(studies[:2])}
    answer = client.post("/studies/acts/collect/", sent, headers=htmx)
    job = BulkJob.objects.get()

    assert "2 studies are under way" in _text(answer)
    assert answer["HX-Trigger"] == "jobs-changed"
    dock = _text(client.get("/jobs/dock/", headers=htmx))
    assert "every 2s" in dock
    work_on_job(job.pk, for_s=600)
    assert "every 2s" not in _text(client.get("/jobs/dock/", headers=htmx))
    assert collection.items.count() == 2
    for address in ("/jobs/", f"/jobs/{job.pk}/"):
        assert "Add to a collection" in _text(client.get(address))
    assert client.get(f"/jobs/{job.pk}/file/").status_code == 404


def test_all_of_a_list_is_what_its_query_says(client, radiologist, studies):
    collection = Collection.objects.create(owner=radiologist, name="Interesting")
    client.force_login(radiologist)

    client.post(
        "/studies/acts/collect/",
        {"collection": collection.pk, "all": "1", "query": "accession=ACC-2"},
    )

    (item,) = BulkJob.objects.get().items.all()
    assert item.study_instance_uid == studies[2]


def test_what_is_refused_is_said_and_nothing_begins(client, radiologist, outsider, studies):
    client.force_login(radiologist)
    assert client.post("/studies/acts/collect/", {"studies": studies[0]}).status_code == 422
    assert client.post("/studies/acts/delete/", {"studies": studies[0]}).status_code == 403
    assert client.get("/studies/acts/nothing/").status_code == 404
    collection = Collection.objects.create(owner=outsider, name="Theirs")
    client.force_login(outsider)
    answer = client.post(
        "/studies/acts/collect/", {"studies": studies[0], "collection": collection.pk}
    )
    assert answer.status_code == 422
    assert not BulkJob.objects.exists()


def test_jobs_by_rest(client, radiologist, outsider, studies):
    collection = Collection.objects.create(owner=radiologist, name="Interesting")
    client.force_login(radiologist)
    options = {"collection": str(collection.pk)}

    def post(**body):
        body = {"act": "collect", "options": options, **body}
        return client.post("/api/v1/jobs", json.dumps(body), content_type="application/json")

    made = post(studies=studies[:2])
    key = made.json()["id"]
    filtered = post(filters={"q": "acc-2"})

    assert (made.status_code, made.json()["state"], made.json()["studies"]) == (202, "queued", 2)
    assert filtered.json()["studies"] == 1
    assert "collect" in [act["name"] for act in client.get("/api/v1/acts").json()["results"]]
    assert client.get("/api/v1/jobs?open=true").json()["count"] == 2
    stopped = client.delete(f"/api/v1/jobs/{filtered.json()['id']}")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "cancelled")
    assert client.delete(f"/api/v1/jobs/{filtered.json()['id']}").status_code == 409
    work_on_job(key, for_s=600)
    assert client.get(f"/api/v1/jobs/{key}").json()["done"] == 2
    items = client.get(f"/api/v1/jobs/{key}/items?limit=1").json()
    assert (items["count"], items["results"][0]["state"]) == (2, "done")
    assert client.get(f"/api/v1/jobs/{key}/file").status_code == 404
    for body in ({}, {"studies": studies, "filters": {}}, {"studies": []}, {"studies": ["x"]}):
        assert post(**body).status_code == 400
    assert post(act="none", studies=studies).status_code == 400
    assert post(act="delete", studies=studies).status_code == 403
    client.force_login(outsider)
    for address in (f"/api/v1/jobs/{key}", f"/api/v1/jobs/{key}/items", f"/api/v1/jobs/{key}/file"):
        assert client.get(address).status_code == 404


def test_followed_filters_tell_of_what_arrives_and_matches(
    radiologist, project, other_project, monkeypatch
):
    monkeypatch.setattr(following, "_SETTLED", timedelta(0))
    StudyFactory(projects=[project], accession_number="OLD")
    SavedFilter.objects.create(
        user=radiologist,
        name="CT",
        query="modality=CT",
        is_followed=True,
        seen_up_to=newest_study_key(),
    )
    assert tell_of_arrivals() == 0
    StudyFactory(projects=[project], modalities_in_study=["CT"])
    StudyFactory(projects=[project], modalities_in_study=["MR"])
    StudyFactory(projects=[other_project], modalities_in_study=["CT"])

    assert (tell_of_arrivals(), tell_of_arrivals()) == (1, 0)
    notice = Notice.objects.get(user=radiologist)
    assert (notice.title, notice.body) == ("A filter that you follow: 1 new study", "CT")
    assert notice.path == "/studies/?modality=CT"
