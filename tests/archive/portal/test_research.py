"""Pages of research: who reaches them, what they write down, what they tell."""

from __future__ import annotations

import pytest
from django.urls import reverse

from archive.bulk import services
from archive.models import BulkJob, Collection, CollectionItem, Patient, Project
from archive.research.pseudonyms import note_study, open_realm, project_realm_name
from tests.builders.identified import NAME, make_identified
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings, tmp_path, monkeypatch):
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH = tmp_path / "PSEUDONYM_KEYS"
    monkeypatch.setattr(services, "_wake", lambda _job: None)


@pytest.fixture
def study(project):
    (stored,) = store_datasets(make_identified(), project=project)
    return stored.series.study


@pytest.fixture
def as_admin(client, archive_admin):
    client.force_login(archive_admin)
    return client


def test_a_refusal_is_written_down_with_its_reason_and_taken_back(as_admin, study):
    page = reverse("portal:study-research", args=(study.study_instance_uid,))
    menu = as_admin.get(reverse("portal:study-detail", args=(study.study_instance_uid,)))
    assert page in menu.content.decode()

    refused = as_admin.post(page, {"decision": "refused", "reason": ""})
    assert (refused.status_code, Patient.objects.get().is_research_refused) == (422, False)
    done = as_admin.post(page, {"decision": "refused", "reason": "By letter"}, follow=True)
    assert "leaves for research any more" in done.content.decode()
    assert Patient.objects.get().is_research_refused
    again = as_admin.post(page, {"decision": "refused", "reason": "By letter"})
    assert again.status_code == 422
    download = reverse("portal:study-download-anonymised", args=(study.study_instance_uid,))
    assert as_admin.post(download, {}).status_code == 403
    as_admin.post(page, {"decision": "permitted", "reason": "By phone"})
    assert not Patient.objects.get().is_research_refused


def test_for_whom_a_pseudonym_stands_is_told_to_admins(as_admin, study):
    project = Project.objects.create(name="Lung", slug="lung", is_deidentified=True)
    code = note_study(open_realm(project_realm_name(project.pk)), study)
    page = reverse("portal:research")
    asked = {"realm": project_realm_name(project.pk), "code": code, "reason": "Urgent finding"}

    told = as_admin.post(page, asked).content.decode()

    assert "Zwetschge" in told
    assert study.study_instance_uid in told
    later = as_admin.get(page).content.decode()
    assert ("Urgent finding" in later, "Zwetschge" in later) == (True, False)
    for wrong in ({"code": "nobody"}, {"reason": ""}, {"code": "\0"}):
        assert as_admin.post(page, {**asked, **wrong}).status_code == 422
    assert as_admin.post(page, {**asked, "realm": "project:0"}).status_code == 403


def test_others_do_not_get_there(client, radiologist, outsider, study):
    pages = [
        reverse("portal:study-research", args=(study.study_instance_uid,)),
        reverse("portal:research"),
    ]
    client.force_login(radiologist)
    assert [client.get(page).status_code for page in pages] == [403, 403]
    client.force_login(outsider)
    assert [client.get(page).status_code for page in pages] == [404, 403]
    assert NAME.partition("^")[0] not in client.get(pages[0]).content.decode()


def test_a_collection_leaves_as_a_whole(as_admin, archive_admin, outsider, study):
    mine = Collection.objects.create(owner=archive_admin, name="Mine")
    theirs = Collection.objects.create(owner=outsider, name="Theirs")
    CollectionItem.objects.create(collection=mine, study=study, position=1, added_by=archive_admin)
    act = reverse("portal:study-act", args=("research-export",))
    shown = as_admin.get(reverse("portal:collection-detail", args=(mine.pk,))).content.decode()
    assert f"{act}?of={mine.pk}" in shown

    form = as_admin.get(f"{act}?of={mine.pk}&count=1").content.decode()
    assert f'name="of" value="{mine.pk}"' in form
    started = as_admin.post(act, {"of": mine.pk, "dates": "shift", "characteristics": "yes"})
    assert started.status_code == 302
    job = BulkJob.objects.get()
    assert (job.options["collection"], job.number_of_items) == (mine.pk, 1)
    for of in (theirs.pk, "x", "9" * 30):
        assert as_admin.post(act, {"of": of}).status_code == 404
