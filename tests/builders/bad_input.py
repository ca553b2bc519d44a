"""Bad input of every kind, for every door: files, ZIPs, and what their reason code must be."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.uid import ExplicitVRLittleEndian

from tests.builders.datasets import as_part10, make_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

PREAMBLE_AND_PREFIX = 132


@dataclass(frozen=True)
class BadFile:
    """A file that no door may archive, and the reason codes that say why."""

    name: str
    content: bytes
    codes: frozenset[str]


def good_file(**attrs: object) -> bytes:
    """Return a small CT instance as a Part 10 file."""
    return as_part10(make_dataset(**attrs))


def truncated_in_pixels() -> bytes:
    """Return a file that ends inside its pixel data."""
    return good_file()[:-100]


def truncated_in_header() -> bytes:
    """Return a file that ends inside its file meta information."""
    return good_file()[: PREAMBLE_AND_PREFIX + 40]


def without_sop_instance_uid() -> bytes:
    """Return a file whose data set lacks (0008,0018)."""
    ds = make_dataset()
    del ds.SOPInstanceUID
    return as_part10(ds)


def with_uid(uid: str) -> bytes:
    """Return a file whose SOP Instance UID is that text, in meta and data set."""
    good = make_dataset(SOPInstanceUID="1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22")
    marker = good.SOPInstanceUID.encode()
    padded = uid.encode().ljust(len(marker), b"\0")[: len(marker)]
    return as_part10(good).replace(marker, padded)


def without_study_instance_uid() -> bytes:
    """Return a file whose data set lacks (0020,000D)."""
    ds = make_dataset()
    del ds.StudyInstanceUID
    return as_part10(ds)


def nested(depth: int = 300) -> bytes:
    """Return a file with sequences of undefined length inside each other."""
    opening = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    ds = make_dataset(PixelData=None, Rows=None, transfer_syntax=ExplicitVRLittleEndian)
    return as_part10(ds) + opening * depth + closing * depth


def lying_length() -> bytes:
    """Return a file with an element that claims more bytes than there are."""
    ds = make_dataset(PixelData=None, Rows=None, transfer_syntax=ExplicitVRLittleEndian)
    return as_part10(ds) + struct.pack("<HH2sHL", 0x0042, 0x0011, b"OB", 0, 0x7FFFFFF0) + b"%PDF"


def bad_files() -> list[BadFile]:
    """Return single files that every door refuses and keeps in quarantine."""
    return [
        BadFile("truncated.dcm", truncated_in_pixels(), frozenset({"truncated"})),
        BadFile("cut-header.dcm", truncated_in_header(), frozenset({"truncated", "malformed"})),
        BadFile("no-uid.dcm", without_sop_instance_uid(), frozenset({"no-sop-instance-uid"})),
        BadFile("no-study.dcm", without_study_instance_uid(), frozenset({"missing-attribute"})),
        BadFile("dots.dcm", with_uid("../../../etc/passwd"), frozenset({"invalid-uid"})),
        BadFile("text.dcm", b"This is not DICOM.\n" * 40, frozenset({"not-dicom"})),
        BadFile("page.html", b"<script>alert(1)</script>", frozenset({"not-dicom"})),
        BadFile("nested.dcm", nested(), frozenset({"too-complex", "malformed"})),
        BadFile("lying.dcm", lying_length(), frozenset({"truncated", "malformed"})),
    ]


def make_zip(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP of the members; names are written as they are, also bad ones."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name) if ".." in name else name, content, method)
    return buffer.getvalue()


def slipping_zip(content: bytes) -> bytes:
    """Return a ZIP whose names lead out of any folder it could be unpacked into."""
    return make_zip(
        {
            "../../canary.dcm": content,
            "/etc/canary.dcm": good_file(),
            "..\\..\\canary.dcm": good_file(),
        }
    )


def zip_with_link() -> bytes:
    """Return a ZIP that holds a symbolic link to /etc/passwd."""
    buffer = io.BytesIO()
    link = zipfile.ZipInfo("link.dcm")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def encrypted_zip() -> bytes:
    """Return a ZIP whose one entry says that it is encrypted."""
    content = bytearray(make_zip({"secret.dcm": good_file()}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def bomb_zip(*, unpacked_bytes: int = 600 * 1024 * 1024) -> bytes:
    """Return a small ZIP of one entry of zeros that unpacks to so many bytes."""
    buffer = io.BytesIO()
    block = bytes(4 * 1024 * 1024)
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.dcm", "w", force_zip64=True) as entry,
    ):
        for _ in range(unpacked_bytes // len(block)):
            entry.write(block)
    return buffer.getvalue()


def overlapping_zip(*, entries: int = 50) -> bytes:
    """Return a ZIP whose entries all share the bytes of the first."""
    base = make_zip({"zeros.dcm": bytes(1024 * 1024)})
    start = base.index(b"PK\x01\x02")
    end = base.index(b"PK\x05\x06")
    directory = base[start:end] * entries
    tail = struct.pack(
        "<4sHHHHLLH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), start, 0
    )
    return base[:start] + directory + tail


def understating_zip() -> bytes:
    """Return a ZIP whose directory says 10 bytes for an entry of a megabyte."""
    content = bytearray(make_zip({"liar.dcm": bytes(1024 * 1024)}))
    at = content.rindex(b"PK\x01\x02")
    struct.pack_into("<L", content, at + 24, 10)
    struct.pack_into("<L", content, 22, 10)
    return bytes(content)


def truncated_zip() -> bytes:
    """Return a ZIP that ends before its directory."""
    return make_zip({"one.dcm": good_file()})[:-30]
