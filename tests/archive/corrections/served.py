"""What the archive says of an instance through each of its ways out."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from archive.audit.types import Asker
from archive.dicom.reading import read_dataset
from archive.models import Instance
from archive.query.selectors import matches
from archive.query.types import Level, MatchingKey, Query
from archive.retrieve.files import outgoing_file
from archive.retrieve.metadata import metadata_documents
from archive.retrieve.outgoing import outgoing_instance

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pydicom.dataset import Dataset


def by(user: User) -> Asker:
    return Asker(door="test", user=user)


def instance(uid: str) -> Instance:
    rows = Instance.objects.select_related("blob", "series__study__patient")
    return rows.get(sop_instance_uid=uid)


def file_bytes(uid: str) -> bytes:
    return b"".join(outgoing_file(instance(uid)).chunks)


def file_of(uid: str) -> Dataset:
    return read_dataset(io.BytesIO(file_bytes(uid)))


def sent(uid: str) -> Dataset:
    """As C-MOVE sends it."""
    found = instance(uid)
    outgoing = outgoing_instance(found, [found.transfer_syntax_uid])
    return read_dataset(io.BytesIO(b"".join(outgoing.part10_chunks())))


def metadata_of(uid: str) -> dict[str, Any]:
    (text,) = metadata_documents([instance(uid).pk], "http://x")
    found: dict[str, Any] = json.loads(text)
    return found


def found(user: User, level: Level = Level.STUDY, **keys: str) -> list[dict[str, Any]]:
    asked = tuple(MatchingKey(keyword, (value,)) for keyword, value in keys.items())
    page = matches(user=user, query=Query(level, asked))
    return [{a.keyword: "\\".join(map(str, v)) for a, v in m.values} for m in page.matches]
