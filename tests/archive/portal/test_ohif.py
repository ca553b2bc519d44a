"""OHIF under /viewer/: its files behind the login, its own policy, and what is said without it."""

import json

import pytest
from django.urls import reverse

from archive.portal.viewer_files import ohif_address
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
SCRIPT = "app.bundle.0f6159c501addfe9.js"


@pytest.fixture
def series(project):
    study = StudyFactory(projects=[project], modalities_in_study=["CT"])
    series = SeriesFactory(study=study, modality="CT", number_of_series_related_instances=1)
    InstanceFactory(series=series)
    return series


@pytest.fixture
def no_viewer(settings, tmp_path):
    settings.TWINSIGHT_VIEWER_DIR = tmp_path / "absent"


@pytest.fixture
def viewer(settings, tmp_path):
    settings.TWINSIGHT_VIEWER_DIR = tmp_path
    contents = {"index.html": b"<html>OHIF</html>", SCRIPT: b"start()", "fonts/inter.woff2": b"w"}
    files = {}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        files[name] = {"bytes": len(content), "gzip": name == SCRIPT}
    (tmp_path / f"{SCRIPT}.gz").write_bytes(b"packed")
    (tmp_path / "viewer.json").write_text(json.dumps({"version": "3", "files": files}))
    (tmp_path / "secret.txt").write_text("not listed")
    return tmp_path


def _body(response):
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("path", ["", "viewer?StudyInstanceUIDs=1.2", SCRIPT, "app-config.js"])
def test_strangers_sign_in_first(client, viewer, path):
    response = client.get(f"/viewer/{path}")
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=/viewer/")


@pytest.mark.parametrize("path", ["", "viewer?StudyInstanceUIDs=1.2", "segmentation", "local/x"])
def test_every_path_of_its_own_is_answered_with_its_page(client, radiologist, viewer, path):
    client.force_login(radiologist)

    response = client.get(f"/viewer/{path}")

    assert (response.status_code, _body(response)) == (200, b"<html>OHIF</html>")
    assert response["Cache-Control"] == "no-cache"
    policy = response["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "'unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", "")
    assert response["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_files_are_sent_compressed_and_kept_by_the_browser(client, radiologist, viewer):
    client.force_login(radiologist)

    packed = client.get(f"/viewer/{SCRIPT}", headers={"accept-encoding": "br, gzip"})
    plain = client.get(f"/viewer/{SCRIPT}")

    assert (_body(packed), packed["Content-Encoding"]) == (b"packed", "gzip")
    assert (_body(plain), "Content-Encoding" in plain) == (b"start()", False)
    assert "Accept-Encoding" in packed["Vary"]
    assert packed["Cache-Control"] == "private, max-age=86400"
    again = client.get(f"/viewer/{SCRIPT}", headers={"if-none-match": packed["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["missing.js", "secret.txt", "viewer.json", "..%2fsecret.txt", f"{SCRIPT}.gz"]
)
def test_only_what_is_listed_is_served(client, radiologist, viewer, path):
    client.force_login(radiologist)
    assert client.get(f"/viewer/{path}").status_code == 404


def test_the_rest_of_the_portal_keeps_its_stricter_policy(client, radiologist, viewer):
    client.force_login(radiologist)
    assert "wasm" not in client.get("/studies/")["Content-Security-Policy"]


def test_the_configuration_names_this_archive_alone(client, radiologist, viewer):
    client.force_login(radiologist)

    response = client.get("/viewer/app-config.js")

    assert response["Content-Type"].startswith("text/javascript")
    script = b"".join(response).decode()
    assert '"routerBasename": "/viewer"' in script
    assert '"wadoRoot": "/dicom-web"' in script
    assert '"wadoUriRoot": "/wado"' in script
    assert "http://" not in script
    assert "https://" not in script


def test_studies_and_results_lead_to_it_where_it_is_installed(client, radiologist, viewer, series):
    client.force_login(radiologist)
    study = series.study.study_instance_uid

    page = client.get(reverse("portal:study-detail", args=[study])).content.decode()

    assert f"/viewer/viewer?StudyInstanceUIDs={study}" in page
    assert ohif_address("1.2", "1.2.3", "1.2.3.4") == (
        "/viewer/viewer?StudyInstanceUIDs=1.2&initialSeriesInstanceUID=1.2.3"
        "&initialSOPInstanceUID=1.2.3.4"
    )


def test_without_it_pages_lead_to_the_built_in_viewer(client, radiologist, no_viewer, series):
    client.force_login(radiologist)
    study = series.study.study_instance_uid

    page = client.get(reverse("portal:study-detail", args=[study])).content.decode()
    hint = client.get("/viewer/viewer", {"StudyInstanceUIDs": study})

    assert "/viewer/viewer" not in page
    assert hint.status_code == 404
    built_in = reverse("portal:series-view", args=[study, series.series_instance_uid])
    assert built_in in hint.content.decode()
    assert "install_viewer" not in hint.content.decode()


def test_a_radiology_admin_is_told_how_it_is_added(client, archive_admin, no_viewer, series):
    client.force_login(archive_admin)
    assert "install_viewer" in client.get("/viewer/").content.decode()


def test_without_it_a_hidden_study_looks_like_none(client, outsider, no_viewer, series):
    client.force_login(outsider)
    hidden = client.get("/viewer/", {"StudyInstanceUIDs": series.study.study_instance_uid})
    assert (
        reverse(
            "portal:series-view", args=[series.study.study_instance_uid, series.series_instance_uid]
        )
        not in hidden.content.decode()
    )


def test_a_damaged_list_counts_as_no_viewer(client, archive_admin, viewer):
    (viewer / "viewer.json").write_text("{")
    client.force_login(archive_admin)
    assert client.get("/viewer/").status_code == 404
