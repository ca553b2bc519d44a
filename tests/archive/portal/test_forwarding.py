"""Pages of peers, forwarding, fetching and quotas: who sees them, and what they do."""

from __future__ import annotations

from html import unescape

import pytest
from django.urls import reverse

from archive.models import Forward, ForwardingRule, Peer, PrefetchRule
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

PAGES = ["peer-list", "peer-new", "forwarding", "forwarding-rule-new", "fetch-list", "quota-list"]


@pytest.fixture
def as_admin(client, archive_admin):
    client.force_login(archive_admin)
    return client


@pytest.fixture
def pacs(db) -> Peer:
    return Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=1)


@pytest.fixture
def study(project):
    (instance,) = store_datasets(make_dataset(), project=project)
    return instance.series.study


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_admins_alone(client, archive_admin, radiologist, name) -> None:
    client.force_login(radiologist)
    assert client.get(reverse(f"portal:{name}")).status_code == 403
    client.force_login(archive_admin)
    assert client.get(reverse(f"portal:{name}")).status_code == 200


def test_peer_is_registered_changed_and_deleted(as_admin, project) -> None:
    fields = {
        "protocol": "dimse",
        "ae_title": "SCANNER",
        "address": "192.0.2.7",
        "port": "104",
        "project": project.slug,
        "may_store": "1",
        "transfer_syntaxes": ["1.2.840.10008.1.2.4.90"],
        "is_enabled": "1",
    }
    as_admin.post(reverse("portal:peer-new"), fields)
    peer = Peer.objects.get()
    assert (peer.ae_title, peer.port, peer.project, peer.may_query) == (
        "SCANNER", 104, project, False,
    )  # fmt: skip
    assert peer.transfer_syntaxes == ["1.2.840.10008.1.2.4.90"]

    page = reverse("portal:peer-edit", args=[peer.pk])
    assert as_admin.post(page, fields | {"port": ""}).status_code == 302
    peer.refresh_from_db()
    assert peer.port is None

    as_admin.post(reverse("portal:peer-delete", args=[peer.pk]))
    assert not Peer.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ae_title", "A\\B"),
        ("ae_title", "Ärzte"),
        ("address", "pacs.example.org"),
        ("port", "70000"),
        ("project", "nowhere"),
        ("account", "nobody"),
        ("certificate_authority", "no PEM"),
        ("protocol", "http"),
    ],
)
def test_wrong_values_of_a_peer_are_named(as_admin, field, value) -> None:
    fields = {"protocol": "dimse", "ae_title": "A", "address": "192.0.2.7", field: value}

    response = as_admin.post(reverse("portal:peer-new"), fields)

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Peer.objects.exists()


def test_credentials_are_sealed_and_never_shown(as_admin) -> None:
    fields = {
        "protocol": "dicomweb",
        "ae_title": "CLOUD",
        "base_url": "https://192.0.2.9/dicom-web",
        "credentials": "bearer",
        "secret": "open sesame",
        "is_enabled": "1",
    }
    as_admin.post(reverse("portal:peer-new"), fields)

    peer = Peer.objects.get()
    assert peer.address == "192.0.2.9"
    assert not peer.may_store
    assert "sesame" not in peer.sealed_credentials
    page = as_admin.get(reverse("portal:peer-edit", args=[peer.pk]))
    assert b"sesame" not in page.content
    as_admin.post(
        reverse("portal:peer-edit", args=[peer.pk]), fields | {"credentials": "keep", "secret": ""}
    )
    kept = peer.sealed_credentials
    peer.refresh_from_db()
    assert peer.sealed_credentials == kept


def test_silent_peer_says_so_after_an_echo(as_admin, pacs) -> None:
    response = as_admin.post(reverse("portal:peer-echo", args=[pacs.pk]))

    pacs.refresh_from_db()
    assert pacs.echo_error
    assert pacs.echo_error in unescape(response.content.decode())


def test_rule_is_tried_kept_and_switched(as_admin, pacs, study) -> None:
    fields = {
        "name": "To the PACS",
        "peer": str(pacs.pk),
        "modalities": "ct, mr",
        "conditions": "StudyDescription = *",
        "includes_results": "1",
    }
    tried = as_admin.post(reverse("portal:forwarding-rule-try"), fields)
    assert tried.context["trial"].matching == 1
    assert not ForwardingRule.objects.exists()

    as_admin.post(reverse("portal:forwarding-rule-new"), fields)
    rule = ForwardingRule.objects.get()
    assert (rule.is_enabled, rule.modalities) == (False, ["CT", "MR"])
    as_admin.post(reverse("portal:forwarding-rule-act", args=[rule.pk, "on"]))
    assert ForwardingRule.objects.get().is_enabled
    assert as_admin.get(reverse("portal:forwarding-rule", args=[rule.pk])).status_code == 200

    wrong = fields | {"conditions": "ShoeSize = 43"}
    refused = as_admin.post(reverse("portal:forwarding-rule-new"), wrong)
    assert refused.status_code == 422


def test_study_is_sent_cancelled_and_sent_again(as_admin, pacs, study) -> None:
    page = as_admin.get(reverse("portal:send"), {"study": study.study_instance_uid})
    assert b"PACS" in page.content
    as_admin.post(reverse("portal:send"), {"study": study.study_instance_uid, "peer": str(pacs.pk)})
    row = Forward.objects.get()
    assert (row.state, row.requested_by.username) == ("waiting", "archive_admin")
    assert b"PACS" in as_admin.get(reverse("portal:forwarding")).content

    for act, state in (("cancel", "cancelled"), ("retry", "waiting")):
        as_admin.post(reverse("portal:queue-study-act", args=[pacs.pk, study.pk, act]))
        row.refresh_from_db()
        assert row.state == state


def test_who_only_looks_sends_nothing(client, colleague, outsider, pacs, study) -> None:
    fields = {"study": study.study_instance_uid, "peer": str(pacs.pk)}
    client.force_login(colleague)
    assert client.post(reverse("portal:send"), fields).status_code == 403
    client.force_login(outsider)
    assert client.post(reverse("portal:send"), fields).status_code == 404
    assert not Forward.objects.exists()


def test_clinician_sends_what_lies_in_their_project(client, radiologist, pacs, study) -> None:
    client.force_login(radiologist)
    fields = {"study": study.study_instance_uid, "peer": str(pacs.pk)}
    assert client.post(reverse("portal:send"), fields).status_code == 302
    assert Forward.objects.count() == 1


def test_prefetch_rule_is_made_and_switched(as_admin, pacs) -> None:
    fields = {"name": "Priors", "peer": pacs.pk, "most_studies": 2, "most_years": 3}
    as_admin.post(reverse("portal:prefetch-new"), fields)
    rule = PrefetchRule.objects.get()
    assert rule.is_enabled
    as_admin.post(reverse("portal:prefetch-act", args=[rule.pk, "off"]))
    assert not PrefetchRule.objects.get().is_enabled
    assert as_admin.post(reverse("portal:prefetch-new"), fields).status_code == 422


def test_quota_is_kept_and_taken_away(as_admin, project) -> None:
    as_admin.post(reverse("portal:quota-list"), {"project": project.slug, "gigabytes": "1.5"})
    project.refresh_from_db()
    assert project.quota_bytes == 1_500_000_000
    assert b"1.5" in as_admin.get(reverse("portal:quota-list")).content
    as_admin.post(reverse("portal:quota-list"), {"project": project.slug, "gigabytes": ""})
    project.refresh_from_db()
    assert project.quota_bytes is None
