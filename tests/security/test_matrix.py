"""Every URL, every method, every role: who gets through is declared, and nothing else.

`declared_access.txt` has a line a route and method with the letters of those who get through. Made
anew by ``TWINSIGHT_DECLARE=1 pytest tests/security/test_matrix.py``, its changes are read like any
other change of code. Whoever may not see the project never finds a word of it in an answer, and
changes nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from archive.models import Collection, Membership, Study
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(900)]

DECLARED = Path(__file__).with_name("declared_access.txt")
# A key that no row has: which ones small keys have depends on the tests before.
MISSING = 999_999_999
STUDY = "1.2.826.0.1.9.94"
SERIES, INSTANCE = f"{STUDY}.1", f"{STUDY}.1.1"
MARKERS = (b"Hiddenperson", b"HIDDEN-ID", b"hidden description")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Letter, role, and where it is held: in the study's project, in another one, everywhere.
PEOPLE = {
    "-": None,
    "n": (),
    "o": (("clinician", "other"),),
    "v": (("viewer", "here"),),
    "c": (("clinician", "here"),),
    "t": (("annotator", "here"),),
    "r": (("researcher", "here"),),
    "u": (("auditor", "here"),),
    "s": (("system", "here"),),
    "a": (("radiology_admin", "here"),),
    "A": (("radiology_admin", "everywhere"),),
    "U": (),
}
# Those who see nothing of the study, whatever they ask.
BLIND = "-noru"
# Their answers end sessions, or are not ours.
LEFT_OUT = re.compile(r"^(admin/|static/|logout/)")
# What reads the trail names studies by UID, to those who may read it.
_LINKS = re.compile(r"\(\?P[^)]*\)|[\^$\\?]|<[^>]+>")


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


ROUTES = sorted({one for one in _routes(get_resolver()) if not LEFT_OUT.match(one)})


class World:
    """One stored study in one project, with what hangs on it."""

    def __init__(self, project: Project, other: Project) -> None:
        store_datasets(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=SERIES,
                SOPInstanceUID=INSTANCE,
                Modality="CT",
                PatientID="HIDDEN-ID",
                PatientName="Hiddenperson^Ann",
                StudyDescription="hidden description",
            ),
            project=project,
        )
        self.places = {"here": project, "other": other, "everywhere": None}
        self.owner = self.person("owner", (("clinician", "here"),))
        self.collection = Collection.objects.create(
            owner=self.owner, name="Two cases", project=project
        )
        self.collection.items.create(study=Study.objects.get(), position=1)

    def person(self, name: str, held: tuple[tuple[str, str], ...]) -> User:
        user = User.objects.create_user(name)
        for role, where in held:
            Membership.objects.create(user=user, role=role, project=self.places[where])
        return user

    def address(self, route: str) -> str:
        """Fill a route with what there is."""
        named = {
            "study": STUDY,
            "series": SERIES,
            "instance": INSTANCE,
            "sop": INSTANCE,
            "item": str(self.collection.items.get().pk),
            "name": "findings",
            "slug": "chest-clinic",
            "frame": "1",
            "number": "1",
            "membership": str(self.owner.memberships.get().pk),
        }
        keys = {"collections": self.collection.pk, "users": self.owner.pk}
        of = next((key for part, key in keys.items() if f"{part}/<int:pk>" in route), MISSING)

        def fill(found: re.Match[str]) -> str:
            kind, _, name = found[0].strip("<>").rpartition(":")
            if "uid" in kind or kind in {"", "str"}:
                for part, value in named.items():
                    if part in name:
                        return value
            value = named.get(name, str(of))
            return value if kind != "int" or value.isdigit() else str(MISSING)

        return "/" + _LINKS.sub(lambda m: fill(m) if m[0].startswith("<") else "", route)


def _client(world: World, letter: str) -> Client:
    client = Client(raise_request_exception=False)
    held = PEOPLE[letter]
    if held is not None:
        user = world.person(f"person-{ord(letter)}", held)
        if letter == "U":
            user.is_staff = user.is_superuser = True
            user.save()
        client.force_login(user)
    return client


def _answer(client: Client, method: str, address: str) -> tuple[int, bytes, str]:
    """Ask, and undo whatever it did, to the session too."""
    session = client.cookies.get("sessionid")
    kept = session.value if session else None
    with transaction.atomic():
        asked: dict[str, Any] = {"headers": {"Sec-Fetch-Site": "same-origin"}}
        if method != "GET":
            asked |= {"data": {}, "content_type": "application/json"}
        response = getattr(client, method.lower())(address, **asked)
        streamed = getattr(response, "streaming_content", None)
        body = b"".join(streamed) if streamed is not None else response.content
        transaction.set_rollback(True)
    client.cookies.clear()
    if kept:
        client.cookies["sessionid"] = kept
    return response.status_code, body, str(response.headers.get("Location", ""))


def _gets_through(status: int, location: str) -> bool:
    """Whether rights were no hindrance: done, or only the question was wrong."""
    if status in {301, 302, 303}:
        return "/login/" not in location
    return status < 400 or status in {400, 406, 409, 411, 413, 415, 422, 429}


def _rows() -> list[tuple[Any, ...]]:
    """Return what must not change by people who may not change it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT array_agg(s::text ORDER BY id) FROM archive_study s),"
            " (SELECT array_agg(s::text ORDER BY id) FROM archive_series s),"
            " (SELECT array_agg(c::text ORDER BY id) FROM archive_collection c),"
            " (SELECT array_agg(m::text ORDER BY id) FROM archive_membership m),"
            " (SELECT count(*) FROM archive_removal), (SELECT count(*) FROM archive_studygrant)"
        )
        return cursor.fetchall()


def _declared() -> dict[str, str]:
    if not DECLARED.exists():
        return {}
    lines = (line.split("\t") for line in DECLARED.read_text().splitlines() if line[:1] != "#")
    return {f"{method} {route}": letters for method, letters, route in lines}


def test_t30_default_deny(project: Project, other_project: Project) -> None:
    """Roles by routes by methods; T30, T31, T32 and T33 over everything there is."""
    if not DECLARED.exists() and not os.environ.get("TWINSIGHT_DECLARE"):
        pytest.skip("nothing is declared yet")
    world = World(project, other_project)
    clients = {letter: _client(world, letter) for letter in PEOPLE}
    found: dict[str, str] = {}
    failed, leaked = [], []
    for route in ROUTES:
        address = world.address(route)
        for method in METHODS:
            # What a route does not know is refused to the mightiest, too.
            if method != "GET" and _answer(clients["A"], method, address)[0] == 405:
                continue
            letters = ""
            for letter, client in clients.items():
                status, body, location = _answer(client, method, address)
                if status >= 500 and status != 501:
                    failed.append((method, address, letter, status))
                if letter in BLIND and any(marker in body for marker in MARKERS):
                    leaked.append((method, address, letter, status))
                if _gets_through(status, location):
                    letters += letter
            found[f"{method} {route}"] = letters or "."
    assert not leaked
    assert not failed
    if os.environ.get("TWINSIGHT_DECLARE"):
        lines = [
            f"{key.split(' ', 1)[0]}\t{letters}\t{key.split(' ', 1)[1]}"
            for key, letters in found.items()
        ]
        head = "# Who gets through, by method and route: see test_matrix.py for the letters.\n"
        DECLARED.write_text(head + "\n".join(lines) + "\n")
    declared = _declared()
    differing = {
        key: (declared.get(key, "undeclared"), letters)
        for key, letters in found.items()
        if declared.get(key) != letters
    }
    assert not differing, "declared, and found"
    assert set(declared) <= set(found), "declared, and no more there"


@pytest.mark.parametrize("letter", ["-", "n", "o", "v", "u"])
def test_t32_idor_write(project: Project, other_project: Project, letter: str) -> None:
    """T32: plausible changes of the study and the collection, by those who may not."""
    world = World(project, other_project)
    client, before = _client(world, letter), _rows()
    pk = world.collection.pk
    tries: list[tuple[str, str, dict[str, Any]]] = [
        ("delete", f"/dicom-web/studies/{STUDY}", {}),
        ("delete", f"/dicom-web/studies/{STUDY}/series/{SERIES}", {}),
        ("post", "/removals/new/", {"study": STUDY, "reason": "A good reason"}),
        ("post", f"/studies/{STUDY}/sharing/", {"kind": "grant", "username": "owner"}),
        ("post", f"/studies/{STUDY}/sharing/", {"kind": "link", "days": "3"}),
        ("post", f"/collections/{pk}/delete/", {}),
        ("post", f"/collections/{pk}/", {"name": "Mine"}),
        ("post", "/emergencies/", {"patient_id": "HIDDEN-ID", "reason": "short"}),
    ]
    for method, address, data in tries:
        response = getattr(client, method)(address, data)
        assert response.status_code in {302, 400, 401, 403, 404, 405, 422}, address
        assert not response.headers.get("Location", "").startswith("/removals"), address
    assert _rows() == before
