"""What every store does, wherever its blobs lie."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from archive.checks import check_storage
from archive.errors import BlobMissingError, StorageError
from archive.storage.s3_places import s3_place
from archive.storage.stores import open_store

ROOT = Path(__file__).resolve().parents[3]
CONTENT = b"bytes of a file" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["file", "s3"])
def store_url(request, tmp_path, settings):
    if request.param == "s3":
        return request.getfixturevalue("s3_storage").url
    return (tmp_path / "blobs").as_uri()


@pytest.fixture
def store(store_url):
    return open_store(store_url, 0)


def keep(store, *contents):
    spools = [store.spool() for _ in contents]
    for spool, content in zip(spools, contents, strict=True):
        spool.write(content[:5])
        spool.write(content[5:])
    store.keep(spools)
    for spool in spools:
        spool.close()


def read(file):
    with file:
        return file.read()


def test_what_is_kept_is_found_and_read_by_its_hash(store):
    keep(store, CONTENT, b"other", CONTENT)

    assert read(store.open(SHA256)) == read(store.original(SHA256)) == CONTENT
    assert store.path(SHA256).read_bytes() == CONTENT
    assert store.exists(SHA256)
    other = hashlib.sha256(b"other").hexdigest()
    assert sorted(store.digests()) == sorted([SHA256, other])
    assert store.present([other, "0" * 64, SHA256]) == {SHA256, other}
    assert store.path(SHA256).stat().st_mode & 0o777 == 0o600
    assert list((store.root / "spool").iterdir()) == []
    store.check()
    assert store.free_bytes() > 0


def test_what_is_not_kept_is_nowhere(store):
    with store.spool() as spool:
        spool.write(CONTENT)
        spool.begin_sync()

    assert not store.exists(SHA256)
    assert list(store.digests()) == []
    for reading in (store.open, store.path, store.original):
        with pytest.raises(BlobMissingError):
            reading(SHA256)


def test_what_is_deleted_is_gone_and_may_come_again(store):
    keep(store, CONTENT)
    with store.open(SHA256) as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            store.delete(SHA256)
            store.delete(SHA256)

            assert mapped[:] == CONTENT
        with pytest.raises(BlobMissingError):
            store.open(SHA256)
    assert not store.exists(SHA256)
    keep(store, CONTENT)
    assert read(store.open(SHA256)) == CONTENT


@pytest.mark.parametrize("address", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_address_that_is_no_hash_is_refused(store, address):
    for asking in (store.open, store.path, store.exists, store.delete, store.original):
        with pytest.raises(StorageError):
            asking(address)


def test_spool_files_of_the_dead_are_swept_and_those_of_the_living_kept(store):
    old, new = store.spool(), store.spool()
    os.utime(old.path, (1, 1))

    assert store.sweep_spool(3600) == 1
    assert new.path.exists()
    assert not old.path.exists()
    old.close()
    new.close()


def test_two_processes_keep_and_read_the_same_at_once(store, store_url):
    keep(store, CONTENT)
    names = [name for name in dir(django_settings) if name.startswith("TWINSIGHT_STORAGE_")]
    wanted = json.dumps({name: getattr(django_settings, name) for name in names})
    command = [sys.executable, str(Path(__file__).with_name("beside.py")), store_url, wanted]
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                )
            )
            for _ in range(2)
        ]  # fmt: skip
        assert [process.stdout.readline() for process in both] == ["ready\n", "ready\n"]
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(120) for process in both] == [0, 0]

    contents = [CONTENT + bytes([number]) for number in range(10)]
    assert len(list(store.digests())) == 11
    for content in contents:
        assert read(store.open(hashlib.sha256(content).hexdigest())) == content


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket/prefix",
        "s3:///prefix",
        "s3://key:verysecret@bucket/prefix",
        "s3://bucket?endpoint=https://key:verysecret@host",
        "s3://bucket?endpoint=ftp://host",
        "s3://bucket:80/prefix",
        "s3://bucket?endpiont=https://host",
        "s3://bucket?sse=rot13",
        "verysecret",
    ],
)
def test_url_that_names_no_place_is_refused_and_tells_no_secret(url, settings):
    with pytest.raises(ImproperlyConfigured) as refusal:
        open_store(url, 0)

    assert "verysecret" not in str(refusal.value)
    settings.TWINSIGHT_STORAGE_URL = url
    (found,) = check_storage()
    assert found.id == "archive.E001"
    assert "verysecret" not in found.msg


def test_url_says_where_objects_lie():
    place = s3_place("s3://images/hospital/a%20b/?region=eu-central-1&sse=aws:kms&kms_key=k1")

    assert place.key(SHA256) == f"hospital/a b/sha256/{SHA256[:2]}/{SHA256}"
    assert (place.region, place.endpoint) == ("eu-central-1", None)
    assert (place.encryption, place.kms_key) == ("aws:kms", "k1")
    assert Path(s3_place("s3://images").key(SHA256)).parts[0] == "sha256"
