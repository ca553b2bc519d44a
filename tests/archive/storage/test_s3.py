"""Blobs in S3: what is special about a place that may be away, behind copies that are bounded."""

from __future__ import annotations

import base64
import hashlib
import mmap
import os
import threading
import time

import pytest

from archive.errors import BlobDamagedError, BlobMissingError, StorageError, StorageFullError
from archive.storage import caching, s3, s3_uploads
from archive.storage.s3_client import Circuit
from archive.storage.stores import open_store
from tests.archive.storage.test_contract import CONTENT, SHA256, keep, read

KEY = f"images/sha256/{SHA256[:2]}/{SHA256}"


@pytest.fixture
def store(s3_storage):
    return open_store(s3_storage.url, 0)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def forget_copies(store):
    for sha256 in list(store.digests()):
        store.cache.remove(sha256)


def test_store_is_told_the_hash_and_has_compared_it(store, s3_storage):
    keep(store, CONTENT)

    head = s3_storage.client.head_object(Bucket=s3_storage.name, Key=KEY, ChecksumMode="ENABLED")
    assert s3_storage.keys() == [KEY]
    assert head["ContentLength"] == len(CONTENT)
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == SHA256


def test_what_was_kept_is_read_without_asking_the_store(store, s3_storage):
    keep(store, CONTENT)
    s3_storage.line.cut()

    assert read(store.open(SHA256)) == CONTENT
    assert store.present([SHA256]) == {SHA256}


def test_damaged_object_is_an_error_and_never_a_copy(store, s3_storage):
    keep(store, CONTENT)
    forget_copies(store)
    s3_storage.client.put_object(Bucket=s3_storage.name, Key=KEY, Body=b"x" + CONTENT[1:])

    for _ in range(2):
        with pytest.raises(BlobDamagedError):
            store.open(SHA256)
    assert not store.cache.has(SHA256)
    assert list((store.root / "incoming").iterdir()) == []
    # What verification reads is the object itself, also where a good copy lies here.
    with store.spool() as spool:
        spool.write(CONTENT)
        spool.begin_sync()
        spool.sync()
        store.cache.add(spool.path, SHA256, spool.size)
    assert read(store.open(SHA256)) == CONTENT
    assert read(store.original(SHA256)) != CONTENT
    keep(store, CONTENT)
    assert read(store.original(SHA256)) == CONTENT


def test_copies_stay_within_their_limit_and_what_is_mapped_stays_readable(store, monkeypatch):
    monkeypatch.setattr(caching, "JUST_USED_S", 0)
    contents = [bytes([number]) * 10_000 for number in range(12)]
    keep(store, *contents)
    store.cache.limit_bytes = 50_000
    for age, content in enumerate(contents):
        place = store.cache.place(digest(content))
        os.utime(place, (time.time() - 1000 + age, time.time() - 1000 + age))

    with (
        store.open(digest(contents[1])) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        store.open(digest(contents[0])).close()  # used just now: it stays
        store.cache.remove(digest(contents[1]))
        store.cache.make_room()

        assert mapped[:] == contents[1]
    left = [number for number, one in enumerate(contents) if store.cache.has(digest(one))]
    assert left == [0, 9, 10, 11]
    assert read(store.open(digest(contents[5]))) == contents[5]


def test_what_was_used_just_now_stays_and_what_nobody_used_for_days_goes(store, monkeypatch):
    # Each copy may begin a round of its own, and while one is at it nobody else is.
    monkeypatch.setattr(caching, "begin", lambda *_: None)
    keep(store, b"new", b"old")
    old = store.cache.place(digest(b"old"))
    os.utime(old, (1, 1))
    store.cache.limit_bytes = 10_000

    store.cache.make_room()

    assert not old.exists()
    store.cache.limit_bytes = 1
    store.cache.make_room()
    assert store.cache.has(digest(b"new"))


def test_copies_give_way_before_storing_is_refused(store, monkeypatch):
    monkeypatch.setattr(caching, "JUST_USED_S", -1)
    keep(store, CONTENT)
    store.reserve_bytes = store.cache._reserve_bytes = 1000
    free = iter([500, 2000, 500, 500, 50_000])
    monkeypatch.setattr(store.cache, "free_bytes", lambda: next(free, 500))

    store.spool().close()
    assert not store.cache.has(SHA256)
    with pytest.raises(StorageFullError):
        store.spool()
    assert read(store.open(SHA256)) == CONTENT  # reading goes on


def test_of_many_who_ask_at_once_one_reads(store, s3_storage):
    contents = [bytes([number]) * 300_000 for number in range(3)]
    keep(store, *contents)
    forget_copies(store)
    before = s3_storage.requests()
    answers = []
    threads = [
        threading.Thread(
            target=lambda one=one: answers.append(read(store.open(digest(one))) == one)
        )
        for one in contents * 8
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [True] * 24
    assert s3_storage.requests() - before == 3


def test_reader_that_died_midway_is_in_nobodys_way(store):
    keep(store, CONTENT)
    forget_copies(store)
    (store.root / "incoming" / SHA256).write_bytes(b"half of another thing" * 10_000)

    assert read(store.open(SHA256)) == CONTENT
    assert list((store.root / "incoming").iterdir()) == []


def test_reading_goes_on_where_a_connection_broke(store, s3_storage):
    content = os.urandom(5_000_000)
    keep(store, content)
    forget_copies(store)
    s3_storage.line.break_after(2_000_000)

    assert read(store.open(digest(content))) == content


def test_store_that_is_away_fails_quickly_and_is_asked_again_after_a_pause(
    store, s3_storage, monkeypatch
):
    keep(store, CONTENT)
    forget_copies(store)
    spool = store.spool()
    spool.write(b"came while it was away")
    monkeypatch.setattr(store.line.circuit, "_pause_s", 600)
    s3_storage.line.cut()

    for act in (lambda: store.open(SHA256), store.spool, lambda: store.keep([spool]), store.check):
        with pytest.raises(StorageError) as refusal:
            act()
        assert refusal.value.code == "storage-unreachable"
        assert refusal.value.retriable
        assert s3_storage.endpoint not in refusal.value.message

    s3_storage.line.mend()
    store.line.circuit._closed_until = time.monotonic()
    store.keep([spool])
    spool.close()
    assert read(store.open(SHA256)) == CONTENT
    assert store.exists(digest(b"came while it was away"))
    store.check()


def test_after_the_pause_one_goes_and_looks():
    circuit = Circuit(pause_s=60)
    circuit.check()
    circuit.trip()
    with pytest.raises(StorageError):
        circuit.check()
    circuit._closed_until = time.monotonic()

    circuit.check()

    with pytest.raises(StorageError):
        circuit.check()
    circuit.mend()
    circuit.check()


def test_large_file_goes_in_parts_beside_other_work_and_is_there_once_kept(
    store, s3_storage, monkeypatch
):
    part = 5 * 1024 * 1024
    monkeypatch.setattr(s3, "_ONE_PIECE_BYTES", part)
    monkeypatch.setattr(s3_uploads, "PART_BYTES", part)
    content = os.urandom(2 * part + 1000)
    uploads = {"Bucket": s3_storage.name}

    with store.spool() as spool:
        spool.write(content)
        spool.begin_sync()
        assert not store.exists(spool.sha256)
        assert len(s3_storage.client.list_multipart_uploads(**uploads)["Uploads"]) == 1
        store.keep([spool])
        assert store.exists(spool.sha256)
    with store.spool() as spool:
        spool.write(content + b"but refused")
        spool.begin_sync()
    assert "Uploads" not in s3_storage.client.list_multipart_uploads(**uploads)
    send = s3_uploads.PartedUpload._send

    def refused(upload, number):
        if number == 2:
            raise StorageError("The store refused a part.")
        return send(upload, number)

    with monkeypatch.context() as patch, store.spool() as spool:
        patch.setattr(s3_uploads.PartedUpload, "_send", refused)
        spool.write(content + b"and refused as a part")
        with pytest.raises(StorageError, match="refused a part"):
            store.keep([spool])
    assert "Uploads" not in s3_storage.client.list_multipart_uploads(**uploads)

    forget_copies(store)
    assert read(store.open(digest(content))) == content


def test_parts_of_the_dead_are_swept(store, s3_storage):
    s3_storage.client.create_multipart_upload(Bucket=s3_storage.name, Key=KEY)

    assert store.sweep_spool(3600) == 1  # that server dates them all to 2010
    assert "Uploads" not in s3_storage.client.list_multipart_uploads(Bucket=s3_storage.name)


def test_purge_takes_every_version(store, s3_storage):
    s3_storage.client.put_bucket_versioning(
        Bucket=s3_storage.name, VersioningConfiguration={"Status": "Enabled"}
    )
    keep(store, CONTENT)
    keep(store, CONTENT)

    store.delete(SHA256)

    left = s3_storage.client.list_object_versions(Bucket=s3_storage.name)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    with pytest.raises(BlobMissingError):
        store.open(SHA256)


def test_bucket_that_refuses_is_said_and_is_not_away(s3_bucket, tmp_path, settings):
    settings.TWINSIGHT_STORAGE_CACHE_DIR = str(tmp_path)
    wrong = open_store(s3_bucket.url.replace(s3_bucket.name, "nobodys"), 0)

    with wrong.spool() as spool:
        spool.write(CONTENT)
        for _ in range(2):
            with pytest.raises(StorageError, match="refused: NoSuchBucket"):
                wrong.keep([spool])
    with pytest.raises(StorageError):
        wrong.check()


def test_server_that_encrypts_is_told_so(s3_bucket, tmp_path, settings):
    settings.TWINSIGHT_STORAGE_CACHE_DIR = str(tmp_path)
    keep(open_store(f"{s3_bucket.url}&sse=AES256", 0), CONTENT)

    head = s3_bucket.client.head_object(Bucket=s3_bucket.name, Key=KEY)
    assert head["ServerSideEncryption"] == "AES256"
