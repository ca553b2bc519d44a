"""Models that run elsewhere: an outside performer claims their runs as workitems."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from django.db import transaction

from archive.audit import bundles as audit
from archive.errors import InvalidRequestError
from inference.models import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.audit.types import Asker

# The pipeline that no worker of ours has.
EXTERNAL = "external"
# They stand in addresses and in codes of 16 characters.
_NAME = re.compile(r"^\w[\w .+-]{0,63}$")
_VERSION = re.compile(r"^\w[\w.+-]{0,31}$")
_TASKS = frozenset(ModelVersion.Task.values) - {ModelVersion.Task.EMBED}


def register_external(
    *,
    asker: Asker,
    name: str,
    version: str,
    task: str,
    station: str = "",
    modalities: Sequence[str] = (),
    body_parts: Sequence[str] = (),
    description: str = "",
) -> ModelVersion:
    """Register a model whose runs are done outside, as a draft.

    Parameters
    ----------
    asker
        who registers it, for the audit trail
    name, version
        how the archive calls it
    task
        classify, segment or detect
    station
        code by which its performers find their workitems (Scheduled Station Name Code)
    modalities, body_parts
        what it may run on; empty for anything
    description
        what it does

    Returns
    -------
    The version; promoted, rules can give it work.

    Raises
    ------
    InvalidRequestError
        A name, version or task can't be one, or a model with files of its own is called so.
    """
    if not _NAME.match(name) or not _VERSION.match(version):
        raise InvalidRequestError("A name and a version are letters, digits or . _ + -")
    if task not in _TASKS:
        raise InvalidRequestError(f"The task is one of {', '.join(sorted(_TASKS))}.")
    if len(station) > 16:
        raise InvalidRequestError("A station's code has at most 16 characters.")
    inputs = {"modalities": list(modalities), "body_parts": list(body_parts)}
    digest = hashlib.sha256(f"{EXTERNAL}\n{name}\n{version}".encode()).hexdigest()
    with transaction.atomic():
        row, is_new = ModelVersion.objects.get_or_create(
            name=name,
            version=version,
            defaults={"task": task, "pipeline": EXTERNAL, "digest": digest},
        )
        if row.pipeline != EXTERNAL:
            raise InvalidRequestError(f"{row} is registered with files of its own.")
        row.task, row.description = task, description
        row.inputs = {key: terms for key, terms in inputs.items() if terms}
        row.config = {**row.config, "station": station}
        row.save()
        if is_new:
            audit.record_model_registered(asker, model=str(row), digest=digest, source=EXTERNAL)
    return row
