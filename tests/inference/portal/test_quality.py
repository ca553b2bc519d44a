"""The page on the quality of retrieval."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from archive.models import AuditEvent, Membership
from inference.models import Label, RetrievalEvaluation
from inference.similarity.quality.calibration import calibrate_space
from inference.similarity.quality.evaluation import evaluate_space
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.builders.labelled_world import make_labelled_world
from tests.builders.vectors import make_space

pytestmark = pytest.mark.django_db
PAGE = "/similar/quality/"
EVALUATE = "/similar/quality/evaluate/"


@pytest.fixture
def space(db):
    return make_space()


@pytest.fixture
def world(space, project):
    return make_labelled_world(space, project, patients=30)


@pytest.fixture
def admin(client, archive_admin):
    client.force_login(archive_admin)
    return client


def text(response):
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("person", ["radiologist", "colleague", "outsider"])
def test_page_is_for_radiology_admins(client, request, person):
    client.force_login(request.getfixturevalue(person))

    assert client.get(PAGE).status_code == 403
    assert client.post(EVALUATE, {"label_set": "finding"}).status_code == 403


def test_page_is_not_for_the_radiology_admin_of_one_project(client, radiologist, project, world):
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")
    client.force_login(radiologist)

    assert client.get(PAGE).status_code == 403


def test_page_without_a_space_says_what_to_install(admin):
    assert "No embedding model yet" in text(admin.get(PAGE))


def test_page_without_labels_says_how_to_bring_them_in(admin, space):
    page = text(admin.get(PAGE))

    assert "Nothing is labelled yet" in page
    assert "import_labels" in page


def test_page_before_the_first_measurement_offers_it(admin, world):
    page = text(admin.get(PAGE))

    assert "Not measured yet" in page
    assert "Evaluate now" in page


def test_page_shows_figures_intervals_and_groups(admin, space, world):
    row = evaluate_space(space, "finding")

    page = text(admin.get(PAGE))

    for name in ("p_at_1", "p_at_5", "p_at_10", "map", "ndcg_at_10", "recall_at_10"):
        value, low, high = row.figures["all"][name]
        assert f"{value:.3f}" in page
        assert f"{low:.2f} to {high:.2f}" in page
    groups = ("Acme One", "Bolt X", "Female", "Male", "0 to 17", "60 to 79", "CT · Chest", "nodule")
    for group in groups:
        assert group in page
    assert "30 questions of 30 patients among 30 labelled objects, 3 labels" in page
    assert "style=" not in page


def test_page_shows_what_the_index_finds_and_what_counts_as_close(admin, space, world):
    calibrate_space(space, seed=0)
    evaluate_space(space, "finding")

    page = text(admin.get(PAGE))

    assert "Recall@10 against exact search" in page
    assert "All together" in page
    cut = space.calibrations.get(level="series", modality="CT").cut
    assert f"{cut:.3f}" in page


def test_page_shows_history_over_time(admin, space, world):
    first = evaluate_space(space, "finding")
    assert "Over time" not in text(admin.get(PAGE))
    RetrievalEvaluation.objects.filter(pk=first.pk).update(
        created_at=timezone.now() - timedelta(days=30)
    )
    evaluate_space(space, "finding")

    page = text(admin.get(PAGE))

    assert "Over time" in page
    assert "All 2 measurements as a table" in page
    assert page.count("<polyline") == 3


def test_page_chooses_set_and_level_and_falls_back_to_what_exists(admin, space, world):
    for series in world:
        label = series.body_part_examined
        Label.objects.create(study=series.study, label_set="body part", label=label)
    evaluate_space(space, "body part")

    assert "2 labels" in text(admin.get(PAGE, {"label_set": "body part", "level": "series"}))
    unmeasured = {"label_set": "body part", "level": "instance"}
    assert "Not measured yet" in text(admin.get(PAGE, unmeasured))
    for nonsense in ({"space": "none"}, {"label_set": "none"}, {"level": "study"}, {"with": "x"}):
        assert admin.get(PAGE, nonsense).status_code == 200
    assert admin.get(PAGE, {"space": "\x00", "label_set": "\x00"}).status_code == 200


def beside(world):
    """A second space with the same vectors, the last three missing."""
    other = make_space(is_default=False)
    for series in world[:-3]:
        stored = series.embeddings.get(level="series", space__is_default=True).vector
        image = series.instances.get().pk
        vector = InstanceVector(instance_id=image, vector=stored)
        store_embeddings(space=other, vectors=[vector])
        refresh_series_embedding(space=other, series_id=series.pk)
    return other


def test_page_compares_two_spaces_in_pairs(admin, space, world):
    other = beside(world)
    evaluate_space(space, "finding")
    assert "has not been measured" in text(admin.get(PAGE, {"with": other.name}))
    evaluate_space(other, "finding")

    for query in ({"with": other.name}, {"space": other.name, "with": space.name}):
        page = text(admin.get(PAGE, query))
        assert "on the 27 objects that both spaces have" in page
        assert "no sure difference" in page


def test_evaluate_measures_in_a_task_and_the_page_waits_for_it(
    admin, space, world, archive_admin, monkeypatch, django_capture_on_commit_callbacks
):
    asked = []
    monkeypatch.setattr(
        "inference.similarity.tasks.evaluate_space_task.delay", lambda *keys: asked.append(keys)
    )
    form = {"space": space.name, "label_set": "finding", "level": "series"}
    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(EVALUATE, form)

    assert response.status_code == 302
    assert asked == [(space.pk, "finding", "series", archive_admin.pk)]
    page = text(admin.get(response["Location"]))
    assert "A worker is measuring" in page
    assert 'hx-trigger="every 3s"' in page
    assert AuditEvent.objects.filter(act="evaluate-retrieval").count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(EVALUATE, form)
    assert len(asked) == 1

    from inference.similarity.tasks import evaluate_space_task

    evaluate_space_task(*asked[0])

    page = text(admin.get(response["Location"]))
    assert "A worker is measuring" not in page
    assert "for archive_admin" in page


def test_evaluate_with_too_few_labels_says_why(admin, space, project, settings):
    make_labelled_world(space, project, patients=5)
    from inference.similarity.tasks import evaluate_space_task

    evaluate_space_task(space.pk, "finding", "series", 0)

    assert "at least 10 are needed" in text(admin.get(PAGE))
    assert cache.get(f"evaluation:{space.pk}:series:{b'finding'.hex()}") is None


@pytest.mark.parametrize(
    "form",
    [{"label_set": "none"}, {"label_set": "\x00"}, {"label_set": "finding", "level": "study"}],
)
def test_evaluate_of_what_is_not_there_says_so(admin, world, form):
    response = admin.post(EVALUATE, form, follow=True)

    assert "notice-error" in text(response) or "notice" in text(response)
    assert not AuditEvent.objects.filter(act="evaluate-retrieval").exists()
