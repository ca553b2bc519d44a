"""The page of embedding spaces: what it says, what its buttons do, and whom it answers."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from inference.models import EmbeddingSpace, Label, RetrievalEvaluation, SpaceFill
from inference.similarity.spaces.lifecycle import promote_space
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import make_case, make_space

pytestmark = pytest.mark.django_db

PAGE = "/similar/spaces/"
POSTS = [
    "registered/fill/",
    "registered/pause/",
    "registered/promote/",
    "registered/retire/",
    "roll-back/",
    "adapt/",
    "components/",
]


@pytest.fixture
def space():
    return make_space()


@pytest.fixture
def admin(client, archive_admin):
    client.force_login(archive_admin)
    return client


def text_of(response):
    return response.content.decode()


def said(client, path, **values):
    return text_of(client.post(f"{PAGE}{path}", values, follow=True))


def test_page_shows_every_space_with_where_it_comes_from(admin, space, project):
    make_case(space, [np.ones(8)], projects=[project])
    described = make_descriptor_space()

    text = text_of(admin.get(PAGE))

    assert "Searched by default" in text
    assert f"space-{space.name}" in text
    assert described.weights_digest in text
    assert "Costs nothing until it is filled." in text
    assert "Bhattacharyya coefficient" in text


def test_page_without_a_space_says_what_to_do(admin):
    assert "No embedding model yet" in text_of(admin.get(PAGE))


def test_figures_of_the_last_evaluation_are_shown(admin, space):
    for value in (0.5, 0.846):
        RetrievalEvaluation.objects.create(
            space=space,
            label_set="finding",
            level="instance",
            number_of_queries=10,
            figures={"all": {"p_at_1": [value, 0.8, 0.9], "map": [0.6, None, None]}},
        )

    text = text_of(admin.get(PAGE))

    assert "0.846" in text
    assert "0.500" not in text
    assert "95 % interval 0.800 to 0.900" in text


def test_fill_pause_and_go_on(admin, space, project):
    described = make_descriptor_space()

    assert "is being filled" in said(admin, f"{described.name}/fill/")
    described.refresh_from_db()
    assert described.state == EmbeddingSpace.State.FILLING
    assert "is paused" in said(admin, f"{described.name}/pause/")
    assert SpaceFill.objects.get().is_paused
    assert "Go on" in text_of(admin.get(PAGE))
    said(admin, f"{described.name}/fill/")
    assert not SpaceFill.objects.get().is_paused


def test_progress_is_asked_for_until_it_is_over(admin, space):
    described = make_descriptor_space()
    said(admin, f"{described.name}/fill/")
    SpaceFill.objects.update(number_of_images=200, number_of_images_done=50, images_per_minute=50.0)
    address = f"{PAGE}{described.name}/progress/"

    meanwhile = admin.get(address)
    EmbeddingSpace.objects.filter(pk=described.pk).update(state="ready")
    over = admin.get(address)

    assert meanwhile.status_code == 200
    assert "25 %" in text_of(meanwhile)
    assert "50 of 200 images" in text_of(meanwhile)
    assert "about 3 min left" in text_of(meanwhile)
    assert (over.status_code, over["HX-Refresh"]) == (286, "true")


def test_promote_and_roll_back(admin, space):
    described = make_descriptor_space(state=EmbeddingSpace.State.READY)

    assert "from now on" in said(admin, f"{described.name}/promote/", reason="better")
    assert EmbeddingSpace.objects.get(is_default=True) == described
    assert described.promotions.get().reason == "better"
    assert f"<strong>{space.name}</strong> again" in text_of(admin.get(PAGE))
    assert "former space again" in said(admin, "roll-back/")
    assert EmbeddingSpace.objects.get(is_default=True) == space


def test_retire(admin, space):
    described = make_descriptor_space(state=EmbeddingSpace.State.READY)

    assert "is retired" in said(admin, f"{described.name}/retire/")
    described.refresh_from_db()
    assert described.state == EmbeddingSpace.State.RETIRED


def test_refusals_are_said_on_the_page(admin, space):
    described = make_descriptor_space()

    assert "is not ready" in said(admin, f"{described.name}/promote/")
    assert "can&#x27;t be retired" in said(admin, f"{space.name}/retire/")
    assert "There is no embedding space of this name" in said(admin, "none/fill/")
    assert "No space was searched before" in said(admin, "roll-back/")
    assert "Choose a space and at least one set" in said(admin, "adapt/", base=space.name)
    assert "Adapting needs 2 labels" in said(admin, "adapt/", base=space.name, label_set="finding")
    assert "Choose a space and a number" in said(
        admin, "components/", base=space.name, dimension="many"
    )
    assert "too few for 3 dimensions" in said(admin, "components/", base=space.name, dimension="3")


def test_fit_to_labels_and_components(admin, space, project):
    rng = np.random.default_rng(5)
    for axis, label in enumerate(("mass", "none")):
        for _ in range(5):
            vector = rng.normal(size=8)
            vector[axis] += 2
            series = make_case(space, [vector], projects=[project])
            Label.objects.create(study=series.study, label_set="finding", label=label)
    assert "2 labels · 10 studies" in text_of(admin.get(PAGE))

    assert "fitted to the labels" in said(admin, "adapt/", base=space.name, label_set="finding")
    said(admin, "components/", base=space.name, dimension="3")

    made = EmbeddingSpace.objects.filter(base_space=space).order_by("pk")
    assert [one.name for one in made] == [f"{space.name}-lda-1", f"{space.name}-pca-1"]


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_acts_are_posts(admin, space, method):
    assert getattr(admin, method)(f"{PAGE}{space.name}/promote/").status_code == 405


def test_acts_need_the_pages_token(archive_admin, space):
    client = Client(enforce_csrf_checks=True)
    client.force_login(archive_admin)

    assert client.post(f"{PAGE}{space.name}/retire/").status_code == 403


def test_unknown_act_is_not_there(admin, space):
    assert admin.post(f"{PAGE}{space.name}/explode/").status_code == 404
    assert admin.get(f"{PAGE}none/progress/").status_code == 404


@pytest.mark.parametrize("person", ["radiologist", "colleague", "outsider", "project_admin"])
def test_nobody_but_radiology_admins_of_the_archive_gets_in(
    client, request, space, person, project
):
    registered = make_descriptor_space()
    client.force_login(request.getfixturevalue(person))

    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}{registered.name}/progress/").status_code == 403
    for path in POSTS:
        values = {"base": space.name, "label_set": "finding", "dimension": "3"}
        answer = client.post(f"{PAGE}{path}".replace("registered", registered.name), values)
        assert answer.status_code == 403, path
    registered.refresh_from_db()
    assert registered.state == EmbeddingSpace.State.REGISTERED
    assert EmbeddingSpace.objects.count() == 2


@pytest.fixture
def project_admin(project):
    """A radiology admin of one project, who sees one part of the archive."""
    from django.contrib.auth.models import User

    from archive.models import Membership

    user = User.objects.create_user("project-admin", password="a long enough password")
    Membership.objects.create(user=user, project=project, role="radiology_admin")
    return user


def test_promotion_by_command_and_page_are_one_history(admin, space):
    from archive.audit.types import Asker

    described = make_descriptor_space(state=EmbeddingSpace.State.READY)
    promote_space(Asker(door="command"), described.name)

    said(admin, "roll-back/")

    assert EmbeddingSpace.objects.get(is_default=True) == space
