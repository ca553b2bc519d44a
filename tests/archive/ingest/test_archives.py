import io
import struct
import zipfile

import pytest

from archive.errors import InvalidInstanceError, LimitExceededError
from archive.ingest.archives import ArchiveLimits, is_dropping, iter_zip_members, looks_like_zip
from tests.builders import bad_input


def _read(content: bytes, limits: ArchiveLimits | None = None) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for member in iter_zip_members(io.BytesIO(content), limits):
        if member.refusal is not None:
            found[member.name] = member.refusal.code
        else:
            found[member.name] = b"".join(member.chunks)
    return found


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_with_their_bytes(method):
    members = {"a/1.dcm": b"one" * 1000, "2.dcm": b"two"}

    assert _read(bad_input.make_zip(members, method=method)) == members


def test_names_that_lead_out_are_only_names():
    content = bad_input.slipping_zip(b"x")

    assert set(_read(content)) == {"../../canary.dcm", "/etc/canary.dcm", "..\\..\\canary.dcm"}


def test_control_characters_in_names_are_shown_harmless():
    content = bad_input.make_zip({"a\r\nSet-Cookie: x\x1b[31m.dcm": b"x"})

    assert list(_read(content)) == ["a��Set-Cookie: x�[31m.dcm"]


def test_links_are_refused():
    assert _read(bad_input.zip_with_link()) == {"link.dcm": "archive-link"}


def test_encrypted_entries_are_refused():
    assert _read(bad_input.encrypted_zip()) == {"secret.dcm": "archive-encrypted"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unbounded_decompressors_are_refused(method):
    content = bad_input.make_zip({"1.dcm": b"x" * 1000}, method=method)

    assert _read(content) == {"1.dcm": "archive-method"}


def test_folders_and_droppings_are_left_out():
    content = bad_input.make_zip(
        {"folder/": b"", "__MACOSX/._1.dcm": b"x", "a/.DS_Store": b"x", "DICOMDIR": b"x", "1": b"y"}
    )

    assert _read(content) == {"1": b"y"}


def test_what_a_medium_says_of_itself_is_left_out_beside_its_index_alone():
    beside = {"cd/DICOMDIR": b"x", "cd/README.TXT": b"x", "cd/index.htm": b"x", "cd/1": b"y"}
    elsewhere = {"README.TXT": b"z", "cd/DICOM/INDEX.HTM": b"z"}

    assert _read(bad_input.make_zip(beside | elsewhere)) == {"cd/1": b"y", **elsewhere}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Thumbs.db", True), ("cd/DICOMDIR", True), ("__MACOSX/x", True), ("IM0001", False)],
)
def test_droppings_are_known_by_name(name, expected):
    assert is_dropping(name) is expected


def test_bomb_stops_at_the_ratio():
    produced: list[int] = []
    members = iter_zip_members(io.BytesIO(bad_input.bomb_zip()))
    member = next(members)

    with pytest.raises(LimitExceededError) as caught:
        produced.extend(len(chunk) for chunk in member.chunks)

    assert caught.value.code == "archive-too-large"
    assert sum(produced) <= 256 * 1024 * 1024


def test_archive_past_its_total_stops_also_when_the_caller_goes_on():
    content = bad_input.make_zip({"1": b"a" * 900, "2": b"b" * 900, "3": b"c" * 900})
    members = iter_zip_members(io.BytesIO(content), ArchiveLimits(max_total_bytes=1000))
    assert b"".join(next(members).chunks) == b"a" * 900
    with pytest.raises(LimitExceededError):
        b"".join(next(members).chunks)

    with pytest.raises(LimitExceededError):
        next(members)


def test_entry_past_its_limit_is_refused_and_the_next_one_read():
    content = bad_input.make_zip({"big": b"a" * 2000, "small": b"b"})
    members = iter_zip_members(io.BytesIO(content), ArchiveLimits(max_entry_bytes=1000))
    with pytest.raises(LimitExceededError) as caught:
        b"".join(next(members).chunks)

    assert caught.value.code == "limit-exceeded"
    assert b"".join(next(members).chunks) == b"b"


def test_too_many_entries_are_refused_before_any_is_read():
    content = bad_input.make_zip({str(number): b"x" for number in range(11)})

    with pytest.raises(LimitExceededError, match="10 entries"):
        _read(content, ArchiveLimits(max_entries=10))


def test_huge_directory_is_refused_before_it_is_read():
    content = bytearray(bad_input.make_zip({"1": b"x"}))
    struct.pack_into("<L", content, content.rindex(b"PK\x05\x06") + 12, 0x7FFFFFFF)

    with pytest.raises(LimitExceededError):
        _read(bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"no archive at all" * 10,
        bad_input.truncated_zip(),
        bad_input.overlapping_zip(),
        b"PK\x05\x06" + b"\xff" * 18,
    ],
    ids=["empty", "signature", "text", "truncated", "overlapping", "end-record"],
)
def test_what_is_no_zip_is_called_damaged(content):
    with pytest.raises((InvalidInstanceError, LimitExceededError)) as caught:
        _read(content)

    assert caught.value.code in {"archive-damaged", "archive-too-large"}


def test_understated_size_is_found_by_the_checksum():
    members = iter_zip_members(io.BytesIO(bad_input.understating_zip()))

    with pytest.raises(InvalidInstanceError) as caught:
        b"".join(next(members).chunks)

    assert caught.value.code == "archive-damaged"


def test_flipped_bytes_never_raise_anything_else():
    good = bad_input.make_zip({"1.dcm": bytes(range(256)) * 8, "2.dcm": b"x" * 500})
    for position in range(0, len(good), 3):
        content = bytearray(good)
        content[position] ^= 0xFF
        try:
            for member in iter_zip_members(io.BytesIO(bytes(content))):
                try:
                    b"".join(member.chunks)
                except (InvalidInstanceError, LimitExceededError):
                    continue
        except (InvalidInstanceError, LimitExceededError):
            continue


def test_zips_are_known_by_their_first_bytes():
    assert looks_like_zip(bad_input.make_zip({"1": b"x"})[:4])
    assert looks_like_zip(bad_input.make_zip({})[:4])
    assert not looks_like_zip(bad_input.good_file()[:4])
