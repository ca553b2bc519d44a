"""DELETE over DICOMweb: 204 for radiology admins, 410 afterwards, undone all is back."""

import pytest

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.curation.removals import undo_removal
from archive.models import Instance, Removal
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.7"
SERIES, OTHER = f"{STUDY}.1", f"{STUDY}.2"
BASE = f"/dicom-web/studies/{STUDY}"
PATHS = {
    "study": BASE,
    "series": f"{BASE}/series/{SERIES}",
    "instance": f"{BASE}/series/{SERIES}/instances/{SERIES}.1",
}


@pytest.fixture(autouse=True)
def stored(project):
    return store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=series,
                SOPInstanceUID=f"{series}.{number}",
            )
            for series, number in ((SERIES, 1), (SERIES, 2), (OTHER, 1))
        ),
        project=project,
    )


@pytest.fixture
def admin(browser, archive_admin):
    return browser(archive_admin)


@pytest.mark.parametrize(("level", "left"), [("study", 0), ("series", 1), ("instance", 2)])
def test_deleted_is_gone_for_who_could_see_it(admin, web, browser, outsider, level, left):
    path = PATHS[level]

    response = admin.delete(f"{path}?reason=wrong%20patient")

    assert (response.status_code, response.content) == (204, b"")
    removal = Removal.objects.get()
    assert (removal.level, removal.reason) == (level, "wrong patient")
    for suffix in ("", "/metadata", "/rendered", "/thumbnail"):
        assert web.get(f"{path}{suffix}").status_code == 410
        assert browser(outsider).get(f"{path}{suffix}").status_code == 404
    assert admin.delete(path).status_code == 410
    assert (
        len(web.get(f"/dicom-web/instances?StudyInstanceUID={STUDY}").json() if left else [])
        == left
    )
    assert web.get(f"{BASE}/instances").status_code == (200 if left else 204)


def test_undone_it_is_the_same_byte_for_byte(admin, archive_admin, web):
    path = PATHS["instance"]
    before = web.get(path, HTTP_ACCEPT="application/dicom").content
    admin.delete(BASE)

    undo_removal(asker=Asker(door="test", user=archive_admin), removal_id=Removal.objects.get().pk)

    assert web.get(path, HTTP_ACCEPT="application/dicom").content == before


def test_others_may_not_delete(web, browser, outsider, client):
    assert web.delete(BASE).status_code == 403
    assert browser(outsider).delete(BASE).status_code == 404
    assert client.delete(BASE).status_code == 401
    assert not Instance.objects.exclude(withheld="").exists()


@pytest.mark.parametrize(("scopes", "status"), [(["read", "write"], 403), (["admin"], 204)])
def test_tokens_need_the_scope_admin(client, project, scopes, status):
    secret = create_api_token(
        asker=Asker(door="test"),
        username="pacs",
        scopes=scopes,
        role="radiology_admin",
        projects=[project],
    )

    response = client.delete(BASE, headers={"authorization": f"Bearer {secret}"})

    assert response.status_code == status


def test_unknown_is_not_found(admin):
    assert admin.delete("/dicom-web/studies/1.2.3").status_code == 404
    assert admin.delete("/dicom-web/studies/..").status_code in {400, 404}
