"""Blobs are durable under their hash, never overwritten, and leave nothing behind."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections import namedtuple
from typing import TYPE_CHECKING

import pytest

from archive.errors import BlobMissingError, StorageError, StorageFullError
from archive.storage.local import LocalBlobStore

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"the bytes as they came"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs")


def keep(store: LocalBlobStore, content: bytes) -> str:
    with store.spool() as spool:
        spool.write(content)
        store.keep([spool])
        return spool.sha256


def test_kept_blob_is_found_under_its_hash(store: LocalBlobStore) -> None:
    assert keep(store, CONTENT) == SHA256
    with store.open(SHA256) as stream:
        assert stream.read() == CONTENT
    assert list(store.digests()) == [SHA256]


def test_spool_file_is_gone_whether_kept_or_not(store: LocalBlobStore) -> None:
    keep(store, CONTENT)
    with store.spool() as spool:
        spool.write(b"never kept")

    assert list((store.root / "spool").iterdir()) == []
    assert list(store.digests()) == [SHA256]


def test_files_are_private(store: LocalBlobStore) -> None:
    keep(store, CONTENT)

    assert store.path(SHA256).stat().st_mode & 0o777 == 0o600
    assert store.root.stat().st_mode & 0o777 == 0o700


def test_same_bytes_twice_are_one_blob(store: LocalBlobStore) -> None:
    keep(store, CONTENT)
    keep(store, CONTENT)

    assert list(store.digests()) == [SHA256]


def test_truncated_blob_of_a_dead_writer_is_replaced_by_good_bytes(store: LocalBlobStore) -> None:
    keep(store, CONTENT)
    place = store.path(SHA256)
    place.write_bytes(CONTENT[:5])

    keep(store, CONTENT)

    assert place.read_bytes() == CONTENT


def test_fsync_of_file_comes_before_the_name_and_of_folder_after(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real_fsync, real_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112
        calls.append("folder" if is_folder else "file")
        real_fsync(descriptor)

    def link(source: str, target: str) -> None:
        calls.append("link")
        real_link(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)

    keep(store, CONTENT)

    assert calls == ["file", "link", "folder"]


def test_folder_that_went_missing_is_made_again_and_its_name_made_durable(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(store, "_sync_folder", lambda folder: synced.append(folder.name))
    (store.root / "sha256" / SHA256[:2]).rmdir()

    keep(store, CONTENT)

    assert synced == [SHA256[:2], "sha256"]
    assert list(store.digests()) == [SHA256]


def test_fsync_that_failed_is_never_tried_again_on_the_same_file(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with store.spool() as spool, monkeypatch.context() as patch:
        spool.write(CONTENT)
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageError):
            store.keep([spool])
        patch.undo()
        with pytest.raises(StorageError):
            store.keep([spool])


def test_bytes_that_were_synced_beside_other_work_are_not_synced_twice(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, CONTENT)
    synced = []
    real_fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), real_fsync(fd)))

    with store.spool() as spool:
        spool.write(CONTENT)
        spool.begin_sync()
        store.keep([spool])

    assert len(synced) == 2  # the file and its folder


def test_bytes_written_after_the_sync_began_are_synced_too(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real_fsync(descriptor)

    with store.spool() as spool:
        monkeypatch.setattr(os, "fsync", fsync)
        spool.write(CONTENT[:5])
        spool.begin_sync()
        spool.write(CONTENT[5:])
        store.keep([spool])

    assert len(CONTENT) in sizes[:2]
    assert store.path(SHA256).read_bytes() == CONTENT


def test_blob_where_a_former_version_put_it_is_found(store: LocalBlobStore) -> None:
    keep(store, CONTENT)
    place = store.path(SHA256)
    former = place.parent / SHA256[2:4]
    former.mkdir()
    place.rename(former / SHA256)

    assert store.path(SHA256) == former / SHA256
    assert list(store.digests()) == [SHA256]
    keep(store, CONTENT)
    assert list(store.digests()) == [SHA256]
    store.delete(SHA256)
    assert not store.exists(SHA256)


def test_many_files_are_kept_together(store: LocalBlobStore) -> None:
    contents = [bytes([number]) * 100 for number in range(20)]
    spools = [store.spool() for _ in contents]
    for spool, content in zip(spools, contents, strict=True):
        spool.write(content)

    store.keep(spools)

    for spool in spools:
        spool.close()
    assert set(store.digests()) == {hashlib.sha256(content).hexdigest() for content in contents}


def test_disk_that_fails_at_fsync_is_an_error_and_no_blob(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(StorageError, match="making a file durable"):
        keep(store, CONTENT)
    assert list(store.digests()) == []


def test_reserve_refuses_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 95, 5))
    store = LocalBlobStore(tmp_path / "blobs", reserve_bytes=10)

    with pytest.raises(StorageFullError):
        store.spool()


def test_missing_blob_says_so(store: LocalBlobStore) -> None:
    with pytest.raises(BlobMissingError):
        store.open(SHA256)
    with pytest.raises(BlobMissingError):
        store.path(SHA256)


@pytest.mark.parametrize("address", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_address_that_is_no_hash_is_refused(store: LocalBlobStore, address: str) -> None:
    with pytest.raises(StorageError):
        store.path(address)


def test_old_spool_files_are_swept_and_new_ones_kept(store: LocalBlobStore) -> None:
    old, new = store.spool(), store.spool()
    os.utime(old.path, (1, 1))

    assert store.sweep_spool(3600) == 1
    assert new.path.exists()
    assert not old.path.exists()
    old.close()
    new.close()
