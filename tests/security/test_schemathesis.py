"""Every operation of REST's own description, asked with what it allows and what it does not.

Whoever asks, nobody gets a failure of ours (5xx), and what is answered is what the description
says: as nobody, as somebody without a role in the project, and as a radiology admin of everything.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)
from urllib3 import HTTPResponse

from archive.models import ApiToken, Collection, Study
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(1200)]

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
STUDY = "1.2.826.0.1.9.95"
# Cases a way of making them: by the description, and against it.
EXAMPLES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
# They wait for other systems, which the examples make up.
LEFT_OUT = {"POST /api/v1/peers/{id}/echo"}


def _token(user: User) -> str:
    secret = f"tws_schema_{user.pk}"
    ApiToken.objects.create(
        user=user,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        hint=secret[:12],
        scopes=["read", "write", "admin"],
    )
    return secret


def _asked(client: Client, case: Any, secret: str) -> requests.Response:
    """Ask one case, undo whatever it did, and return the answer in schemathesis' terms."""
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    headers = {name: str(value) for name, value in asked.headers.items()}
    kind = headers.pop("Content-Type", "application/octet-stream")
    headers.pop("Content-Length", None)
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
    with transaction.atomic():
        given = client.generic(
            str(asked.method), asked.path_url, body, content_type=kind, headers=headers
        )
        content = b"".join(given.streaming_content) if given.streaming else given.content
        transaction.set_rollback(True)
    answer = requests.Response()
    answer.status_code, answer._content, answer.request = given.status_code, content, asked
    answer.headers.update(given.headers)
    answer.raw = HTTPResponse(
        io.BytesIO(content), dict(given.headers), status=given.status_code, preload_content=False
    )
    answer.url = str(asked.url)
    return answer


def _cases(operation: Any, known: dict[str, Any]) -> list[Any]:
    """Return some cases of an operation; the first one asks about what there is."""
    found: list[Any] = []
    for mode, number in EXAMPLES.items():
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception:  # noqa: BLE001, S112 nothing can be wrong about an operation without input
            continue

        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def collect(case: Any) -> None:
            found.append(case)

        collect()
    for case in found[:1]:
        case.path_parameters = {
            name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
    return found


def test_every_operation_answers_as_it_is_described(
    project: Project, outsider: User, archive_admin: User
) -> None:
    (instance,) = store_datasets(make_dataset(StudyInstanceUID=STUDY), project=project)
    collection = Collection.objects.create(owner=archive_admin, name="Cases", project=project)
    collection.items.create(study=Study.objects.get(), position=1)
    people = {"": 401, _token(outsider): 0, _token(archive_admin): 0}
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
    client = Client(raise_request_exception=False)
    known = {
        "study_uid": STUDY,
        "series_uid": instance.series.series_instance_uid,
        "id": collection.pk,
    }
    checks = [not_a_server_error, response_schema_conformance, content_type_conformance]
    wrong: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in LEFT_OUT:
            continue
        for case in _cases(operation, known):
            for secret, status in people.items():
                response = _asked(client, case, secret)
                if status and response.status_code not in {status, 404, 405}:
                    wrong.append(f"{operation.label}: {response.status_code} to a stranger")
                try:
                    case.validate_response(response, checks=checks)
                except AssertionError as error:
                    wrong.append(f"{operation.label}: {response.status_code}: {str(error)[:600]}")
                except BaseExceptionGroup as error:
                    wrong.append(f"{operation.label}: {response.status_code}: {error!r:.900}")
    assert not wrong, "\n\n".join(dict.fromkeys(wrong))
