"""Rights that end while a study is on its way (T36); addresses that nobody here calls (T16)."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import AuditEvent, Membership
from tests.builders.datasets import make_dataset
from tests.builders.multipart import related
from tests.builders.stored import store_datasets

STUDY = "1.2.826.0.1.9.61"


@pytest.mark.django_db(transaction=True)
def test_t36_role_revoked_during_an_open_wado(live_server, radiologist, project):
    """What is on its way may end; the next request is refused, and the token dies with the user."""
    pixels = bytes(2 * 512 * 512)
    store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=f"{STUDY}.1",
                SOPInstanceUID=f"{STUDY}.1.{number}",
                Rows=512,
                Columns=512,
                PixelData=pixels,
            )
            for number in range(1, 41)
        ),
        project=project,
    )
    secret = create_api_token(asker=Asker(door="test"), username="radiologist", scopes=["read"])
    bearer = {"Authorization": f"Bearer {secret}", "Accept": 'multipart/related; type="*/*"'}
    address = f"{live_server.url}/dicom-web/studies/{STUDY}"

    with requests.get(address, headers=bearer, stream=True, timeout=60) as sent:
        assert sent.status_code == 200
        chunks = sent.iter_content(64 * 1024)
        received = len(next(chunks))
        Membership.objects.filter(user=radiologist).delete()
        for path in ("", "/metadata", f"/series/{STUDY}.1/instances/{STUDY}.1.7"):
            assert requests.get(address + path, headers=bearer, timeout=60).status_code == 404
        User.objects.filter(pk=radiologist.pk).update(is_active=False)
        assert requests.get(address, headers=bearer, timeout=60).status_code == 401
        # It was begun with the right to all of it, and is whole or cut off: never something else.
        with suppress(requests.exceptions.ChunkedEncodingError):
            received += sum(len(one) for one in chunks)
        assert received <= 40 * (len(pixels) + 4096)
    assert AuditEvent.objects.filter(act="retrieve", study_instance_uid=STUDY).count() == 1


@contextmanager
def _canary():
    """Listen on a port of this machine, and count who calls."""
    hits: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(1)
                    try:
                        hits.append(caller.recv(200))
                    except OSError:
                        hits.append(b"")

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", hits
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def _bulk(url: str) -> bytes:
    """STOW metadata whose bulk data lie elsewhere, in JSON."""
    ds = make_dataset(PixelData=None).to_json_dict()
    ds["7FE00010"] = {"vr": "OW", "BulkDataURI": url}
    ds["00420011"] = {"vr": "OB", "BulkDataURI": url}
    return related([json.dumps([ds]).encode()], "application/dicom+json")


XXE = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "{0}">]>'
    '<NativeDicomModel><DicomAttribute tag="00100010" vr="PN">&x;</DicomAttribute>'
    "</NativeDicomModel>"
)


@pytest.mark.django_db(transaction=True)
def test_t16_ssrf_canary(archive_admin, project, settings):
    """Every input that takes an address is given ours; nobody calls."""
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["hooks.example.org"]
    settings.TWINSIGHT_JWKS_HOSTS = ["keys.example.org"]
    client = Client(raise_request_exception=False)
    client.force_login(archive_admin)
    client.post("/login/", {"username": "archive_admin", "password": "a long enough password"})
    retrieved = make_dataset(
        StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1", SOPInstanceUID=f"{STUDY}.1.1"
    )
    with _canary() as (host, hits):
        url = f"http://{host}/canary"
        # In a data set: where others would fetch it from.
        retrieved.RetrieveURL = retrieved.RetrieveURI = url
        retrieved.add_new(0x00081190, "UR", url)
        store_datasets(retrieved, project=project)
        answers = {}
        json_multipart = 'multipart/related; type="application/dicom+json"; boundary=a-boundary'
        xml_multipart = 'multipart/related; type="application/dicom+xml"; boundary=a-boundary'
        answers["stow bulk"] = client.post(
            "/dicom-web/studies", _bulk(url), content_type=json_multipart
        )
        answers["stow xxe"] = client.post(
            "/dicom-web/studies",
            related([XXE.format(url).encode()], "application/dicom+xml"),
            content_type=xml_multipart,
        )
        for path in (
            f"/studies/{STUDY}/", f"/dicom-web/studies/{STUDY}/metadata",
            f"/studies/{STUDY}/tags/?instance={STUDY}.1.1",
            f"/viewer/?StudyInstanceUIDs={STUDY}&url={url}",
            f"/viewer/dicomjson?url={url}", f"/viewer/dicomwebproxy?url={url}",
            f"/wado?requestType=WADO&studyUID={STUDY}&contentType={url}",
            f"/login/?next={url}", f"/similar/?image={url}&text={url}",
            "/.well-known/smart-configuration",
        ):  # fmt: skip
            answers[path] = client.get(path)
        given = {
            "name": "CANARY", "ae_title": "CANARY", "address": "192.0.2.7",
            "host": host.split(":")[0],
            "port": host.split(":")[1], "url": url, "base_url": url, "dicomweb_url": url,
            "jwks_url": url, "webhook": url, "webhook_url": url, "source": url, "image": url,
            "scopes": "system/*.read", "study": STUDY, "patient_id": "X", "next": url,
            "callback": url, "destination": url, "redirect_uri": url, "client_uri": url,
            "notify_url": url, "server_url": url, "model": url, "query": {"image": url},
        }  # fmt: skip
        for path in _writing_addresses():
            answers[path] = client.post(path, given)
            answers[f"{path} json"] = client.post(path, given, content_type="application/json")
        time.sleep(0.3)
        assert hits == []
    failed = {path: one.status_code for path, one in answers.items() if one.status_code >= 500}
    assert failed == {}
    assert answers["stow xxe"].status_code == 400


def _writing_addresses() -> list[str]:
    """Return what takes a form or JSON and has no argument in its address, but for signing out."""
    from tests.security.test_requests import addresses

    left_out = ("/logout", "/admin/", "/account/sessions", "/static", "/login")
    return [
        one
        for one in sorted(addresses())
        if "1.2.3" not in one and not one.startswith(left_out) and len(one) > 1
    ]
