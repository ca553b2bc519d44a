"""The page of suspected mix-ups."""

import pytest

from archive.models import AuditEvent
from inference.models import Suspicion
from tests.builders.vectors import direction, make_case, make_space

pytestmark = pytest.mark.django_db
PAGE = "/similar/checks/"


@pytest.fixture
def suspicion(db, project):
    space = make_space()
    one = make_case(space, [direction(0)], projects=[project], series_description="First copy")
    other = make_case(space, [direction(0)], projects=[project], series_description="Second copy")
    return Suspicion.objects.create(
        kind="near_duplicate",
        series=one,
        other_series=other,
        score=0.99,
        evidence={"keypoints": 80},
    )


def test_page_says_when_nothing_is_suspicious(client, archive_admin):
    client.force_login(archive_admin)

    assert "Nothing looks mixed up" in client.get(PAGE).content.decode()


def test_page_shows_both_sides(client, archive_admin, suspicion):
    client.force_login(archive_admin)

    page = client.get(PAGE).content.decode()

    assert "First copy" in page
    assert "Second copy" in page
    assert "One image, two patients" in page


def test_page_is_for_radiology_admins_alone(client, radiologist, suspicion):
    client.force_login(radiologist)

    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}{suspicion.pk}/", {"state": "dismissed"}).status_code == 403
    assert Suspicion.objects.get().state == "open"


def test_dismissing_moves_it_to_the_dismissed(client, archive_admin, suspicion):
    client.force_login(archive_admin)

    answer = client.post(f"{PAGE}{suspicion.pk}/", {"state": "dismissed", "note": "Phantom"})

    assert answer.status_code == 302
    assert "First copy" not in client.get(PAGE).content.decode()
    assert "Phantom" in client.get(PAGE, {"state": "dismissed"}).content.decode()


def test_absent_one_is_not_found_and_a_bad_state_is_told(client, archive_admin, suspicion):
    client.force_login(archive_admin)

    assert client.post(f"{PAGE}999999/", {"state": "dismissed"}).status_code == 404
    page = client.post(f"{PAGE}{suspicion.pk}/", {"state": "eaten"}, follow=True)
    assert "A suspicion is open, confirmed or dismissed." in page.content.decode()


def test_list_of_patients_is_on_record_with_how_many_it_named(client, archive_admin, suspicion):
    client.force_login(archive_admin)

    client.get(PAGE)

    event = AuditEvent.objects.get(act="suspicions", actor=archive_admin)
    assert event.details == {"state": "open", "results": 1}


def test_list_that_is_refused_is_no_query_on_record(client, radiologist, suspicion):
    client.force_login(radiologist)

    client.get(PAGE)

    assert not AuditEvent.objects.filter(act="suspicions").exists()
