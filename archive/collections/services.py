"""Collections made, named, shared and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from archive.audit import collections as audit
from archive.collections.cases import add_case
from archive.collections.errors import InvalidCollectionError, NameTakenError, refuse_nul
from archive.collections.rights import (
    find_editable,
    find_own,
    require_consent_in,
    shareable_projects,
)
from archive.models import Collection

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.collections.types import CasePath

MAX_DESCRIPTION = 4_000
_TEXTS = ("name", "description", "kind", "source")


def create_collection(
    user: User,
    *,
    asker: Asker,
    name: str,
    kind: str = Collection.Kind.COHORT,
    description: str = "",
    source: str = "",
    project: str | None = None,
) -> int:
    """Make a collection of the user's own, shared in a project or not; return its key."""
    made = Collection(
        owner=user, name=name.strip(), kind=kind, description=description.strip(), source=source
    )
    _check(made)
    with transaction.atomic():
        _save(made)
        audit.record_collection_created(asker, collection=made.pk)
        if project:
            share_collection(user, made.pk, asker=asker, project=project)
    return made.pk


def start_collection(user: User, path: CasePath, *, asker: Asker, name: str) -> int:
    """Make a collection with its first case, both or neither; return its key."""
    with transaction.atomic():
        pk = create_collection(user, asker=asker, name=name)
        add_case(user, pk, path, asker=asker)
    return pk


@transaction.atomic
def change_collection(user: User, pk: int, *, asker: Asker, **changes: str | None) -> None:
    """Change name, description or kind; what is None stays.

    The description is the editors' matter, name and kind are the owner's: the kind decides who
    sees the diagnoses.
    """
    wanted = {field: value for field, value in changes.items() if value is not None}
    unknown = set(wanted) - set(_TEXTS)
    if unknown:
        field = min(unknown)
        raise InvalidCollectionError(gettext("A collection has no such field."), field=field)
    is_owners = bool({"name", "kind", "source"} & set(wanted))
    collection = find_own(user, pk) if is_owners else find_editable(user, pk)
    changed = {
        field: value.strip()
        for field, value in wanted.items()
        if getattr(collection, field) != value.strip()
    }
    if not changed:
        return
    for field, value in changed.items():
        setattr(collection, field, value)
    _check(collection)
    _save(collection)
    audit.record_collection_changed(asker, collection=pk, fields=changed)


@transaction.atomic
def update_collection(user: User, pk: int, *, asker: Asker, values: dict[str, str | None]) -> None:
    """Change texts and share together, or nothing of it; a project of None takes it back."""
    texts = {field: value for field, value in values.items() if field != "project"}
    change_collection(user, pk, asker=asker, **texts)
    if "project" in values:
        share_collection(user, pk, asker=asker, project=values["project"] or "")


@transaction.atomic
def share_collection(user: User, pk: int, *, asker: Asker, project: str) -> None:
    """Share a collection in the project of that slug; empty takes it back."""
    collection = find_own(user, pk)
    found = None
    if project:
        found = shareable_projects(user).filter(slug=project).first()
        if found is None:
            message = "There is no such project of yours."
            raise InvalidCollectionError(message, field="project", code="unknown-project")
    if collection.project_id == (found.pk if found else None):
        return
    require_consent_in(found, collection.items.values_list("study_id", flat=True))
    collection.project = found
    collection.save(update_fields=["project", "updated_at"])
    audit.record_collection_shared(asker, collection=pk, project=found.pk if found else None)


@transaction.atomic
def delete_collection(user: User, pk: int, *, asker: Asker) -> None:
    """Delete a collection with its notes and answers; its studies stay."""
    collection = find_own(user, pk)
    collection.delete()
    audit.record_collection_deleted(asker, collection=pk)


def _check(collection: Collection) -> None:
    """Name the field that is wrong."""
    for field in _TEXTS:
        refuse_nul(getattr(collection, field), field)
    if len(collection.description) > MAX_DESCRIPTION:
        message = f"A description has at most {MAX_DESCRIPTION} characters."
        raise InvalidCollectionError(message, field="description")
    try:
        collection.clean_fields(exclude=["owner", "project"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidCollectionError(" ".join(messages), field=field) from error


def _save(collection: Collection) -> None:
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        message = "You have another collection of this name."
        raise NameTakenError(message, field="name") from error
