from __future__ import annotations

import hashlib

import pytest

from archive.ingest import verification
from archive.models import Blob
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setattr(verification.time, "sleep", lambda _: None)


@pytest.fixture
def blobs(project):
    return [
        instance.blob
        for instance in store_datasets(make_dataset(), make_dataset(), project=project)
    ]


def test_whole_archive_is_good(run, blobs):
    ran = run("verify_archive")

    assert ran.error is None
    assert ran.out.startswith("2 files: 2 good")
    assert all(blob.verified_at for blob in Blob.objects.all())


def test_flipped_byte_is_found_and_marked(run, blobs):
    place = blob_store().path(blobs[0].sha256)
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)

    ran = run("verify_archive")

    assert f"damaged: {blobs[0].sha256}" in ran.out
    assert "not whole" in str(ran.error)
    blobs[0].refresh_from_db()
    assert blobs[0].state == "damaged"


def test_missing_file_is_found_and_good_again_once_it_is_back(run, blobs):
    place = blob_store().path(blobs[0].sha256)
    content = place.read_bytes()
    place.unlink()

    ran = run("verify_archive")

    assert f"missing: {blobs[0].sha256}" in ran.out
    blobs[0].refresh_from_db()
    assert blobs[0].state == "missing"
    place.write_bytes(content)
    assert run("verify_archive").error is None
    blobs[0].refresh_from_db()
    assert blobs[0].state == "stored"


def test_file_without_a_row_is_reported_and_kept(run, blobs):
    sha256 = hashlib.sha256(b"orphan").hexdigest()
    place = blob_store().root / "sha256" / sha256[:2] / sha256[2:4] / sha256
    place.parent.mkdir(parents=True)
    place.write_bytes(b"orphan")

    ran = run("verify_archive")

    assert f"without a row: {sha256}" in ran.out
    assert ran.error is not None
    assert place.exists()
