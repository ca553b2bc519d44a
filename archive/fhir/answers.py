"""Answers: JSON alone, errors as OperationOutcome, versions as entity tags."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, UnreadablePostError
from django.utils.http import parse_http_date_safe

from archive.access.problems import RETRY_AFTER_S
from archive.errors import ArchiveError, InvalidRequestError, NotAcceptableError, StorageError
from archive.fhir.statuses import http_status, issue_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest

    View = Callable[..., HttpResponse]

logger = logging.getLogger(__name__)

FHIR_JSON = "application/fhir+json"
_JSON = frozenset({FHIR_JSON, "application/json", "text/json", "json", "application/json+fhir"})
_ANY = frozenset({"*/*", "application/*", "text/*"})
_VERSIONS = frozenset({"4.0", "4.0.1"})


def outcome(code: str, text: str, *, severity: str = "error") -> dict[str, Any]:
    """Return an OperationOutcome of one issue."""
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def fhir_view(*methods: str) -> Callable[[View], View]:
    """Take the methods, agree on JSON, and answer the archive's errors as outcomes."""
    allowed = dict.fromkeys(one for name in methods for one in (name, *_implied(name)))

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in allowed:
                    message = f"{request.method} is not offered here."
                    raise InvalidRequestError(message, code="method-not-allowed")
                _agree(request)
                return view(request, *args, **kwargs)
            except ArchiveError as error:
                return _refusal(error, allowed)
            except (SuspiciousOperation, BadRequest, UnreadablePostError):
                return _refusal(InvalidRequestError("The request is malformed."), allowed)
            except (OperationalError, InterfaceError):
                logger.exception("database not reachable")
                message = "The archive's database can't be reached; try again."
                return _refusal(StorageError(message, code="database-unavailable"), allowed)

        return answer

    return wrap


def _implied(method: str) -> tuple[str, ...]:
    return ("HEAD",) if method == "GET" else ()


def _refusal(error: ArchiveError, allowed: dict[str, None]) -> HttpResponse:
    status = http_status(error)
    response = json_answer(outcome(issue_code(error), error.message), status=status)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response["Allow"] = ", ".join(allowed)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_S)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra={"code": error.code})
    return response


def json_answer(
    body: dict[str, Any], *, status: int = HTTPStatus.OK, is_pretty: bool = False
) -> HttpResponse:
    """Return JSON as FHIR has it."""
    spacing: dict[str, Any] = {"indent": 2} if is_pretty else {"separators": (",", ":")}
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, **spacing)
    # A lone surrogate can't be written; nothing that is stored holds one.
    encoded = content.encode("utf-8", errors="replace")
    return HttpResponse(encoded, status=status, content_type=f"{FHIR_JSON}; charset=utf-8")


def _agree(request: HttpRequest) -> None:
    """Raise NotAcceptableError unless the asker takes JSON of this version."""
    asked = request.GET.get("_format") or request.POST.get("_format")
    header = request.META.get("HTTP_ACCEPT") or "*/*"
    ranges = [asked] if asked else header.split(",")
    if not any(_is_taken(one) for one in ranges):
        raise NotAcceptableError(f"FHIR R4 is given as {FHIR_JSON} alone.")


def _is_taken(media_range: str) -> bool:
    name, *parts = (part.strip().lower() for part in media_range.split(";"))
    # In an address, a plus is a space.
    if name.replace(" ", "+") not in _JSON | _ANY:
        return False
    given = dict(part.partition("=")[::2] for part in parts)
    if given.get("fhirversion", "4.0").strip('"') not in _VERSIONS:
        return False
    try:
        return float(given.get("q", "1")) > 0
    except ValueError:
        return False


def is_pretty(request: HttpRequest) -> bool:
    """Whether the answer is for eyes."""
    return request.GET.get("_pretty") == "true"


def is_strict(request: HttpRequest) -> bool:
    """Whether unknown parameters are to be refused (Prefer: handling=strict)."""
    wishes = request.META.get("HTTP_PREFER", "").replace(",", ";").split(";")
    return "handling=strict" in {wish.strip().lower().replace('"', "") for wish in wishes}


def versioned(resource: dict[str, Any]) -> dict[str, Any]:
    """Give a resource the version that its content is: the same content is the same version."""
    text = json.dumps(resource, sort_keys=True, ensure_ascii=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    meta = {"versionId": version, **resource.get("meta", {})}
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return head | {name: value for name, value in resource.items() if name not in head}


def datetime_of(meta: Mapping[str, str]) -> datetime:
    """Return the moment of a resource's last change."""
    return datetime.fromisoformat(meta["lastUpdated"])


def has_already(headers: Mapping[str, str], meta: Mapping[str, str]) -> bool:
    """Whether an asker has this version already, by its tag or else by its time (FHIR R4, 3.1.0.5).

    Parameters
    ----------
    headers
        of the request
    meta
        of the resource
    """
    if (tags := headers.get("If-None-Match")) is not None:
        told = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
        return bool(told & {"*", meta["versionId"]})
    since = parse_http_date_safe(headers.get("If-Modified-Since") or "")
    # To the second, as such dates are: what changed within it is given again.
    return since is not None and "lastUpdated" in meta and datetime_of(meta).timestamp() < since
