from __future__ import annotations

import hashlib
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from archive.storage.stores import open_store
from tests.archive.storage.test_contract import keep, read
from tests.factories.archive import BlobFactory

pytestmark = pytest.mark.django_db

CONTENTS = [f"file {number}".encode() for number in range(5)]
DIGESTS = [hashlib.sha256(content).hexdigest() for content in CONTENTS]


def move(*arguments):
    said = StringIO()
    call_command("storage_move", *arguments, "--no-progress", stdout=said)
    return said.getvalue()


def test_files_move_to_a_bucket_and_back_in_steps(s3_bucket, settings, tmp_path):
    settings.TWINSIGHT_STORAGE_CACHE_DIR = str(tmp_path / "cache")
    settings.TWINSIGHT_STORAGE_URL = (tmp_path / "here").as_uri()
    here = open_store(settings.TWINSIGHT_STORAGE_URL, 0)
    keep(here, *CONTENTS[:3])
    s3_bucket.line.cut_after(800)

    with pytest.raises(CommandError, match="run the command again"):
        move("--to", s3_bucket.url)
    s3_bucket.line.mend()
    there = open_store(s3_bucket.url, settings.TWINSIGHT_STORAGE_RESERVE_BYTES, cache_bytes=0)
    there.line.circuit.mend()
    keep(here, *CONTENTS[3:])

    assert "5 files:" in move("--to", s3_bucket.url, "--read-again")
    assert move("--to", s3_bucket.url) == "5 files: 5 there already.\n"
    assert sorted(there.digests()) == sorted(DIGESTS)
    assert list(here.digests())  # they stay
    here.delete(DIGESTS[0])
    assert "1 at the target alone" in move("--to", s3_bucket.url)
    assert there.exists(DIGESTS[0])
    move("--to", s3_bucket.url, "--delete-extra")
    assert not there.exists(DIGESTS[0])

    settings.TWINSIGHT_STORAGE_URL = s3_bucket.url
    assert "4 copied" in move("--to", (tmp_path / "back").as_uri(), "--read-again")
    back = open_store((tmp_path / "back").as_uri(), 0)
    assert read(back.open(DIGESTS[1])) == CONTENTS[1]


def test_damaged_file_is_said_and_left_and_what_is_damaged_there_is_mended(
    s3_bucket, settings, tmp_path
):
    settings.TWINSIGHT_STORAGE_CACHE_DIR = str(tmp_path / "cache")
    settings.TWINSIGHT_STORAGE_URL = (tmp_path / "here").as_uri()
    here = open_store(settings.TWINSIGHT_STORAGE_URL, 0)
    keep(here, *CONTENTS[:2])
    here.path(DIGESTS[0]).write_bytes(b"flipped")
    key = f"images/sha256/{DIGESTS[1][:2]}/{DIGESTS[1]}"
    s3_bucket.client.put_object(Bucket=s3_bucket.name, Key=key, Body=b"half")

    said = StringIO()
    with pytest.raises(CommandError, match="Not everything is whole"):
        call_command(
            "storage_move", "--to", s3_bucket.url, "--read-again", "--no-progress", stdout=said
        )

    assert f"not copied: {DIGESTS[0]}" in said.getvalue()
    assert s3_bucket.keys() == [key]
    found = s3_bucket.client.get_object(Bucket=s3_bucket.name, Key=key)["Body"].read()
    assert found == CONTENTS[1]


def test_last_copy_of_what_a_row_names_is_not_deleted(settings, tmp_path):
    here, there = (tmp_path / name for name in ("here", "there"))
    settings.TWINSIGHT_STORAGE_URL = here.as_uri()
    source, target = (open_store(place.as_uri(), 0) for place in (here, there))
    keep(source, *CONTENTS[:2])
    move("--to", there.as_uri())
    BlobFactory(sha256=DIGESTS[0], size_bytes=len(CONTENTS[0]))
    # One is lost here, the other was purged.
    source.delete(DIGESTS[0])
    source.delete(DIGESTS[1])

    said = StringIO()
    arguments = ["--to", there.as_uri(), "--delete-extra", "--no-progress"]
    with pytest.raises(CommandError, match="Not everything is whole"):
        call_command("storage_move", *arguments, stdout=said)

    assert list(target.digests()) == [DIGESTS[0]]
    assert f"kept at the target: {DIGESTS[0]}" in said.getvalue()


def test_move_to_where_they_lie_is_refused(settings):
    with pytest.raises(CommandError, match="already"):
        move("--to", settings.TWINSIGHT_STORAGE_URL)
