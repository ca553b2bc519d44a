"""Pages of the archive: what they show, and to whom."""

import re
from datetime import date

import pytest
from django.urls import reverse

from archive.models import Membership, Quarantine, Role
from archive.portal import panels
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
LIST = "/studies/"


@pytest.fixture
def study(project):
    patient = PatientFactory(patient_name="Doe^Jane", dicom_patient_id="P-1")
    return StudyFactory(
        patient=patient,
        projects=[project],
        study_date=date(2024, 2, 29),
        study_description="CT Thorax",
        accession_number="ACC-1",
        modalities_in_study=["CT"],
    )


@pytest.fixture
def series(study):
    series = SeriesFactory(
        study=study, series_description="Lung 1.0", number_of_series_related_instances=1
    )
    InstanceFactory(series=series, rows=16, columns=12)
    return series


def _pages(study, series):
    return {
        "list": LIST,
        "study": reverse("portal:study-detail", args=[study.study_instance_uid]),
        "panel": reverse("portal:study-panel", args=[study.study_instance_uid, "findings"]),
        "viewer": reverse(
            "portal:series-view", args=[study.study_instance_uid, series.series_instance_uid]
        ),
        "upload": "/upload/",
    }


def _text(response):
    return response.content.decode()


@pytest.mark.parametrize("page", ["list", "study", "panel", "viewer", "upload"])
def test_stranger_is_sent_to_sign_in_and_back(client, study, series, page):
    url = _pages(study, series)[page]

    response = client.get(url)

    assert response.status_code == 302
    assert response["Location"] == f"/login/?next={url}"


def test_stranger_who_sends_a_form_comes_back_to_a_page(client):
    assert client.post("/training/new/")["Location"] == "/login/?next=/"


@pytest.mark.parametrize("page", ["study", "panel", "viewer"])
def test_outsider_and_absent_study_get_the_same_404(client, outsider, study, series, page):
    client.force_login(outsider)
    hidden = client.get(_pages(study, series)[page])
    uid = study.study_instance_uid
    absent = client.get(_pages(study, series)[page].replace(uid, "1.2.3.4"))

    assert (hidden.status_code, absent.status_code) == (404, 404)
    masked = [re.sub(r"csrf[^>]*|X-CSRFToken[^}]*", "", _text(page)) for page in (hidden, absent)]
    # The language menu leads back to the address that was asked for.
    masked[0] = masked[0].replace(uid, "1.2.3.4")
    assert masked[0] == masked[1]
    assert "There is nothing here" in masked[0]


@pytest.mark.parametrize("page", ["list", "study", "panel", "viewer", "upload"])
def test_members_see_their_pages(client, colleague, study, series, page):
    client.force_login(colleague)

    assert client.get(_pages(study, series)[page]).status_code == 200


@pytest.mark.parametrize("page", ["list", "study", "panel", "viewer", "upload"])
def test_pages_hold_no_inline_script_or_style(client, radiologist, study, series, page):
    client.force_login(radiologist)

    text = _text(client.get(_pages(study, series)[page]))

    assert " style=" not in text
    assert "<style" not in text
    assert not re.search(r"\son\w+=", text)
    for attributes in re.findall(r"<script([^>]*)>", text):
        assert "src=" in attributes or 'type="application/json"' in attributes


def test_login_page_needs_no_login_and_signs_in(client, radiologist):
    assert client.get("/login/").status_code == 200

    answer = client.post(
        "/login/", {"username": "radiologist", "password": "a long enough password", "next": ""}
    )

    assert (answer.status_code, answer["Location"]) == (302, LIST)


def test_icon_is_where_browsers_look_for_it_beside_json(client):
    asked = client.get("/favicon.ico")

    assert asked.url.endswith("portal/img/favicon.svg")
    assert asked["Cache-Control"] == "public, max-age=86400"
    icon = client.get(asked.url)
    assert icon["Content-Type"] == "image/svg+xml"
    icon.close()


def test_wrong_password_says_so_without_saying_which(client, radiologist):
    answer = client.post("/login/", {"username": "radiologist", "password": "wrong"})

    assert answer.status_code == 200
    assert "That name and password" in _text(answer)


def test_login_leads_to_no_foreign_address(client, radiologist):
    answer = client.post(
        "/login/?next=https://evil.example/",
        {
            "username": "radiologist",
            "password": "a long enough password",
            "next": "https://evil.example/",
        },
    )

    assert answer["Location"] == LIST


def test_logout_takes_post_alone(client, radiologist):
    client.force_login(radiologist)

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert client.get(LIST).status_code == 302


def test_study_list_shows_the_row_and_links_it(client, radiologist, study, series):
    client.force_login(radiologist)

    text = _text(client.get(LIST))

    for shown in ("Doe, Jane", "P-1", "2024-02-29", "CT Thorax", "ACC-1", "1 in your projects"):
        assert shown in text
    assert f"/studies/{study.study_instance_uid}/" in text
    assert f"/series/{series.series_instance_uid}/thumbnail" in text


def test_study_list_answers_htmx_with_the_table_alone(client, radiologist, study):
    client.force_login(radiologist)

    text = _text(client.get(LIST, {"patient": "nobody"}, headers={"HX-Request": "true"}))

    assert "<html" not in text
    assert "No study matches" in text
    assert "hx-swap-oob" in text


def test_empty_archive_says_what_to_do_next(client, radiologist):
    client.force_login(radiologist)

    text = _text(client.get(LIST))

    assert "No studies in your projects yet" in text
    assert "/upload/" in text


def test_study_list_pages_keep_the_filters(client, radiologist, project):
    for _ in range(26):
        StudyFactory(projects=[project], modalities_in_study=["CT"])
    client.force_login(radiologist)

    first = _text(client.get(LIST, {"modality": "CT"}))
    (address,) = re.findall(r'data-next[^>]*href="([^"]*)"', first)
    second = _text(client.get(address.replace("&amp;", "&")))

    assert "25 of 26" in first
    assert address.startswith("/studies/?modality=CT&amp;after=")
    assert "26 of 26" in second
    assert not set(re.findall('data-study="([^"]*)"', first)) & set(
        re.findall('data-study="([^"]*)"', second)
    )


def test_sort_links_turn_the_order_round(client, radiologist, study):
    client.force_login(radiologist)

    newest_first = _text(client.get(LIST))
    oldest_first = _text(client.get(LIST, {"sort": "date"}))

    assert 'href="/studies/?sort=date"' in newest_first
    assert 'aria-sort="descending"' in newest_first
    assert 'href="/studies/?sort=-date"' in oldest_first


def test_names_are_escaped(client, radiologist, project):
    patient = PatientFactory(patient_name="<img src=x>^y")
    StudyFactory(patient=patient, projects=[project], study_description="<b>bold</b>")
    client.force_login(radiologist)

    text = _text(client.get(LIST))

    assert "<img src=x>" not in text
    assert "<b>bold" not in text


def test_study_page_offers_viewer_and_similar_cases_for_each_series(
    client, radiologist, study, series
):
    client.force_login(radiologist)

    text = _text(client.get(_pages(study, series)["study"]))

    assert _pages(study, series)["viewer"] in text
    assert f"/similar/?series={series.series_instance_uid}" in text
    assert f"/similar/?study={study.study_instance_uid}" in text
    assert "not for diagnostic use" in text


def test_panel_tells_the_page_to_fetch_its_series_when_it_settles(
    client, radiologist, study, series
):
    client.force_login(radiologist)

    response = client.get(_pages(study, series)["panel"])

    assert response["HX-Trigger"] == "study-settled"


def test_unknown_panel_is_not_found(client, radiologist, study):
    client.force_login(radiologist)
    url = reverse("portal:study-panel", args=[study.study_instance_uid, "nothing"])

    assert client.get(url).status_code == 404


def test_busy_panel_asks_again(client, radiologist, study, monkeypatch):
    panel = panels.StudyPanel(
        name="busy",
        title="Busy",
        template="similarity/_findings.html",
        context=lambda _user, _uid: {"is_busy": True, "groups": []},
    )
    monkeypatch.setitem(panels.study_panels, "busy", panel)
    client.force_login(radiologist)
    url = reverse("portal:study-panel", args=[study.study_instance_uid, "busy"])

    response = client.get(url)

    assert f'hx-get="{url}"' in _text(response)
    assert "HX-Trigger" not in response


def test_viewer_tells_its_script_the_instances(client, radiologist, study, series):
    client.force_login(radiologist)

    text = _text(client.get(_pages(study, series)["viewer"]))

    (instance,) = series.instances.all()
    assert f'"uid": "{instance.sop_instance_uid}"' in text
    assert "Lung" in text  # the presets of CT


def test_viewer_of_a_series_without_images_says_so(client, radiologist, study):
    empty = SeriesFactory(study=study, modality="SR")
    client.force_login(radiologist)

    text = _text(client.get(_pages(study, empty)["viewer"]))

    assert "This series holds no images." in text


def test_upload_page_is_for_those_who_store(client, radiologist, colleague):
    client.force_login(radiologist)
    assert "Drop files" in _text(client.get("/upload/"))

    client.force_login(colleague)
    assert "Your role does not store studies" in _text(client.get("/upload/"))


@pytest.mark.parametrize("url", ["/quarantine/", "/identity/"])
def test_admin_pages_are_refused_to_others_and_not_offered(client, radiologist, url):
    client.force_login(radiologist)

    assert client.get(url).status_code == 403
    assert url not in _text(client.get(LIST))


@pytest.mark.parametrize("url", ["/quarantine/", "/identity/"])
def test_admin_pages_say_when_nothing_waits(client, archive_admin, url):
    client.force_login(archive_admin)

    assert client.get(url).status_code == 200
    assert url in _text(client.get(LIST))


def test_quarantine_page_shows_reason_and_file(client, archive_admin, unassigned):
    Quarantine.objects.create(
        reason_code="truncated",
        reason="The file was cut off.",
        door="api",
        original_name="a.dcm",
        project=unassigned,
    )
    client.force_login(archive_admin)

    text = _text(client.get("/quarantine/"))

    assert "The file was cut off." in text
    assert "a.dcm" in text


def test_identity_page_shows_both_sides(client, archive_admin, project):
    known = PatientFactory(patient_name="Doe^Jane", dicom_patient_id="P9")
    other = PatientFactory(patient_name="Roe^Ann", dicom_patient_id="P9", conflict_of=known)
    StudyFactory(patient=known, projects=[project])
    StudyFactory(patient=other, projects=[project])
    client.force_login(archive_admin)

    text = _text(client.get("/identity/"))

    assert "Doe, Jane" in text
    assert "Roe, Ann" in text


def test_theme_comes_from_the_cookie_and_nothing_else(client):
    assert 'data-theme="dark"' in _text(client.get("/login/"))
    client.cookies["twinsight_theme"] = "light"
    assert 'data-theme="light"' in _text(client.get("/login/"))
    client.cookies["twinsight_theme"] = '"><script>'
    assert 'data-theme="dark"' in _text(client.get("/login/"))


def test_study_list_takes_few_queries_whatever_the_rows(
    client, radiologist, project, django_assert_max_num_queries
):
    for _ in range(10):
        SeriesFactory(study=StudyFactory(projects=[project]), number_of_series_related_instances=1)
    client.force_login(radiologist)

    # With filters, projects and acts of its own: a page's first visit. Another one takes fewer.
    with django_assert_max_num_queries(21):
        client.get(LIST)
    with django_assert_max_num_queries(15):
        client.get(LIST, headers={"HX-Request": "true"})


def test_researcher_sees_deidentified_studies_alone(client, django_user_model, project):
    user = django_user_model.objects.create_user("researcher")
    Membership.objects.create(user=user, project=project, role=Role.RESEARCHER)
    open_study = StudyFactory(projects=[project], is_deidentified=True)
    closed = StudyFactory(projects=[project])
    client.force_login(user)

    text = _text(client.get(LIST))

    assert open_study.study_instance_uid in text
    assert closed.study_instance_uid not in text


def test_bar_leads_only_where_one_may_go(
    client, radiologist, colleague, django_user_model, project
):
    auditor = django_user_model.objects.create_user("auditor-of-all")
    auditor.memberships.create(role="auditor", project=project)
    staff = django_user_model.objects.create_superuser("accounts-alone")
    for user, places in (
        (radiologist, {"portal:upload", "similarity:similar-page"}),
        (colleague, {"similarity:similar-page"}),
        (auditor, set()),
        (staff, set()),
    ):
        client.force_login(user)
        page = client.get("/account/").content.decode()
        for place in ("portal:upload", "similarity:similar-page"):
            assert (f'data-place="{place}"' in page) == (place in places), (user, place)
