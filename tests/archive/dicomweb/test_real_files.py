"""Real files of many kinds, from the store to the picture: never a 5xx, never loose JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydicom.data import get_testdata_file, get_testdata_files

from tests.builders.multipart import content_of, parts_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

OCTETS = 'multipart/related; type="application/octet-stream"'
DICOM = 'multipart/related; type="application/dicom"'


def forbid_constants(name):
    raise AssertionError(f"{name} is no JSON")


def stored_path(client, content):
    """Store a file; return its path under the service, or None where it was refused."""
    response = client.post("/dicom-web/studies", data=content, content_type="application/dicom")
    assert response.status_code in {200, 409}, response.content
    if response.status_code == 409:
        return None
    (item,) = json.loads(response.content)["00081199"]["Value"]
    return item["00081190"]["Value"][0].removeprefix("http://testserver")


def check(client, path):
    (document,) = json.loads(
        content_of(client.get(f"{path}/metadata")), parse_constant=forbid_constants
    )
    for element in document.values():
        if "BulkDataURI" in element:
            bulk = client.get(element["BulkDataURI"], HTTP_ACCEPT=f"{OCTETS}; transfer-syntax=*")
            assert bulk.status_code == 200
            assert content_of(bulk)
    for accept in (DICOM, f"{DICOM}; transfer-syntax=*"):
        ((part_type, part),) = parts_of(client.get(path, HTTP_ACCEPT=accept))
        assert part[:132] == bytes(128) + b"DICM"
        syntax = part_type.partition("transfer-syntax=")[2]
        assert syntax not in {"1.2.840.10008.1.2", "1.2.840.10008.1.2.2"}
    is_image = "7FE00010" in document
    for suffix, accept in (
        ("/frames/1", OCTETS),
        ("/frames/1", f"{OCTETS}; transfer-syntax=*"),
        ("/rendered", "*/*"),
        ("/thumbnail", "image/png"),
    ):
        response = client.get(path + suffix, HTTP_ACCEPT=accept)
        expected = {200, 406} if is_image else {404, 406, 200}
        assert response.status_code in expected, (suffix, response.status_code)
        if response.status_code == 200:
            assert content_of(response)


def walk(client, files: list[Path]) -> tuple[int, list[str]]:
    failures, stored = [], 0
    for file in files:
        try:
            path = stored_path(client, file.read_bytes())
            if path is not None:
                stored += 1
                check(client, path)
        except AssertionError as error:
            failures.append(f"{file.name}: {error}")
    return stored, failures


def test_the_shared_images_go_all_the_way(web, shared_data):
    files = sorted(path for path in (shared_data / "dicom").rglob("*") if path.is_file())

    stored, failures = walk(web, files)

    assert failures == []
    assert stored > 60


def test_pydicoms_own_files_go_all_the_way(web):
    from pathlib import Path

    assert get_testdata_file("CT_small.dcm")
    files = [Path(name) for name in get_testdata_files("*.dcm") if Path(name).is_file()]

    stored, failures = walk(web, sorted(set(files)))

    assert failures == []
    assert stored > 20
