"""Sharing by the portal: people, links, emergencies, and what of it is on record."""

from __future__ import annotations

import contextlib
import io
import re
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from archive.access import share_links
from archive.access.break_glass import begin_emergency, close_ended
from archive.audit.types import Asker
from archive.dicom.reading import read_dataset
from archive.errors import LimitExceededError, NotAllowedError
from archive.events.services import relay_outbox
from archive.models import (
    AuditEvent,
    BreakGlass,
    Collection,
    Instance,
    Membership,
    Notice,
    Patient,
    ShareLink,
    Study,
    StudyGrant,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY, OTHER = "1.2.826.0.1.9.95", "1.2.826.0.1.9.96"
PAGE, SHARING = f"/studies/{STUDY}/", f"/studies/{STUDY}/sharing/"
REASON = "Unconscious in the emergency room"


@pytest.fixture(autouse=True)
def stored(project):
    store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.{series}",
                SOPInstanceUID=f"{study}.{series}.1",
                Modality="CT",
                PatientID="EM-1",
                PatientName="Doe^Jane",
            )
            for study in (STUDY, OTHER)
            for series in (1, 2)
        ),
        project=project,
    )


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def acts():
    return list(AuditEvent.objects.order_by("pk").values_list("act", "outcome"))


def path_in(page):
    found = re.search(r"/s/tsl_[\w-]+/", page)
    assert found is not None
    return found[0]


def made_link(client, **said):
    client.post(SHARING, {"kind": "link", "days": "3", **said})
    assert "tsl_" not in str(dict(client.session)), "sealed until it is shown"
    page = client.get(SHARING).content.decode()
    assert "/s/tsl_" not in client.get(SHARING).content.decode(), "shown once"
    return path_in(page)


def test_a_study_is_shared_with_somebody_and_taken_back(radiologist, colleague, outsider):
    owner, other = signed_in(radiologist), signed_in(outsider)
    assert other.get(PAGE).status_code == 404
    assert other.get(SHARING).status_code == 404
    assert signed_in(colleague).get(SHARING).status_code == 403, "a viewer looks, no more"

    owner.post(SHARING, {"kind": "grant", "username": "outsider", "days": "2", "reason": "Opinion"})

    grant = StudyGrant.objects.get()
    assert b"Opinion" in owner.get(SHARING).content
    assert other.get(PAGE).status_code == 200
    assert other.get(f"/studies/{OTHER}/").status_code == 404
    assert other.get(f"/dicom-web/studies/{STUDY}/metadata").status_code == 200
    assert len(other.get("/dicom-web/studies").json()) == 1
    assert other.get(SHARING).status_code == 403, "what is granted is not passed on"
    assert other.delete(f"/dicom-web/studies/{STUDY}").status_code in {403, 404, 405}
    relay_outbox()
    assert Notice.objects.filter(user=outsider, topic="share").exists()
    again = owner.post(SHARING, {"kind": "grant", "username": "outsider"})
    assert b"sees this study already" in again.content

    assert other.post(f"/grants/{grant.pk}/revoke/").status_code == 404
    owner.post(f"/grants/{grant.pk}/revoke/", {"study": STUDY})
    assert other.get(PAGE).status_code == 404
    assert ("grant-study", 0) in acts()
    assert ("revoke-grant", 0) in acts()


def test_a_link_shows_one_study_to_whoever_holds_it(radiologist, settings):
    settings.TWINSIGHT_PUBLIC_URL = ""
    path = made_link(signed_in(radiologist), note="Dr. Who")
    assert path.strip("/").split("/")[1] not in str(ShareLink.objects.values())
    visitor = Client()
    link = ShareLink.objects.get()
    assert visitor.get(f"/shared/{link.pk}/").status_code == 404, "not before the link was opened"

    response = visitor.get(path)
    assert response["Location"] == f"/shared/{link.pk}/"
    assert response["Referrer-Policy"] == "no-referrer"
    page = visitor.get(f"/shared/{link.pk}/")
    assert b"Doe" in page.content
    series = f"/shared/{link.pk}/{STUDY}/{STUDY}.1/"
    assert visitor.get(series).status_code == 200
    assert visitor.get(f"{series}1.jpg")["Content-Type"] == "image/jpeg"
    assert visitor.get(f"{series}9.jpg").status_code == 404
    assert visitor.get(f"/shared/{link.pk}/{OTHER}/{OTHER}.1/1.jpg").status_code == 404
    assert visitor.get(f"/shared/{link.pk}/{STUDY}/download/").status_code == 403
    for closed in (PAGE, "/studies/", "/collections/", "/audit/"):
        assert visitor.get(closed).status_code == 302
    assert visitor.get(f"/dicom-web/studies/{STUDY}/metadata").status_code == 401
    record = AuditEvent.objects.get(act="shared")
    assert (record.actor_name, record.study_instance_uid) == (f"link {link.hint}", STUDY)

    radiologist.memberships.all().delete()
    assert visitor.get(f"{series}1.jpg").status_code == 404, "its maker sees it no more"
    Membership.objects.create(user=radiologist, project=Study.objects.first().projects.get())
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert visitor.get(f"/shared/{link.pk}/").status_code == 404
    assert visitor.get(path).status_code == 404


def test_a_link_may_want_a_password_and_give_files(radiologist):
    owner = signed_in(radiologist)
    path = made_link(owner, password="a good password", may_download="1")
    link, visitor = ShareLink.objects.get(), Client()
    assert "a good password" not in link.password
    assert visitor.get(path).status_code == 200
    assert visitor.get(f"/shared/{link.pk}/").status_code == 404

    assert visitor.post(path, {"password": "guess"}).status_code == 403
    assert visitor.post(path, {"password": "a good password"}).status_code == 302
    files = b"".join(visitor.get(f"/shared/{link.pk}/{STUDY}/download/").streaming_content)
    assert len(zipfile.ZipFile(io.BytesIO(files)).namelist()) == 2
    assert ("open-link", 4) in acts()
    assert AuditEvent.objects.filter(act="export", actor_name=f"link {link.hint}").exists()

    for _ in range(6):
        last = Client().post(path, {"password": "guess"})
    assert last.status_code == 429
    assert Client().post(path, {"password": "a good password"}).status_code == 429

    owner.post(f"/links/{link.pk}/revoke/")
    assert visitor.get(f"/shared/{link.pk}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_emergencies_asked_for_at_once_are_no_more_than_three(outsider, project):
    ids = [f"EM-{number}" for number in range(10, 18)]
    for patient in ids:
        store_datasets(make_dataset(PatientID=patient), project=project)

    def opens(patient: str) -> bool:
        try:
            begin_emergency(
                asker=Asker(door="portal", user=outsider), patient_id=patient, reason=REASON
            )
        except LimitExceededError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(opens, ids))
    assert sum(opened) == BreakGlass.objects.count() == 3


def test_emergencies_are_found_by_those_who_may_ask_for_one(radiologist, colleague):
    for person, times in ((radiologist, 2), (colleague, 0)):
        page = signed_in(person).get("/studies/1.2.3.404/")
        assert page.status_code == 404
        # In the menu of every page, and where a study was not found.
        assert page.content.decode().count('href="/emergencies/"') == times


def test_many_guesses_at_once_are_no_more_than_one_after_the_other(monkeypatch):
    looked_at = []

    def looks(_password: str, _sealed: str) -> bool:
        looked_at.append(1)
        time.sleep(0.05)
        return False

    monkeypatch.setattr(share_links, "check_password", looks)
    monkeypatch.setattr(share_links.audit, "record_link_opened", lambda *_args, **_more: None)

    def guesses(number: int) -> None:
        with contextlib.suppress(NotAllowedError, LimitExceededError):
            share_links._check(1, str(number), "x", "10.0.0.9", Asker(door="portal"), "hint")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(guesses, range(40)))
    assert len(looked_at) == 5
    # And who guesses closes it to nobody else.
    with pytest.raises(NotAllowedError):
        share_links._check(1, "x", "x", "10.0.0.8", Asker(door="portal"), "hint")


def test_a_collection_is_shared_with_the_series_in_it(radiologist, colleague):
    collection = Collection.objects.create(owner=radiologist, name="Two cases")
    study = Study.objects.get(study_instance_uid=STUDY)
    collection.items.create(
        study=study, series=study.series.get(series_instance_uid=f"{STUDY}.1"), position=1
    )
    sharing = f"/collections/{collection.pk}/sharing/"
    assert signed_in(colleague).get(sharing).status_code == 404
    owner = signed_in(radiologist)
    owner.post(sharing, {"kind": "link", "days": "1"})
    path = path_in(owner.get(sharing).content.decode())
    visitor, link = Client(), ShareLink.objects.get()

    page = visitor.get(path, follow=True).content.decode()

    assert f"{STUDY}.1/" in page
    assert f"{STUDY}.2/" not in page
    assert visitor.get(f"/shared/{link.pk}/{STUDY}/{STUDY}.2/1.jpg").status_code == 404


@pytest.mark.parametrize("frame", [None, 1])
def test_a_collection_with_one_image_shows_and_gives_this_one_alone(radiologist, project, frame):
    whole, partial = f"{STUDY}.1", f"{STUDY}.2"
    store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=partial,
                SOPInstanceUID=f"{partial}.{number}",
                InstanceNumber=number,
                PatientID="EM-1",
                PatientName="Doe^Jane",
            )
            for number in (2, 3)
        ),
        project=project,
    )
    collection = Collection.objects.create(owner=radiologist, name="One image")
    study = Study.objects.get(study_instance_uid=STUDY)
    series = study.series.get(series_instance_uid=partial)
    image = series.instances.get(sop_instance_uid=f"{partial}.2")
    case = collection.items.create(
        study=study, series=series, instance=image, frame=frame, position=1
    )
    collection.items.create(
        study=study, series=study.series.get(series_instance_uid=whole), position=2
    )
    owner, sharing = signed_in(radiologist), f"/collections/{collection.pk}/sharing/"
    owner.post(sharing, {"kind": "link", "days": "1", "may_download": "1"})
    path = path_in(owner.get(sharing).content.decode())
    visitor, link = Client(), ShareLink.objects.get()

    def given():
        answer = visitor.get(f"/shared/{link.pk}/{STUDY}/download/")
        files = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
        found = [read_dataset(io.BytesIO(files.read(name))) for name in files.namelist()]
        return {ds.SOPInstanceUID for ds in found}

    counts = re.findall(r'quiet num">(\d+)<', visitor.get(path, follow=True).content.decode())

    stack = f"/shared/{link.pk}/{STUDY}/{partial}/"
    assert counts == ["1", "1"]
    assert 'data-total="1"' in visitor.get(stack).content.decode()
    assert [visitor.get(f"{stack}{n}.jpg").status_code for n in (0, 1, 2)] == [200, 200, 404]
    assert given() == {f"{whole}.1", f"{partial}.2"}

    # What was rejected since is shown no more, nor the rest in its place.
    Instance.objects.filter(pk=image.pk).update(withheld="rejected")
    assert partial not in visitor.get(f"/shared/{link.pk}/").content.decode()
    assert visitor.get(f"{stack}1.jpg").status_code == 404
    assert given() == {f"{whole}.1"}
    collection.items.exclude(pk=case.pk).delete()
    assert visitor.get(f"/shared/{link.pk}/").status_code == 200
    assert visitor.get(f"/shared/{link.pk}/{STUDY}/download/").status_code == 404


def test_a_link_shows_only_what_its_maker_may_share(radiologist, other_project):
    """Also of what came into its collection later, and of what its maker only looks at by now."""
    looked_at = "1.2.826.0.1.9.97"
    store_datasets(
        make_dataset(
            StudyInstanceUID=looked_at,
            SeriesInstanceUID=f"{looked_at}.1",
            SOPInstanceUID=f"{looked_at}.1.1",
        ),
        project=other_project,
    )
    Membership.objects.create(user=radiologist, role="viewer", project=other_project)
    collection = Collection.objects.create(owner=radiologist, name="It grows")
    collection.items.create(study=Study.objects.get(study_instance_uid=STUDY), position=1)
    owner, sharing = signed_in(radiologist), f"/collections/{collection.pk}/sharing/"
    owner.post(sharing, {"kind": "link", "days": "1", "may_download": "1"})
    path = path_in(owner.get(sharing).content.decode())
    visitor, link = Client(), ShareLink.objects.get()
    assert owner.get(f"/studies/{looked_at}/").status_code == 200
    added = owner.post(
        f"/api/v1/collections/{collection.pk}/items",
        {"items": [{"study": looked_at}]},
        content_type="application/json",
    )
    assert added.status_code == 201

    page = visitor.get(path, follow=True)

    assert f"{STUDY}.1/" in page.content.decode()
    assert looked_at not in page.content.decode()
    assert visitor.get(f"/shared/{link.pk}/{looked_at}/{looked_at}.1/1.jpg").status_code == 404
    assert visitor.get(f"/shared/{link.pk}/{looked_at}/download/").status_code == 404
    Membership.objects.filter(user=radiologist).update(role="viewer")
    assert owner.get(PAGE).status_code == 200
    assert visitor.get(f"/shared/{link.pk}/").status_code == 404


def test_t83_break_glass(outsider, radiologist, archive_admin, settings):
    """T83: no access without reason; with it one patient, a short time, others told, a review."""
    treating = signed_in(outsider)
    asked = {"patient_id": "EM-1", "reason": REASON}
    assert treating.post("/emergencies/", asked | {"reason": " "}).status_code == 422
    assert treating.post("/emergencies/", asked | {"patient_id": "EM"}).status_code == 422
    assert treating.get(PAGE).status_code == 404

    opened = treating.post("/emergencies/", asked)

    assert opened.status_code == 302
    row = BreakGlass.objects.get()
    assert treating.get(PAGE).status_code == 200
    assert treating.get(f"/studies/{OTHER}/").status_code == 200
    assert b"emergency-banner" in treating.get("/studies/").content
    assert b"emergency-banner" not in signed_in(radiologist).get("/studies/").content
    assert treating.get(SHARING).status_code == 403
    assert treating.post("/emergencies/", asked).status_code == 422, "open already"
    relay_outbox()
    assert Notice.objects.filter(user=archive_admin, topic="emergency").count() == 1
    assert not Notice.objects.filter(user=outsider).exists()

    row.expires_at = timezone.now()
    row.save()
    assert treating.get(PAGE).status_code == 404, "over at that moment, whoever puts it on record"
    assert (close_ended(), close_ended()) == (1, 0)

    review = f"/emergencies/{row.pk}/review/"
    verdict = {"verdict": "right", "note": "Seen the patient"}
    assert treating.post(review, verdict).status_code == 404
    reviewer = signed_in(archive_admin)
    assert REASON.encode() in reviewer.get("/emergencies/").content
    reviewer.post(review, verdict)
    row.refresh_from_db()
    assert (row.is_justified, row.reviewed_by) == (True, archive_admin)
    # Whoever comes second is told so, and changes nothing.
    auditor = User.objects.create_user("auditor")
    Membership.objects.create(user=auditor, project=None, role="auditor")
    second = signed_in(auditor)
    answer = second.post(review, {"verdict": "wrong", "note": "I think not"})
    assert (answer.status_code, b"by archive_admin" in answer.content) == (409, True)
    told = {"is_justified": False, "note": "No"}
    answer = second.post(f"/api/v1/emergencies/{row.pk}", told, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "reviewed-already")
    row.refresh_from_db()
    assert (row.is_justified, row.review_note) == (True, "Seen the patient")
    found = [act for act, _ in acts() if "emergency" in act]
    assert found == [
        "refuse-emergency",
        "begin-emergency",
        "end-emergency",
        "review-emergency",
    ]
    codes = set(AuditEvent.objects.filter(act__endswith="emergency").values_list("event_id"))
    assert codes == {("110113",)}


def test_who_treats_nobody_has_no_emergencies(project, other_project, colleague, archive_admin):
    for role in ("viewer", "annotator", "researcher", "auditor", "system"):
        user = User.objects.create_user(role)
        Membership.objects.create(user=user, project=other_project, role=role)
        asked = {"patient_id": "EM-1", "reason": REASON}
        assert signed_in(user).post("/emergencies/", asked).status_code in {403, 422}, role
    assert not BreakGlass.objects.exists()
    assert Patient.objects.visible_to(archive_admin).exists()
    answer = signed_in(archive_admin).post(
        "/emergencies/", {"patient_id": "EM-1", "reason": REASON}
    )
    assert b"all studies of this patient already" in answer.content


def test_the_trail_is_read_by_auditors_of_its_projects(
    project, other_project, radiologist, archive_admin
):
    signed_in(radiologist).get(PAGE)
    auditors = []
    for where in (project, other_project, None):
        user = User.objects.create_user(f"auditor-{where}", first_name="=cmd")
        Membership.objects.create(user=user, project=where, role="auditor")
        auditors.append(signed_in(user))
    here, elsewhere, everywhere = auditors

    assert signed_in(radiologist).get("/audit/").status_code == 403
    assert STUDY.encode() in here.get("/audit/").content
    assert STUDY.encode() not in elsewhere.get("/audit/").content
    assert here.get(PAGE).status_code == 404, "who audits reads no images"
    found = everywhere.get(f"/audit/?study={STUDY}&act=study&user=radiologist&first_day=2020-01-01")
    assert found.content.count(b"<tr data-item") == 1
    assert everywhere.get("/audit/?study=x&before=a").status_code == 422
    assert everywhere.get("/audit/?address=nowhere").status_code == 422

    AuditEvent.objects.create(event_id="110112", act="=1+1", action="E", door="api")
    lines = b"".join(everywhere.get("/audit/export/csv/").streaming_content).decode()
    assert ",'=1+1," in lines
    lines = b"".join(everywhere.get(f"/audit/export/json/?study={STUDY}").streaming_content)
    assert STUDY.encode() in lines
    assert everywhere.get("/audit/export/xml/").status_code == 404
    assert [act for act, _ in acts() if act.endswith("-audit")] == [
        *["read-audit"] * 3,
        *["export-audit"] * 2,
    ]
